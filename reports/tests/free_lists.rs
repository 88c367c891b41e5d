//! glibc's lists of free chunks hold no block.
//!
//! A free chunk's header begins in the last word of the block before it, if that
//! block uses the word, and the lists lie in the C library's statics. So this program
//! makes such blocks, frees what stands behind each, and asks who holds them.
//!
//! It has no harness, since only the main thread's heap has its lists in a static.

#![allow(missing_docs)]

#[path = "support/own_memory.rs"]
mod own_memory;
#[expect(dead_code, reason = "its records are made by hand here")]
#[path = "truth/recorder.rs"]
mod recorder;

use std::hint::black_box;

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::{ThreadSpan, scan};
use endler_snapshot::{Addr, Memory};
use own_memory::Own;
use recorder::Record;

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

/// Blocks of 24 bytes, each with a free chunk behind it.
fn plant() -> Vec<Record> {
    // The recorder allocates; what is not recorded lies side by side.
    let mut held: Vec<Box<[usize; 3]>> = Vec::with_capacity(2000);
    let mut behind: Vec<Vec<u8>> = Vec::with_capacity(2000);
    for n in 0..2000 {
        held.push(Box::new([n; 3]));
        // Sizes of many lists, above those of the thread's cache.
        behind.push(black_box(Vec::with_capacity(1100 + n % 100 * 16)));
    }
    drop(behind);
    let record = |block: Box<[usize; 3]>| Record {
        address: std::ptr::from_ref(Box::leak(block)).addr(),
        size: 24,
        stack: Vec::new(),
    };
    held.into_iter().map(record).collect()
}

/// How many words of the C library's statics point into the blocks.
fn pointers(blocks: &[Record], memory: &Own) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("readable");
    let mut found = 0;
    for line in maps
        .lines()
        .filter(|l| l.ends_with("libc.so.6") && l.contains(" rw-p "))
    {
        let range = line.split(' ').next().and_then(|r| r.split_once('-'));
        let (from, until) = range.expect("a range");
        let hex = |text| u64::from_str_radix(text, 16).expect("an address");
        let mut bytes = vec![0; (hex(until) - hex(from)) as usize];
        memory.read(Addr(hex(from)), &mut bytes).expect("readable");
        let words = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|w| u64::from_ne_bytes(*w) as usize);
        found += words
            .filter(|w| {
                blocks
                    .iter()
                    .any(|b| (b.address..b.address + b.size).contains(w))
            })
            .count();
    }
    found
}

fn main() {
    let blocks = plant();
    assert_eq!(blocks.len(), 2000);
    let mut image = recorder::image(&blocks);
    let options = Options::default();
    resolve(&mut image, &options);
    let memory = Own::new();
    let planted = pointers(&blocks, &memory);
    assert!(
        planted > 20,
        "the lists lead to {planted} blocks: nothing is tested"
    );
    let graph = scan(&image, &memory, &options, &[ThreadSpan::default()]);
    for edge in 0..graph.root_edges.len() {
        let root = &graph.roots[graph.root_edges.source[edge] as usize];
        assert!(!root.name.contains("libc.so"), "{root:?} holds a block");
    }
    println!("ok: {planted} pointers to free chunks, no block held by them");
}
