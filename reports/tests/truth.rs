//! Ground truth for types: x

#[path = "truth/cases.rs"]
mod cases;
#[path = "truth/recorder.rs"]
mod recorder;

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

#[test]
fn dump() {
    let options = endler_reports::resolve::Options::default();
    for case in cases::all() {
        println!("=== {} {:?}", case.what, case.names);
        let image = recorder::image(&case.blocks);
        println!("{}", endler_reports::resolve::dump(&image, &options));
    }
}
