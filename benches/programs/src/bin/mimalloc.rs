//! The workloads on mimalloc alone.

#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    endler_bench_programs::run();
}
