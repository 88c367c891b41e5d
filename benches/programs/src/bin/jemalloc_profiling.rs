//! The workloads on a jemalloc that has its own profiler; `_RJEM_MALLOC_CONF`
//! says whether and how often it samples.

#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    endler_bench_programs::run();
}
