//! The workloads on the system allocator alone.

#[global_allocator]
static HEAP: std::alloc::System = std::alloc::System;

fn main() {
    endler_bench_programs::run();
}
