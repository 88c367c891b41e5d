//! The workloads on endler around jemalloc.

#[global_allocator]
static HEAP: endler_allocator::Heap<tikv_jemallocator::Jemalloc> =
    endler_allocator::Heap::wrapping(tikv_jemallocator::Jemalloc);

fn main() {
    endler_bench_programs::run();
}
