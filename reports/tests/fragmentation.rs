//! The account of hand-made images: against a naive twin that looks at every byte, and
//! the text to the letter.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use endler_reports::fragmentation::{Account, Cause, Line, account, verdict};
use endler_reports::partition::Heap;
use endler_reports::render::{Page, fragmentation};
use endler_snapshot::*;
use std::collections::{BTreeMap, BTreeSet};

const BASE: u64 = 0x7f00_0000_0000;

fn mapping(kind: MappingKind, start: u64, pages: u64, rss: u64) -> Mapping {
    Mapping {
        start: Addr(start),
        end: Addr(start + pages * PAGE),
        kind,
        access: Access(3),
        rss: Bytes(rss * PAGE),
        ..Mapping::default()
    }
}

fn run(page: u64, pages: u64) -> PageRun {
    PageRun {
        start: Addr(BASE + page * PAGE),
        pages,
    }
}

/// An image whose blocks stand where `blocks` says: offset from [`BASE`], size, type.
fn image(blocks: &[(u64, u64, &str)], inner: &str) -> Image {
    let lines = blocks.iter().map(|(_, size, name)| {
        format!(
            "{size} {name} @ crawl::keep at src/main.rs:{}\n",
            name.len()
        )
    });
    let mut image = support::image(&lines.collect::<String>());
    for (addr, (offset, _, _)) in image.blocks.addr.iter_mut().zip(blocks) {
        *addr = Addr(BASE + offset);
    }
    image.residency.inner.allocator = inner.into();
    image
}

#[track_caller]
fn whole(image: &Image) -> Account<'_> {
    image
        .check_invariants()
        .expect("a hand-made image keeps the invariants");
    let account = account(Heap::new(image));
    assert_eq!(
        account.rss(),
        image.residency.rss().0,
        "the lines sum to the whole"
    );
    account
}

fn lines(account: &Account<'_>) -> Vec<(Line, u64)> {
    let all = Line::ALL.iter().map(|line| (*line, account.line(*line)));
    all.filter(|(_, bytes)| *bytes > 0).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// jemalloc's classes as its manual lists them.
fn classes() -> Vec<u64> {
    let mut classes = vec![8];
    classes.extend((1..=8).map(|n| n * 16));
    for group in 0..12 {
        let base = 128 << group;
        classes.extend((1..=4).map(|n| base + n * base / 4));
    }
    classes
}

/// Byte by byte: what is on each page, and who is alone there.
#[test]
fn pages_and_pinners_are_those_of_a_naive_count() {
    const PAGES: u64 = 24;
    let names = ["Box<crawl::A>", "Box<crawl::Bb>", "Vec<crawl::Ccc>"];
    let classes = classes();
    let mut random = Random(5);
    let mut seen = BTreeSet::new();
    for round in 0..400 {
        let mut blocks = Vec::new();
        let mut at = random.below(200) * 8;
        loop {
            let size = match random.below(8) {
                0 => 1 + random.below(9000),
                1 => 1 + random.below(40),
                _ => 1 + random.below(300),
            };
            if at + size > PAGES * PAGE {
                break;
            }
            blocks.push((at, size, names[random.below(3) as usize]));
            at = (at + size).next_multiple_of(8) + random.below(3) * random.below(700) * 8;
        }
        let inner = ["tikv_jemallocator::Jemalloc", "crawl::Arena"][round % 2];
        let mut image = image(&blocks, inner);
        let mut runs = Vec::new();
        let mut page = random.below(2);
        while page < PAGES {
            let pages = (1 + random.below(5)).min(PAGES - page);
            runs.push(run(page, pages));
            page += pages + 1 + random.below(2);
        }
        let resident: u64 = runs.iter().map(|run| run.pages).sum();
        image.residency.mappings = vec![mapping(MappingKind::Anonymous, BASE, PAGES, resident)];
        image.residency.pages = runs.clone();
        if blocks.is_empty() {
            continue;
        }
        let account = whole(&image);

        // Whose each byte is: a block's, its rounding's, or nobody's.
        let bytes = (PAGES * PAGE) as usize;
        let mut owner: Vec<Option<(usize, bool)>> = vec![None; bytes];
        for (i, (offset, size, _)) in blocks.iter().enumerate() {
            let next = blocks.get(i + 1).map_or(u64::MAX, |b| b.0);
            let class = match round % 2 {
                0 => *classes
                    .iter()
                    .find(|class| *class >= size)
                    .expect("small enough"),
                _ => *size,
            };
            for byte in *offset..(offset + class).min(next).min(PAGES * PAGE) {
                owner[byte as usize] = Some((i, byte < offset + size));
            }
        }
        let (mut live, mut slop, mut buckets) = (0, 0, [0; 11]);
        let mut rows: BTreeMap<&str, (BTreeSet<usize>, u64, u64)> = BTreeMap::new();
        for page in runs.iter().flat_map(|r| {
            let first = (r.start.0 - BASE) / PAGE;
            first..first + r.pages
        }) {
            let range = (page * PAGE) as usize..((page + 1) * PAGE) as usize;
            let here = &owner[range];
            let on: Vec<usize> = here
                .iter()
                .filter_map(|o| o.filter(|o| o.1).map(|o| o.0))
                .collect();
            live += on.len() as u64;
            slop += here.iter().filter(|o| o.is_some_and(|o| !o.1)).count() as u64;
            let tenth = (on.len() * 10).div_ceil(4096);
            buckets[tenth] += 1;
            let blocks_here: BTreeSet<usize> = on.into_iter().collect();
            if tenth == 1 && blocks_here.iter().all(|i| blocks[*i].1 <= PAGE) {
                let types: BTreeSet<&str> = blocks_here.iter().map(|i| blocks[*i].2).collect();
                seen.insert(types.len());
                for name in &types {
                    let row = rows.entry(name).or_default();
                    row.0
                        .extend(blocks_here.iter().filter(|i| blocks[**i].2 == *name));
                    row.1 += 1;
                    row.2 += u64::from(types.len() == 1) * PAGE;
                }
            }
        }
        assert_eq!(account.line(Line::Live), live, "round {round}");
        assert_eq!(account.line(Line::Slop), slop, "round {round}");
        assert_eq!(account.line(Line::Kept), resident * PAGE - live - slop);
        assert_eq!(account.occupancy.pages, buckets, "round {round}");
        assert_eq!(account.pins.rows.len(), rows.len(), "round {round}");
        for row in &account.pins.rows {
            let (blocks_of, pages, returns) = &rows[row.names[0].as_str()];
            let size: u64 = blocks_of.iter().map(|i| blocks[*i].1).sum();
            assert_eq!(
                (row.count, row.size, row.pages, row.returns),
                (blocks_of.len() as u64, size, *pages, *returns),
                "round {round}: {row:?}"
            );
        }
        let returns = |i: usize| account.pins.rows.get(i).map(|row| row.returns);
        assert!((1..rows.len()).all(|i| returns(i) <= returns(i - 1)));
    }
    assert!(
        seen.contains(&1) && seen.contains(&2),
        "both alone and together: {seen:?}"
    );
}

/// glibc: a block mapped alone, an arena, `[heap]`, and another's pages between them.
#[test]
fn of_glibc_others_pages_in_a_joined_mapping_are_told_apart() {
    const ARENA: u64 = 64 << 20;
    let large = 200_000;
    // The arena's blocks, then far above it a mapping that holds one large block
    // and 40 pages of someone else's.
    let joined = ARENA * 3 + (1 << 20);
    let mut image = image(
        &[
            (0x1000 + 16, 64, "Box<crawl::A>"),
            (0x3000 + 16, 64, "Box<crawl::A>"),
            (joined + 16, large, "Vec<u8>"),
        ],
        "std::alloc::System",
    );
    image.modules.push(Module {
        path: "/lib/x86_64-linux-gnu/libc.so.6".into(),
        start: Addr(BASE + ARENA * 8),
        end: Addr(BASE + ARENA * 8 + 20 * PAGE),
        ..Module::default()
    });
    let resolution = image.resolution.as_mut().expect("it is resolved");
    resolution.modules.push(ModuleInfo::default());
    let mut rest = mapping(
        MappingKind::Anonymous,
        BASE + 33 * PAGE,
        ARENA / PAGE - 33,
        0,
    );
    rest.access = Access(0);
    let mut guard = mapping(MappingKind::Anonymous, BASE + ARENA * 5, 1, 0);
    guard.access = Access(0);
    image.residency.mappings = vec![
        mapping(MappingKind::Heap, BASE - ARENA, 10, 7),
        mapping(MappingKind::Anonymous, BASE, 33, 4),
        rest,
        mapping(MappingKind::Anonymous, BASE + joined, 100, 89),
        guard,
        mapping(MappingKind::Anonymous, BASE + ARENA * 5 + PAGE, 10, 3),
        mapping(MappingKind::Stack, BASE + ARENA * 6, 10, 2),
        mapping(MappingKind::Own, BASE + ARENA * 7, 10, 5),
        mapping(MappingKind::File, BASE + ARENA * 8, 10, 6),
        // The library's statics, without bytes in the file.
        mapping(MappingKind::Anonymous, BASE + ARENA * 8 + 10 * PAGE, 10, 1),
        mapping(MappingKind::Kernel, BASE + ARENA * 9, 1, 1),
    ];
    let page = joined / PAGE;
    image.residency.pages = vec![run(0, 4), run(page, 49), run(page + 60, 40)];
    let account = whole(&image);
    // 200,000 bytes and 16 before them: 49 pages. The other 40 are someone's.
    let mapped = 49 * PAGE;
    assert_eq!(
        lines(&account),
        [
            (Line::Live, large + 128),
            (Line::Slop, mapped - large + 2 * 16),
            (Line::Kept, 7 * PAGE + 4 * PAGE - 2 * 80),
            (Line::Own, 5 * PAGE),
            (Line::Stacks, 5 * PAGE),
            (Line::Files, 7 * PAGE),
            (Line::Anonymous, 40 * PAGE),
            (Line::Unknown, PAGE),
        ]
    );
    assert_eq!(account.occupancy.total(), 4 + 49);
    assert_eq!(account.pins.rows[0].returns, 2 * PAGE);

    // The same of an allocator of which nothing is known: all of a mapping is its own.
    image.residency.inner.allocator = "crawl::Arena".into();
    let account = whole(&image);
    assert_eq!(
        account.line(Line::Anonymous),
        7 * PAGE,
        "[heap] without a block"
    );
    assert_eq!(account.line(Line::Kept), (4 + 89) * PAGE - large - 128);
}

#[test]
fn statistics_divide_what_is_kept() {
    let mut image = image(&[(16, 1024, "Vec<u8>")], "tikv_jemallocator::Jemalloc");
    image.residency.mappings = vec![mapping(MappingKind::Anonymous, BASE, 200, 100)];
    image.residency.pages = vec![run(0, 100)];
    let check = |statistics: Option<InnerStatistics>, kept: u64, c: u64, others: u64| {
        let mut image = image.clone();
        image.residency.inner.statistics = statistics;
        let account = whole(&image);
        assert_eq!(account.line(Line::Live), 1024);
        let got = [Line::Kept, Line::Unrecorded, Line::Anonymous].map(|l| account.line(l));
        assert_eq!(got, [kept, c, others], "{statistics:?}");
    };
    let all = 100 * PAGE - 1024;
    let bytes = |n| Some(Bytes(n));
    let statistics = |allocated, cached, resident| {
        Some(InnerStatistics {
            allocated,
            cached,
            resident,
            ..InnerStatistics::default()
        })
    };
    check(None, all, 0, 0);
    check(statistics(None, None, None), all, 0, 0);
    check(statistics(bytes(1024), None, None), all, 0, 0);
    check(statistics(bytes(9024), None, None), all - 8000, 8000, 0);
    check(
        statistics(bytes(9024), bytes(3000), None),
        all - 5000,
        5000,
        0,
    );
    // More than there is, and less than is live: no line goes below nothing.
    check(statistics(bytes(u64::MAX), None, None), 0, all, 0);
    check(statistics(bytes(0), bytes(5), None), all, 0, 0);
    // The allocator has 40 pages; 60 in its mapping are another's.
    let resident = bytes(40 * PAGE);
    check(
        statistics(None, None, resident),
        40 * PAGE - 1024,
        0,
        60 * PAGE,
    );
    check(
        statistics(bytes(9024), None, resident),
        40 * PAGE - 1024 - 8000,
        8000,
        60 * PAGE,
    );
    check(statistics(None, None, bytes(u64::MAX)), all, 0, 0);
}

/// Where smaps and pages do not agree smaps counts, and no line goes below nothing.
#[test]
fn an_image_that_contradicts_itself_still_sums() {
    let blocks = [(0, 4000, "Box<crawl::A>"), (4096, 4096 * 3, "Vec<u8>")];
    let mut image = image(&blocks, "crawl::Arena");
    let check = |image: &Image, expect: &[(Line, u64)]| assert_eq!(lines(&whole(image)), expect);
    // Nothing could be read.
    check(&image, &[]);
    assert_eq!(whole(&image).occupancy.total(), 0);
    // Mappings without pages: up to what is resident.
    image.residency.mappings = vec![mapping(MappingKind::Anonymous, BASE, 10, 2)];
    check(&image, &[(Line::Live, 2 * PAGE)]);
    image.residency.mappings[0].rss = Bytes(10 * PAGE);
    let live = 4000 + 3 * 4096;
    check(
        &image,
        &[(Line::Live, live), (Line::Kept, 10 * PAGE - live)],
    );
    // More pages than smaps had.
    image.residency.pages = vec![run(0, 10)];
    image.residency.mappings[0].rss = Bytes(PAGE);
    check(&image, &[(Line::Live, PAGE)]);
    // Fewer, all of them live.
    image.residency.mappings[0].rss = Bytes(10 * PAGE);
    image.residency.pages = vec![run(1, 2)];
    check(
        &image,
        &[(Line::Live, 2 * PAGE), (Line::Anonymous, 8 * PAGE)],
    );
    // Blocks that overlap, as in an image that is not of one instant.
    image.process.cut = Cut::Racing;
    image.blocks.size[0] = Bytes(1 << 40);
    image.residency.pages = vec![run(0, 10)];
    check(&image, &[(Line::Live, 4 * PAGE), (Line::Kept, 6 * PAGE)]);
}

fn grown(blocks: u64, pages: u64, others: u64, name: &str) -> Image {
    let all: Vec<_> = (0..blocks).map(|i| (i * PAGE * 2, 200, name)).collect();
    let mut image = image(&all, "crawl::Arena");
    image.residency.mappings = vec![
        mapping(MappingKind::Anonymous, BASE, 1 << 20, pages),
        mapping(MappingKind::Anonymous, BASE + (2 << 32), 1 << 20, others),
    ];
    image.residency.pages = vec![run(0, pages)];
    image
}

/// Growth is growth from 4 MiB and a twentieth on; the largest part is the cause.
#[test]
fn the_cause_is_the_part_that_grew_most() {
    let check = |before: &Image, after: &Image, expect: Cause, says: &str| {
        let accounts = [whole(before), whole(after)];
        let verdict = verdict(&accounts).expect("there are two");
        assert_eq!(verdict.cause, expect, "{verdict}");
        assert!(verdict.to_string().contains(says), "{verdict}");
    };
    let name = "Box<crawl::Page>";
    let first = grown(10, 2000, 500, name);
    check(
        &first,
        &first.clone(),
        Cause::Steady,
        "Nothing grew: live bytes +0 B",
    );
    let pages = grown(10, 2000 + 1023, 500, name);
    check(&first, &pages, Cause::Steady, "resident memory +4.0 MiB");
    let pages = grown(10, 2000 + 1024, 500, name);
    let says = "4.0 MiB more is kept free. 4.0 MiB more lie in pages that hold nothing: how it";
    check(&first, &pages, Cause::Fragmentation, says);
    let others = grown(10, 2000, 500 + 1024, name);
    check(
        &first,
        &others,
        Cause::Outside,
        "anonymous maps of others (+4.0 MiB)",
    );
    check(&others, &first, Cause::Steady, "resident memory -4.0 MiB");
    // 4 MiB of 100 are less than a twentieth.
    let large = grown(10, 25_600, 500, name);
    check(
        &large,
        &grown(10, 25_600 + 1024, 500, name),
        Cause::Steady,
        "Nothing grew",
    );
    let mut live = grown(10, 2000 + 1500, 500, name);
    live.blocks.size[9] = Bytes(5 << 20);
    check(
        &first,
        &live,
        Cause::Live,
        "`Box<crawl::Page>` grew by 5.0 MiB",
    );
    // The allocator kept more than what lives on it.
    let pinned = grown(1000, 2000 + 2000, 500, name);
    let says = "1,000 blocks of `Box<crawl::Page>`, 195.3 KiB in all, allocated in crawl::keep at \
                src/main.rs:16, stand alone on sparse pages: without them 3.9 MiB would be free.";
    check(&first, &pinned, Cause::Fragmentation, says);
    assert!(
        verdict(&[whole(&first)]).is_none(),
        "one alone says nothing"
    );

    let steps = |images: &[&Image]| {
        let accounts: Vec<_> = images.iter().map(|image| whole(image)).collect();
        verdict(&accounts).expect("there are some").to_string()
    };
    let more = grown(10, 6000, 500, name);
    assert!(steps(&[&first, &pages, &more]).ends_with(" It grew at each of the 2 steps."));
    assert!(steps(&[&first, &more, &pages]).ends_with(" It did not grow at each of the 2 steps."));
}

#[test]
fn the_text_to_the_letter() {
    let mut image = image(
        &[
            (16, 100, "Box<crawl::A>"),
            (4096 + 16, 3000, "Vec<crawl::Bb>"),
            (2 * 4096 + 16, 200, "Box<crawl::A>"),
        ],
        "tikv_jemallocator::Jemalloc",
    );
    image.residency.mappings = vec![
        mapping(MappingKind::File, BASE - 100 * PAGE, 10, 4),
        mapping(MappingKind::Anonymous, BASE, 20, 4),
        mapping(MappingKind::Own, BASE + 100 * PAGE, 10, 2),
    ];
    image.residency.mappings[1].swap = Bytes(8192);
    image.residency.pages = vec![run(0, 4)];
    let account = whole(&image);
    let text = fragmentation::fragmentation(&[account], None, Page::Top);
    assert_eq!(
        text,
        "\
crawl (pid 4711): 40.0 KiB resident in 3 mappings; 3 blocks live, 3.2 KiB; swapped out 8.0 KiB; \
inner allocator tikv_jemallocator::Jemalloc

         Bytes   %  Resident memory
          3300   8  live blocks, as requested
           108   0  rounding and headers of live blocks
         12976  32  free, kept by the inner allocator, or C code's (not asked)
          8192  20  endler's own
             0   0  stacks
         16384  40  files: code, data, statics
             0   0  anonymous maps of others
             0   0  unknown: shared memory, the kernel's
         40960 100  all: the process's Rss

Resident pages of the heap by occupancy (bytes requested, of 4096): 4 in all.
    Pages   %          Bytes  Occupancy
        1  25           4096  0 %
        2  50           8192  <=10 %
        0   0              0  <=20 %
        0   0              0  <=30 %
        0   0              0  <=40 %
        0   0              0  <=50 %
        0   0              0  <=60 %
        0   0              0  <=70 %
        1  25           4096  <=80 %
        0   0              0  <=90 %
        0   0              0  <=100 %

Who pins sparse pages (a tenth live or less): 2 blocks of 300 bytes on 2 pages; without all of them \
8192 bytes would be free.
 Index  Count     Size  Pages  Returns Type & Site & Referred Via:
     0      2      300      2     8192 Box<crawl::A> & crawl::keep at src/main.rs:13 & (none)
"
    );
}
