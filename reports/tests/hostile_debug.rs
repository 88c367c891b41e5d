//! Debug information that lies: lengths, offsets, references and names of a small
//! library are damaged in many ways, the same in each run. Types, fields and
//! statics are read from each; nothing panics or goes on for ever, and memory stays
//! in proportion to the file.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::scan;
use endler_snapshot::*;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Seconds after which the process is killed, far more than it takes: a loop without
/// end must end.
const ALARM: u32 = 600;
/// Bytes that one reading may take at the most. The file has about a million.
const MOST_MEMORY: usize = 256 << 20;
/// Damaged files, some of them damaged in several places.
const ROUNDS: usize = 40;
const BASE: u64 = 0x7000_0000_0000;

/// The system's allocator, which notes the most bytes that lived at once.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(address, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// A linear congruential generator: the same in each run.
struct Random(Cell<u64>);

impl Random {
    fn below(&self, end: usize) -> usize {
        let next = self.0.get().wrapping_mul(6_364_136_223_846_793_005);
        self.0.set(next.wrapping_add(1_442_695_040_888_963_407));
        (self.0.get() >> 33) as usize % end.max(1)
    }
}

/// Words that are addresses of blocks, or small.
struct Plausible {
    blocks: usize,
    random: Random,
}

impl Memory for Plausible {
    fn read(&self, _at: Addr, into: &mut [u8]) -> Result<(), Unreadable> {
        for word in into.chunks_mut(8) {
            let number = match self.random.below(3) {
                0 => self.random.below(9) as u64,
                _ => address(self.random.below(self.blocks)),
            };
            word.copy_from_slice(&number.to_le_bytes()[..word.len()]);
        }
        Ok(())
    }
}

/// Where the block of a row lies.
fn address(row: usize) -> u64 {
    BASE + row as u64 * 512
}

/// The library, built anew.
fn small() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile_debug");
    fs::create_dir_all(&folder).unwrap();
    let out = folder.join("small.so");
    let source = "/tests/hostile_debug/small.rs";
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2024", "--crate-type", "cdylib"])
        .args(["--crate-name", "small", "-C", "panic=abort"])
        .args(["-C", "debuginfo=2", "-C", "opt-level=1"])
        .args(["-C", "codegen-units=1", "-C", "link-arg=-nostdlib"])
        .arg("-o")
        .arg(&out)
        .arg(format!("{}{source}", env!("CARGO_MANIFEST_DIR")));
    assert!(rustc.status().unwrap().success(), "{rustc:?}");
    out
}

/// An image whose stacks pass through every function of the library.
fn image(bytes: &[u8], path: &Path) -> Image {
    let file = object::File::parse(bytes).unwrap();
    let random = Random(Cell::new(7));
    let mut image = Image {
        modules: vec![Module {
            path: path.display().to_string(),
            start: Addr(0),
            end: Addr(1 << 40),
            ..Module::default()
        }],
        threads: vec![Thread::default()],
        phases: vec![Phase::default()],
        stacks: StackTrie {
            parent: vec![StackId(0)],
            frame: vec![FrameId(0)],
        },
        ..Image::default()
    };
    image.process.exe = image.modules[0].path.clone();
    for symbol in file.symbols().filter(|s| s.kind() == SymbolKind::Text) {
        let all = symbol.address()..symbol.address() + symbol.size();
        for at in all.step_by(24) {
            image.frames.push(Frame {
                address: Addr(at + 1),
                kind: FrameKind::Call,
                module: Some(ModuleId(0)),
            });
        }
    }
    assert!(image.frames.len() > 100, "{}", image.frames.len());
    for row in 0..600 {
        let mut stack = StackId(0);
        for _ in 0..=random.below(4) {
            image.stacks.parent.push(stack);
            let frame = FrameId(random.below(image.frames.len()) as u32);
            image.stacks.frame.push(frame);
            stack = StackId(image.stacks.parent.len() as u32 - 1);
        }
        image.contexts.push(Context {
            stack,
            ..Context::default()
        });
        image.totals.push(Totals::default());
        image.blocks.addr.push(Addr(address(row)));
        image
            .blocks
            .size
            .push(Bytes(8 * random.below(60) as u64 + 8));
        image.blocks.context.push(ContextId(row as u32));
        image.blocks.born.push(Tick(0));
        image.blocks.serial.push(Serial(row as u64));
        image.blocks.thread.push(ThreadId(0));
        image.blocks.phase.push(PhaseId(0));
    }
    image.check_invariants().unwrap();
    image
}

/// Reads all that can be read; how many blocks have a type, and how many edges there are.
fn read(image: &Image) -> (usize, usize) {
    MOST.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
    let before = LIVE.load(Ordering::Relaxed);
    let mut image = image.clone();
    let options = Options {
        debug_dirs: Vec::new(),
        ..Options::default()
    };
    for warning in resolve(&mut image, &options) {
        let text = warning.to_string();
        assert!(
            text.contains("debug = 2") || text.contains("--binary"),
            "{text}"
        );
    }
    image.check_invariants().unwrap();
    let memory = Plausible {
        blocks: image.blocks.len(),
        random: Random(Cell::new(3)),
    };
    let graph = scan(&image, &memory, &options, &[]);
    let most = MOST.load(Ordering::Relaxed) - before;
    assert!(most < MOST_MEMORY, "{most} bytes");
    let names = image.resolution.as_ref().unwrap();
    let known = names.block_evidence.iter();
    let known = known.filter(|e| **e != Evidence::Unknown).count();
    (known, graph.edges.len() + graph.root_edges.len())
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
    let path = small();
    let whole = fs::read(&path).unwrap();
    let damaged = path.with_file_name("damaged.so");
    let mut image = image(&whole, &path);
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
