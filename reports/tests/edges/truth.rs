//! What a program says about its own edges, and the comparison with a scan.

use std::collections::BTreeSet;

use endler_reports::scan::{Graph, Kind};
use endler_snapshot::{Addr, Image, Memory};

use super::own_memory::Own;
use super::recorder::{Record, blocks_of};

/// A text of its own for each number, long enough for a block.
pub(crate) fn text(n: usize) -> String {
    format!("a text that is long enough to be told apart, {n}")
}

/// Words of this process's memory.
pub(crate) fn words(address: usize, count: usize) -> Vec<usize> {
    let mut bytes = vec![0; count * 8];
    Own::new().read(Addr(address as u64), &mut bytes).unwrap();
    let word = |c: &[u8]| usize::from_le_bytes(c.try_into().unwrap());
    bytes.chunks_exact(8).map(word).collect()
}

/// An edge that there is: from one of some blocks to a block.
#[derive(Clone, Debug)]
struct True {
    sources: BTreeSet<usize>,
    target: usize,
    label: String,
    met: bool,
    /// Not asked for: ways back inside trees and lists.
    optional: bool,
}

/// One program: the blocks it made and the edges between them.
pub(crate) struct Program {
    pub(crate) what: &'static str,
    pub(crate) blocks: Vec<Record>,
    edges: Vec<True>,
}

/// The first byte of a value.
pub(crate) fn at<T: ?Sized>(value: &T) -> usize {
    std::ptr::from_ref(value).cast::<u8>() as usize
}

impl Program {
    /// Runs `make` under the recorder, boxes what it gives, and lets `truth`
    /// say which edges there are.
    pub(crate) fn new<T: 'static>(
        what: &'static str,
        make: impl FnOnce() -> T,
        truth: impl FnOnce(&'static T, &mut Program),
    ) -> Program {
        let mut held: Option<&'static T> = None;
        let blocks = blocks_of(|| held = Some(Box::leak(Box::new(make()))));
        let mut program = Program {
            what,
            blocks,
            edges: Vec::new(),
        };
        truth(held.unwrap(), &mut program);
        program
    }

    /// The block that contains an address.
    pub(crate) fn block(&self, address: usize) -> usize {
        let found = self
            .blocks
            .iter()
            .find(|b| b.address <= address && address < b.address + b.size.max(1));
        let Some(block) = found else {
            panic!("{}: no block at {address:#x}", self.what);
        };
        block.address
    }

    /// The block of `holder` points to the block at `target`.
    pub(crate) fn holds(&mut self, holder: usize, target: usize, label: &str) {
        let source = self.block(holder);
        self.within([source].into(), target, label);
    }

    fn within(&mut self, sources: BTreeSet<usize>, target: usize, label: &str) {
        let target = self.block(target);
        self.edges.push(True {
            sources,
            target,
            label: label.to_owned(),
            met: false,
            optional: false,
        });
    }

    /// The blocks that contain `inner` are the nodes of a tree or list that
    /// `holder` owns.
    pub(crate) fn nodes(&mut self, holder: usize, inner: &[usize], label: &str) -> BTreeSet<usize> {
        let nodes: BTreeSet<usize> = inner.iter().map(|&a| self.block(a)).collect();
        let mut sources = nodes.clone();
        sources.insert(self.block(holder));
        for &node in &nodes {
            let others: BTreeSet<usize> = sources.iter().copied().filter(|&s| s != node).collect();
            self.within(others, node, label);
        }
        // The ways back, and a list's tail.
        for &node in &nodes {
            self.edges.push(True {
                sources: sources.clone(),
                target: node,
                label: label.to_owned(),
                met: false,
                optional: true,
            });
        }
        nodes
    }
}

/// How a scan did on one program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) right: usize,
    pub(crate) missing: usize,
    pub(crate) wrong: usize,
    pub(crate) untrue: usize,
    pub(crate) guesses: usize,
}

/// Compares the edges out of a program's blocks with what it says. Prints what
/// is not right.
pub(crate) fn compare(program: &mut Program, image: &Image, graph: &Graph) -> Score {
    let mut score = Score::default();
    let mine: BTreeSet<usize> = program.blocks.iter().map(|b| b.address).collect();
    let address = |row: u32| image.blocks.addr[row as usize].0 as usize;
    for edge in 0..graph.edges.len() {
        let source = address(graph.edges.source[edge]);
        let target = address(graph.edges.target[edge]);
        if !mine.contains(&source) {
            continue;
        }
        let label = &graph.labels[graph.edges.label[edge] as usize];
        let kind = graph.edges.kind(edge);
        if graph.edges.is_guess(edge) {
            score.guesses += 1;
            continue;
        }
        assert_ne!(kind, Kind::Word);
        let to_here = |t: &&mut True| t.target == target && t.sources.contains(&source);
        let mut all: Vec<&mut True> = program.edges.iter_mut().filter(to_here).collect();
        if let Some(found) = all.iter_mut().find(|t| t.label == *label && !t.met) {
            found.met = true;
            score.right += usize::from(!found.optional);
        } else if all.iter().any(|t| t.label == *label) {
            // The same field twice, as an Rc in several slots.
            score.right += 1;
        } else {
            let truth: Vec<&str> = all.iter().map(|t| t.label.as_str()).collect();
            println!(
                "{}: {source:#x} -> {target:#x} {kind:?} is called {label:?}, but is {truth:?}",
                program.what
            );
            if truth.is_empty() {
                score.untrue += 1;
            } else {
                score.wrong += 1;
            }
        }
    }
    for edge in program.edges.iter().filter(|e| !e.met && !e.optional) {
        score.missing += 1;
        println!(
            "{}: missing {:x?} -> {:#x} {:?}",
            program.what, edge.sources, edge.target, edge.label
        );
    }
    score
}
