//! The workloads on jemalloc alone.

#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    endler_bench_programs::run();
}
