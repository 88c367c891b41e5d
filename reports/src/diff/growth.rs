//! What grew most, in one sentence.
//!
//! It is about pairs of a type and the site that allocated it, because a type
//! alone (`String`) seldom says whose it is.
//!
//! *Which pair.* A snapshot also shows what was merely in use at that moment,
//! and that can be more than what accumulates. What tells them apart is what
//! became of the rest: where requests are in flight, thousands came and went; where
//! blocks pile up, few were freed. So pairs are ordered by their *lasting* bytes:
//! the growth, times the share that it has in all that its call stacks made
//! since the first snapshot, `growth / (growth + freed)`. A realloc is no free: a
//! table that only grows lasts in full. (Ages do not serve: the time between two
//! snapshots can be mostly idle, and all that grew young.)
//!
//! *What is said.* Blocks and bytes are plain differences of what was live. It
//! is growth that is stated, never a leak: only the program knows whether it
//! still wants the blocks.
//!
//! *What it goes with.* Most bytes are often in a `String` or a `Vec<u8>` that a
//! value of the program owns. So where the pair is of one of Rust's own types, or of
//! a dependency's, one of the program's is named too, if one grew by about as many
//! blocks: of those the one with most lasting bytes. Equal counts are said to be
//! equal counts; who owns whom they do not prove.

use crate::partition::names::{age, lifetime, program_crates};
use crate::partition::product::{PairMap, pair_key};
use crate::partition::{Heap, NONE, UNKNOWN, by};
use crate::render::number::{bytes, counted};
use endler_snapshot::{FrameId, Nanos, PhaseId, Tick, TypeRow};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A pair of a type and a site, at both snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowthRow {
    /// The type's name.
    pub type_name: String,
    /// The site's name.
    pub site: String,
    /// Whose type it is, or holds.
    pub owner: TypeOwner,
    /// Blocks more than before.
    pub count: i64,
    /// Bytes more than before.
    pub size: i64,
    /// Growth times its share in all that was made; see the module's docs.
    pub lasting: u64,
    /// Age of the oldest block that was born after the first snapshot, at the
    /// second; of all blocks of the pair if there is none or if the snapshots
    /// are not of one process.
    pub oldest: Nanos,
    /// The phase that most of the blocks that were born since then belong to;
    /// empty if that is the time before the first phase.
    pub phase: String,
}

/// Whose a type is. Of several that a name mentions the last in this order counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeOwner {
    /// A primitive or a type of Rust's own libraries, or nothing is known of it.
    #[default]
    Rust,
    /// Of a dependency; or of the program, where no `main` tells its crate.
    Dependency,
    /// Of the crate that the program's `main` is in.
    Program,
}

/// What grew most between two snapshots. `Display` gives the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The pair that grew most.
    pub row: GrowthRow,
    /// The pair that `row` goes with; see the module's docs.
    pub along: Option<GrowthRow>,
    /// The phase at the first snapshot, if it was another than at the second.
    pub since_phase: Option<String>,
    /// Time between the snapshots, if they are of one process.
    pub elapsed: Option<Nanos>,
}

/// Says what grew most from `before` to `after`; nothing if no pair of a type
/// and a site has more bytes than before. O(blocks).
#[must_use]
pub fn growth(before: Heap<'_>, after: Heap<'_>) -> Option<Growth> {
    let rows = growth_rows(before, after);
    let row = rows.iter().find(|row| row.size > 0)?.clone();
    let grew = rows
        .iter()
        .filter(|other| other.owner > row.owner && other.size > 0 && other.count > 0)
        .filter(|other| alike(row.count, other.count));
    // The rows are in order, and of equal keys the first is taken.
    let along = grew.min_by_key(|other| Reverse(other.owner)).cloned();
    let phase = |heap: Heap<'_>| {
        let process = &heap.image().process;
        heap.image()
            .phases
            .get(process.phase.index())
            .map_or(String::new(), |p| p.name.clone())
    };
    let since_phase = Some(phase(before)).filter(|name| !name.is_empty() && *name != phase(after));
    Some(Growth {
        row,
        along,
        since_phase,
        elapsed: elapsed(before, after),
    })
}

/// Whether two counts are within a tenth of each other.
fn alike(a: i64, b: i64) -> bool {
    (a - b).unsigned_abs() <= a.unsigned_abs() / 10
}

/// Time between the snapshots of one process.
fn elapsed(before: Heap<'_>, after: Heap<'_>) -> Option<Nanos> {
    let (first, second) = (&before.image().process, &after.image().process);
    let same =
        first.pid == second.pid && first.exe == second.exe && first.clock.now <= second.clock.now;
    same.then(|| second.clock.span(second.clock.now.0 - first.clock.now.0))
}

/// All pairs of a type and a site that have more blocks or bytes than before:
/// most lasting bytes first, then most bytes, then by name. O(blocks).
#[must_use]
pub fn growth_rows(before: Heap<'_>, after: Heap<'_>) -> Vec<GrowthRow> {
    let elapsed = elapsed(before, after);
    let since = elapsed.map(|_| before.image().process.clock.now);
    let old = tally(before, None, &[]);
    let freed = freed_since(elapsed.map(|_| before), after);
    let mut rows: Vec<GrowthRow> = tally(after, since, &freed)
        .into_iter()
        .map(|(names, now)| {
            let was = old.get(&names);
            let delta =
                |of: fn(&Tally) -> u64| of(&now).wrapping_sub(was.map_or(0, of)).cast_signed();
            let (type_name, site) = names;
            let size = delta(|t| t.size);
            GrowthRow {
                count: delta(|t| t.count),
                size,
                lasting: lasting(size, now.freed),
                oldest: after
                    .image()
                    .process
                    .clock
                    .age(now.first_since.unwrap_or(now.first)),
                phase: now.phase(after),
                owner: now.owner,
                type_name,
                site,
            }
        })
        .filter(|row| row.count > 0 || row.size > 0)
        .collect();
    rows.sort_by(|a, b| {
        let key = |row: &GrowthRow| (Reverse(row.lasting), Reverse(row.size));
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.type_name, &a.site).cmp(&(&b.type_name, &b.site)))
    });
    rows
}

/// `size * size / (size + freed)`; nothing of what did not grow.
fn lasting(size: i64, freed: u64) -> u64 {
    let size = u128::from(u64::try_from(size).unwrap_or(0));
    let part = size * size / (size + u128::from(freed)).max(1);
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// What each context of `after` freed since `before`, in bytes; since the start
/// where there is no snapshot of the same process.
fn freed_since(before: Option<Heap<'_>>, after: Heap<'_>) -> Vec<u64> {
    let mut known: BTreeMap<_, u64> = BTreeMap::new();
    for (stack, freed) in before.into_iter().flat_map(freed_by_stack) {
        let sum = known.entry(stack).or_default();
        *sum = sum.saturating_add(freed);
    }
    freed_by_stack(after)
        .map(|(stack, freed)| freed.saturating_sub(known.get(&stack).copied().unwrap_or(0)))
        .collect()
}

/// The freed bytes of each context, with what it is known by in another
/// snapshot of the process: its return addresses and its tag.
fn freed_by_stack(heap: Heap<'_>) -> impl Iterator<Item = ((Vec<u64>, u32), u64)> {
    let image = heap.image();
    let address = |f: FrameId| {
        image
            .frames
            .get(f.index())
            .map_or(0, |frame| frame.address.0)
    };
    image
        .contexts
        .iter()
        .zip(&image.totals)
        .map(move |(context, totals)| {
            let stack = image.stacks.frames(context.stack).map(address).collect();
            ((stack, context.tag), totals.freed_bytes.0)
        })
}

#[derive(Clone, Debug)]
struct Tally {
    count: u64,
    size: u64,
    /// Bytes that its call stacks freed since the first snapshot.
    freed: u64,
    first: Tick,
    /// Earliest birth after the first snapshot.
    first_since: Option<Tick>,
    /// Blocks born after the first snapshot, by phase.
    phases: Vec<(PhaseId, u64)>,
    owner: TypeOwner,
}

const EMPTY: Tally = Tally {
    count: 0,
    size: 0,
    freed: 0,
    first: Tick(u32::MAX),
    first_since: None,
    phases: Vec::new(),
    owner: TypeOwner::Rust,
};

impl Tally {
    fn birth(&mut self, born: Tick, phase: PhaseId) {
        self.first_since = Some(self.first_since.map_or(born, |first| first.min(born)));
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, count)) => *count += 1,
            None => self.phases.push((phase, 1)),
        }
    }

    /// The phase of most births; of equal ones the earliest.
    fn phase(&self, heap: Heap<'_>) -> String {
        let most = self
            .phases
            .iter()
            .max_by_key(|&&(phase, count)| (count, Reverse(phase)));
        let phase = most.and_then(|(phase, _)| heap.image().phases.get(phase.index()));
        phase.map_or(String::new(), |p| p.name.clone())
    }
}

/// `freed` are the bytes that each context freed since the first snapshot.
fn tally(heap: Heap<'_>, since: Option<Tick>, freed: &[u64]) -> BTreeMap<(String, String), Tally> {
    let (types, sites) = ((by::TYPE.classify)(heap), (by::SITE.classify)(heap));
    let mut pairs: PairMap<Tally> = PairMap::default();
    let mut counted: Vec<Vec<u64>> = vec![Vec::new(); freed.len()];
    let phases = &heap.image().blocks.phase;
    for block in 0..heap.len() {
        let pair = (types.of_block(block), sites.of_block(block));
        let key = pair_key(pair);
        let tally = pairs.entry(key).or_insert(EMPTY);
        let (size, born) = (heap.size(block).0, heap.born(block));
        tally.count += 1;
        tally.size = tally.size.saturating_add(size);
        tally.first = tally.first.min(born);
        let context = heap.context(block).index();
        // A call stack makes one type, or few.
        if let Some(pairs) = counted.get_mut(context)
            && !pairs.contains(&key)
        {
            pairs.push(key);
            tally.freed = tally.freed.saturating_add(freed[context]);
        }
        if since.is_some_and(|since| born > since) {
            tally.birth(born, phases.get(block).copied().unwrap_or_default());
        }
    }
    let program = program_crates(heap);
    pairs
        .into_iter()
        .map(|(pair, mut tally)| {
            let (class, site) = ((pair >> 32) as u32, pair as u32);
            tally.owner = types
                .type_row(class)
                .map_or(TypeOwner::Rust, |row| owner(heap, &program, row));
            (
                (
                    types.name(class).into_owned(),
                    sites.name(site).into_owned(),
                ),
                tally,
            )
        })
        .collect()
}

/// Whose a type is, or whose it holds.
fn owner(heap: Heap<'_>, program: &BTreeSet<&str>, row: TypeRow) -> TypeOwner {
    // `Raw in crawl::parse` and `unknown in crawl::parse` name a function.
    if matches!(heap.str(row.holder), "" | UNKNOWN | "Raw") {
        return TypeOwner::Rust;
    }
    let text = match heap.str(row.held) {
        "" => heap.str(row.name),
        held => held,
    };
    let owner = |name| match name {
        "core" | "alloc" | "std" | "hashbrown" => TypeOwner::Rust,
        name if program.contains(name) => TypeOwner::Program,
        _ => TypeOwner::Dependency,
    };
    crates(text).map(owner).max().unwrap_or_default()
}

/// The first segments of all paths in a type's name.
fn crates(text: &str) -> impl Iterator<Item = &str> {
    let ident = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices("::").filter_map(move |(at, _)| {
        let head = text[..at].trim_end_matches(ident);
        let first = !head.ends_with("::") && !text[..at].ends_with(['}', '>']);
        first
            .then(|| &text[head.len()..at])
            .filter(|name| !name.is_empty())
    })
}

/// `1,204 blocks and 38.2 MiB`, or what else is true.
fn amount(row: &GrowthRow) -> String {
    let size = bytes(row.size.unsigned_abs());
    match row.count {
        0 => format!("{size} in as many blocks as before"),
        1.. => format!("{} and {size}", counted(row.count.unsigned_abs(), "block")),
        ..0 => format!(
            "{size} in {} fewer",
            counted(row.count.unsigned_abs(), "block")
        ),
    }
}

fn site(row: &GrowthRow) -> String {
    match row.site.as_str() {
        NONE => "at an unknown site".to_string(),
        // Without a function the site is an address in a file.
        site if !site.contains(" at ") && site.contains('+') => format!("at {site}"),
        site => format!("in {site}"),
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = &self.row;
        write!(f, "`{}` grew by {}", row.type_name, amount(row))?;
        match (&self.since_phase, self.elapsed) {
            (Some(phase), _) => write!(f, " since phase `{phase}`")?,
            (None, Some(elapsed)) => write!(f, " in {}", lifetime(elapsed))?,
            (None, None) => {}
        }
        write!(f, ": allocated {}, oldest {}", site(row), age(row.oldest))?;
        if !row.phase.is_empty() {
            write!(f, ", born in phase `{}`", row.phase)?;
        }
        if let Some(along) = &self.along {
            write!(
                f,
                "; `{}` grew by about as many, {}, allocated {}",
                along.type_name,
                amount(along),
                site(along)
            )?;
        }
        write!(f, ".")
    }
}

#[cfg(test)]
mod tests {
    use super::crates;

    #[test]
    fn paths_name_their_crates() {
        let check = |text: &str, expect: &[&str]| {
            assert_eq!(crates(text).collect::<Vec<_>>(), expect, "{text}");
        };
        check("u8", &[]);
        check("(String, [u16; 4])", &[]);
        check(
            "std::collections::HashMap<u64, crawl::Page>",
            &["std", "crawl"],
        );
        check("crawl::main::{closure_env#0}::x", &["crawl"]);
        check("dyn crawl::Rule", &["crawl"]);
    }
}
