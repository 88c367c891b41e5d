//! The workloads under heapscope 0.1 around the system allocator: every allocation,
//! its defaults otherwise. It needs frame pointers.

#[global_allocator]
static HEAP: heapscope_0_1::Alloc = heapscope_0_1::Alloc::system();

fn main() {
    match heapscope_0_1::Profiler::builder().no_output().build() {
        Ok(_profiler) => endler_bench_programs::run(),
        Err(why) => {
            eprintln!("heapscope does not start: {why}");
            std::process::exit(1);
        }
    }
}
