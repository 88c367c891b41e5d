//! The workloads on endler around the system allocator.

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

fn main() {
    endler_bench_programs::run();
}
