//! Owner folding: a container's block counts to the block that owns it.
//!
//! ```text
//! Box<Page> ── title ──► String          one object of the sizes of both
//! Rc<Node> ── children ──► Vec<Rc<Node>>     ──► other Rc<Node>, which stay
//! ```
//!
//! Folded is what a container made (`Vec`, `String`, a hash table and so on, boxed
//! slices and texts), and what exactly one field of exactly one block owns, by layout.
//! A `Box` of a value, an `Rc` or an `Arc` stays an object, and so does what a static
//! or a stack holds.

use crate::partition::Heap;
use endler_snapshot::{BlockId, Bytes, EdgeKind, Image, NodeId, References};

const NONE: u32 = u32::MAX;

/// The same heap with folded blocks left out and their bytes counted to their owners.
/// An image without references is given as it is. O(blocks + edges).
///
/// The result is for tables: its sizes are not those of the blocks, so blocks seem to
/// overlap, and it cannot be written.
#[must_use]
pub fn fold_owners(image: &Image) -> Image {
    let mut out = image.clone();
    let Some(references) = &image.references else {
        return out;
    };
    let heap = Heap::new(image);
    let object = objects(owners(heap, references));
    let mut sizes = vec![0u64; heap.len()];
    let mut place = vec![NONE; heap.len()];
    let mut kept = 0u32;
    for block in 0..heap.len() {
        let to = object[block] as usize;
        sizes[to] = sizes[to].saturating_add(heap.size(block).0);
        if to == block {
            place[block] = kept;
            kept += 1;
        }
    }
    for (size, sum) in out.blocks.size.iter_mut().zip(&sizes) {
        *size = Bytes(*sum);
    }
    let is_kept = |at: usize| place.get(at).is_some_and(|&to| to != NONE);
    let blocks = &mut out.blocks;
    keep(&mut blocks.addr, is_kept);
    keep(&mut blocks.size, is_kept);
    keep(&mut blocks.context, is_kept);
    keep(&mut blocks.born, is_kept);
    keep(&mut blocks.serial, is_kept);
    keep(&mut blocks.thread, is_kept);
    keep(&mut blocks.phase, is_kept);
    if let Some(resolution) = &mut out.resolution {
        keep(&mut resolution.block_type, is_kept);
        keep(&mut resolution.block_evidence, is_kept);
    }
    let to = |block: u32| {
        let object = object.get(block as usize).copied().unwrap_or(0);
        place.get(object as usize).copied().unwrap_or(0)
    };
    out.references = Some(refer(references, heap.len() as u32, kept, &to, is_kept));
    out
}

/// The references between what is kept.
fn refer(
    from: &References,
    blocks: u32,
    kept: u32,
    to: &dyn Fn(u32) -> u32,
    is_kept: impl Fn(usize) -> bool,
) -> References {
    let edges = &from.edges;
    let node = |source: NodeId| match source.0.checked_sub(blocks) {
        Some(root) => kept + root,
        None => to(source.0),
    };
    let mut rows: Vec<(u32, usize)> = (0..edges.len())
        .filter(|&edge| is_kept(edges.target[edge].index()))
        .map(|edge| (node(edges.source[edge]), edge))
        .collect();
    rows.sort_unstable();
    let mut out = References {
        scan: from.scan,
        roots: from.roots.clone(),
        labels: from.labels.clone(),
        ..References::default()
    };
    out.scan.edges = rows.len() as u64;
    for (source, edge) in rows {
        out.edges.source.push(NodeId(source));
        out.edges.target.push(BlockId(to(edges.target[edge].0)));
        out.edges.label.push(edges.label[edge]);
        out.edges.kind.push(edges.kind[edge]);
    }
    out
}

/// The block that each folded block counts to.
fn owners(heap: Heap<'_>, references: &References) -> Vec<u32> {
    let edges = &references.edges;
    let mut owner = vec![NONE; heap.len()];
    let mut owners = vec![0u32; heap.len()];
    for edge in 0..edges.len() {
        if edges.kind[edge] != EdgeKind::Owned {
            continue;
        }
        let (source, target) = (edges.source[edge].0, edges.target[edge].index());
        // A block that was scanned under two names has two edges for one pointer.
        if owner[target] != source {
            owner[target] = source;
            owners[target] += 1;
        }
    }
    for block in 0..heap.len() {
        let from = owner[block] as usize;
        let is_one = owners[block] == 1 && from < heap.len() && from != block;
        if !is_one || !is_buffer(heap, block) {
            owner[block] = NONE;
        }
    }
    owner
}

/// The object that each block counts to: an owner may be folded itself. O(blocks).
fn objects(mut owner: Vec<u32>) -> Vec<u32> {
    /// On the way that is being walked.
    const WALKED: u32 = u32::MAX - 1;
    let mut object = vec![NONE; owner.len()];
    let mut way: Vec<usize> = Vec::new();
    for block in 0..owner.len() {
        let mut at = block;
        let top = loop {
            match object[at] {
                NONE => {}
                // A circle of owners cannot be, but a file may say so.
                WALKED => break at as u32,
                top => break top,
            }
            if owner[at] == NONE {
                object[at] = at as u32;
                break at as u32;
            }
            object[at] = WALKED;
            way.push(at);
            at = owner[at] as usize;
        };
        for at in way.drain(..) {
            object[at] = top;
        }
        owner[top as usize] = NONE;
    }
    object
}

/// Whether a container made a block: it has no type of its own in the source.
fn is_buffer(heap: Heap<'_>, block: usize) -> bool {
    let row = heap.type_row(block);
    match heap.str(row.holder) {
        "Box" => {
            let held = heap.str(row.held);
            (held.starts_with('[') && held.ends_with(']'))
                || matches!(
                    held,
                    "str"
                        | "core::ffi::c_str::CStr"
                        | "std::ffi::os_str::OsStr"
                        | "std::path::Path"
                )
        }
        "Rc" | "Arc" | "Task" | "Raw" | "" => false,
        "unknown" => false,
        _ => true,
    }
}

/// Keeps the rows of a column that `is_kept` says.
fn keep<T: Clone>(column: &mut Vec<T>, is_kept: impl Fn(usize) -> bool) {
    let mut at = 0;
    column.retain(|_| {
        at += 1;
        is_kept(at - 1)
    });
}
