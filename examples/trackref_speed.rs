//! What registering costs: `cargo run --release --example trackref_speed`.
//!
//! One and two threads make and drop objects, as `Arc` and as `Tracked`, and as a
//! plain value and one with an `ObjectRef`; the difference is the registry's. The
//! system's allocator is used alone, so that nothing else is measured. The best round
//! counts, of the slower thread: other programs of the machine only add to a round.

use std::sync::{Arc, Barrier};
use std::time::Instant;

use endler::trackref::{ObjectRef, Tracked};

const LIVE: usize = 1000;
const ROUNDS: usize = 2000;

/// Nanoseconds for making one, and for dropping one, with up to 1,000 alive.
fn run<T>(threads: usize, make: impl Fn(u64) -> T + Sync) -> [f64; 2] {
    let barrier = Barrier::new(threads);
    let times: Vec<[f64; 2]> = std::thread::scope(|scope| {
        let work = || {
            let mut objects: Vec<T> = Vec::with_capacity(LIVE);
            let mut best = [f64::MAX; 2];
            barrier.wait();
            for round in 0..ROUNDS {
                let start = Instant::now();
                objects.extend((0..LIVE).map(|n| make((round + n) as u64)));
                let made = start.elapsed();
                std::hint::black_box(&mut objects).clear();
                let both = start.elapsed();
                let times = [made, both - made].map(|time| time.as_nanos() as f64 / LIVE as f64);
                best = [best[0].min(times[0]), best[1].min(times[1])];
            }
            best
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let times = running.into_iter().map(|thread| thread.join());
        times.map(|time| time.unwrap_or([f64::NAN; 2])).collect()
    });
    [0, 1].map(|at| times.iter().map(|time| time[at]).fold(0.0, f64::max))
}

fn main() {
    println!("nanoseconds for one object; the best of {ROUNDS} rounds of {LIVE}");
    println!("threads          made  dropped");
    for threads in [1, 2] {
        let show = |what: &str, [made, dropped]: [f64; 2]| {
            println!("{threads:7} {what:9} {made:5.1} {dropped:8.1}");
        };
        show("Arc", run(threads, |n| Arc::new([n; 4])));
        show("Tracked", run(threads, |n| Tracked::new([n; 4])));
        show("value", run(threads, |n| [n; 4]));
        show(
            "ObjectRef",
            run(threads, |n| ([n; 4], ObjectRef::<u64>::new())),
        );
    }
}
