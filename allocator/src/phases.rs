//! Named phases of the run. A block belongs to the phase of its birth.
//!
//! ```text
//!  last ──► phase 3 ──► phase 2 ──► phase 1        a list that only grows
//! ```
//!
//! There is no lock: a process that the host forks while another thread enters
//! a phase would inherit it held.

use core::ptr::null_mut;

use crate::epochs::Epochs;
use crate::sync::{AtomicPtr, Ordering, reads, wrote};

/// A phase as it was entered.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    pub(crate) name: String,
    pub(crate) start: u32,
}

/// A phase in the list; never changed once it stands there, and never freed.
struct Node {
    entered: Entered,
    /// From 1 up.
    number: u32,
    before: *mut Node,
}

/// The phases so far. The hook reads one number, in the stamp of [`Epochs`];
/// the names are touched only by `phase()` and by a snapshot.
pub(crate) struct Phases {
    last: AtomicPtr<Node>,
}

/// Phases that are told apart: the slot has 16 bits for them.
const MAX: u32 = u16::MAX as u32;

impl Phases {
    pub(crate) const fn new() -> Self {
        Phases {
            last: AtomicPtr::new(null_mut()),
        }
    }

    /// Enters a phase. A name that was entered before is entered anew, as a
    /// phase of its own. When all numbers are used the last phase goes on.
    pub(crate) fn enter(&self, name: &str, now: u32, epochs: &Epochs) {
        let mut before = self.last.load(Ordering::Acquire);
        if number(before) >= MAX - 1 {
            return;
        }
        let entered = Entered {
            name: name.to_owned(),
            start: now,
        };
        let mut node = Box::new(Node {
            entered,
            number: 0,
            before: null_mut(),
        });
        loop {
            (node.number, node.before) = (number(before) + 1, before);
            if node.number >= MAX {
                return;
            }
            let mine = node.number;
            let raw = Box::into_raw(node);
            wrote(raw);
            let set = self
                .last
                .compare_exchange(before, raw, Ordering::AcqRel, Ordering::Acquire);
            match set {
                Ok(_) => {
                    // Of two that are entered at once, the later in the list counts.
                    epochs.raise_phase(mine as u16);
                    return;
                }
                Err(now) => before = now,
            }
            // SAFETY: made above, and nobody else has seen it.
            node = unsafe { Box::from_raw(raw) };
        }
    }

    /// The phases entered so far; taken by the profiler's thread before the
    /// copy, so that the copy knows the same ones.
    pub(crate) fn list(&self) -> Vec<Entered> {
        let mut list = Vec::new();
        let mut at = self.last.load(Ordering::Acquire);
        // SAFETY: null, or a node of the list, which is never changed or freed.
        while let Some(node) = unsafe { at.as_ref() } {
            reads(node);
            list.push(node.entered.clone());
            at = node.before;
        }
        list.reverse();
        list
    }
}

/// The number of a phase in the list; 0 for none.
fn number(node: *mut Node) -> u32 {
    // SAFETY: null, or a node of the list, which is never changed or freed.
    let node = unsafe { node.as_ref() };
    node.inspect(|node| reads(*node))
        .map_or(0, |node| node.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_many_threads_are_all_there_in_one_order() {
        let phases: &Phases = Box::leak(Box::new(Phases::new()));
        let epochs: &Epochs = Box::leak(Box::new(Epochs::new()));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    (0..500).for_each(|n| phases.enter(&format!("{thread}.{n}"), n, epochs));
                });
            }
        });
        let list = phases.list();
        assert_eq!((list.len(), epochs.stamp().phase()), (2000, 2000));
        for thread in 0..4 {
            let own = list
                .iter()
                .filter(|p| p.name.starts_with(&format!("{thread}.")));
            let starts: Vec<u32> = own.map(|p| p.start).collect();
            assert_eq!(starts, (0..500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn when_all_numbers_are_used_the_last_phase_goes_on() {
        let phases: &Phases = Box::leak(Box::new(Phases::new()));
        let epochs = Epochs::new();
        (0..70_000).for_each(|n| phases.enter("p", n, &epochs));
        assert_eq!(phases.list().len(), usize::from(epochs.stamp().phase()));
        assert_eq!(epochs.stamp().phase(), u16::MAX - 1);
    }
}
