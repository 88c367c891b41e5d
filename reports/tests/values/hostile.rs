//! Memory that is not what the types say: no panic, no endless work, no output
//! beyond its bound, and the same twice.

use std::cell::Cell;

use endler_reports::resolve::Options;
use endler_reports::values::{Contents, FieldStep, with_contents};
use endler_snapshot::{Addr, BlockId, Image, Memory, Unreadable};

use super::{Own, image_of, shapes};

/// What a read gives.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Unreadable,
    Zeros,
    Ones,
    /// Any bytes.
    Random,
    /// Words that are first bytes of blocks, or near them, or small numbers.
    Plausible,
    /// The truth, with one word in eight exchanged for a plausible one.
    Mixed,
}

struct Hostile<'i> {
    image: &'i Image,
    own: Own,
    mode: Cell<Mode>,
    state: Cell<u64>,
}

impl Hostile<'_> {
    fn next(&self) -> u64 {
        let mut state = self.state.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.state.set(state);
        state
    }

    fn plausible(&self) -> u64 {
        let blocks = &self.image.blocks;
        let block = self.next() as usize % blocks.len();
        match self.next() % 8 {
            0 => self.next() % 40,
            1 => self.next(),
            2 => blocks.addr[block].0 + blocks.size[block].0,
            3 => blocks.addr[block].0 + self.next() % blocks.size[block].0.max(1),
            4 => blocks.size[block].0,
            _ => blocks.addr[block].0,
        }
    }
}

impl Memory for Hostile<'_> {
    fn read(&self, at: Addr, into: &mut [u8]) -> Result<(), Unreadable> {
        match self.mode.get() {
            Mode::Unreadable => return Err(Unreadable),
            Mode::Zeros | Mode::Plausible => into.fill(0),
            Mode::Ones => into.fill(0xff),
            Mode::Random => into.fill_with(|| self.next() as u8),
            Mode::Mixed => self.own.read(at, into)?,
        }
        if matches!(self.mode.get(), Mode::Plausible | Mode::Mixed) {
            for word in into.chunks_exact_mut(8) {
                if matches!(self.mode.get(), Mode::Plausible) || self.next().is_multiple_of(8) {
                    word.copy_from_slice(&self.plausible().to_le_bytes());
                }
            }
        }
        Ok(())
    }
}

/// Everything that is shown of all blocks.
fn all(image: &Image, contents: &dyn Contents) -> Vec<String> {
    let paths: [&[FieldStep]; 3] = [
        &[],
        &[FieldStep::Name("0".into())],
        &[FieldStep::Name("headers".into()), FieldStep::Index(-1)],
    ];
    let mut shown = Vec::new();
    for block in 0..image.blocks.len() as u32 {
        for path in paths {
            let line = contents.line(BlockId(block), path);
            let fields = contents.fields(BlockId(block), path);
            for text in [line, fields] {
                let text = text.unwrap_or_else(|no| no.message);
                assert!(text.len() < (64 << 10) + 100, "{} bytes", text.len());
                shown.push(text);
            }
        }
    }
    let past = BlockId(u32::MAX);
    assert!(contents.line(past, &[]).is_err());
    shown
}

pub(crate) fn check() {
    let image = image_of(&shapes::cases());
    let with = |mode: Mode, ask: &mut dyn FnMut(&Hostile<'_>, &dyn Contents)| {
        let memory = Hostile {
            image: &image,
            own: Own::new(),
            mode: Cell::new(mode),
            state: Cell::new(1),
        };
        let options = Options::default();
        with_contents(&image, &memory, &options, |contents| ask(&memory, contents));
    };
    with(Mode::Unreadable, &mut |memory, contents| {
        for mode in [
            Mode::Unreadable,
            Mode::Zeros,
            Mode::Ones,
            Mode::Random,
            Mode::Plausible,
            Mode::Mixed,
        ] {
            for seed in 1..6 {
                memory.mode.set(mode);
                memory.state.set(seed);
                let shown = all(&image, contents);
                let readable = shown.iter().filter(|s| !s.contains("<not readable>"));
                println!("{mode:?}: {} of {} readable", readable.count(), shown.len());
            }
        }
    });
    let mut twice = Vec::new();
    for _ in 0..2 {
        with(Mode::Mixed, &mut |_, contents| {
            twice.push(all(&image, contents))
        });
    }
    assert_eq!(twice[0], twice[1]);
}
