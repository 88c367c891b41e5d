//! Debug information that lies: lengths, offsets, references and names of a small
//! library are damaged in many ways, the same in each run. Types, fields and
//! statics are read from each; nothing panics or goes on for ever, and memory stays
//! in proportion to the file.

#[path = "hostile_debug/counting.rs"]
mod counting;
#[path = "hostile_debug/library.rs"]
mod library;
#[path = "hostile_debug/reader.rs"]
#[allow(dead_code, reason = "names are not looked at")]
mod reader;

use std::cell::Cell;
use std::fs;
use std::path::Path;

use counting::counted;
use library::build;
use object::{Object, ObjectSection};
use reader::{Random, image};

/// Seconds after which the process is killed, far more than it takes: a loop without
/// end must end.
const ALARM: u32 = 600;
/// Bytes that one reading may take at the most. The file has about a million.
const MOST_MEMORY: usize = 256 << 20;
/// Damaged files, some of them damaged in several places.
const ROUNDS: usize = 40;

/// Reads all that can be read; how many blocks have a type, and how many edges there are.
fn read(image: &endler_snapshot::Image) -> (usize, usize) {
    let (found, memory) = counted(|| reader::read(image));
    assert!(memory < MOST_MEMORY, "{memory} bytes");
    (found.known, found.edges)
}

/// The sections that the readers look into: offset and size in the file.
fn sections(bytes: &[u8]) -> Vec<(usize, usize)> {
    let file = object::File::parse(bytes).unwrap();
    let all = file.sections().filter(|s| {
        s.name()
            .is_ok_and(|n| n.starts_with(".debug_") || n == ".symtab")
    });
    all.filter_map(|s| s.file_range())
        .map(|(at, size)| (at as usize, size as usize))
        .filter(|range| range.1 > 8)
        .collect()
}

/// One kind of lie, somewhere in the file.
fn damage(bytes: &mut Vec<u8>, sections: &[(usize, usize)], random: &Random) {
    // Entries and their shapes say most.
    let (at, size) = match random.below(2) {
        0 => sections[random.below(sections.len())],
        _ => sections[random.below(2)],
    };
    let place = || at + random.below(size - 8);
    match random.below(8) {
        // Any bytes.
        0 => (0..8).for_each(|_| bytes[place()] = random.below(256) as u8),
        1 => (0..size / 128).for_each(|_| bytes[place()] ^= 1 << random.below(8)),
        // What stands elsewhere: references to other entries, loops of them.
        2 | 3 => {
            for _ in 0..size / 256 + 1 {
                let (from, to) = (place(), place());
                let width = [1, 2, 4, 8][random.below(4)];
                bytes.copy_within(from..from + width, to);
            }
        }
        // Lengths and offsets that go beyond everything.
        4 => {
            for _ in 0..16 {
                let to = place();
                bytes[to..to + [1, 4, 8][random.below(3)]].fill(0xff);
            }
        }
        // An end that comes early.
        5 => {
            let keep = random.below(size);
            bytes[at + keep..at + size].fill([0, 0xff][random.below(2)]);
        }
        6 => bytes.truncate(random.below(bytes.len())),
        // The section's own header: its flags (compressed), offset, size.
        _ => {
            let table = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap()) as usize;
            let count = usize::from(bytes[0x3c]);
            let header = table + 64 * random.below(count);
            let field = [8, 24, 32][random.below(3)];
            if let Some(byte) = bytes.get_mut(header + field + random.below(3)) {
                *byte ^= random.below(256) as u8;
            }
        }
    }
}

#[test]
fn lies_end_in_less_known_and_nothing_worse() {
    // SAFETY: it only sets a timer.
    unsafe { libc::alarm(ALARM) };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile_debug/small.rs");
    let path = build("hostile_debug", Path::new(source), &[]);
    let whole = fs::read(&path).unwrap();
    let damaged = path.with_file_name("damaged.so");
    let mut image = image(&whole, &path).unwrap();
    assert!(image.frames.len() > 100, "{}", image.frames.len());
    let (known, edges) = read(&image);
    println!(
        "whole: {known} of {} known, {edges} edges",
        image.blocks.len()
    );
    assert!(known > 50 && edges > 50, "{known} known, {edges} edges");
    image.modules[0].path = damaged.display().to_string();
    image.process.exe.clone_from(&image.modules[0].path);
    let sections = sections(&whole);
    let random = Random(Cell::new(1));
    let mut fewer = 0;
    for _ in 0..ROUNDS {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(3) {
            if bytes.len() == whole.len() {
                damage(&mut bytes, &sections, &random);
            }
        }
        fs::write(&damaged, &bytes).unwrap();
        let (now, _) = read(&image);
        fewer += usize::from(now < known);
    }
    println!("{fewer} of {ROUNDS} damages were felt");
    assert!(fewer > ROUNDS / 10, "{fewer}");
}

/// How many types each hold the next one twice.
const LEVELS: usize = 40;

/// Where the members of `Level0`, `Level1`, … say what they are, and where these types
/// are, in bytes of `.debug_info`.
fn members(bytes: &[u8]) -> (Vec<Vec<usize>>, Vec<u32>) {
    let file = object::File::parse(bytes).unwrap();
    let section = |id: gimli::SectionId| {
        let data = file.section_by_name(id.name()).and_then(|s| s.data().ok());
        Ok::<_, gimli::Error>(gimli::EndianSlice::new(
            data.unwrap_or(&[]),
            gimli::LittleEndian,
        ))
    };
    let dwarf = gimli::Dwarf::load(section).unwrap();
    let mut places = vec![Vec::new(); LEVELS];
    let mut types = vec![0; LEVELS];
    let mut headers = dwarf.units();
    while let Some(header) = headers.next().unwrap() {
        let unit = dwarf.unit(header).unwrap();
        let start = header.debug_info_offset().unwrap().0;
        let mut entries = unit.entries_raw(None).unwrap();
        let mut level: Option<usize> = None;
        while !entries.is_empty() {
            let offset = entries.next_offset();
            let Some(abbreviation) = entries.read_abbreviation().unwrap() else {
                continue;
            };
            let tag = abbreviation.tag();
            for &attribute in abbreviation.attributes() {
                let at = entries.next_offset();
                let attribute = entries.read_attribute(attribute).unwrap();
                let is = (tag, attribute.name());
                if is == (gimli::DW_TAG_structure_type, gimli::DW_AT_name) {
                    let name = dwarf.attr_string(&unit, attribute.value()).unwrap();
                    let name = name.to_string_lossy();
                    level = name.strip_prefix("Level").and_then(|n| n.parse().ok());
                    if let Some(level) = level {
                        types[level] = u32::try_from(offset.0).unwrap();
                    }
                }
                if is == (gimli::DW_TAG_member, gimli::DW_AT_type)
                    && let Some(level) = level
                {
                    let list: &mut Vec<usize> = &mut places[level];
                    list.push(start + at.0);
                }
            }
        }
    }
    (places, types)
}

#[test]
fn types_that_hold_the_next_one_twice_are_not_followed_to_the_end() {
    // SAFETY: it only sets a timer.
    unsafe { libc::alarm(ALARM) };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile_debug");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("levels.rs");
    let mut source = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/hostile_debug/small.rs"
    ))
    .unwrap();
    let levels = || 0..LEVELS;
    let types = levels().map(|n| format!("pub struct Level{n}(pub u64, pub u64);\n"));
    source.extend(types);
    let list = |of: &dyn Fn(usize) -> String| levels().map(of).collect::<String>();
    source += &format!(
        "pub struct All({});\n#[unsafe(no_mangle)]\npub static mut ALL: All = All({});\n",
        list(&|n| format!("pub Level{n}, ")),
        list(&|n| format!("Level{n}(1, 2), ")),
    );
    fs::write(&file, source).unwrap();
    let path = build("hostile_debug", &file, &[]);
    let mut bytes = fs::read(&path).unwrap();
    let (places, types) = members(&bytes);
    let at = {
        let file = object::File::parse(&*bytes).unwrap();
        let section = file.section_by_name(".debug_info").unwrap();
        section.file_range().unwrap().0 as usize
    };
    for (places, next) in places.iter().zip(types.iter().skip(1)) {
        assert_eq!(places.len(), 2, "{places:?}");
        for place in places {
            let place = at + place;
            bytes[place..place + 4].copy_from_slice(&next.to_le_bytes());
        }
    }
    fs::write(&path, &bytes).unwrap();
    let (known, edges) = read(&image(&bytes, &path).unwrap());
    assert!(known > 50 && edges > 50, "{known} known, {edges} edges");
}
