//! `bypath`: the shortest way from a root to the block, by its fields.
//!
//! ```text
//! static crawl::QUEUE
//! crawl::http::Request.meta → HashMap<&str, crawl::http::MetaValue>
//! crawl::http::MetaValue::Page.0 → Arc<crawl::spiders::api::ApiPage>
//! ```
//!
//! One line for each pointer on the way, with the type that it leads to. A field
//! that leads from one block to the next of its kind (a list, a tree) stands
//! once. Of several shortest ways it is the one whose blocks have the lowest
//! addresses. What no root reaches is `(none)`.

use crate::graph::{EdgeKind, Graph, NodeId};
use crate::holding::{Purpose, graph};
use crate::partition::{About, Classes, Heap, NONE, Relation};
use endler_snapshot::{LabelId, TypeId};
use std::borrow::Cow;
use std::collections::HashMap;

/// By shortest path.
pub const RELATION: &Relation = &Relation {
    word: "path",
    name: "bypath",
    header: "Shortest Path",
    about: About::Referrers,
    classify,
};

/// How many lines back an equal one ends a repetition: a tree alternates
/// between its fields, a list of nodes of several kinds between those.
const REPEATS: usize = 4;

/// A way: the one that it goes on from, and its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Step {
    before: u32,
    line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Line {
    Nothing,
    Root(u32),
    Field(LabelId, TypeId),
}

struct Ways<'a> {
    heap: Heap<'a>,
    /// Way 0 is that of what no root reaches.
    steps: Vec<Step>,
    class: Vec<u32>,
}

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    let nothing = Step {
        before: 0,
        line: Line::Nothing,
    };
    let mut ways = Ways {
        heap,
        steps: vec![nothing],
        class: vec![0; heap.len()],
    };
    if let Some(graph) = graph(heap, Purpose::Retain) {
        ways.walk(&graph);
    }
    Box::new(ways)
}

impl Ways<'_> {
    /// Breadth first from all roots, those first whose layout is known.
    fn walk(&mut self, graph: &Graph) {
        let mut known = HashMap::new();
        let mut level: Vec<(NodeId, u32)> = Vec::new();
        let mut seen = vec![false; graph.nodes() as usize];
        for root in graph.root_nodes() {
            let line = Line::Root(graph.root_index(root).unwrap_or(0));
            let way = self.way(&mut known, Step { before: 0, line });
            level.push((root, way));
        }
        let mut doubtful: Vec<(NodeId, u32)> = Vec::new();
        loop {
            let mut next = Vec::new();
            for (node, way) in level.drain(..) {
                for edge in graph.edges_of(node) {
                    let at = edge.target.index();
                    if edge.kind == EdgeKind::Weak || seen[at] {
                        continue;
                    }
                    let line = self.line(edge.label, at);
                    let way = self.go_on(&mut known, way, line);
                    if edge.kind == EdgeKind::Conservative {
                        doubtful.push((edge.target, way));
                        continue;
                    }
                    seen[at] = true;
                    self.reach(at, way);
                    next.push((edge.target, way));
                }
            }
            // What only looks like a pointer counts where nothing else leads on.
            while next.is_empty() {
                let Some((node, way)) = doubtful.pop() else {
                    return;
                };
                let at = node.index();
                if !seen[at] {
                    seen[at] = true;
                    self.reach(at, way);
                    next.push((node, way));
                }
            }
            level = next;
        }
    }

    fn reach(&mut self, block: usize, way: u32) {
        if let Some(class) = self.class.get_mut(block) {
            *class = way;
        }
    }

    fn line(&self, edge: u32, target: usize) -> Line {
        let image = self.heap.image();
        let label = image
            .references
            .as_ref()
            .and_then(|r| r.edges.label.get(edge as usize))
            .copied()
            .unwrap_or_default();
        let types = image.resolution.as_ref();
        let kind = types.and_then(|r| r.block_type.get(target)).copied();
        Line::Field(label, kind.unwrap_or_default())
    }

    /// The way that goes on from `before` by a line, unless the line repeats.
    fn go_on(&mut self, known: &mut HashMap<Step, u32>, before: u32, line: Line) -> u32 {
        let mut way = before;
        for _ in 0..REPEATS {
            let step = self.steps[way as usize];
            if step.line == line {
                return way;
            }
            way = step.before;
        }
        self.way(known, Step { before, line })
    }

    fn way(&mut self, known: &mut HashMap<Step, u32>, step: Step) -> u32 {
        let next = u32::try_from(self.steps.len()).unwrap_or(0);
        *known.entry(step).or_insert_with(|| {
            self.steps.push(step);
            next
        })
    }

    fn text(&self, line: Line) -> String {
        let references = self.heap.image().references.as_ref();
        match line {
            Line::Nothing => NONE.to_owned(),
            Line::Root(root) => references
                .and_then(|r| r.roots.get(root as usize))
                .map_or_else(String::new, |root| root.name.clone()),
            Line::Field(label, kind) => {
                let types = self.heap.image().resolution.as_ref();
                let row = types.and_then(|r| r.types.get(kind.index()));
                let name = row.map_or(crate::partition::UNKNOWN, |r| self.heap.str(r.name));
                let label = references.map_or("", |r| r.label(label));
                format!("{label} → {name}")
            }
        }
    }
}

impl Classes for Ways<'_> {
    fn len(&self) -> usize {
        self.steps.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.class.get(block).copied().unwrap_or(0)
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        let mut lines = Vec::new();
        let mut at = class;
        loop {
            let step = self.steps.get(at as usize).copied();
            let Some(step) = step.filter(|s| s.line != Line::Nothing) else {
                break;
            };
            lines.push(self.text(step.line));
            at = step.before;
        }
        if lines.is_empty() {
            return Cow::Borrowed(NONE);
        }
        lines.reverse();
        // A root's own field stands in its name.
        if let [root, first, ..] = &lines[..]
            && let Some((label, kind)) = first.split_once(" → ")
            && label.starts_with(root.as_str())
        {
            lines[1] = format!("{label} → {kind}");
            lines.remove(0);
        }
        Cow::Owned(lines.join("\n"))
    }
}
