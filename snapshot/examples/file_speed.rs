//! How fast a snapshot file is written and read, and what its sections take:
//! `cargo run --release -p endler-snapshot --example file_speed`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::*;
use endler_snapshot::*;

fn main() {
    let blocks = 1_000_000;
    for (name, image) in [
        ("unresolved", unresolved(blocks)),
        ("resolved", resolved(blocks)),
    ] {
        let mut bytes = Vec::with_capacity(64 << 20);
        let (mut write, mut read) = (f64::MAX, f64::MAX);
        for _ in 0..5 {
            bytes.clear();
            let start = Instant::now();
            format::write(&image, &mut bytes).expect("a Vec takes it");
            write = write.min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            let back = format::read(&bytes).expect("it was just written");
            read = read.min(start.elapsed().as_secs_f64());
            assert!(back == image);
        }
        println!(
            "{name}: {blocks} blocks, {:.2} bytes each, written in {:.0} ms, read in {:.0} ms",
            bytes.len() as f64 / blocks as f64,
            write * 1e3,
            read * 1e3
        );
        let mut by_id: Vec<([u8; 4], u64, u64)> = Vec::new();
        for section in sections(&bytes) {
            if by_id.last().is_none_or(|last| last.0 != section.id) {
                by_id.push((section.id, 0, 0));
            }
            if let Some(last) = by_id.last_mut() {
                last.1 += u64::from(section.plain);
                last.2 += section.payload.len() as u64;
            }
        }
        for (id, plain, stored) in by_id {
            println!(
                "  {} {plain} bytes unpacked, {stored} in the file",
                id.escape_ascii()
            );
        }
    }
}
