//! The workloads, each run in a process of its own.
//!
//! One program for each global allocator (`src/bin/`) calls [`run`]; the driver
//! (`src/main.rs`) starts them in turn and compares.

use std::hint::black_box;
use std::time::Instant;

/// The workloads' names, in the order of the report.
pub const WORKLOADS: [&str; 3] = ["json", "churn", "threads"];

/// Runs the workload that the first argument names and prints its wall time in
/// seconds; `live N` keeps N blocks of 48 bytes and prints the resident bytes
/// that each took beyond the first ones.
pub fn run() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    if name == "live" {
        let blocks = args
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(1_000_000);
        println!("{}", live(blocks));
        return;
    }
    // Each workload once before the clock, so that tables and caches are warm.
    let work: fn() = match name.as_str() {
        "json" => json,
        "churn" => churn,
        "threads" => threads,
        _ => {
            eprintln!("usage: PROGRAM json|churn|threads|live [BLOCKS]");
            std::process::exit(2);
        }
    };
    work();
    let start = Instant::now();
    work();
    println!("{}", start.elapsed().as_secs_f64());
}

/// Parses one megabyte of JSON into values, from eight frames deep.
fn json() {
    let mut text = String::from("[");
    for i in 0..2000 {
        let comma = if i > 0 { "," } else { "" };
        text.push_str(&format!(
            r#"{comma}{{"id":{i},"name":"name{i}","tags":["a","b","c{i}"],
               "nested":{{"x":{i}.5,"y":[1,2,3],"z":{{"k":"v"}}}}}}"#
        ));
    }
    text.push(']');
    for _ in 0..60 {
        black_box(below(8, &text));
    }
}

#[inline(never)]
fn below(frames: u32, text: &str) -> usize {
    if frames > 0 {
        return black_box(below(frames - 1, text)) + 1;
    }
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    value
        .ok()
        .and_then(|v| Some(v.as_array()?.len()))
        .unwrap_or(0)
}

/// Replaces random ones of 100,000 live blocks of 16 to 271 bytes.
fn churn() {
    let mut live: Vec<Vec<u8>> = vec![Vec::new(); 100_000];
    let mut random = 1u64;
    for _ in 0..4_000_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) as usize % live.len();
        let size = 16 + ((random >> 20) & 255) as usize;
        live[at] = Vec::with_capacity(size);
    }
    black_box(&live);
}

/// Two threads that only allocate and free 64-byte boxes.
fn threads() {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for i in 0..5_000_000u64 {
                    black_box(Box::new([i; 8]));
                }
            });
        }
    });
}

/// Resident bytes a block of 48 bytes costs, beyond the list that holds it.
fn live(blocks: usize) -> f64 {
    let mut held: Vec<Box<[u64; 6]>> = Vec::with_capacity(blocks);
    // Touches the list's pages, so that they do not count.
    held.resize_with(1, || Box::new([0; 6]));
    let before = resident();
    for i in 1..blocks as u64 {
        held.push(Box::new([i; 6]));
    }
    let after = resident();
    black_box(&held);
    (after.saturating_sub(before)) as f64 / blocks as f64 - 8.0
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}
