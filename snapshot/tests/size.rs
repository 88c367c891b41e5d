//! How large a file is.

mod common;

use common::*;

#[test]
fn a_block_takes_few_bytes() {
    let blocks = 100_000;
    let file = file(&unresolved(blocks));
    let resolved = self::file(&resolved(blocks));
    let each = |file: &[u8]| file.len() as f64 / blocks as f64;
    println!(
        "{:.2} bytes a block, {:.2} resolved",
        each(&file),
        each(&resolved)
    );
    assert!(each(&file) < 14.0, "{:.2} bytes a block", each(&file));
    assert!(
        each(&resolved) < 16.0,
        "{:.2} bytes a block, resolved",
        each(&resolved)
    );
}
