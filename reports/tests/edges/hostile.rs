//! Memory that is not what the types say: a scan never panics, never leaves
//! the tables, and gives the same twice.

use endler_reports::resolve::Options;
use endler_reports::scan::{Edges, Graph, ThreadSpan, scan};
use endler_snapshot::{Addr, Image};

use super::hostile_memory::{Hostile, Mode};
use super::own_memory::Own;

fn in_tables(edges: &Edges, sources: usize, image: &Image, graph: &Graph) {
    for edge in 0..edges.len() {
        assert!((edges.source[edge] as usize) < sources);
        assert!((edges.target[edge] as usize) < image.blocks.len());
        assert!((edges.label[edge] as usize) < graph.labels.len());
    }
}

/// Scans the image over memory of every kind.
pub(crate) fn check(image: &Image, thread: &ThreadSpan) {
    let memory = Hostile::new(image, Own::new(), Mode::Unreadable, 1);
    for mode in Mode::ALL {
        memory.turn(mode, 0x9e37_79b9_7f4a_7c15 + mode as u64);
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
