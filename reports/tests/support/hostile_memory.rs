//! Memory that is not what the types say.

use std::cell::Cell;

use endler_snapshot::{Addr, Image, Memory, Unreadable};

/// What a read gives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
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

impl Mode {
    pub(crate) const ALL: [Mode; 6] = [
        Mode::Unreadable,
        Mode::Zeros,
        Mode::Ones,
        Mode::Random,
        Mode::Plausible,
        Mode::Mixed,
    ];
}

/// Memory of an image that lies as its mode says, over the true one.
pub(crate) struct Hostile<'i, M> {
    image: &'i Image,
    own: M,
    mode: Cell<Mode>,
    state: Cell<u64>,
}

impl<'i, M> Hostile<'i, M> {
    pub(crate) fn new(image: &'i Image, own: M, mode: Mode, seed: u64) -> Self {
        Hostile {
            image,
            own,
            mode: Cell::new(mode),
            state: Cell::new(seed),
        }
    }

    /// Goes on in another way.
    pub(crate) fn turn(&self, mode: Mode, seed: u64) {
        self.mode.set(mode);
        self.state.set(seed);
    }

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

impl<M: Memory> Memory for Hostile<'_, M> {
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
