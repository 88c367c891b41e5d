//! What is written is read back, bit by bit.

mod common;

use common::*;
use endler_snapshot::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// `read(write(image)) == image`, where a clock that is not a number is equal
/// to itself.
#[track_caller]
fn check(image: &Image) {
    let mut expect = image.clone();
    let mut read = format::read(&file(image)).expect("a file just written");
    let bits =
        |image: &mut Image| std::mem::take(&mut image.process.clock.nanos_per_tick).to_bits();
    assert_eq!(bits(&mut read), bits(&mut expect));
    // Not assert_eq: it would print all of both.
    assert!(
        read == expect,
        "the image changed on its way through the file"
    );
}

#[test]
fn samples() {
    for blocks in [0, 1, 2, 1000, 3000] {
        check(&resolved(blocks));
        check(&unresolved(blocks));
    }
}

#[test]
fn block_sections_end_at_65536_rows() {
    for (blocks, expect) in [(65_535, 1), (65_536, 1), (65_537, 2), (131_073, 3)] {
        let image = resolved(blocks);
        check(&image);
        let sections = sections(&file(&image));
        for id in [b"BLKS", b"BTYP"] {
            assert_eq!(
                sections.iter().filter(|s| &s.id == id).count(),
                expect,
                "{blocks}"
            );
        }
    }
}

#[test]
fn long_tables_and_long_texts_are_cut() {
    let mut image = resolved(10);
    image.modules.resize_with(65_537, Module::default);
    let resolution = image.resolution.as_mut().expect("resolved");
    resolution.modules.resize_with(65_537, ModuleInfo::default);
    // Together far more than a section's text, one alone is as well.
    resolution
        .strings
        .extend((0..9).map(|i| "generic<".repeat(10_000 + i)));
    resolution.strings.push("x".repeat(1_000_000));
    resolution.strings.push("after".into());
    check(&image);
    let count = |id| {
        sections(&file(&image))
            .iter()
            .filter(|s| &s.id == id)
            .count()
    };
    assert_eq!(count(b"MODU"), 2);
    // 9 texts of 80 kB go three to a section, the long one stands alone.
    assert_eq!(count(b"STRS"), 5);
}

#[test]
fn a_broken_image_is_refused_before_a_byte_is_written() {
    let mut image = resolved(100);
    image.blocks.size.pop();
    let mut bytes = Vec::new();
    match format::write(&image, &mut bytes) {
        Err(Error::Io(e)) => assert!(e.to_string().contains("blocks.size has 99 rows"), "{e}"),
        other => panic!("{other:?}"),
    }
    assert!(bytes.is_empty());
}

#[test]
fn a_full_disk_is_an_error() {
    let bytes = file(&resolved(100));
    // Room for all but the last byte, and for nothing.
    for room in [bytes.len() - 1, 0] {
        let mut disk = vec![0; room];
        let result = format::write(&resolved(100), &mut disk.as_mut_slice());
        assert!(matches!(result, Err(Error::Io(_))), "{result:?}");
    }
}

/// The worked example in the docs of `endler_snapshot::format`.
#[test]
fn the_worked_example_is_what_is_written() {
    let mut image = unresolved(0);
    image.phases = vec![
        Phase {
            name: String::new(),
            start: Tick(0),
        },
        Phase {
            name: "crawl".into(),
            start: Tick(9),
        },
    ];
    image.process.phase = PhaseId(0);
    let section = sections(&file(&image))
        .into_iter()
        .find(|s| &s.id == b"PHAS");
    let written: Vec<String> = section
        .expect("the section of the phases")
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();

    let docs = include_str!("../src/format.rs");
    let example = docs.split("# Worked example").nth(1).expect("the heading");
    let example = example.split("```").nth(1).expect("the drawing");
    let is_byte = |word: &&str| word.len() == 2 && u8::from_str_radix(word, 16).is_ok();
    let documented: Vec<&str> = example
        .lines()
        .flat_map(|line| {
            line.trim_start_matches("//!")
                .split_whitespace()
                .take_while(is_byte)
        })
        .collect();
    assert_eq!(
        documented, written,
        "correct the docs, and raise VERSION if it was released"
    );
}

/// What no file before version 4 tells.
fn without_tags(image: &mut Image) {
    assert!(!image.tags.is_empty() && image.figures.untold > 0);
    image.tags.clear();
    image
        .threads
        .iter_mut()
        .for_each(|thread| thread.tag = None);
    image.figures.untold = 0;
}

/// The file of an image, without the sections of its tags, which it has no more.
fn before_tags(image: &mut Image) -> Vec<u8> {
    let mut sections = sections(&file(image));
    sections.retain(|s| !matches!(&s.id, b"TAGH" | b"TAGS" | b"TTAG" | b"DONE"));
    without_tags(image);
    assemble(&sections)
}

#[test]
fn a_file_of_version_3_can_be_read() {
    let mut image = resolved(500);
    let mut bytes = before_tags(&mut image);
    bytes.splice(..FILE_HEADER, header(3));
    assert!(format::read(&bytes).expect("version 3") == image);
    // Of version 4 it would lack its tags.
    bytes.splice(..FILE_HEADER, header(4));
    assert!(format::read(&bytes).is_err());
}

/// Files from before there were references.
#[test]
fn a_file_of_version_1_can_be_read() {
    let mut image = resolved(500);
    image.references = None;
    let mut bytes = before_tags(&mut image);
    bytes[8..12].copy_from_slice(&1u32.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    assert!(format::read(&bytes).expect("version 1") == image);
}

/// Edges had offsets, which said nothing; what lies in blocks was not told.
#[test]
fn a_file_of_version_2_can_be_read() {
    let mut image = resolved(500);
    let mut sections = sections(&file(&image));
    sections.retain(|s| !matches!(&s.id, b"TAGH" | b"TAGS" | b"TTAG"));
    sections.retain(|s| !matches!(&s.id, b"NUMS" | b"CNTS" | b"FILL" | b"RPTS" | b"DONE"));
    for section in sections.iter_mut().filter(|s| &s.id == b"EDGE") {
        let mut payload = section.unpacked().payload;
        // A varint ends with a byte below 0x80: behind the last source stand the offsets.
        let mut ends = (1..).zip(&payload).filter(|(_, byte)| **byte < 0x80);
        let (end, _) = ends.nth(section.rows as usize - 1).expect("a source a row");
        payload.splice(end..end, std::iter::repeat_n(0, section.rows as usize));
        *section = Section::plain(b"EDGE", section.rows, &payload);
    }
    let mut bytes = assemble(&sections);
    bytes.splice(..FILE_HEADER, header(2));
    let references = image.references.as_mut().expect("it was scanned");
    assert!(references.edges.len() > 1000 && !references.counts.is_empty());
    references.counts.clear();
    references.fills.clear();
    references.repeats.clear();
    without_tags(&mut image);
    assert!(format::read(&bytes).expect("version 2") == image);
}

/// Any number, the ends of its range often.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..300u64,
        Just(u64::MAX),
        (0..64u32).prop_map(|bit| 1 << bit)
    ]
}

fn numbers(rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<[u64; 8]>> {
    vec(proptest::array::uniform8(number()), rows)
}

fn texts(rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    vec(any::<String>(), rows)
}

/// Tables of raw numbers, made into an image by taking ids modulo the length
/// of what they index.
fn image() -> impl Strategy<Value = Image> {
    let tables = (
        (numbers(2..3), texts(1..2)),
        (numbers(0..4), texts(4..5)),
        (numbers(1..4), texts(4..5)),
        (numbers(0..4), texts(4..5)),
        (numbers(1..5), texts(5..6)),
        numbers(1..20),
        numbers(1..30),
        numbers(1..20),
        numbers(0..120),
    );
    let resolution = (texts(0..20), numbers(1..40), numbers(1..20), texts(4..5));
    (tables, proptest::option::of(resolution)).prop_map(|(tables, resolution)| {
        let (process, modules, threads, tags, phases, frames, stacks, contexts, blocks) = tables;
        let mut image = Image {
            process: process_of(&process.0, &process.1[0], phases.0.len()),
            figures: figures_of(&process.0[1]),
            modules: rows(&modules, |n, text| Module {
                path: text.into(),
                build_id: n[0].to_le_bytes()[..n[1] as usize % 9].to_vec(),
                bias: n[2],
                start: Addr(n[3]),
                end: Addr(n[4]),
            }),
            threads: rows(&threads, |n, text| Thread {
                tid: n[0] as u32,
                name: text.into(),
                alive: n[1] % 2 == 0,
                stack_pointer: (n[2] % 2 == 0).then_some(Addr(n[3])),
                tag: (!tags.0.is_empty() && n[4] % 2 == 0)
                    .then(|| TagId((n[5] as usize % tags.0.len()) as u16)),
            }),
            tags: rows(&tags, |n, text| Tag {
                name: text.into(),
                open: n[0] % 2 == 0,
            }),
            phases: rows(&phases, |n, text| Phase {
                name: text.into(),
                start: Tick(n[0] as u32),
            }),
            ..Image::default()
        };
        for n in &frames {
            let module = (n[0] as usize).checked_rem(image.modules.len());
            image.frames.push(Frame {
                address: Addr(n[1]),
                kind: if n[2] % 2 == 0 {
                    FrameKind::Call
                } else {
                    FrameKind::Interrupted
                },
                module: module.filter(|_| n[3] % 3 != 0).map(|m| ModuleId(m as u32)),
            });
        }
        for (node, n) in stacks.iter().enumerate() {
            image
                .stacks
                .parent
                .push(StackId((n[0] as usize % node.max(1)) as u32));
            image
                .stacks
                .frame
                .push(FrameId((n[1] as usize % frames.len()) as u32));
        }
        for n in &contexts {
            image.contexts.push(Context {
                stack: StackId((n[0] as usize % stacks.len()) as u32),
                tag: n[1] as u32,
                end: [StackEnd::Complete, StackEnd::Truncated, StackEnd::Stuck][n[2] as usize % 3],
            });
            image.totals.push(Totals {
                freed: n[3],
                freed_bytes: Bytes(n[4]),
                moved: n[5],
                moved_bytes: Bytes(n[6]),
                lifetime_ticks: n[7],
                lifetimes: std::array::from_fn(|i| n[i] as u32),
            });
        }
        fill_blocks(&mut image, &blocks);
        if let Some((strings, lines, types, sources)) = resolution {
            image.resolution = Some(resolution_of(&image, strings, &lines, &types, &sources));
        }
        image
    })
}

fn rows<T>(table: &(Vec<[u64; 8]>, Vec<String>), row: impl Fn(&[u64; 8], &str) -> T) -> Vec<T> {
    table
        .0
        .iter()
        .zip(&table.1)
        .map(|(numbers, text)| row(numbers, text))
        .collect()
}

fn process_of(numbers: &[[u64; 8]], exe: &str, phases: usize) -> Process {
    let (n, m) = (numbers[0], numbers[1]);
    Process {
        pid: n[0] as u32,
        mode: if n[1] % 2 == 0 {
            Mode::Off
        } else {
            Mode::Exact
        },
        cut: if n[2] % 2 == 0 {
            Cut::Atomic
        } else {
            Cut::Racing
        },
        taken: Nanos(n[3]),
        held: Nanos(n[4]),
        exe: exe.into(),
        sequence: n[5] as u32,
        phase: PhaseId((m[7] as usize % phases) as u16),
        clock: Clock {
            nanos_per_tick: f64::from_bits(n[6]),
            now: Tick(n[7] as u32),
        },
    }
}

fn figures_of(n: &[u64; 8]) -> Figures {
    Figures {
        lost: n[0],
        truncated: n[1],
        stuck: n[2],
        untold: n[5],
        own: Bytes(n[3]),
        resident: Bytes(n[4]),
    }
}

fn fill_blocks(image: &mut Image, blocks: &[[u64; 8]]) {
    let mut next = Some(0u64);
    for n in blocks {
        // Gaps and sizes small enough that many rows fit, and some far ones.
        let gap = if n[0] % 16 == 0 {
            n[0] >> 8
        } else {
            n[0] % 5000
        };
        let Some(addr) = next.and_then(|next| next.checked_add(gap)) else {
            break;
        };
        let size = match image.process.cut {
            Cut::Atomic => n[1] >> (n[2] % 64),
            Cut::Racing => n[1],
        };
        next = addr.checked_add(match image.process.cut {
            Cut::Atomic => size.max(1),
            Cut::Racing => 1,
        });
        let b = &mut image.blocks;
        b.addr.push(Addr(addr));
        b.size.push(Bytes(size));
        b.context
            .push(ContextId((n[3] as usize % image.contexts.len()) as u32));
        b.born.push(Tick(n[4] as u32));
        b.serial.push(Serial(n[5]));
        b.thread
            .push(ThreadId((n[6] as usize % image.threads.len()) as u16));
        b.phase
            .push(PhaseId((n[7] as usize % image.phases.len()) as u16));
    }
}

fn resolution_of(
    image: &Image,
    mut strings: Vec<String>,
    lines: &[[u64; 8]],
    types: &[[u64; 8]],
    sources: &[String],
) -> Resolution {
    strings.insert(0, String::new());
    let string = |n: u64| StrId((n as usize % strings.len()) as u32);
    let owners = [
        LineOwner::User,
        LineOwner::Std,
        LineOwner::Container,
        LineOwner::Profiler,
    ];
    let levels = [
        DebugLevel::Full,
        DebugLevel::Limited,
        DebugLevel::Symbols,
        DebugLevel::Nothing,
    ];
    let line_count = lines.len();
    let lines: Vec<SourceLine> = lines
        .iter()
        .map(|n| SourceLine {
            function: string(n[0]),
            file: string(n[1]),
            line: n[2] as u32,
            krate: string(n[3]),
            owner: owners[n[4] as usize % 4],
        })
        .collect();
    let mut ends: Vec<u32> = (0..=image.frames.len())
        .map(|i| (i * 7919 % (line_count + 1)) as u32)
        .collect();
    ends.sort_unstable();
    let types: Vec<TypeRow> = types
        .iter()
        .map(|n| TypeRow {
            name: string(n[0]),
            holder: string(n[1]),
            held: string(n[2]),
        })
        .collect();
    let serials = &image.blocks.serial;
    Resolution {
        frame_lines: ends,
        block_type: serials
            .iter()
            .map(|s| TypeId((s.0 % types.len() as u64) as u32))
            .collect(),
        block_evidence: serials
            .iter()
            .map(|s| Evidence::ALL[(s.0 % 5) as usize])
            .collect(),
        context_type: image
            .totals
            .iter()
            .map(|t| TypeId((t.freed % types.len() as u64) as u32))
            .collect(),
        context_site: image
            .totals
            .iter()
            .map(|t| (t.freed % 3 != 0).then(|| LineId((t.moved % line_count as u64) as u32)))
            .collect(),
        modules: image
            .modules
            .iter()
            .zip(sources)
            .map(|(m, text)| ModuleInfo {
                level: levels[m.bias as usize % 4],
                source: text.clone(),
            })
            .collect(),
        strings,
        lines,
        types,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_image(image in image()) {
        prop_assert_eq!(image.check_invariants(), Ok(()));
        check(&image);
    }
}
