//! How large a file is.

mod common;

use common::*;

#[test]
fn a_block_takes_few_bytes() {
    let blocks = 100_000;
    let file = file(&unresolved(blocks));
    let mut image = resolved(blocks);
    let whole = self::file(&image);
    let references = image.references.as_mut().expect("it was scanned");
    let rows = references.counts.len() + references.fills.len() + references.repeats.len();
    references.counts.clear();
    references.fills.clear();
    references.repeats.clear();
    let scanned = self::file(&image);
    let row = (whole.len() - scanned.len()) as f64 / rows as f64;
    let edges = image.references.take().map_or(0, |r| r.edges.len());
    let resolved = self::file(&image);
    let each = |file: &[u8]| file.len() as f64 / blocks as f64;
    let edge = (scanned.len() - resolved.len()) as f64 / edges as f64;
    println!(
        "{:.2} bytes a block, {:.2} resolved; {edge:.2} bytes an edge, \
         {row:.2} a count or fill",
        each(&file),
        each(&resolved)
    );
    assert!(each(&file) < 14.0, "{:.2} bytes a block", each(&file));
    assert!(
        each(&resolved) < 16.0,
        "{:.2} bytes a block, resolved",
        each(&resolved)
    );
    // Targets anywhere in the heap take three bytes; a program's are nearer.
    assert!(edge < 6.0, "{edge:.2} bytes an edge");
    // Half of what is random here is large, which a program's rarely is.
    assert!(row < 12.0, "{row:.2} bytes a count or fill");
}
