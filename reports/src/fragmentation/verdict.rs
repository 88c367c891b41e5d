//! What grew from the first snapshot to the last, in one sentence.
//!
//! The process's growth (without endler's own memory, which grows with the number
//! of blocks) has three parts: what lives, with its rounding; what the inner
//! allocator keeps free; and all that is outside the Rust heap. The part that grew
//! most is the cause.
//!
//! *When it is growth.* At least [`LEAST`], and a twentieth of what the process had.
//! Below 4 MiB the first use of a program's own code and one step of an allocator (of
//! jemalloc's and mimalloc's up to 4 MiB) are as large; below a twentieth two quiet
//! snapshots of one service differ as much by what is in flight.
//!
//! Live bytes are *steady* when they did not grow by so much; a cache whose size
//! swings by less does not hide fragmentation. Growth of live bytes is called a leak
//! or a cache, for a snapshot cannot know which the program wants.

use super::account::{Account, Line};
use crate::diff::growth;
use crate::holding::logical_leaks;
use crate::render::number::{bytes, counted};
use endler_snapshot::PAGE;
use std::collections::BTreeMap;
use std::fmt;

/// The least growth that is called growth, in bytes.
const LEAST: u64 = 4 << 20;
/// And the least part of the process's memory, as one in so many.
const PART: u64 = 20;
/// What makes less than one part in so many of the growth is not named.
const WORTH: u64 = 5;

/// What grew most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing grew enough.
    Steady,
    /// Live bytes: a leak, or a cache that fills.
    Live,
    /// What the inner allocator keeps free while live bytes are steady.
    Fragmentation,
    /// Memory outside the Rust heap.
    Outside,
}

impl Cause {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Steady => "steady",
            Cause::Live => "live",
            Cause::Fragmentation => "fragmentation",
            Cause::Outside => "outside",
        }
    }
}

/// The verdict on two snapshots or more. `Display` gives the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What grew most.
    pub cause: Cause,
    /// By how much the process grew, without endler's own memory; less than nothing
    /// where it shrank.
    pub resident: i64,
    /// By how much the requested bytes of all live blocks grew.
    pub live: i64,
    /// By how much the part grew that is the cause.
    pub part: i64,
    sentence: String,
}

/// The lines of a part.
const LIVE: &[Line] = &[Line::Live, Line::Slop];
const KEPT: &[Line] = &[Line::Kept];
const OUTSIDE: &[Line] = &[
    Line::Unrecorded,
    Line::Stacks,
    Line::Files,
    Line::Anonymous,
    Line::Unknown,
];

fn sum(account: &Account<'_>, lines: &[Line]) -> u64 {
    let each = lines.iter().map(|line| account.line(*line));
    each.fold(0, u64::saturating_add)
}

fn difference(before: u64, after: u64) -> i64 {
    after.wrapping_sub(before).cast_signed()
}

fn signed(value: i64) -> String {
    let sign = if value < 0 { '-' } else { '+' };
    format!("{sign}{}", bytes(value.unsigned_abs()))
}

/// The verdict on snapshots in the order of time; none of fewer than two.
/// O(blocks).
#[must_use]
pub fn verdict(accounts: &[Account<'_>]) -> Option<Verdict> {
    let [before, .., after] = accounts else {
        return None;
    };
    let host = |account: &Account<'_>| account.rss().saturating_sub(account.line(Line::Own));
    let grew = |lines: &[Line]| difference(sum(before, lines), sum(after, lines));
    let least = LEAST.max(host(before) / PART).cast_signed();
    let live = difference(before.requested, after.requested);
    // Live bytes count where they are, resident or not: what leaks may be swapped out.
    let parts = [
        (Cause::Live, grew(LIVE).max(live)),
        (Cause::Fragmentation, grew(KEPT)),
        (Cause::Outside, grew(OUTSIDE)),
    ];
    let largest = parts.iter().rev().max_by_key(|(_, part)| *part);
    let (cause, part) = largest
        .filter(|(_, part)| *part >= least)
        .map_or((Cause::Steady, 0), |l| *l);
    let mut verdict = Verdict {
        cause,
        resident: difference(host(before), host(after)),
        live,
        part,
        sentence: String::new(),
    };
    let lines = match cause {
        Cause::Fragmentation => KEPT,
        Cause::Outside => OUTSIDE,
        _ => LIVE,
    };
    let rises = accounts.windows(2).all(|pair| match pair {
        [a, b] => sum(a, lines) < sum(b, lines),
        _ => true,
    });
    verdict.sentence = match cause {
        Cause::Steady => steady(&verdict),
        Cause::Live => living(&verdict, before, after),
        Cause::Fragmentation => fragmented(&verdict, before, after),
        Cause::Outside => outside(&verdict, before, after),
    };
    if accounts.len() > 2 && cause != Cause::Steady {
        let steps = accounts.len() - 1;
        verdict.sentence.push_str(&match rises {
            true => format!(" It grew at each of the {steps} steps."),
            false => format!(" It did not grow at each of the {steps} steps."),
        });
    }
    Some(verdict)
}

fn steady(verdict: &Verdict) -> String {
    format!(
        "Nothing grew: live bytes {}, resident memory {}.",
        signed(verdict.live),
        signed(verdict.resident)
    )
}

fn living(verdict: &Verdict, before: &Account<'_>, after: &Account<'_>) -> String {
    let mut text = format!(
        "Live bytes grew ({}; resident memory {}): a leak, or a cache that fills.",
        signed(verdict.live),
        signed(verdict.resident)
    );
    if let Some(growth) = growth(before.heap, after.heap) {
        text.push_str(&format!(" {growth}"));
    }
    let most = logical_leaks(&[before.heap, after.heap], 1).unwrap_or_default();
    if let Some(leak) = most.first() {
        text.push_str(&format!(" Most of it: {leak}"));
    }
    text
}

fn fragmented(verdict: &Verdict, before: &Account<'_>, after: &Account<'_>) -> String {
    let mut text = format!(
        "Resident memory grew ({}) while live bytes did not ({}): fragmentation, {} more is kept free.",
        signed(verdict.resident),
        signed(verdict.live),
        bytes(verdict.part.unsigned_abs())
    );
    let mut causes = [empty(before, after), pinned(before, after)];
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.0));
    let worth = verdict.part.unsigned_abs() / WORTH;
    for (_, sentence) in causes.iter().filter(|cause| cause.0 > worth) {
        text.push_str(sentence);
    }
    if !after.knows_unrecorded() {
        text.push_str(
            " What C code took from the allocator is not told from free memory here \
             (ENDLER=exact,fragmentation asks the allocator).",
        );
    }
    text
}

/// How much more lies in pages that hold nothing.
fn empty(before: &Account<'_>, after: &Account<'_>) -> (u64, String) {
    let of = |account: &Account<'_>| account.occupancy.pages.first().copied().unwrap_or(0);
    let more = of(after).saturating_sub(of(before)).saturating_mul(PAGE);
    let advice = after.family.advice();
    let size = bytes(more);
    (
        more,
        format!(" {size} more lie in pages that hold nothing: {advice}."),
    )
}

/// Whose blocks keep most more than before.
fn pinned(before: &Account<'_>, after: &Account<'_>) -> (u64, String) {
    let was: BTreeMap<&[String], u64> = before
        .pins
        .rows
        .iter()
        .map(|row| (row.names.as_slice(), row.returns))
        .collect();
    let grew = after.pins.rows.iter().map(|row| {
        let was = was.get(row.names.as_slice()).copied().unwrap_or(0);
        (row.returns.saturating_sub(was), row)
    });
    // Of equal ones the first, as the rows are in order.
    let Some((more, row)) = grew.rev().max_by_key(|(more, _)| *more) else {
        return (0, String::new());
    };
    let [name, site] = [0, 1].map(|i| row.names.get(i).map_or("", String::as_str));
    let sentence = format!(
        " {} of `{name}`, {} in all, allocated in {site}, stand alone on sparse pages: without them \
         {} would be free.",
        counted(row.count, "block"),
        bytes(row.size),
        bytes(row.returns)
    );
    (more, sentence)
}

fn outside(verdict: &Verdict, before: &Account<'_>, after: &Account<'_>) -> String {
    let most = OUTSIDE
        .iter()
        .map(|line| (difference(before.line(*line), after.line(*line)), *line))
        .max_by_key(|(grew, line)| (*grew, std::cmp::Reverse(*line)));
    let mut text = format!(
        "Memory outside the Rust heap grew by {} (live bytes {}, resident memory {})",
        bytes(verdict.part.unsigned_abs()),
        signed(verdict.live),
        signed(verdict.resident)
    );
    if let Some((grew, line)) = most {
        text.push_str(&format!(", most of it {} ({})", line.name(), signed(grew)));
    }
    text.push('.');
    text
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
