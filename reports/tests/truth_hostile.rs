//! Debug information that is cut, or wrong in any byte, must not panic, loop or
//! take memory without bound; what it says does not matter.

#[path = "truth/recorder.rs"]
mod recorder;

use std::fs;
use std::path::Path;

use endler_reports::resolve::{Options, resolve};
use endler_snapshot::{Addr, Image};
use object::{Object, ObjectSection};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

#[inline(never)]
fn text() -> String {
    std::hint::black_box("a text").to_owned()
}

/// Where the sections that the resolver reads lie in the file.
fn sections(bytes: &[u8]) -> Vec<(usize, usize)> {
    let file = object::File::parse(bytes).unwrap();
    let names = [
        ".debug_info",
        ".debug_abbrev",
        ".debug_line",
        ".debug_ranges",
        ".debug_rnglists",
        ".debug_aranges",
        ".debug_str",
        ".symtab",
        ".strtab",
    ];
    let range = |name: &str| file.section_by_name(name)?.file_range();
    let ranges = names.iter().filter_map(|n| range(n));
    ranges
        .map(|(at, size)| (at as usize, size as usize))
        .filter(|r| r.1 > 0)
        .collect()
}

fn resolve_all(image: &Image, path: &Path) {
    let mut image = image.clone();
    image.modules.truncate(1);
    for frame in &mut image.frames {
        frame.module = frame.module.filter(|m| m.0 == 0);
    }
    image.modules[0].path = path.display().to_string();
    // What is checked is the reader, not the build id.
    image.modules[0].build_id.clear();
    resolve(&mut image, &Options::default());
    image.check_invariants().unwrap();
}

/// A linear congruential generator: the same bytes in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % end.max(1)
    }
}

#[test]
fn changed_bytes() {
    let image = recorder::image(&recorder::blocks_of(text));
    let bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
    let ranges = sections(&bytes);
    assert!(!ranges.is_empty());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-bytes");
    let mut random = Random(11);
    for round in 0..24 {
        let mut changed = bytes.clone();
        let (at, size) = ranges[round % ranges.len()];
        // A few bytes, or a dense scatter.
        let count = if round % 2 == 0 { 8 } else { size / 64 + 1 };
        for _ in 0..count {
            changed[at + random.below(size)] = random.below(256) as u8;
        }
        fs::write(&path, &changed).unwrap();
        resolve_all(&image, &path);
    }
}

#[test]
fn cut_files() {
    let image = recorder::image(&recorder::blocks_of(text));
    let bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-cut");
    let mut random = Random(5);
    for end in [0, 1, 64, 4096, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..end]).unwrap();
        resolve_all(&image, &path);
    }
    for _ in 0..4 {
        let end = random.below(bytes.len());
        fs::write(&path, &bytes[..end]).unwrap();
        resolve_all(&image, &path);
    }
}

/// Sections that end early: their headers say less than there is.
#[test]
fn cut_sections() {
    let image = recorder::image(&recorder::blocks_of(text));
    let bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-sections");
    let mut random = Random(3);
    for (at, size) in sections(&bytes) {
        let mut changed = bytes.clone();
        let keep = random.below(size);
        changed[at + keep..at + size].fill(0);
        fs::write(&path, &changed).unwrap();
        resolve_all(&image, &path);
        changed[at + keep..at + size].fill(0xff);
        fs::write(&path, &changed).unwrap();
        resolve_all(&image, &path);
    }
}

#[test]
fn addresses_from_anywhere() {
    let mut image = recorder::image(&recorder::blocks_of(text));
    let mut random = Random(9);
    for frame in &mut image.frames {
        frame.address = Addr(frame.address.0 ^ (random.below(1 << 30) as u64));
    }
    image.frames[0].address = Addr(0);
    image.modules[0].bias = u64::MAX;
    resolve(&mut image, &Options::default());
    image.check_invariants().unwrap();
}
