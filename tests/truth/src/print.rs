//! What a comparison prints.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use endler::reports::partition::{By, Heap};

use crate::Half;
use crate::compare::{Outcome, Verdict};

/// Blocks about which the same can be said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    pub(crate) verdict: Verdict,
    /// The given name was right at the last call of the allocator.
    pub(crate) call: bool,
    pub(crate) expected: String,
    pub(crate) given: String,
    pub(crate) evidence: &'static str,
    pub(crate) site: String,
}

/// How many they are, and one of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    /// A block of the snapshot.
    pub(crate) example: Option<usize>,
}

/// The site of a block, as the tables name it.
pub(crate) fn site(heap: Heap<'_>, block: usize) -> String {
    named(heap, block, "site")
}

fn named(heap: Heap<'_>, block: usize, relation: &str) -> String {
    let context = heap.context(block);
    thread_local! {
        static KNOWN: std::cell::RefCell<BTreeMap<(u32, String), String>> =
            const { std::cell::RefCell::new(BTreeMap::new()) };
    }
    let key = (context.0, relation.to_owned());
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        return known;
    }
    let by = By::parse(relation).expect("a relation of the tables");
    let table = heap.all().filter(|b| b == block).by(&by);
    let row = table.rows().first();
    let name = row.map_or(String::new(), |row| table.name(row).into_owned());
    KNOWN.with_borrow_mut(|known| known.insert(key, name.clone()));
    name
}

/// Prints the groups that are not right, what is wrong with the book, and the line.
pub(crate) fn print(heap: Heap<'_>, program: &str, half: Half, outcome: &Outcome) {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let lines = std::env::var("TRUTH_LINES").ok();
    let lines = lines.and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut groups: Vec<(&Group, &Sum)> = outcome.groups.iter().collect();
    groups.retain(|(group, _)| group.verdict != Verdict::Right || is_set("TRUTH_RIGHT"));
    groups.sort_by_key(|(group, sum)| (group.verdict, Reverse((sum.bytes, sum.count)), *group));
    for (group, sum) in groups.iter().take(lines) {
        let verdict = match (group.verdict, group.call) {
            (Verdict::Wrong, true) => "right at the last call",
            (Verdict::Wrong, false) => "wrong",
            (Verdict::Unknown, _) => "unknown",
            (Verdict::Right, _) => "right",
        };
        println!(
            "  {verdict} {} blocks {} bytes: expected {} | given {} | evidence {} | site {}",
            sum.count, sum.bytes, group.expected, group.given, group.evidence, group.site
        );
        if let Some(block) = sum.example.filter(|_| is_set("TRUTH_STACKS")) {
            print_stack(heap, block);
        }
    }
    if groups.len() > lines {
        println!("  … {} more groups (TRUTH_LINES)", groups.len() - lines);
    }
    for fault in outcome.faults.iter().take(lines) {
        println!("  fault of the book: {fault}");
    }
    let (strict, call) = (&outcome.strict, &outcome.call);
    let blocks = strict.right.0 + strict.wrong.0 + strict.unknown.0;
    println!(
        "truth {program} half={} blocks={blocks} right={} wrong={} unknown={} bytes={} \
         right_bytes={} wrong_bytes={} unknown_bytes={} call_right={} call_wrong={} \
         call_right_bytes={} call_wrong_bytes={} coverage={:.1} heap_blocks={} heap_bytes={} \
         faults={}",
        match half {
            Half::Tuned => "tuned",
            Half::HeldOut => "held",
            Half::Fresh => "fresh",
        },
        strict.right.0,
        strict.wrong.0,
        strict.unknown.0,
        outcome.bytes,
        strict.right.1,
        strict.wrong.1,
        strict.unknown.1,
        call.right.0,
        call.wrong.0,
        call.right.1,
        call.wrong.1,
        outcome.coverage(),
        outcome.heap.0,
        outcome.heap.1,
        outcome.faults.len(),
    );
}

/// All frames of a block's stack, with what is inlined in each.
fn print_stack(heap: Heap<'_>, block: usize) {
    for frame in heap.image().stacks.frames(heap.stack(heap.context(block))) {
        let lines = heap.lines(frame);
        if lines.is_empty() {
            println!("      (no name)");
        }
        for (at, line) in lines.iter().enumerate() {
            let inlined = if at + 1 < lines.len() {
                " (inlined)"
            } else {
                ""
            };
            let (function, file) = (heap.str(line.function), heap.str(line.file));
            println!("      {function} at {file}:{}{inlined}", line.line);
        }
    }
}

/// The blocks that are not registered, by name and site.
pub(crate) fn rest(heap: Heap<'_>, blocks: impl Iterator<Item = usize>) {
    let mut sums: BTreeMap<(String, &str, String), (usize, u64)> = BTreeMap::new();
    for block in blocks {
        let evidence = heap.evidence(block).as_str();
        let key = (
            heap.type_name(block).to_owned(),
            evidence,
            site(heap, block),
        );
        let sum = sums.entry(key).or_default();
        *sum = (sum.0 + 1, sum.1 + heap.size(block).0);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, (count, bytes))| Reverse((*bytes, *count)));
    for ((name, evidence, site), (count, bytes)) in sums {
        println!("  rest {count} blocks {bytes} bytes: {name} | evidence {evidence} | site {site}");
    }
}
