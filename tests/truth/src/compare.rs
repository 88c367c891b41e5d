//! The comparison: the book's entries become blocks of the meter's list, and
//! these are looked up in the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use endler::reports::partition::Heap;
use endler_snapshot::{Addr, Evidence};

use crate::meter::{self, Live};
use crate::name::canonical;
use crate::print::{self, Group};
use crate::{Book, Names, Place, Which};

/// Coverage below this, in percent, is a failure.
const LEAST_COVERAGE: f64 = 90.0;

/// What the snapshot says about a registered block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Another name than the block has.
    Wrong,
    /// No name, and the profiler says so.
    Unknown,
    /// What the block is.
    Right,
}

/// Counts and bytes by verdict.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Score {
    pub(crate) right: (usize, usize),
    pub(crate) wrong: (usize, usize),
    pub(crate) unknown: (usize, usize),
}

impl Score {
    fn add(&mut self, verdict: Verdict, count: usize, bytes: usize) {
        let sum = match verdict {
            Verdict::Right => &mut self.right,
            Verdict::Wrong => &mut self.wrong,
            Verdict::Unknown => &mut self.unknown,
        };
        sum.0 += count;
        sum.1 += bytes;
    }
}

/// The outcome of one program.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// By what the blocks are.
    pub(crate) strict: Score,
    /// By what they are or were at the last call of the allocator.
    pub(crate) call: Score,
    pub(crate) groups: BTreeMap<Group, print::Sum>,
    /// What is wrong with the book itself.
    pub(crate) faults: Vec<String>,
    /// Registered bytes.
    pub(crate) bytes: usize,
    /// All blocks born while the book was open.
    pub(crate) heap: (usize, usize),
}

impl Outcome {
    pub(crate) fn coverage(&self) -> f64 {
        100.0 * self.bytes as f64 / self.heap.1.max(1) as f64
    }

    /// Notes a verdict on some blocks, and one of them as an example.
    fn note(&mut self, group: Group, count: usize, bytes: usize, example: Option<usize>) {
        let call = match group.call {
            true => Verdict::Right,
            false => group.verdict,
        };
        self.strict.add(group.verdict, count, bytes);
        self.call.add(call, count, bytes);
        let sum = self.groups.entry(group).or_default();
        sum.count += count;
        sum.bytes += bytes;
        sum.example = sum.example.or(example);
    }
}

/// Names, spelled and in the form that is compared. Each distinct one is spelled once.
#[derive(Clone, Debug)]
struct Spelled {
    shown: String,
    now: Vec<String>,
    call: Vec<String>,
}

impl Spelled {
    fn of(names: &Names) -> Self {
        let [now, call] = names.spell();
        let mut shown = now.join(" or ");
        if !call.is_empty() {
            shown = format!("{shown}, was {}", call.join(" or "));
        }
        let canonical = |names: &[String]| names.iter().map(|name| canonical(name)).collect();
        Spelled {
            shown,
            now: canonical(&now),
            call: canonical(&call),
        }
    }
}

/// The snapshot's names, by the meter's rows.
struct Given<'a> {
    heap: Heap<'a>,
    /// The snapshot's block of each live row.
    block: Vec<Option<usize>>,
    canonical: BTreeMap<&'a str, String>,
}

impl<'a> Given<'a> {
    fn new(heap: Heap<'a>, live: &[Live]) -> Self {
        let (addresses, sizes) = (&heap.image().blocks.addr, &heap.image().blocks.size);
        let find = |row: &Live| {
            let at = addresses.binary_search(&Addr(row.address as u64)).ok()?;
            (sizes[at].0 == row.bytes as u64).then_some(at)
        };
        let block: Vec<_> = live.iter().map(find).collect();
        let mut spelled = BTreeMap::new();
        for &at in block.iter().flatten() {
            let name = heap.type_name(at);
            spelled.entry(name).or_insert_with(|| canonical(name));
        }
        Given {
            heap,
            block,
            canonical: spelled,
        }
    }

    fn name(&self, row: usize) -> &'a str {
        self.block[row].map_or("(not in the snapshot)", |at| self.heap.type_name(at))
    }

    fn evidence(&self, row: usize) -> Option<Evidence> {
        self.block[row].map(|at| self.heap.evidence(at))
    }

    fn is(&self, row: usize, names: &[String]) -> bool {
        let Some(given) = self.canonical.get(self.name(row)) else {
            return false;
        };
        names.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => given.starts_with(start),
            None => given == name,
        })
    }

    fn group(&self, row: usize, names: &Spelled) -> Group {
        let is_now = self.is(row, &names.now);
        let verdict = match self.evidence(row) {
            Some(Evidence::Unknown) => Verdict::Unknown,
            Some(_) if is_now => Verdict::Right,
            _ => Verdict::Wrong,
        };
        Group {
            verdict,
            call: verdict == Verdict::Wrong && self.is(row, &names.call),
            expected: names.shown.clone(),
            given: self.name(row).to_owned(),
            evidence: self.evidence(row).map_or("", |e| e.as_str()),
            site: self.block[row].map_or(String::new(), |at| print::site(self.heap, at)),
        }
    }
}

impl Book {
    /// Takes a snapshot, compares, and prints; what was registered must still live.
    /// The exit code says whether the book itself was in order.
    #[must_use]
    pub fn compare(self) -> ExitCode {
        meter::close();
        let live = meter::live();
        let snapshot = endler::snapshot().expect("a snapshot of this process");
        if let Ok(folder) = std::env::var("TRUTH_KEEP") {
            let file = format!("{folder}/{}.endler", self.program);
            endler::snapshot_to(&file).expect("the snapshot can be kept");
        }
        let heap = snapshot.heap();
        let outcome = self.outcome(heap, &live);
        print::print(heap, self.program, self.half, &outcome);
        let ok = outcome.faults.is_empty() && outcome.coverage() >= LEAST_COVERAGE;
        ExitCode::from(u8::from(!ok))
    }

    fn outcome(&self, heap: Heap<'_>, live: &[Live]) -> Outcome {
        let mut outcome = Outcome {
            heap: (live.len(), live.iter().map(|row| row.bytes).sum()),
            ..Outcome::default()
        };
        let given = Given::new(heap, live);
        let mut spelled: Vec<(Names, Spelled)> = Vec::new();
        let registered = self.registered(live, &mut outcome.faults);
        for (row, names) in registered.iter().enumerate() {
            let Some(names) = names else { continue };
            if !spelled.iter().any(|(known, _)| known == names) {
                spelled.push((*names, Spelled::of(names)));
            }
            let found = spelled.iter().find(|(known, _)| known == names);
            let group = given.group(row, &found.expect("just spelled").1);
            outcome.note(group, 1, live[row].bytes, given.block[row]);
            outcome.bytes += live[row].bytes;
        }
        let rest: BTreeSet<usize> = (0..live.len())
            .filter(|&row| registered[row].is_none())
            .collect();
        let rest = self.score_many(&given, live, rest, &mut outcome);
        if std::env::var_os("TRUTH_REST").is_some() {
            print::rest(heap, rest.iter().filter_map(|&row| given.block[row]));
        }
        if outcome.bytes > outcome.heap.1 {
            let fault = format!("{} bytes are registered, fewer are live", outcome.bytes);
            outcome.faults.push(fault);
        }
        for inverted in &self.absent {
            let address = Addr(!inverted as u64);
            if heap.image().blocks.addr.binary_search(&address).is_ok() {
                let fault = format!("a block at {address} is in the snapshot and must not be");
                outcome.faults.push(fault);
            }
        }
        outcome
    }

    /// The names of each live row, as far as they are registered.
    fn registered(&self, live: &[Live], faults: &mut Vec<String>) -> Vec<Option<Names>> {
        let mut names: Vec<Option<Names>> = vec![None; live.len()];
        for entry in &self.entries {
            let (Place::At(inverted, _) | Place::Around(inverted)) = entry.place;
            let address = !inverted;
            let row = live
                .partition_point(|row| row.address <= address)
                .checked_sub(1)
                .filter(|&row| address < live[row].address + live[row].bytes);
            let shown = || Spelled::of(&entry.names).shown;
            let Some(row) = row else {
                faults.push(format!("no block of {} at {address:#x}", shown()));
                continue;
            };
            if let Place::At(_, bytes) = entry.place
                && (live[row].address, live[row].bytes) != (address, bytes)
            {
                let Live {
                    address: start,
                    bytes: real,
                    ..
                } = live[row];
                faults.push(format!(
                    "{}: {bytes} bytes at {address:#x} registered, {real} bytes at {start:#x} live",
                    shown()
                ));
            }
            match names[row] {
                Some(other) if other != entry.names => faults.push(format!(
                    "one block registered as {} and as {}",
                    Spelled::of(&other).shown,
                    shown()
                )),
                _ => names[row] = Some(entry.names),
            }
        }
        for time in &self.times {
            let within = |row: usize| {
                (time.from..time.to).contains(&live[row].birth)
                    && match time.which {
                        Which::OfSize(bytes) => live[row].bytes == bytes,
                        Which::All | Which::Largest => true,
                    }
            };
            let mut rows: Vec<usize> = (0..live.len())
                .filter(|&row| names[row].is_none() && within(row))
                .collect();
            if let Which::Largest = time.which {
                rows.sort_by_key(|&row| std::cmp::Reverse((live[row].bytes, live[row].birth)));
                rows.truncate(1);
            }
            if rows.is_empty() {
                let shown = Spelled::of(&time.names).shown;
                faults.push(format!("{shown}: nothing was born in its time"));
            }
            for row in rows {
                names[row] = Some(time.names);
            }
        }
        names
    }

    /// Scores what is known by count and size, among the rows that are left, and
    /// gives those that are left then.
    fn score_many(
        &self,
        given: &Given<'_>,
        live: &[Live],
        mut rest: BTreeSet<usize>,
        outcome: &mut Outcome,
    ) -> BTreeSet<usize> {
        let mut missing = Vec::new();
        for many in &self.many {
            let names = Spelled::of(&many.names);
            let is_named = |&row: &usize| {
                given.evidence(row) != Some(Evidence::Unknown) && given.is(row, &names.now)
            };
            let found: Vec<usize> = rest.iter().copied().filter(is_named).collect();
            let (mut count, mut bytes) = (many.count, many.bytes);
            outcome.bytes += many.bytes;
            for row in found.into_iter().take(many.count) {
                let own = live[row].bytes.min(bytes);
                (count, bytes) = (count - 1, bytes - own);
                outcome.note(given.group(row, &names), 1, own, given.block[row]);
                rest.remove(&row);
            }
            missing.push((count, bytes, names));
        }
        // What no block bears the name of: unknown as far as there are unknown
        // blocks, else some other name stands for it.
        for (mut count, mut bytes, names) in missing {
            let unknown = |&row: &usize| given.evidence(row) == Some(Evidence::Unknown);
            let found: Vec<usize> = rest.iter().copied().filter(unknown).take(count).collect();
            for row in found {
                let own = live[row].bytes.min(bytes);
                (count, bytes) = (count - 1, bytes - own);
                outcome.note(given.group(row, &names), 1, own, given.block[row]);
                rest.remove(&row);
            }
            if count > 0 || bytes > 0 {
                let group = Group {
                    verdict: Verdict::Wrong,
                    call: false,
                    expected: names.shown,
                    given: "(fewer blocks or bytes of this name)".into(),
                    evidence: "",
                    site: String::new(),
                };
                outcome.note(group, count, bytes, None);
            }
        }
        rest
    }
}
