//! Hand-made references: an edge is a line of text.

use endler_snapshot::*;

/// Adds references from lines `SOURCE > TARGET LABEL`, where blocks are their
/// numbers, and a source that is no number is a root: `static crawl::QUEUE`. A
/// label that ends in `(weak)` makes a weak edge, one that ends in `(maybe)` a
/// conservative one, one that begins with `&` a borrowed one.
pub(crate) fn refer(image: &mut Image, lines: &str) {
    let mut references = References {
        labels: vec![String::new()],
        ..References::default()
    };
    let mut rows = Vec::new();
    for line in lines.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (source, rest) = line.split_once(" > ").expect("a source and a target");
        let (target, label) = rest.split_once(' ').unwrap_or((rest, ""));
        let source = match source.parse() {
            Ok(block) => block,
            Err(_) => image.blocks.len() as u32 + root(&mut references, source),
        };
        let (label, kind) = match (label.strip_suffix(" (maybe)"), label.strip_prefix('&')) {
            (Some(label), _) => (label, EdgeKind::Conservative),
            (None, Some(label)) => (label, EdgeKind::Borrowed),
            _ if label.ends_with("(weak)") => (label, EdgeKind::Weak),
            _ => (label, EdgeKind::Owned),
        };
        let known = references.labels.iter().position(|l| l == label);
        let label = known.unwrap_or_else(|| {
            references.labels.push(label.into());
            references.labels.len() - 1
        });
        let target = target.parse().expect("a block");
        rows.push((source, rows.len() as u32, target, label as u32, kind));
    }
    rows.sort_by_key(|row| (row.0, row.1));
    let edges = &mut references.edges;
    for (source, _, target, label, kind) in rows {
        edges.source.push(NodeId(source));
        edges.target.push(BlockId(target));
        edges.label.push(LabelId(label));
        edges.kind.push(kind);
    }
    references.scan.edges = references.edges.len() as u64;
    references.scan.roots = references.roots.len() as u64;
    image.references = Some(references);
    image
        .check_invariants()
        .expect("hand-made references keep the invariants");
}

fn root(references: &mut References, name: &str) -> u32 {
    let known = references.roots.iter().position(|r| r.name == name);
    known.unwrap_or_else(|| {
        let kind = match name.split_once(' ').map_or(name, |(kind, _)| kind) {
            "static" => RootKind::Static,
            "thread_local" => RootKind::ThreadLocal,
            _ => RootKind::Stack,
        };
        references.roots.push(Root {
            kind,
            name: name.into(),
            thread: (kind != RootKind::Static).then_some(ThreadId(0)),
        });
        references.roots.len() - 1
    }) as u32
}
