//! Named phases of the run. A block belongs to the phase of its birth.

use std::sync::Mutex;

use crate::epochs::Epochs;

/// A phase as it was entered.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    pub(crate) name: String,
    pub(crate) start: u32,
}

/// The phases so far. The hook reads one number, in the stamp of
/// [`Epochs`]; the names are touched only by `phase()` and by a snapshot.
pub(crate) struct Phases {
    entered: Mutex<Vec<Entered>>,
}

/// Phases that are told apart: the slot has 16 bits for them.
const MAX: usize = u16::MAX as usize;

impl Phases {
    pub(crate) const fn new() -> Self {
        Phases {
            entered: Mutex::new(Vec::new()),
        }
    }

    /// Enters a phase. A name that was entered before is entered anew, as a
    /// phase of its own. When all numbers are used the last phase goes on.
    pub(crate) fn enter(&self, name: &str, now: u32, epochs: &Epochs) {
        let mut entered = self
            .entered
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if entered.len().saturating_add(1) >= MAX {
            return;
        }
        entered.push(Entered {
            name: name.to_owned(),
            start: now,
        });
        epochs.set_phase(entered.len() as u16);
    }

    /// The phases entered so far; taken by the profiler's thread before the
    /// copy, since the copy may not wait for the lock.
    pub(crate) fn list(&self) -> Vec<Entered> {
        self.entered
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}
