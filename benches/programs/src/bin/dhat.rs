//! The workloads under dhat-rs, which wraps the system allocator.

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

fn main() {
    // In testing mode it records all the same, but writes no file at its end.
    let _profiler = dhat::Profiler::builder().testing().build();
    endler_bench_programs::run();
}
