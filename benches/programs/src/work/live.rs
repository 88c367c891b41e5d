//! What a live block takes of resident memory.

use std::hint::black_box;

/// Keeps `blocks` blocks of 48 bytes and gives the resident bytes that each
/// took, without its place in the list that holds it.
pub(crate) fn bytes_per_block(blocks: usize) -> f64 {
    let mut held: Vec<Box<[u64; 6]>> = Vec::with_capacity(blocks);
    // The allocator's own start does not count.
    held.push(Box::new([0; 6]));
    let before = resident();
    for i in 1..blocks as u64 {
        held.push(Box::new([i; 6]));
    }
    let after = resident();
    black_box(&held);
    after.saturating_sub(before) as f64 / blocks as f64 - size_of::<Box<u64>>() as f64
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse::<u64>().ok())
        .unwrap_or(0);
    pages * 4096
}
