//! The workloads on endler around mimalloc.

#[global_allocator]
static HEAP: endler_allocator::Heap<mimalloc::MiMalloc> =
    endler_allocator::Heap::wrapping(mimalloc::MiMalloc);

fn main() {
    endler_bench_programs::run();
}
