//! The comparison of registered edges with those of a snapshot. What is said of an edge
//! is described with the book (edges.rs).

use std::collections::{BTreeMap, BTreeSet};

use endler::reports::partition::Heap;
use endler_snapshot::{Addr, EdgeKind};

use crate::edges::{Entry, Source, row};
use crate::meter::Live;
use crate::name::canonical;

/// A holder in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Block(usize),
    /// All roots of this name, in its compared form.
    Root(String),
}

/// What is said of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Wrong,
    Missing,
    False,
    Guess,
    Extra,
    Right,
}

/// Edges about which the same can be said: verdict, expected label, given labels,
/// names of the holder and of the target.
type Group = (Verdict, String, String, String, String);

/// Registered between one holder and one target: labels, and whether each must be found.
type Registered = BTreeMap<String, bool>;

/// What is found and registered, and what is said of it.
pub(crate) struct Outcome<'a> {
    heap: Heap<'a>,
    live: &'a [Live],
    /// Found, by holder and target: labels and kinds.
    found: BTreeMap<(Holder, usize), BTreeSet<(String, EdgeKind)>>,
    registered: BTreeMap<(Holder, usize), Registered>,
    /// Label and target of edges whose holder is not known.
    anywhere: BTreeSet<(String, usize)>,
    complete: BTreeSet<usize>,
    counts: BTreeMap<Verdict, usize>,
    /// Right ones that the profiler calls guesses.
    guessed: usize,
    groups: BTreeMap<Group, usize>,
    faults: Vec<String>,
}

/// Whether one of the labels that are as good as each other is this one.
fn is(expected: &str, given: &str) -> bool {
    let given = canonical(given);
    expected.split(" or ").any(|one| canonical(one) == given)
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(heap: Heap<'a>, live: &'a [Live]) -> Self {
        let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let blocks = heap.image().blocks.len();
        let graph = heap.image().references.as_ref();
        let graph = graph.expect("a snapshot with references");
        for at in 0..graph.edges.len() {
            let source = graph.edges.source[at].index();
            let holder = match source.checked_sub(blocks) {
                None => Holder::Block(source),
                Some(root) => Holder::Root(canonical(&graph.roots[root].name)),
            };
            let (target, kind) = (graph.edges.target[at].index(), graph.edges.kind[at]);
            let mut label = graph.label(graph.edges.label[at]).to_owned();
            // What is only a guess is told by the kind.
            if let Some(name) = label.strip_suffix(" (guess)") {
                label = name.to_owned();
            }
            if kind == EdgeKind::Weak && !label.ends_with("(weak)") {
                label.push_str(" (weak)");
            }
            found
                .entry((holder, target))
                .or_default()
                .insert((label, kind));
        }
        Outcome {
            heap,
            live,
            found,
            registered: BTreeMap::new(),
            anywhere: BTreeSet::new(),
            complete: BTreeSet::new(),
            counts: BTreeMap::new(),
            guessed: 0,
            groups: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// The snapshot's block at an address of the program.
    fn block(&mut self, address: usize, label: &str) -> Option<usize> {
        let found = row(self.live, address).and_then(|row| {
            let start = Addr(self.live[row].address as u64);
            self.heap.image().blocks.addr.binary_search(&start).ok()
        });
        if found.is_none() {
            let fault = format!("no block of {label} at {address:#x}");
            self.faults.push(fault);
        }
        found
    }

    /// All edges of the block at this address are registered.
    pub(crate) fn complete(&mut self, address: usize) {
        if let Some(block) = self.block(address, "(complete)") {
            self.complete.insert(block);
        }
    }

    /// Whether the book itself is wrong.
    pub(crate) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(crate) fn register(&mut self, program: &str, entry: &Entry) {
        let crated = |text: &str| text.replace('~', &format!("{program}::"));
        let label = crated(&entry.label);
        let holder = match &entry.source {
            Source::Around(inverted) => self.block(!inverted, &label).map(Holder::Block),
            Source::Root(name) => Some(Holder::Root(canonical(&crated(name)))),
            Source::Any => None,
        };
        let Some(target) = self.block(!entry.target, &label) else {
            return;
        };
        if let Source::Any = entry.source {
            self.anywhere.insert((label, target));
        } else if let Some(holder) = holder.filter(|holder| *holder != Holder::Block(target)) {
            let labels = self.registered.entry((holder, target)).or_default();
            *labels.entry(label).or_default() |= entry.must;
        }
    }

    fn name(&self, holder: &Holder) -> String {
        match holder {
            Holder::Block(block) => self.heap.type_name(*block).to_owned(),
            Holder::Root(name) => name.clone(),
        }
    }

    fn note(&mut self, verdict: Verdict, expected: &str, given: &str, from: String, to: usize) {
        *self.counts.entry(verdict).or_default() += 1;
        let to = self.heap.type_name(to).to_owned();
        let group = (verdict, expected.to_owned(), given.to_owned(), from, to);
        *self.groups.entry(group).or_default() += 1;
    }

    pub(crate) fn judge(&mut self) {
        let none = BTreeSet::new();
        let found = std::mem::take(&mut self.found);
        for ((holder, target), labels) in &std::mem::take(&mut self.registered) {
            let edges = found.get(&(holder.clone(), *target)).unwrap_or(&none);
            let others = edges
                .iter()
                .filter(|(given, _)| !labels.keys().any(|label| is(label, given)));
            let others: Vec<String> = others.map(shown).collect();
            let mut is_wrong = false;
            for label in labels.iter().filter(|(_, must)| **must).map(|(l, _)| l) {
                let verdict = match edges.iter().any(|(given, _)| is(label, given)) {
                    true => Verdict::Right,
                    false if others.is_empty() => Verdict::Missing,
                    false => Verdict::Wrong,
                };
                is_wrong |= verdict == Verdict::Wrong;
                let mut same = edges.iter().filter(|(given, _)| is(label, given));
                let is_guess = same.all(|(_, kind)| *kind == EdgeKind::Conservative);
                self.guessed += usize::from(verdict == Verdict::Right && is_guess);
                let given = match verdict {
                    Verdict::Wrong => others.join(" and "),
                    _ => String::new(),
                };
                self.note(verdict, label, &given, self.name(holder), *target);
            }
            let is_complete =
                matches!(holder, Holder::Block(block) if self.complete.contains(block));
            if is_complete && !is_wrong {
                for other in &others {
                    self.note(Verdict::Extra, "", other, self.name(holder), *target);
                }
            }
            self.registered
                .insert((holder.clone(), *target), labels.clone());
        }
        let mut by_target: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
        for ((holder, target), edges) in &found {
            for edge in edges {
                let about = (
                    edge.0.clone(),
                    format!("{} in {}", shown(edge), self.name(holder)),
                );
                by_target.entry(*target).or_default().push(about);
            }
            let key = (holder.clone(), *target);
            let Holder::Block(block) = holder else {
                continue;
            };
            let is_known = block == target || self.registered.contains_key(&key);
            if self.complete.contains(block) && !is_known {
                for edge in edges {
                    let verdict = match edge.1 {
                        EdgeKind::Conservative => Verdict::Guess,
                        _ => Verdict::False,
                    };
                    self.note(verdict, "", &shown(edge), self.name(holder), *target);
                }
            }
        }
        for (label, target) in std::mem::take(&mut self.anywhere) {
            let edges = by_target.get(&target).map_or(&[][..], Vec::as_slice);
            let verdict = match edges.iter().any(|(given, _)| is(&label, given)) {
                true => Verdict::Right,
                false if edges.is_empty() => Verdict::Missing,
                false => Verdict::Wrong,
            };
            let given: Vec<&str> = edges.iter().map(|(_, shown)| shown.as_str()).collect();
            let given = match verdict {
                Verdict::Wrong => given.join(" and "),
                _ => String::new(),
            };
            self.note(verdict, &label, &given, "(any)".into(), target);
        }
    }

    pub(crate) fn print(&self, program: &str) {
        let lines = std::env::var("EDGES_LINES").ok();
        let lines = lines.and_then(|n| n.parse().ok()).unwrap_or(200);
        let with_right = std::env::var_os("EDGES_RIGHT").is_some();
        let groups = self.groups.iter();
        let groups: Vec<_> = groups
            .filter(|(group, _)| group.0 != Verdict::Right || with_right)
            .collect();
        for ((verdict, expected, given, from, to), count) in groups.iter().take(lines) {
            let verdict = format!("{verdict:?}").to_lowercase();
            print!("  {verdict} {count} edges:");
            if !expected.is_empty() {
                print!(" expected {expected} |");
            }
            if !given.is_empty() {
                print!(" given {given} |");
            }
            println!(" from {from} | to {to}");
        }
        if groups.len() > lines {
            println!("  … {} more groups (EDGES_LINES)", groups.len() - lines);
        }
        for fault in self.faults.iter().take(lines) {
            println!("  fault of the book: {fault}");
        }
        let count = |verdict| self.counts.get(&verdict).copied().unwrap_or(0);
        let (right, wrong) = (count(Verdict::Right), count(Verdict::Wrong));
        let missing = count(Verdict::Missing);
        println!(
            "edges {program} half=held edges={} right={right} guessed={} wrong={wrong} missing={missing} \
             false={} guesses={} extra={} complete={} faults={}",
            right + wrong + missing,
            self.guessed,
            count(Verdict::False),
            count(Verdict::Guess),
            count(Verdict::Extra),
            self.complete.len(),
            self.faults.len(),
        );
    }
}

/// An edge's label, with its kind where that is not the ordinary one.
fn shown((label, kind): &(String, EdgeKind)) -> String {
    let label = match label.as_str() {
        "" => "(none)",
        label => label,
    };
    match kind {
        EdgeKind::Owned | EdgeKind::Weak => label.to_owned(),
        EdgeKind::Borrowed => format!("{label} (borrowed)"),
        EdgeKind::Conservative => format!("{label} (guess)"),
    }
}
