//! Compares what LeakSanitizer calls leaked with what endler finds unreachable, block
//! by block: `compare NAME SNAPSHOT SANITIZER_LOG LEAKS_JSON PROGRAM_OUTPUT`.
//!
//! At most one block in a hundred may be judged otherwise. None is known to be: both
//! scan every word of every block that they reach, endler those where no value stands
//! last and as guesses, so that a pointer which was left behind (`leak_stale`) makes
//! both silent about its block. Each of the two must find what the program says that it
//! lost, and no more than that and what it left pointers to.

use endler::reports::graph::{Follow, LeakKind, Leaks, NodeId};
use endler::reports::holding::{Purpose, graph};
use endler::reports::load;
use endler::reports::partition::Heap;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

/// Size, and whether nothing lost refers to it.
type Lost = BTreeMap<u64, (u64, bool)>;

/// From a report of LeakSanitizer with `report_objects=1`.
fn sanitizers(log: &str) -> Lost {
    let mut lost = Lost::new();
    let mut direct = false;
    for line in log.lines() {
        if line.contains(" leak of ") {
            direct = line.starts_with("Direct");
        }
        let object = line.strip_prefix("0x").and_then(|rest| {
            let (address, rest) = rest.split_once(" (")?;
            let size = rest.strip_suffix(" bytes)")?;
            Some((u64::from_str_radix(address, 16).ok()?, size.parse().ok()?))
        });
        if let Some((address, size)) = object {
            lost.insert(address, (size, direct));
        }
    }
    lost
}

fn endlers(snapshot: &Path) -> Lost {
    let image = load(snapshot).expect("a snapshot");
    let heap = Heap::new(&image);
    let graph = graph(heap, Purpose::Reach).expect("references");
    let leaks = Leaks::new(&graph, Follow::All, &image.blocks.size);
    let block = |node: NodeId| {
        let kind = leaks.leak_of(node).map(|at| leaks.list[at].kind);
        let direct = !leaks.is_indirect(node) && kind == Some(LeakKind::Direct);
        let at = node.index();
        (image.blocks.addr[at].0, (image.blocks.size[at].0, direct))
    };
    leaks.blocks().iter().map(block).collect()
}

/// The sum of a number over the lines of a text that hold `what`.
fn sum(text: &str, what: &str, key: &str) -> u64 {
    let number = |line: &str| -> u64 {
        let rest = line.split_once(key).map_or("", |(_, rest)| rest);
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().unwrap_or(0)
    };
    text.lines().filter(|l| l.contains(what)).map(number).sum()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, snapshot, log, json, output] = &args[..] else {
        panic!("five arguments");
    };
    let read = |path: &String| std::fs::read_to_string(path).expect("a text");
    let (json, output) = (read(json), read(output));
    let theirs = sanitizers(&read(log));
    let ours = endlers(Path::new(snapshot));
    let (lost, stale) = (
        sum(&output, "lost=", "lost="),
        sum(&output, "lost=", "stale="),
    );

    let missed = theirs.iter().filter(|(a, _)| !ours.contains_key(a));
    let extra = ours.iter().filter(|(a, _)| !theirs.contains_key(a));
    let both = theirs.iter().filter(|(a, _)| ours.contains_key(a));
    let sizes = both
        .clone()
        .filter(|(a, their)| ours[a].0 != their.0)
        .count();
    let kinds = both
        .clone()
        .filter(|(a, their)| ours[a].1 != their.1)
        .count();
    let count = |lost: &Lost| (lost.len(), lost.values().filter(|l| l.1).count());
    for (address, (size, direct)) in missed.clone().take(5) {
        println!("  only LeakSanitizer: {address:#x} {size} bytes, direct: {direct}");
    }
    for (address, (size, direct)) in extra.clone().take(5) {
        println!("  only endler: {address:#x} {size} bytes, direct: {direct}");
    }
    let bytes = |lost: &Lost| lost.values().map(|l| l.0).sum::<u64>();
    let (missed, extra) = (missed.count() as u64, extra.count() as u64);
    println!(
        "lsan {name}: the program lost {lost} blocks and {stale} behind stale pointers; \
         LeakSanitizer {:?} (all, direct) {} bytes, endler {:?} {} bytes; {missed} only \
         LeakSanitizer's, {extra} only endler's, {sizes} of another size, {kinds} of another kind",
        count(&theirs),
        bytes(&theirs),
        count(&ours),
        bytes(&ours),
    );
    // `endler leaks --json` says the same of the same file.
    let told = (
        sum(&json, "\"objects\":", "\"objects\":"),
        sum(&json, "\"bytes\":", "\"bytes\":"),
        sum(&json, "\"kind\":\"direct\"", "\"count\":"),
    );
    let here = (ours.len() as u64, bytes(&ours), count(&ours).1 as u64);
    if told != here {
        println!("  `endler leaks --json` says {told:?}, not {here:?}");
    }
    let few = theirs.len() as u64 / 100;
    let as_planted = |lost_here: &Lost| {
        let here = lost_here.len() as u64;
        lost - few <= here && here <= lost + stale + few
    };
    let good = lost > 0
        && as_planted(&theirs)
        && as_planted(&ours)
        && missed + extra <= few
        && sizes == 0
        && kinds as u64 <= few
        && told == here;
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
