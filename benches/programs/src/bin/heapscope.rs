//! The workloads under heapscope around the system allocator: every allocation,
//! its defaults otherwise. It needs frame pointers.

#[global_allocator]
static HEAP: heapscope::Alloc = heapscope::Alloc::system();

fn main() {
    match heapscope::Profiler::builder().no_output().build() {
        Ok(_profiler) => endler_bench_programs::run(),
        Err(why) => {
            eprintln!("heapscope does not start: {why}");
            std::process::exit(1);
        }
    }
}
