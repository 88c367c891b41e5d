//! Views of hand-made images, as text.

mod support;

use endler_reports::partition::{By, Heap, by};
use endler_reports::render::{Columns, Page, view};
use support::image;

const CRAWL: &str = "
    100 Vec<crawl::Page>      @ crawl::fetch at examples/crawl.rs:10  # 41 main seed
    100 Vec<crawl::Page>      @ crawl::fetch at examples/crawl.rs:10  # 3 worker crawl
     24 Arc<crawl::Response>  @ crawl::fetch at examples/crawl.rs:12  # 3 worker crawl
     24 Arc<crawl::Response>  @ crawl::parse at examples/crawl.rs:99  # 700 main
      7 ?                     # 5000
";

fn check(by: &str, expect: &str) {
    let image = image(CRAWL);
    let by = By::parse(by).expect("a relation");
    let text = view::set(&Heap::new(&image).all(), &by, Columns::Heapy, Page::Top).0;
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.join("\n"), expect.trim_matches('\n'));
}

#[test]
fn each_relation_names_its_rows() {
    check(
        "type",
        "
 Index  Count   %     Size   % Cumulative  % Type
     0      2  40      200  78       200  78 Vec<crawl::Page>
     1      2  40       48  19       248  97 Arc<crawl::Response>
     2      1  20        7   3       255 100 unknown in crawl::parse",
    );
    check(
        "holder",
        "
 Index  Count   %     Size   % Cumulative  % Holder
     0      2  40      200  78       200  78 Vec
     1      2  40       48  19       248  97 Arc
     2      1  20        7   3       255 100 unknown",
    );
    check(
        "site",
        "
 Index  Count   %     Size   % Cumulative  % Site
     0      2  40      200  78       200  78 crawl::fetch at examples/crawl.rs:10
     1      1  20       24   9       224  88 crawl::fetch at examples/crawl.rs:12
     2      1  20       24   9       248  97 crawl::parse at examples/crawl.rs:99
     3      1  20        7   3       255 100 crawl+0x1030",
    );
    check(
        "size",
        "
 Index  Count   %     Size   % Cumulative  % Individual Size
     0      2  40      200  78       200  78       100
     1      2  40       48  19       248  97        24
     2      1  20        7   3       255 100         7",
    );
    check(
        "age",
        "
 Index  Count   %     Size   % Cumulative  % Age
     0      2  40      124  49       124  49 1s-10s
     1      1  20      100  39       224  88 10s-1m
     2      1  20       24   9       248  97 10m-1h
     3      1  20        7   3       255 100 >=1h",
    );
    check(
        "thread",
        "
 Index  Count   %     Size   % Cumulative  % Thread
     0      3  60      131  51       131  51 main
     1      2  40      124  49       255 100 worker",
    );
    check(
        "byphase",
        "
 Index  Count   %     Size   % Cumulative  % Phase
     0      2  40      124  49       124  49 crawl
     1      1  20      100  39       224  88 seed
     2      2  40       31  12       255 100 (none)",
    );
    check(
        "module",
        "
 Index  Count   %     Size   % Cumulative  % Module
     0      5 100      255 100       255 100 crawl",
    );
    check(
        "evidence",
        "
 Index  Count   %     Size   % Cumulative  % Evidence
     0      4  80      248  97       248  97 stack
     1      1  20        7   3       255 100 unknown",
    );
    check(
        "Holder & Phase",
        "
 Index  Count   %     Size   % Cumulative  % Holder & Phase
     0      1  20      100  39       100  39 Vec & crawl
     1      1  20      100  39       200  78 Vec & seed
     2      1  20       24   9       224  88 Arc & (none)
     3      1  20       24   9       248  97 Arc & crawl
     4      1  20        7   3       255 100 unknown & (none)",
    );
    check(
        "id",
        "
 Index     Size   %   Cumulative  %   Brief
     0      100  39.2       100  39.2 Vec<crawl::Page>: 0x7f0000000010, 41s old, crawl::fetch at
                                      examples/crawl.rs:10
     1      100  39.2       200  78.4 Vec<crawl::Page>: 0x7f0000000090, 3s old, crawl::fetch at
                                      examples/crawl.rs:10
     2       24   9.4       224  87.8 Arc<crawl::Response>: 0x7f0000000110, 3s old, crawl::fetch at
                                      examples/crawl.rs:12
     3       24   9.4       248  97.3 Arc<crawl::Response>: 0x7f0000000140, 11m40s old, crawl::parse
                                      at examples/crawl.rs:99
     4        7   2.7       255 100.0 unknown in crawl::parse: 0x7f0000000170, 1h23m old,
                                      crawl+0x1030",
    );
}

#[test]
fn a_row_is_a_set_that_can_be_cut_again() {
    let image = image(CRAWL);
    let heap = Heap::new(&image);
    let types = heap.all().by(&by::TYPE.into());
    let pages = types.row(0).expect("a row");
    assert_eq!((pages.count(), pages.size().0), (2, 200));
    let threads = pages.by(&by::THREAD.into());
    let names: Vec<_> = threads
        .rows()
        .iter()
        .map(|r| threads.name(r).into_owned())
        .collect();
    assert_eq!(names, ["main", "worker"]);
    assert_eq!(types.range(0..2).count(), 4);
    assert_eq!(types.range(1..99).count(), 3);
    assert!(types.row(3).is_none());
    let empty = pages.by(&by::TYPE.into()).range(5..9);
    assert_eq!(
        view::set(&empty, &By::default(), Columns::Heapy, Page::Top).0,
        "<Nothing>"
    );
}

#[test]
fn set_algebra_is_by_identity() {
    let image = image(CRAWL);
    let all = Heap::new(&image).all();
    let (types, threads) = (all.by(&by::TYPE.into()), all.by(&by::THREAD.into()));
    let (pages, worker) = (types.row(0).expect("a row"), threads.row(1).expect("a row"));
    let ids = |set: endler_reports::partition::Set<'_>| set.iter().collect::<Vec<_>>();
    assert_eq!(ids(&pages & &worker), [1]);
    assert_eq!(ids(&pages | &worker), [0, 1, 2]);
    assert_eq!(ids(&pages - &worker), [0]);
    assert_eq!(ids(&pages ^ &worker), [0, 2]);
    assert_eq!(ids(&all - &pages), [2, 3, 4]);
    assert!(ids(&pages - &all).is_empty());
}

#[test]
fn rows_know_their_oldest_block_and_evidence() {
    let image = image(CRAWL);
    let all = Heap::new(&image).all();
    let types = all.by(&by::TYPE.into());
    let oldest: Vec<u64> = types
        .rows()
        .iter()
        .map(|r| r.oldest.0 / 1_000_000_000)
        .collect();
    assert_eq!(oldest, [41, 700, 5000]);
    assert_eq!(types.rows()[0].evidence, [2, 0, 0, 0, 0]);
    assert_eq!(types.rows()[2].evidence, [0, 0, 0, 0, 1]);
    assert_eq!(all.oldest().map(|b| b.0), Some(4));
    let text = view::set(&all, &By::default(), Columns::Oldest, Page::Top).0;
    assert!(
        text.contains(" Index  Count   %     Size   % Cumulative  %  Oldest Type\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "     1      2  40       48  19       248  97  11m40s Arc<crawl::Response>\n"
        ),
        "{text}"
    );
}

#[test]
fn an_unresolved_image_still_makes_tables() {
    let mut image = image(CRAWL);
    image.resolution = None;
    let all = Heap::new(&image).all();
    let types = all.by(&by::TYPE.into());
    assert_eq!(types.name(&types.rows()[0]), "unknown");
    assert_eq!(types.len(), 1);
    assert!(
        all.by(&by::SITE.into()).len() == 4,
        "sites by file and offset"
    );
}

#[test]
fn an_unknown_relation_is_named_with_its_place() {
    let error = By::parse("type&agee").expect_err("no such relation");
    assert_eq!((error.word.as_str(), error.offset), ("agee", 5));
    assert_eq!(
        error.to_string(),
        "unknown relation 'agee'; there are type holder via referrer path site stack frames size age thread tag \
         tagstate phase module evidence id, and products such as 'type&age'"
    );
}

#[test]
fn stacks_fold_what_is_not_the_programs() {
    use endler_snapshot::{Context, ContextId, FrameId, LineOwner, SourceLine, StackId, StrId};
    let mut image = image(CRAWL);
    let frames = [
        (
            "alloc::vec::Vec::push<u8>",
            "/rustc/59807616/library/alloc/src/vec/mod.rs",
            "alloc",
            LineOwner::Std,
        ),
        ("crawl::parse<u8>", "src/parse.rs", "crawl", LineOwner::User),
        (
            "tokio::poll<crawl::parse<u8>>",
            "/home/me/.cargo/registry/src/index-1/tokio-1.2/src/a.rs",
            "tokio",
            LineOwner::User,
        ),
        (
            "core::ops::call_once",
            "/rustc/59807616/library/core/src/ops.rs",
            "core",
            LineOwner::Std,
        ),
        (
            "tokio::run",
            "/home/me/.cargo/registry/src/index-1/tokio-1.2/src/b.rs",
            "tokio",
            LineOwner::User,
        ),
        (
            "tokio::block_on",
            "/home/me/.cargo/registry/src/index-1/tokio-1.2/src/c.rs",
            "tokio",
            LineOwner::User,
        ),
        ("crawl::main", "src/main.rs", "crawl", LineOwner::User),
        (
            "std::rt::lang_start",
            "/rustc/59807616/library/std/src/rt.rs",
            "std",
            LineOwner::Std,
        ),
    ];
    let names = image.resolution.as_mut().expect("resolved");
    names.frame_lines.pop();
    let mut outer = StackId(0);
    for (number, (function, file, krate, owner)) in (1u32..9).zip(frames).rev() {
        let mut str = |text: &str| {
            names.strings.push(text.into());
            StrId(names.strings.len() as u32 - 1)
        };
        let line = SourceLine {
            function: str(function),
            file: str(file),
            line: number,
            krate: str(krate),
            owner,
        };
        names.frame_lines.push(names.lines.len() as u32);
        names.lines.push(line);
        image.frames.push(image.frames[0]);
        image.stacks.parent.push(outer);
        image
            .stacks
            .frame
            .push(FrameId(image.frames.len() as u32 - 1));
        outer = StackId(image.stacks.parent.len() as u32 - 1);
    }
    names.frame_lines.push(names.lines.len() as u32);
    names.context_site.push(None);
    names.context_type.push(endler_snapshot::TypeId(0));
    image.contexts.push(Context {
        stack: outer,
        ..Context::default()
    });
    image.totals.push(Default::default());
    image.blocks.context[0] = ContextId(image.contexts.len() as u32 - 1);
    image.check_invariants().expect("still an image");
    let stacks = Heap::new(&image).all().by(&by::STACK.into());
    assert_eq!(
        stacks.name(&stacks.rows()[1]),
        "crawl::parse at src/parse.rs:2\n\
         tokio::poll at tokio-1.2/src/a.rs:3\n\
         … tokio\n\
         crawl::main at src/main.rs:7"
    );
    assert_eq!(
        stacks.name(&stacks.rows()[0]),
        "crawl::fetch at examples/crawl.rs:10"
    );
    // Nothing is folded, but for the profiler's own frames.
    let frames = Heap::new(&image).all().by(&by::FRAMES.into());
    let mut names = frames.rows().iter().map(|row| frames.name(row));
    assert_eq!(
        names.find(|name| name.contains('\n')).as_deref(),
        Some(
            "alloc::vec::Vec::push at library/alloc/src/vec/mod.rs:1\n\
             crawl::parse at src/parse.rs:2\n\
             tokio::poll at tokio-1.2/src/a.rs:3\n\
             core::ops::call_once at library/core/src/ops.rs:4\n\
             tokio::run at tokio-1.2/src/b.rs:5\n\
             tokio::block_on at tokio-1.2/src/c.rs:6\n\
             crawl::main at src/main.rs:7\n\
             std::rt::lang_start at library/std/src/rt.rs:8"
        )
    );
}

/// Two instances of a generic function are two lines with one text: what lies
/// outside them decides. An order that stopped there was no order, over which a
/// sort may panic.
#[test]
fn stacks_that_begin_with_one_text_are_in_the_order_of_what_follows() {
    use endler_snapshot::{Context, ContextId, FrameId, StackId};
    let mut image = image(
        "8 String @ app::grow<A> at src/a.rs:1
         8 String @ app::grow<B> at src/a.rs:1
         8 String @ app::zebra at src/a.rs:2
         8 String @ app::mouse at src/a.rs:3
         8 String @ app::ant at src/a.rs:4",
    );
    // Node n + 1 is the site of line n; each grow is called by another animal.
    for (block, (inner, outer)) in [(0, 2), (1, 3), (0, 4)].into_iter().enumerate() {
        image.stacks.parent.push(StackId(outer + 1));
        image.stacks.frame.push(FrameId(inner));
        image.blocks.context[block] = ContextId(image.contexts.len() as u32);
        image.contexts.push(Context {
            stack: StackId(image.stacks.parent.len() as u32 - 1),
            ..Context::default()
        });
        image.totals.push(Default::default());
        let names = image.resolution.as_mut().expect("resolved");
        names.context_site.push(None);
        names.context_type.push(names.context_type[0]);
    }
    image.check_invariants().expect("still an image");
    let stacks = Heap::new(&image).all().by(&by::STACK.into());
    let names: Vec<_> = stacks.rows().iter().map(|row| stacks.name(row)).collect();
    assert_eq!(
        names,
        [
            "app::ant at src/a.rs:4",
            "app::grow at src/a.rs:1\napp::ant at src/a.rs:4",
            "app::grow at src/a.rs:1\napp::mouse at src/a.rs:3",
            "app::grow at src/a.rs:1\napp::zebra at src/a.rs:2",
            "app::mouse at src/a.rs:3",
        ]
    );
}
