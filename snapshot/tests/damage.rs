//! Damaged and hostile files: an error that says where, never a panic.
//!
//! Damage (a cut, a flipped byte) is found by the checksums. Hostile files here
//! have right checksums, so they reach the code behind them.

mod common;

use common::*;
use endler_snapshot::*;

/// A small file with all tables, of plain and of packed sections.
fn sample() -> Vec<u8> {
    let file = file(&resolved(120));
    let sections = sections(&file);
    assert!(sections.len() > 20, "a section of each kind");
    assert!(sections.iter().any(Section::is_packed) && !sections.iter().all(Section::is_packed));
    file
}

#[test]
fn every_cut_is_told_as_a_cut() {
    let file = sample();
    for end in 0..file.len() {
        match format::read(&file[..end]) {
            Err(Error::Truncated { offset }) if offset == end as u64 => {}
            other => panic!("cut at {end}: {other:?}"),
        }
    }
    assert!(format::read(&file).is_ok());
}

#[test]
fn every_flipped_byte_is_found() {
    let mut file = sample();
    for at in 0..file.len() {
        for flip in [0x01, 0x80, 0xff] {
            file[at] ^= flip;
            match format::read(&file) {
                Err(Error::NotASnapshot) if at < format::MAGIC.len() => {}
                // The place told is the header or the payload that holds the byte.
                Err(Error::Corrupt { offset, what })
                    if at >= format::MAGIC.len() && offset <= at as u64 =>
                {
                    assert!(what.contains("checksum"), "{flip:#x} at {at}: {what}");
                }
                other => panic!("{flip:#x} at {at}: {other:?}"),
            }
            file[at] ^= flip;
        }
    }
    assert!(format::read(&file).is_ok());
}

#[test]
fn foreign_files_and_versions() {
    for foreign in [
        &b"\x7fELF"[..],
        b"hello",
        b"\x89ENDLER\r\n............",
        &[0; 64],
    ] {
        let result = format::read(foreign);
        assert!(
            matches!(result, Err(Error::NotASnapshot)),
            "{foreign:?}: {result:?}"
        );
    }
    let mut file = sample();
    file[..FILE_HEADER].copy_from_slice(&header(format::VERSION + 1));
    match format::read(&file) {
        Err(Error::Version { found, newest }) => {
            assert_eq!((found, newest), (format::VERSION + 1, format::VERSION));
        }
        other => panic!("{other:?}"),
    }
    file[..FILE_HEADER].copy_from_slice(&header(0));
    assert!(matches!(
        format::read(&file),
        Err(Error::Corrupt { offset: 8, .. })
    ));
}

/// Reading gives an error that stands at `offset` and says `says`.
#[track_caller]
fn check(file: &[u8], at: usize, says: &str) {
    match format::read(file) {
        Err(Error::Corrupt { offset, what }) => {
            assert!(what.contains(says), "{what}");
            assert_eq!(offset, at as u64, "{what}");
        }
        other => panic!("expected {says:?}: {other:?}"),
    }
}

fn whole() -> (Vec<u8>, Vec<Section>) {
    let file = sample();
    let mut sections = sections(&file);
    sections.pop();
    assert_eq!(assemble(&sections), file, "the tests know the layout");
    (file, sections)
}

#[test]
fn sections_that_do_not_belong() {
    let (file, sections) = whole();
    let first = FILE_HEADER + 24;
    let mut more = sections.clone();
    more.insert(0, Section::plain(b"ZZZZ", 1, &[1, 2, 3]));
    check(
        &assemble(&more),
        first,
        "in section ZZZZ: this version has no such section",
    );

    let mut more = sections.clone();
    more.push(Section::plain(b"PROC", 1, &[0; 40]));
    let at = file.len() - 40 + 24;
    check(
        &assemble(&more),
        at,
        "in section PROC: the section is out of order",
    );

    let mut twice = sections.clone();
    twice.insert(0, sections[0].clone());
    let length = assemble(&twice).len();
    check(&assemble(&twice), length, "one process");

    let mut longer = file.clone();
    longer.push(0);
    check(&longer, file.len(), "bytes come after the end section");
}

/// The end section alone tells that whole sections are gone or doubled.
#[test]
fn the_end_section_counts() {
    let (file, sections) = whole();
    let end = &file[file.len() - 40..];
    for i in 0..sections.len() {
        for copies in [0, 2] {
            let mut bytes = header(format::VERSION);
            for (k, section) in sections.iter().enumerate() {
                for _ in 0..if k == i { copies } else { 1 } {
                    bytes.extend(section.to_bytes());
                }
            }
            bytes.extend(end);
            let at = bytes.len() - 16;
            check(&bytes, at, "sections are missing or doubled");
        }
    }
}

/// With an end section that fits, the invariants tell.
#[test]
fn no_table_can_be_missing() {
    let (_, sections) = whole();
    for i in 0..sections.len() {
        let mut fewer = sections.clone();
        let gone = fewer.remove(i);
        let result = format::read(&assemble(&fewer));
        assert!(
            matches!(result, Err(Error::Corrupt { .. })),
            "without {}: {:?}",
            gone.id.escape_ascii(),
            result.map(|_| "it was read")
        );
    }
}

#[test]
fn lengths_that_lie() {
    let (_, sections) = whole();
    let one = |section: Section| {
        let mut all = sections.clone();
        all[0] = section;
        assemble(&all)
    };
    let right = || sections[0].unpacked();
    let (header, payload) = (FILE_HEADER, FILE_HEADER + 24);
    let huge = u32::MAX;
    let both = "the two lengths of a section cannot both be right";
    let rows = "a section has more rows than it can hold, or none";
    check(
        &one(Section {
            plain: huge,
            ..right()
        }),
        header,
        "larger than any",
    );
    check(
        &one(Section {
            plain: 64 << 20,
            ..right()
        }),
        header,
        both,
    );
    check(
        &one(Section {
            plain: right().plain - 1,
            ..right()
        }),
        header,
        both,
    );
    check(
        &one(Section {
            plain: 0,
            payload: vec![],
            ..right()
        }),
        header,
        rows,
    );
    check(&one(Section { rows: 0, ..right() }), header, rows);
    check(
        &one(Section {
            rows: huge,
            ..right()
        }),
        header,
        rows,
    );
    check(
        &one(Section {
            rows: right().plain + 1,
            ..right()
        }),
        header,
        rows,
    );
    // More rows than any section, and bytes enough for them.
    let many = Section::plain(b"STRS", 65_537, &[0; 65_537]);
    check(&one(many), header, rows);
    // A payload that unpacks to less and to more than it says.
    let packed = sections
        .iter()
        .find(|s| s.is_packed())
        .expect("one is packed");
    for wrong in [packed.plain - 1, packed.plain + 1] {
        check(
            &one(Section {
                plain: wrong,
                ..packed.clone()
            }),
            payload,
            "does not unpack",
        );
    }
    // A text that is longer than the section: 2^63 bytes of path.
    let mut path = vec![0xff; 9];
    path.push(0x01);
    check(
        &one(Section::plain(b"MODU", 1, &path)),
        payload + path.len(),
        "a text is longer than what is left",
    );
    path[9] = 0x02;
    check(
        &one(Section::plain(b"MODU", 1, &path)),
        payload + path.len(),
        "a number is longer than 64 bits",
    );
    // The file says that more comes than there is.
    let mut short = assemble(&sections[..1]);
    short.truncate(payload + 10);
    let result = format::read(&short);
    assert!(matches!(result, Err(Error::Truncated { .. })), "{result:?}");
}

#[test]
fn values_that_do_not_fit() {
    let one = |id, rows, payload: &[u8]| assemble(&[Section::plain(id, rows, payload)]);
    let at = FILE_HEADER + 24;
    // As many rows as there are bytes, but of three columns.
    check(
        &one(b"TYPE", 4, &[0, 0, 0, 0]),
        at + 4,
        "its columns end too early",
    );
    check(
        &one(b"TYPE", 1, &[0, 0, 0, 0]),
        at + 3,
        "bytes are left after its columns",
    );
    check(&one(b"STRS", 1, &[1, 0xff]), at + 2, "a text is no UTF-8");
    check(&one(b"BTYP", 1, &[0, 5]), at + 2, "a byte is no Evidence");
    check(&one(b"SITE", 1, &[2]), at + 1, "neither yes nor no");
    // pid 2^32
    check(
        &one(b"PROC", 1, &[0x80, 0x80, 0x80, 0x80, 0x10]),
        at + 5,
        "does not fit its column",
    );
    // tick 2^32, after an empty name
    check(
        &one(b"PHAS", 1, &[0, 0x80, 0x80, 0x80, 0x80, 0x10]),
        at + 6,
        "fit in 32 bits",
    );
    // addresses: first 0, shift 64; then first 2^64 - 1, shift 0, difference 1;
    // then difference 1 << 63 twice.
    check(&one(b"BLKS", 1, &[0, 64]), at + 2, "cannot be shifted");
    let last = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let beyond = [&last[..], &[0, 1]].concat();
    check(
        &one(b"BLKS", 2, &beyond),
        at + 12,
        "an address is longer than 64 bits",
    );
    check(
        &one(b"BLKS", 2, &[0, 63, 2]),
        at + 3,
        "an address is longer than 64 bits",
    );
    check(
        &one(b"BLKS", 3, &[0, 63, 1, 1]),
        at + 4,
        "an address is longer than 64 bits",
    );
}

/// Random bytes under each id, plain and as an LZ4 block, checksums right.
#[test]
fn random_payloads() {
    let mut random = Random(11);
    let (_, sections) = whole();
    for _ in 0..100 {
        for section in &sections {
            let len = 1 + random.skewed(300) as usize;
            let payload = match random.below(3) {
                0 => vec![random.next() as u8; len],
                _ => random.bytes(len),
            };
            let plain = match random.below(2) {
                0 => len,
                _ => len + random.skewed(254 * len as u64) as usize,
            };
            let rows = 1 + random.skewed(plain.min(65_536) as u64) as u32;
            let hostile = Section {
                id: section.id,
                rows,
                plain: plain as u32,
                payload,
            };
            let mut file = assemble(&[hostile]);
            assert!(
                format::read(&file).is_err(),
                "one section is not a snapshot"
            );
            let end = file.len() - random.skewed(50) as usize;
            file.truncate(end);
            assert!(format::read(&file).is_err());
        }
    }
    for len in 0..200 {
        let mut bytes = random.bytes(len);
        assert!(format::read(&bytes).is_err());
        bytes.splice(..0, header(format::VERSION));
        assert!(format::read(&bytes).is_err());
    }
}

/// A whole file in which some bytes of a payload changed and the checksums
/// were made to fit: an error, or another image that keeps its invariants.
#[test]
fn payloads_changed_with_right_checksums() {
    let (_, sections) = whole();
    let mut random = Random(12);
    let (mut read, mut refused) = (0, 0);
    for round in 0..1500 {
        let mut sections = sections.clone();
        let i = random.below(sections.len() as u64) as usize;
        // Every other time the unpacked payload, else the LZ4 block itself.
        if round % 2 == 0 {
            sections[i] = sections[i].unpacked();
        }
        for _ in 0..1 + random.below(3) {
            let payload = &mut sections[i].payload;
            let at = random.below(payload.len() as u64) as usize;
            payload[at] = match random.below(3) {
                0 => random.next() as u8,
                1 => payload[at].wrapping_add(1),
                _ => 0xff,
            };
        }
        match format::read(&assemble(&sections)) {
            Ok(image) => {
                assert_eq!(image.check_invariants(), Ok(()));
                read += 1;
            }
            Err(Error::Corrupt { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(
        read > 100 && refused > 100,
        "both ends are reached: {read} read, {refused} refused"
    );
}

/// Mappings and pages with right checksums that cannot be a process's.
#[test]
fn mappings_that_no_process_has() {
    let image = resolved(120);
    let check_image = |change: &dyn Fn(&mut Residency), says: &str| {
        let mut image = image.clone();
        change(&mut image.residency);
        let mut to = Vec::new();
        let refused = format::write(&image, &mut to).expect_err(says);
        assert!(refused.to_string().contains(says), "{refused}");
        assert!(to.is_empty(), "nothing of it is written");
    };
    check_image(&|r| r.mappings.swap(0, 1), "mapping 1 is not after");
    check_image(&|r| r.mappings[2].rss.0 += 1 << 40, "more resident than");
    check_image(&|r| r.pages[0].pages = u64::MAX, "run 0 of pages");
    check_image(&|r| r.pages[0].start.0 = 0, "run 0 of pages lies in no");

    let (file, sections) = whole();
    let at = |id: &[u8; 4]| {
        let found = sections.iter().position(|s| &s.id == id);
        found.expect("a section of each kind")
    };
    // A file that has lost a mapping or a run, and says nothing of it elsewhere.
    for id in [b"MAPS", b"PAGS"] {
        let mut fewer = sections.clone();
        fewer.remove(at(id));
        let length = assemble(&fewer).len();
        check(&assemble(&fewer), length, "mappings or pages are missing");
    }
    let mut twice = sections.clone();
    twice.insert(at(b"RSID"), sections[at(b"RSID")].clone());
    let length = assemble(&twice).len();
    check(&assemble(&twice), length, "one head of its mappings");
    let one = |id, payload: &[u8]| assemble(&[Section::plain(id, 1, payload)]);
    let payload = FILE_HEADER + 24;
    // start 0, end 0, then a kind that there is not.
    check(
        &one(b"MAPS", &[0, 0, 7]),
        payload + 3,
        "a byte is no MappingKind",
    );
    assert!(format::read(&file).is_ok());
}

/// Tags with right checksums that do not fit their threads.
#[test]
fn tags_that_no_thread_has() {
    let (_, sections) = whole();
    let at = |id: &[u8; 4]| {
        let found = sections.iter().position(|s| &s.id == id);
        found.expect("a section of each kind")
    };
    let replaced = |id: &[u8; 4], rows, payload: &[u8]| {
        let mut changed = sections.clone();
        changed[at(id)] = Section::plain(id, rows, payload);
        assemble(&changed)
    };
    let missing = "tags, or tags of threads, are missing";
    for id in [b"TAGS", b"TTAG"] {
        let mut fewer = sections.clone();
        fewer.remove(at(id));
        let length = assemble(&fewer).len();
        check(&assemble(&fewer), length, missing);
    }
    // The head and the rows agree, but there are more threads.
    let mut fewer = sections.clone();
    fewer[at(b"TAGH")] = Section::plain(b"TAGH", 1, &[5, 2, 3]);
    fewer[at(b"TTAG")] = Section::plain(b"TTAG", 3, &[0, 0, 0]);
    let length = assemble(&fewer).len();
    check(&assemble(&fewer), length, missing);
    // Untold scopes are told; a thread's tag that there is not is refused.
    let file = replaced(b"TAGH", 1, &[9, 2, 4]);
    assert_eq!(format::read(&file).expect("whole").figures.untold, 9);
    let file = replaced(b"TTAG", 4, &[0, 0, 0, 1, 2]);
    check(&file, file.len(), "thread 3 has no tag");
    let mut twice = sections.clone();
    twice.insert(at(b"TAGH"), sections[at(b"TAGH")].clone());
    let length = assemble(&twice).len();
    check(&assemble(&twice), length, "one head of its tags");
}
