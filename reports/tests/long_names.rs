//! Names of 100,000 characters: types that nest themselves in pairs, behind pointers and
//! as values, one that nests in depth, and two whose names differ in their last letter
//! alone and that lie otherwise in memory. Names are cut, and say so; what is cut off
//! still tells two types apart.

#[path = "hostile_debug/counting.rs"]
mod counting;
#[path = "hostile_debug/library.rs"]
mod library;
#[path = "hostile_debug/reader.rs"]
#[allow(dead_code, reason = "counts are not looked at")]
mod reader;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Seconds after which the process is killed, far more than it takes.
const ALARM: u32 = 600;
/// Bytes that the reading may take at the most; the file has some ten million.
const MOST_MEMORY: usize = 64 << 20;
/// Characters of the longest names.
const LONG: usize = 100_000;
/// Characters of a name that are kept at the least.
const KEPT: usize = 16_000;

const BEGIN: &str = r#"//! Made by `long_names.rs`, never run.
#![no_std]
#![allow(non_camel_case_types)]
#![recursion_limit = "1024"]
extern crate alloc;
use alloc::boxed::Box;
use alloc::vec::Vec;
mod no_heap;
pub struct Short(pub u64);
pub struct Pair<A, B> {
    pub left: Option<Box<A>>,
    pub right: Vec<B>,
}
pub struct Deep<A> {
    pub inner: Option<Box<A>>,
}
pub struct Within<A, B>(pub A, pub B);
#[unsafe(no_mangle)]
pub extern "C" fn short(n: u64) -> *mut Vec<Short> {
    let mut all = Vec::new();
    for one in 0..n {
        all.push(Short(one));
    }
    Box::into_raw(Box::new(all))
}
"#;

/// The source of the library.
fn source() -> String {
    let mut out = BEGIN.to_owned();
    // Each is more than twice as long as the one before.
    let mut doubled = |pair: &str| {
        let mut length = "long::Short".len();
        let mut last = "Short".to_owned();
        for level in 0.. {
            let name = format!("{pair}{level}");
            writeln!(out, "pub type {name} = {pair}<{last}, {last}>;").unwrap();
            last = name;
            length = 2 * length + format!("long::{pair}<, >").len();
            if length > LONG {
                break;
            }
        }
        last
    };
    let (pair, within) = (doubled("Pair"), doubled("Within"));
    let deep = format!("{}Short{}", "Deep<".repeat(300), ">".repeat(300));
    for (name, of) in [("pair", &pair), ("within", &within), ("deep", &deep)] {
        writeln!(
            out,
            "#[unsafe(no_mangle)]\npub extern \"C\" fn {name}(of: {of}) -> *mut {of} {{\n    \
             Box::into_raw(Box::new(of))\n}}\n\
             #[unsafe(no_mangle)]\npub static mut {}: Option<{of}> = None;",
            name.to_uppercase()
        )
        .unwrap();
    }
    for (end, before) in [("A", ""), ("B", "pub before: u64,")] {
        let name = format!("{}{end}", "X".repeat(LONG));
        writeln!(
            out,
            "pub struct {name} {{ {before} pub kept: [Option<&'static u8>; 40] }}\n\
             #[unsafe(no_mangle)]\npub static mut FLAT_{end}: Option<{name}> = None;\n\
             #[unsafe(no_mangle)]\npub extern \"C\" fn flat_{end}(of: {name}) -> *mut {name} {{\n    \
             // SAFETY: nobody runs it.\n    unsafe {{ FLAT_{end} = None }};\n    Box::into_raw(Box::new(of))\n}}",
        )
        .unwrap();
    }
    out
}

#[test]
fn are_cut_and_stay_apart() {
    // SAFETY: it only sets a timer.
    unsafe { libc::alarm(ALARM) };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("long_names");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("long.rs");
    fs::write(&file, source()).unwrap();
    let path = library::build("long_names", &file, &["-Aimproper_ctypes_definitions"]);
    let bytes = fs::read(&path).unwrap();
    let image = reader::image(&bytes, &path).unwrap();
    let (found, memory) = counting::counted(|| reader::read(&image));
    assert!(memory < MOST_MEMORY, "{memory} bytes");

    // What is short is known beside it.
    let names = found.image.resolution.as_ref().unwrap();
    let rows: BTreeSet<&str> = names.types.iter().map(|t| names.str(t.name)).collect();
    assert!(rows.contains("Vec<long::Short>"), "{} rows", rows.len());

    // No name is longer than what is kept and the mark at its end.
    for text in names.strings.iter().chain(&found.graph.labels) {
        assert!(text.len() < 3 * KEPT, "{} bytes", text.len());
    }
    let flat: BTreeSet<&String> = found
        .graph
        .labels
        .iter()
        .filter(|via| via.starts_with("long::XXXX") && via.ends_with(".kept[*]"))
        .collect();
    let flat: Vec<&String> = flat.into_iter().collect();
    let [one, other] = flat.as_slice() else {
        panic!("{} fields of two types", flat.len());
    };
    assert!(one.contains("…[cut: "), "{}", &one[KEPT..]);
    assert_eq!(one[..KEPT], other[..KEPT]);
}
