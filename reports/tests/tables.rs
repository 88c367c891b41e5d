//! The text file that a signal writes.

mod support;

use endler_reports::partition::Heap;
use endler_reports::render::live::live_references;
use endler_reports::tables;
use endler_snapshot::Image;
use support::image;

#[test]
fn live_references_are_trackrefs() {
    let image = image(
        "8 Box<crawl::Request> # 7.9\n8 Box<crawl::Request> # 1\n8 Arc<crawl::HtmlResponse> # 1.2\n\
         99 HashMap<alloc::string::String, crawl::Slot> # 3600",
    );
    assert_eq!(
        live_references(Heap::new(&image)),
        "\
Live References

Arc<crawl::HtmlResponse>            1   oldest: 1s ago
Box<crawl::Request>                 2   oldest: 7s ago
HashMap<alloc::string::String, crawl::Slot>      1   oldest: 3600s ago
"
    );
}

#[test]
fn the_file_has_every_table() {
    let text = tables(&image(
        "100 Vec<crawl::Page> @ crawl::fetch at examples/crawl.rs:10 # 41 main seed\n8 ?",
    ));
    let expect = "\
crawl (pid 4711): 2 blocks live, 108 B
Typed: 50.0 % of blocks, 92.6 % of bytes (by evidence: stack 92.6 %)

Live References

Vec<crawl::Page>                    1   oldest: 41s ago
unknown in crawl::parse             1   oldest: 0s ago

Partition of a set of 2 objects. Total size = 108 bytes.
 Index  Count   %     Size   % Cumulative  %  Oldest Type
     0      1  50      100  93       100  93     41s Vec<crawl::Page>
     1      1  50        8   7       108 100      0s unknown in crawl::parse

Partition of a set of 2 objects. Total size = 108 bytes.
 Index  Count   %     Size   % Cumulative  %  Oldest Site
     0      1  50      100  93       100  93     41s crawl::fetch at examples/crawl.rs:10
";
    assert!(text.starts_with(expect), "{text}");
    for header in [
        "Stack",
        "Holder",
        "Module",
        "Age",
        "Phase",
        "Thread",
        "Individual Size",
        "Evidence",
    ] {
        assert!(
            text.contains(&format!("Cumulative  %  Oldest {header}\n")),
            "no table by {header}"
        );
    }
    assert!(text.contains("Set of 2 <mixed> objects. Total size = 108 bytes.\n"));
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
}

#[test]
fn an_empty_image_has_a_file_too() {
    let text = tables(&Image::default());
    assert!(text.contains("Live References\n"), "{text}");
    assert!(text.ends_with("<Nothing>\n"), "{text}");
}

#[test]
fn a_malformed_image_does_not_panic() {
    let mut image = image("100 Vec<crawl::Page> @ crawl::fetch at examples/crawl.rs:10\n8 ?");
    image.contexts.clear();
    image.threads.clear();
    image.phases.clear();
    image.frames.clear();
    image.blocks.size.truncate(1);
    let names = image.resolution.as_mut().expect("resolved");
    names.types.clear();
    names.block_evidence.clear();
    names.strings.clear();
    assert!(tables(&image).contains("Partition of a set of 1 object."));
}
