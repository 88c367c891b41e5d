//! Objects, by the names of their types.

use endler_reports::console::{Session, TrackedObject, parse};
use endler_snapshot::{Addr, Bytes};

use crate::support::image;
use crate::*;

#[test]
fn objects_by_the_names_of_their_types() {
    let (image, later) = (first(), second());
    let mut session = Session::new();
    session.add_heap(&image, None);
    for name in [
        "'Page'",
        "\"crawl::http::Page\"",
        "Page",
        "*http::Page",
        "http::Page",
    ] {
        let text = ask(&mut session, &format!("iter_all({name}).count"));
        assert_eq!(text, "2", "{name}");
    }
    assert_eq!(ask(&mut session, "iter_all('Vec<Page>').count"), "1");
    assert_eq!(
        ask(&mut session, "iter_all('Box<crawl::http::Page>').count"),
        "1"
    );
    assert_eq!(ask(&mut session, "iter_all('Item').count"), "1");
    let oldest = ask(&mut session, "get_oldest('Page')");
    assert!(
        oldest.starts_with("Arc<crawl::http::Page> at 0x7f0000000090, 24 bytes, 30s old"),
        "{oldest}"
    );
    assert!(oldest.ends_with("<a snapshot holds no contents; ask on the live process>"));
    let whole = ask(&mut session, "oldest('Page')");
    assert!(whole.starts_with(&oldest), "{whole}");
    assert!(
        whole.contains("\n\nAllocated in\n  crawl::fetch at examples/crawl.rs:112"),
        "{whole}"
    );
    fails(
        &mut session,
        "get_oldest('Page').url",
        "get_oldest('Page').url\n                   ^^^\na snapshot holds no contents",
    );
    fails(
        &mut session,
        "get_oldest('Page')['key']",
        "get_oldest('Page')['key']\n                  ^^^^^^^\na snapshot holds no contents",
    );
    fails(
        &mut session,
        "iter_all('Page')[\"key\"]",
        "iter_all('Page')[\"key\"]\n                ^^^^^^^\na snapshot holds no contents",
    );
    // What is no field is asked of its block.
    ask(&mut session, "r = get_oldest('Page')");
    assert_eq!(ask(&mut session, "r.count"), "1");
    assert!(ask(&mut session, "r.bysite").contains("crawl.rs:112"));
    assert_eq!(ask(&mut session, "(bytype & r).count"), "1");
    let all = ask(&mut session, "iter_all('Page')");
    let lines: Vec<&str> = all.lines().collect();
    assert!(
        lines[0].starts_with("     0 Arc<crawl::http::Page> at "),
        "{all}"
    );
    assert!(
        lines[1].starts_with("     1 Box<crawl::http::Page> at "),
        "{all}"
    );
    assert!(ask(&mut session, "_[-1]").starts_with("Box<crawl::http::Page>"));
    assert!(ask(&mut session, "iter_all('Page')[0:1].bytype").contains("set of 1 object"));
    fails(
        &mut session,
        "iter_all('Page')[2]",
        "iter_all('Page')[2]\n                ^^^\nthere is no object 2; there are 2",
    );
    fails(
        &mut session,
        "oldest('Pgae')",
        "oldest('Pgae')\n        ^^^^\nno live block has the type Pgae; heap().bytype lists the types",
    );
    fails(
        &mut session,
        "get_oldest('BookSpidr')",
        "get_oldest('BookSpidr')\n            ^^^^^^^^^\nno live block has the type BookSpidr; there are crawl::books::BookSpider",
    );
    // The object is the same in the next heap, and not the address.
    ask(&mut session, "v = get_oldest('Vec<Page>')");
    session.add_heap(&later, None);
    assert!(ask(&mut session, "r").contains("40s old"));
    fails(
        &mut session,
        "v",
        "v\n^\nthis Vec<crawl::Page> was freed meanwhile",
    );
    fails(
        &mut session,
        "v.byvia",
        "v.byvia\n  ^^^^^\nthis Vec<crawl::Page> was freed meanwhile",
    );
}

#[test]
fn tracked_objects_are_found_where_the_type_is_not_known() {
    let image = image("8 Box<u8>\n40 ?");
    let at = image.blocks.addr[1];
    let object = |name: &str, address: u64, size: u64| TrackedObject {
        type_name: name.into(),
        address: Addr(address),
        size: Bytes(size),
    };
    let tracks = Tracks {
        types: Vec::new(),
        objects: vec![
            object("crawl::Item", at.0 + 16, 24),
            object("crawl::Gone", at.0 + 4096, 8),
            object("crawl::Large", at.0, 41),
        ],
    };
    let mut session = Session::new();
    session.add_heap(&image, None);
    let count = |session: &mut Session<'_>, name: &str| {
        let line = parse(&format!("iter_all('{name}').count")).unwrap();
        session.run(&line, &tracks).ok()
    };
    assert_eq!(count(&mut session, "Item").as_deref(), Some("1"));
    assert_eq!(count(&mut session, "Gone"), None);
    assert_eq!(count(&mut session, "Large"), None);
}

#[test]
fn values_that_are_not_to_be_shown_say_so() {
    let image = first();
    let mut session = Session::new();
    session.add_heap_without_values(&image);
    let line = "(values are not written to a file: --with-values)";
    let object = ask(&mut session, "get_oldest('Page')");
    assert!(object.ends_with(&format!("30s old\n  {line}")), "{object}");
    let all = ask(&mut session, "iter_all('Page')");
    assert!(all.lines().count() == 3 && all.ends_with(line), "{all}");
    fails(
        &mut session,
        "get_oldest('Page').url",
        &format!("get_oldest('Page').url\n                   ^^^\n{line}"),
    );
    fails(
        &mut session,
        "iter_all('Page').url",
        &format!("iter_all('Page').url\n                 ^^^\n{line}"),
    );
    // Of its block everything is known.
    assert!(ask(&mut session, "get_oldest('Page').bysite").contains("crawl.rs:112"));
    assert!(session.field_names().is_empty());
}

#[test]
fn types_have_names_to_complete_lines_with() {
    let image = first();
    let mut session = Session::new();
    assert_eq!(session.type_names(), [""; 0]);
    session.add_heap(&image, None);
    assert_eq!(
        session.type_names(),
        [
            "Arc<crawl::http::Page>",
            "Arc<endler::trackref::tracked::Inner<crawl::Item>>",
            "Box<crawl::books::BookSpider>",
            "Box<crawl::http::Page>",
            "Vec<crawl::Page>",
            "crawl::Item",
            "crawl::books::BookSpider",
            "crawl::http::Page",
        ]
    );
}
