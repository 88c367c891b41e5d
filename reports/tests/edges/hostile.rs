//! Memory that is not what the types say: a scan never panics, never leaves
//! the tables, and gives the same twice.

use std::cell::Cell;

use endler_reports::resolve::Options;
use endler_reports::scan::{Edges, Graph, ThreadSpan, scan};
use endler_snapshot::{Addr, Image, Memory, Unreadable};

use super::truth::Own;

/// What a read gives.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Unreadable,
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
    mode: Mode,
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
        match self.mode {
            Mode::Unreadable => return Err(Unreadable),
            Mode::Ones => into.fill(0xff),
            Mode::Random => into.fill_with(|| self.next() as u8),
            Mode::Plausible => into.fill(0),
            Mode::Mixed => self.own.read(at, into)?,
        }
        if matches!(self.mode, Mode::Plausible | Mode::Mixed) {
            for word in into.chunks_exact_mut(8) {
                if matches!(self.mode, Mode::Plausible) || self.next().is_multiple_of(8) {
                    word.copy_from_slice(&self.plausible().to_le_bytes());
                }
            }
        }
        Ok(())
    }
}

fn in_tables(edges: &Edges, sources: usize, image: &Image, graph: &Graph) {
    for edge in 0..edges.len() {
        assert!((edges.source[edge] as usize) < sources);
        assert!((edges.target[edge] as usize) < image.blocks.len());
        assert!((edges.label[edge] as usize) < graph.labels.len());
    }
}

/// Scans the image over memory of every kind.
pub(crate) fn check(image: &Image, thread: &ThreadSpan) {
    for mode in [
        Mode::Unreadable,
        Mode::Ones,
        Mode::Random,
        Mode::Plausible,
        Mode::Mixed,
    ] {
        let memory = Hostile {
            image,
            own: Own::new(),
            mode,
            state: Cell::new(0x9e37_79b9_7f4a_7c15 + mode as u64),
        };
        let stack = ThreadSpan {
            stack_pointer: Addr(0x7fff_0000_0000),
            stack_end: Addr(0x7fff_0001_0003),
            ..thread.clone()
        };
        let graph = scan(image, &memory, &Options::default(), &[stack]);
        in_tables(&graph.edges, image.blocks.len(), image, &graph);
        in_tables(&graph.root_edges, graph.roots.len(), image, &graph);
        let guesses = (0..graph.edges.len()).filter(|&e| graph.edges.is_guess(e));
        println!(
            "{mode:?}: {} edges, {} of them guesses, {} labels",
            graph.edges.len(),
            guesses.count(),
            graph.labels.len()
        );
        if matches!(mode, Mode::Unreadable) {
            assert!(graph.edges.is_empty() && graph.root_edges.is_empty());
        }
    }
}
