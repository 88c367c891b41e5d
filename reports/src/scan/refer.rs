//! A scan as a part of the image: its references, and the types that fields give.

use std::collections::BTreeMap;

use endler_snapshot::{
    BlockId, EdgeKind, Image, LabelId, Memory, NodeId, References, Resolution, Root, RootKind,
    Scan, StrId, TypeId, TypeRow,
};

use super::edges::{Edges, Kind};
use super::fields::FieldType;
use super::{Graph, ThreadSpan, scan};
use crate::resolve::Options;

/// Scans the memory of a resolved image and gives it references. Types that
/// fields know better than stacks are put right, with evidence `field`.
/// O(blocks + words that can point).
pub fn refer(image: &mut Image, memory: &dyn Memory, options: &Options, threads: &[ThreadSpan]) {
    let graph = scan(image, memory, options, threads);
    if let Some(resolution) = &mut image.resolution {
        set_types(resolution, &graph.field_types);
    }
    image.references = Some(references(image, graph));
}

fn references(image: &Image, graph: Graph) -> References {
    let blocks = u32::try_from(image.blocks.len()).unwrap_or(u32::MAX);
    let by_layout = graph.by_layout.iter().filter(|is| **is).count() as u64;
    let mut references = References {
        scan: Scan {
            by_layout,
            by_word: u64::from(blocks).saturating_sub(by_layout),
            roots: graph.roots.len() as u64,
            unread: graph.unread,
            cut_short: graph.unread > 0,
            edges: (graph.edges.len() + graph.root_edges.len()) as u64,
        },
        labels: graph.labels,
        counts: graph.counts,
        fills: graph.fills,
        repeats: graph.repeats,
        ..References::default()
    };
    if references.labels.is_empty() {
        references.labels.push(String::new());
    }
    let kind = |kind| match kind {
        super::RootKind::Static => RootKind::Static,
        super::RootKind::ThreadLocal => RootKind::ThreadLocal,
        super::RootKind::Stack => RootKind::Stack,
    };
    references.roots = graph
        .roots
        .into_iter()
        .map(|root| Root {
            kind: kind(root.kind),
            name: root.name,
            thread: root.thread,
        })
        .collect();
    let mut guessed = Guessed::default();
    append(&mut references, &graph.edges, 0, &mut guessed);
    append(&mut references, &graph.root_edges, blocks, &mut guessed);
    references
}

/// Behind the name of a field or static that may point to a block, where nothing
/// proves it. What a stack holds is never proven, so there nothing is added.
const GUESSED: &str = " (guess)";

/// The labels of guesses, by those without the mark.
#[derive(Default)]
struct Guessed(BTreeMap<u32, u32>);

impl Guessed {
    fn label(&mut self, label: u32, labels: &mut Vec<String>) -> u32 {
        *self.0.entry(label).or_insert_with(|| {
            let text = labels.get(label as usize).map_or("", String::as_str);
            if text.is_empty() || text == "stack" || text.starts_with("stack ") {
                return label;
            }
            labels.push(format!("{text}{GUESSED}"));
            u32::try_from(labels.len() - 1).unwrap_or(label)
        })
    }
}

/// Appends edges by source; those of one source stay in their order.
fn append(references: &mut References, from: &Edges, shift: u32, guessed: &mut Guessed) {
    let mut order: Vec<u32> = (0u32..).take(from.len()).collect();
    let source = |edge: &u32| from.source.get(*edge as usize).copied().unwrap_or(0);
    order.sort_by_key(source);
    let edges = &mut references.edges;
    for edge in order {
        let at = edge as usize;
        let (Some(&target), Some(&label)) = (from.target.get(at), from.label.get(at)) else {
            continue;
        };
        let kind = match from.kind(at) {
            _ if from.is_guess(at) => EdgeKind::Conservative,
            Kind::Own | Kind::Shared => EdgeKind::Owned,
            Kind::Weak => EdgeKind::Weak,
            Kind::Borrow | Kind::Raw => EdgeKind::Borrowed,
            Kind::Word => EdgeKind::Conservative,
        };
        edges
            .source
            .push(NodeId(source(&edge).saturating_add(shift)));
        edges.target.push(BlockId(target));
        edges.label.push(LabelId(match kind {
            EdgeKind::Conservative => guessed.label(label, &mut references.labels),
            _ => label,
        }));
        edges.kind.push(kind);
    }
}

/// Gives blocks the types that fields know.
fn set_types(resolution: &mut Resolution, types: &[FieldType]) {
    let mut strings: BTreeMap<String, StrId> = BTreeMap::new();
    let mut rows: BTreeMap<(StrId, StrId, StrId), TypeId> = BTreeMap::new();
    for one in types {
        let mut id = |text: &str| {
            *strings.entry(text.to_owned()).or_insert_with(|| {
                let known = resolution.strings.iter().position(|s| s == text);
                let row = known.unwrap_or_else(|| {
                    resolution.strings.push(text.to_owned());
                    resolution.strings.len() - 1
                });
                StrId(u32::try_from(row).unwrap_or(0))
            })
        };
        let (name, holder, held) = (id(&one.name), id(&one.holder), id(&one.held));
        let row = TypeRow { name, holder, held };
        let found = *rows.entry((name, holder, held)).or_insert_with(|| {
            let known = resolution.types.iter().position(|r| *r == row);
            let at = known.unwrap_or_else(|| {
                resolution.types.push(row);
                resolution.types.len() - 1
            });
            TypeId(u32::try_from(at).unwrap_or(0))
        });
        let block = one.block.index();
        if let Some(place) = resolution.block_type.get_mut(block) {
            *place = found;
        }
        if let Some(place) = resolution.block_evidence.get_mut(block) {
            *place = one.evidence;
        }
    }
}
