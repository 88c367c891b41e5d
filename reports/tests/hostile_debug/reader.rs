//! Reads all that can be read of one file's debug information, over a made-up heap:
//! types, fields, statics. Shared by the tests of what is damaged and of what is long,
//! and by the fuzz target.

use std::cell::Cell;
use std::path::Path;

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::{Graph, scan};
use endler_snapshot::*;
use object::{Object, ObjectSymbol, SymbolKind};

const BASE: u64 = 0x7000_0000_0000;
/// Bytes of a function that are passed through, and places in all functions: a damaged
/// table of symbols can claim any size.
const MAX_FUNCTION: u64 = 1 << 16;
const MAX_FRAMES: usize = 20_000;

/// A linear congruential generator: the same in each run.
pub(crate) struct Random(pub(crate) Cell<u64>);

impl Random {
    pub(crate) fn below(&self, end: usize) -> usize {
        let next = self.0.get().wrapping_mul(6_364_136_223_846_793_005);
        self.0.set(next.wrapping_add(1_442_695_040_888_963_407));
        (self.0.get() >> 33) as usize % end.max(1)
    }
}

/// Words that are addresses of blocks, or small.
pub(crate) struct Plausible {
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
pub(crate) fn address(row: usize) -> u64 {
    BASE + row as u64 * 512
}

/// An image whose stacks pass through the functions of the library in `bytes`, which
/// is to be read at `path`; none if it has no functions.
pub(crate) fn image(bytes: &[u8], path: &Path) -> Option<Image> {
    let file = object::File::parse(bytes).ok()?;
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
        let size = symbol.size().min(MAX_FUNCTION);
        for inside in (0..size).step_by(24) {
            if image.frames.len() == MAX_FRAMES {
                break;
            }
            let at = symbol.address().saturating_add(inside);
            image.frames.push(Frame {
                address: Addr(at.saturating_add(1)),
                kind: FrameKind::Call,
                module: Some(ModuleId(0)),
            });
        }
    }
    if image.frames.is_empty() {
        return None;
    }
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
    Some(image)
}

/// What a reading found.
pub(crate) struct Found {
    /// Blocks with a type.
    pub(crate) known: usize,
    pub(crate) edges: usize,
    /// The image with its names.
    pub(crate) image: Image,
    pub(crate) graph: Graph,
}

/// Reads all that can be read.
pub(crate) fn read(image: &Image) -> Found {
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
    let names = image.resolution.as_ref().unwrap();
    let known = names.block_evidence.iter();
    let known = known.filter(|e| **e != Evidence::Unknown).count();
    let edges = graph.edges.len() + graph.root_edges.len();
    Found {
        known,
        edges,
        image,
        graph,
    }
}
