//! The process-wide cache from return address to unwind rule.
//!
//! A direct-mapped table of 2^17 words (1 MiB of address space, touched as it
//! is used). A word is a rule with its address's tag ([`super::rule`]), so one
//! relaxed load answers, and a racing writer can only replace a whole, true
//! word by another whole, true word. A miss reads the module's `.eh_frame`
//! ([`super::cfi`]), a few microseconds, once per address.
//!
//! When a module is replaced by another at the same addresses the whole table
//! is cleared ([`RuleCache::clear`]): see [`super::objects`].

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::rule::{Rule, TABLE_LEN, place};
use super::{cfi, objects::Objects, stacks};
use crate::shadow::install;

type Table = [AtomicU64; TABLE_LEN];

/// See the module's docs.
pub(crate) struct RuleCache {
    table: AtomicPtr<Table>,
}

impl RuleCache {
    pub(crate) const fn new() -> Self {
        RuleCache {
            table: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    /// The rule of the frame whose return address is `ip`.
    #[inline(always)]
    pub(crate) fn rule(&self, ip: u64, objects: &Objects) -> Rule {
        let table = self.table.load(Ordering::Acquire);
        if !table.is_null() {
            let (index, tag) = place(ip);
            // SAFETY: once set, the table stays mapped; it holds atomics only.
            let table: &Table = unsafe { &*table };
            if let Some(word) = table.get(index) {
                let word = word.load(Ordering::Relaxed);
                // An empty word is 0 and has kind 0, which no rule has.
                if word >> 34 == tag >> 34 && word & (7 << 31) != 0 {
                    return Rule::unpack(word);
                }
            }
        }
        self.miss(ip, objects)
    }

    #[cold]
    #[inline(never)]
    fn miss(&self, ip: u64, objects: &Objects) -> Rule {
        // Not remembered: a thread with more room may read it.
        if !stacks::has_room(cfi::STACK) {
            return Rule::Stuck;
        }
        let found = objects.find(ip.wrapping_sub(1), self);
        let rule = found.map_or(Rule::Stuck, |object| cfi::rule(ip.wrapping_sub(1), &object));
        let Some(table) = install(&self.table) else {
            return rule;
        };
        let (index, tag) = place(ip);
        // SAFETY: once set, the table stays mapped; it holds atomics only.
        let table: &Table = unsafe { &*table };
        // "Stuck" for want of a module is not remembered: it may be loaded later.
        if found.is_some()
            && let Some(word) = table.get(index)
        {
            word.store(tag | rule.pack(), Ordering::Relaxed);
        }
        rule
    }

    /// Forgets every rule.
    #[cold]
    pub(crate) fn clear(&self) {
        let table = self.table.load(Ordering::Acquire);
        if table.is_null() {
            return;
        }
        // SAFETY: once set, the table stays mapped; it holds atomics only.
        let table: &Table = unsafe { &*table };
        for word in table {
            word.store(0, Ordering::Relaxed);
        }
    }
}
