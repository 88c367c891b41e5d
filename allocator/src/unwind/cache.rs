//! The process-wide cache from return address to unwind rule.
//!
//! A direct-mapped table of 2^17 words (1 MiB of address space, touched as it
//! is used). A word is a rule with its address's tag ([`super::rule`]), so one
//! relaxed load answers, and a racing writer can only replace a whole, true
//! word by another whole, true word. A miss reads the module's `.eh_frame`
//! ([`super::cfi`]), a few microseconds, once per address.
//!
//! **Files that may go.** A rule stays true as long as its file stands. Those that
//! were there at the start always stand; of another, loaded later, the table
//! only says that the rule must be asked for. [`RuleCache::ask`] then makes sure,
//! once a walk, that the file is still the one that is known, before it answers
//! from a second table; both are cleared when a file has gone
//! ([`RuleCache::clear`]): see [`super::objects`].

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::cfi;
use super::objects::{Object, Objects};
use super::rule::{Rule, TABLE_LEN, place};
use super::stacks;
use crate::shadow::install;
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

type Table = [AtomicU64; TABLE_LEN];

/// See the module's docs.
pub(crate) struct RuleCache {
    table: AtomicPtr<Table>,
    /// Rules of files that may be unloaded.
    later: AtomicPtr<Table>,
}

impl RuleCache {
    pub(crate) const fn new() -> Self {
        RuleCache {
            table: AtomicPtr::new(core::ptr::null_mut()),
            later: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    /// The rule of the frame whose return address is `ip`.
    #[inline(always)]
    pub(crate) fn rule(&self, ip: u64, objects: &Objects) -> Rule {
        match look_up(&self.table, ip) {
            Some(rule) => rule,
            None => self.miss(ip, objects),
        }
    }

    #[cold]
    #[inline(never)]
    fn miss(&self, ip: u64, objects: &Objects) -> Rule {
        // Not remembered: a thread with more room may read it.
        if !stacks::has_room(cfi::STACK) {
            return Rule::Stuck;
        }
        let lookup = ip.wrapping_sub(1);
        // "Stuck" for want of a file is not remembered: it may be loaded later.
        let Some(object) = objects.find(lookup, self) else {
            return Rule::Stuck;
        };
        let rule = if object.stays {
            cfi::rule(lookup, &object)
        } else {
            Rule::Ask
        };
        keep(&self.table, ip, rule)
    }

    /// The rule where [`Rule::Ask`] stands. `sure` is a file that was asked for
    /// during this walk: while a frame of it is on the stack, it stands.
    #[cold]
    #[inline(never)]
    pub(crate) fn ask(&self, ip: u64, objects: &Objects, sure: &mut Option<Object>) -> Rule {
        let lookup = ip.wrapping_sub(1);
        if !sure.is_some_and(|object| object.holds(lookup)) {
            *sure = objects.find(lookup, self);
        }
        let Some(object) = sure else {
            return Rule::Stuck;
        };
        let keeps = object.known && !object.stays;
        match look_up(&self.later, ip).filter(|rule| keeps && *rule != Rule::Ask) {
            Some(rule) => rule,
            None if !stacks::has_room(cfi::STACK) => Rule::Stuck,
            None => {
                let rule = cfi::rule(lookup, object);
                if keeps {
                    keep(&self.later, ip, rule);
                }
                rule
            }
        }
    }

    /// Says what the rule of `ip` is.
    #[cfg(test)]
    pub(crate) fn plant(&self, ip: u64, rule: Rule) {
        keep(&self.table, ip, rule);
    }

    /// Forgets every rule.
    #[cold]
    pub(crate) fn clear(&self) {
        for table in [&self.table, &self.later] {
            let table = table.load(Ordering::Acquire);
            if table.is_null() {
                continue;
            }
            // SAFETY: once set, the table stays mapped; it holds atomics only.
            let table: &Table = unsafe { &*table };
            for word in table {
                word.store(0, Ordering::Relaxed);
            }
        }
    }
}

#[inline(always)]
fn look_up(table: &AtomicPtr<Table>, ip: u64) -> Option<Rule> {
    let table = table.load(Ordering::Acquire);
    if table.is_null() {
        return None;
    }
    let (index, tag) = place(ip);
    // SAFETY: once set, the table stays mapped; it holds atomics only.
    let table: &Table = unsafe { &*table };
    let word = table.get(index)?.load(Ordering::Relaxed);
    // An empty word is 0 and has kind 0, which no rule has.
    (word >> 34 == tag >> 34 && word & (7 << 31) != 0).then(|| Rule::unpack(word))
}

/// Keeps a rule; gives it as it is kept, so that the first walk is as all others.
fn keep(table: &AtomicPtr<Table>, ip: u64, rule: Rule) -> Rule {
    let Some(table) = install(table) else {
        return rule;
    };
    let (index, tag) = place(ip);
    // SAFETY: once set, the table stays mapped; it holds atomics only.
    let table: &Table = unsafe { &*table };
    if let Some(word) = table.get(index) {
        word.store(tag | rule.pack(), Ordering::Relaxed);
    }
    Rule::unpack(rule.pack())
}
