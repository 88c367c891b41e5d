//! V8's `.heapsnapshot`, which Chrome's DevTools (Memory, Load) and memlab read.
//!
//! ```text
//!  node 0   the synthetic root ─► a node for each root ─► blocks
//!                              └► "(held by no root)" ─► what nothing holds any more
//!  node     type  name  id  self_size  edge_count  trace_node_id  detachedness
//!  edge     type  name_or_index  to_node (its ordinal times 7)
//! ```
//! Blocks are `object` nodes under the name of their type, since viewers group only
//! such nodes by name; roots are `native` ones. A field is a `property`, a guess is
//! `internal`, and what does not retain (a `Weak`, a borrow beside an owner) is `weak`:
//! the viewers' retained sizes are those of [`crate::graph::Retained`], to the byte
//! (`tests/memlab.sh`).
//!
//! The readers hold every number in 32 bits. A block of 4 GiB or more is shown as one
//! byte less than that. Ids say which blocks of two snapshots are the same; they are
//! made of the [`Serial`], as long as there are fewer than 16 million slots and the
//! process has taken fewer than 60 snapshots, and else count from one.
//!
//! Sources: `heap-snapshot-generator.cc` of V8, `HeapSnapshotLoader.ts` of DevTools,
//! whose reader finds sections by their order: `strings` must be the last.

use super::Exporter;
use crate::graph::{Edge, EdgeKind, Graph, NodeId};
use crate::holding::{UNHELD, whole_graph};
use crate::partition::Heap;
use endler_snapshot::{References, Serial, StrId};
use std::collections::HashMap;
use std::io::{self, Write};

pub(super) const EXPORTER: Exporter = Exporter {
    name: "heapsnapshot",
    about: "Chrome DevTools (Memory, Load profile) and memlab",
    needs_references: true,
    write,
};

const META: &str = r#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],"node_types":[["hidden","array","string","object","code","closure","regexp","number","native","synthetic","concatenated string","sliced string","symbol","bigint","object shape"],"string","number","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","shortcut","weak"],"string_or_number","node"],"trace_function_info_fields":["function_id","name","script_name","script_id","line","column"],"trace_node_fields":["id","function_info_index","count","size","children"],"sample_fields":["timestamp_us","last_assigned_id"],"location_fields":["object_index","script_id","line","column"]}"#;

// Places in `node_types` and `edge_types` of META.
const OBJECT: u32 = 3;
const NATIVE: u32 = 8;
const SYNTHETIC: u32 = 9;
const ELEMENT: u32 = 1;
const PROPERTY: u32 = 2;
const INTERNAL: u32 = 3;
const WEAK: u32 = 6;

/// Numbers of one node.
const FIELDS: u32 = 7;

/// The strings of the file, each once.
#[derive(Default)]
struct Strings<'a> {
    list: Vec<&'a str>,
    place: HashMap<&'a str, u32>,
}

impl<'a> Strings<'a> {
    fn place(&mut self, text: &'a str) -> u32 {
        let next = self.list.len() as u32;
        *self.place.entry(text).or_insert_with(|| {
            self.list.push(text);
            next
        })
    }
}

/// What is looked up for each row.
struct Names<'a> {
    strings: Strings<'a>,
    /// By label of the image.
    labels: Vec<u32>,
    /// By root; the last is for what no root holds.
    roots: Vec<u32>,
    /// By name of a type.
    types: HashMap<StrId, u32>,
    unknown: u32,
}

impl<'a> Names<'a> {
    fn new(heap: Heap<'a>, references: &'a References) -> Self {
        let mut strings = Strings::default();
        // Row 0 is never shown; the root has no name.
        strings.place("<dummy>");
        let labels = references.labels.iter().map(|l| strings.place(l)).collect();
        let roots = references.roots.iter().map(|root| root.name.as_str());
        let roots = roots.chain([UNHELD]).map(|n| strings.place(n)).collect();
        let unknown = strings.place(crate::partition::UNKNOWN);
        let mut types = HashMap::new();
        for row in heap.image().resolution.iter().flat_map(|r| &r.types) {
            let text = heap.str(row.name);
            if !text.is_empty() {
                types.insert(row.name, strings.place(text));
            }
        }
        strings.place("");
        Names {
            strings,
            labels,
            roots,
            types,
            unknown,
        }
    }
}

/// How blocks are numbered, so that two snapshots agree.
struct Ids {
    by_serial: bool,
}

impl Ids {
    const SLOTS: u64 = (1 << 24) - 1;
    const EPOCHS: u64 = 1 << 7;

    fn new(serials: &[Serial]) -> Self {
        let fits = |s: &Serial| s.0 & 0xffff_ffff < Self::SLOTS && s.0 >> 32 < Self::EPOCHS;
        Ids {
            by_serial: serials.iter().all(fits),
        }
    }

    /// Even, from 2.
    fn of_block(&self, block: u32, serial: Serial) -> u64 {
        if self.by_serial {
            (((serial.0 & 0xffff_ffff) + 1) << 1) | ((serial.0 >> 32) << 25)
        } else {
            (u64::from(block) + 1) << 1
        }
    }

    /// Odd, from 3; 1 is the synthetic root.
    fn of_root(root: u32) -> u64 {
        (u64::from(root) << 1) + 3
    }
}

/// A section of numbers; `width` of them make a line.
struct Numbers<'w> {
    out: &'w mut dyn Write,
    width: u32,
    written: u64,
}

impl<'w> Numbers<'w> {
    fn new(out: &'w mut dyn Write, key: &str, width: u32) -> io::Result<Self> {
        write!(out, ",\n\"{key}\":[")?;
        Ok(Numbers {
            out,
            width,
            written: 0,
        })
    }

    fn row(&mut self, numbers: &[u64]) -> io::Result<()> {
        debug_assert_eq!(numbers.len(), self.width as usize);
        for (at, number) in numbers.iter().enumerate() {
            match (self.written, at) {
                (0, 0) => {}
                (_, 0) => self.out.write_all(b",\n")?,
                _ => self.out.write_all(b",")?,
            }
            serde_json::to_writer(&mut *self.out, number)?;
        }
        self.written += 1;
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        self.out.write_all(b"]")
    }
}

/// The ordinal of a node in the file: the synthetic root, the roots, the blocks.
fn ordinal(graph: &Graph, node: NodeId) -> u32 {
    match graph.root_index(node) {
        Some(root) => 1 + root,
        None => 1 + graph.roots() + node.0,
    }
}

fn write(heap: Heap<'_>, out: &mut dyn Write) -> io::Result<()> {
    let none = || io::Error::other(format!("this {}", crate::NO_REFERENCES));
    let references = heap.image().references.as_ref().ok_or_else(none)?;
    let graph = whole_graph(heap).ok_or_else(none)?;
    let names = Names::new(heap, references);
    out.write_all(META.as_bytes())?;
    let nodes = u64::from(graph.nodes()) + 1;
    let edges = u64::from(graph.edges()) + u64::from(graph.roots());
    write!(
        out,
        ",\"node_count\":{nodes},\"edge_count\":{edges},\"trace_function_count\":0}}"
    )?;
    write_nodes(heap, &graph, &names, out)?;
    write_edges(references, &graph, &names, out)?;
    for key in ["trace_function_infos", "trace_tree", "samples", "locations"] {
        write!(out, ",\n\"{key}\":[]")?;
    }
    out.write_all(b",\n\"strings\":[")?;
    for (at, text) in names.strings.list.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, text)?;
    }
    out.write_all(b"]}\n")
}

fn write_nodes(
    heap: Heap<'_>,
    graph: &Graph,
    names: &Names<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut rows = Numbers::new(out, "nodes", FIELDS)?;
    let mut row = |kind: u32, name: u32, id: u64, size: u64, edges: u64| {
        let size = size.min(u64::from(u32::MAX));
        rows.row(&[kind.into(), name.into(), id, size, edges, 0, 0])
    };
    let empty = names.strings.place.get("").copied().unwrap_or_default();
    row(SYNTHETIC, empty, 1, 0, graph.roots().into())?;
    for (root, node) in (0..).zip(graph.root_nodes()) {
        let kind = match root + 1 == graph.roots() {
            true => SYNTHETIC,
            false => NATIVE,
        };
        let name = names.roots.get(root as usize).copied().unwrap_or_default();
        let edges = graph.edges_of(node).count() as u64;
        row(kind, name, Ids::of_root(root), 0, edges)?;
    }
    let serials = &heap.image().blocks.serial;
    let ids = Ids::new(serials);
    for block in 0..graph.blocks() {
        let at = block as usize;
        let name = names.types.get(&heap.type_row(at).name);
        let id = ids.of_block(block, serials.get(at).copied().unwrap_or_default());
        let edges = graph.edges_of(NodeId(block)).count() as u64;
        let name = name.copied().unwrap_or(names.unknown);
        row(OBJECT, name, id, heap.size(at).0, edges)?;
    }
    rows.end()
}

fn write_edges(
    references: &References,
    graph: &Graph,
    names: &Names<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut rows = Numbers::new(out, "edges", 3)?;
    for root in 0..graph.roots() {
        let to = (1 + u64::from(root)) * u64::from(FIELDS);
        rows.row(&[ELEMENT.into(), root.into(), to])?;
    }
    let mut row = |at: usize, edge: Edge| {
        let to = u64::from(ordinal(graph, edge.target)) * u64::from(FIELDS);
        // Rows that the image does not have lead to what no root holds.
        let Some(label) = references.edges.label.get(edge.label as usize) else {
            return rows.row(&[ELEMENT.into(), at as u64, to]);
        };
        let kind = match edge.kind {
            EdgeKind::Strong => PROPERTY,
            EdgeKind::Conservative => INTERNAL,
            EdgeKind::Weak => WEAK,
        };
        let name = names.labels.get(label.index()).copied().unwrap_or_default();
        rows.row(&[kind.into(), name.into(), to])
    };
    let blocks = (0..graph.blocks()).map(NodeId);
    for node in graph.root_nodes().chain(blocks) {
        for (at, edge) in graph.edges_of(node).enumerate() {
            row(at, edge)?;
        }
    }
    rows.end()
}
