//! What registering costs: `cargo run --release --example trackref_speed`.
//!
//! One and two threads make and drop objects, as `Arc` and as `Tracked`, and as a
//! plain value and one with an `ObjectRef`; the difference is the registry's. The
//! inner allocator alone is used, so that nothing else is measured. The median of
//! nine rounds that alternate.

use std::sync::{Arc, Barrier};
use std::time::Instant;

use endler::trackref::{ObjectRef, Tracked};

const LIVE: usize = 1000;
const ROUNDS: usize = 2000;

/// Nanoseconds for each object made and dropped, with 1,000 alive at a time.
fn run<T>(threads: usize, make: impl Fn(u64) -> T + Sync) -> f64 {
    let barrier = Barrier::new(threads);
    let times: Vec<f64> = std::thread::scope(|scope| {
        let work = || {
            let mut objects: Vec<T> = Vec::with_capacity(LIVE);
            barrier.wait();
            let start = Instant::now();
            for round in 0..ROUNDS {
                objects.extend((0..LIVE).map(|n| make((round + n) as u64)));
                std::hint::black_box(&mut objects).clear();
            }
            start.elapsed().as_nanos() as f64 / (LIVE * ROUNDS) as f64
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let times = running.into_iter().map(|thread| thread.join());
        times.map(|time| time.unwrap_or(f64::NAN)).collect()
    });
    times.iter().sum::<f64>() / threads as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    println!("nanoseconds for making and dropping one, median of 9");
    println!("threads    Arc  Tracked  more   value  ObjectRef  more");
    for threads in [1, 2] {
        let mut rounds: [Vec<f64>; 4] = Default::default();
        for _ in 0..9 {
            rounds[0].push(run(threads, |n| Arc::new([n; 4])));
            rounds[1].push(run(threads, |n| Tracked::new([n; 4])));
            rounds[2].push(run(threads, |n| [n; 4]));
            rounds[3].push(run(threads, |n| ([n; 4], ObjectRef::<u64>::new())));
        }
        let [arc, tracked, value, counted] = rounds.map(median);
        println!(
            "{threads:7} {arc:6.1} {tracked:8.1} {:5.1} {value:7.1} {counted:10.1} {:5.1}",
            tracked - arc,
            counted - value
        );
    }
}
