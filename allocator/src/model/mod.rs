//! The structures that threads share, under loom: every order of the threads'
//! steps (with few preemptions) and every value that the memory model lets a
//! load see.
//!
//! Each model is run as it is, and then once for each of its planted defects,
//! which it must find. `tests/model.sh` runs them; a plain `cargo test` does not
//! build them.

mod contexts;
mod depot;
mod epochs;
mod late;
mod look;
mod shadow;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sync::{Fault, Op, Planted, begin, plant};

/// Runs the model with at most `preemptions` of them in one order of steps.
fn run(preemptions: usize, body: fn()) -> u32 {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    let runs = std::sync::Arc::new(AtomicU32::new(0));
    let count = runs.clone();
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        begin();
        body();
    });
    runs.load(Ordering::Relaxed)
}

/// The model holds; with each of the defects it does not.
fn check(name: &str, preemptions: usize, defects: &[(&'static str, Fault)], body: fn()) {
    let started = std::time::Instant::now();
    let runs = run(preemptions, body);
    println!(
        "{name}: {runs} orders, {:.1} s",
        started.elapsed().as_secs_f64()
    );
    assert!(runs > 1, "{name}: nothing runs beside anything");
    for &(file, fault) in defects {
        plant(Some(Planted { file, fault }));
        let found = catch_unwind(AssertUnwindSafe(|| run(preemptions, body)));
        plant(None);
        let why = found.err().map(|panic| match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic
                .downcast::<&str>()
                .map_or_else(|_| "?".into(), |s| s.to_string()),
        });
        let line = |why: String| why.lines().next().unwrap_or_default().to_owned();
        match why.map(line) {
            Some(why) => println!("{name}: {fault:?} in {file} is found: {why}"),
            None => panic!("{name}: {fault:?} in {file} is not found"),
        }
    }
}
