//! The profiler's own code, outside the hook, allocates unrecorded.

use crate::hook::{FREE, RECORDER, row};
use crate::rows::{OUTSIDE, PAUSED, Row};
use crate::state;

/// While it lives, allocations of this thread are not recorded. Frees are.
#[must_use]
pub struct Pause {
    row: Option<&'static Row>,
    before: u8,
}

/// Stops recording on this thread until the value is dropped; for the
/// profiler's own code outside the hook.
pub fn pause() -> Pause {
    if state::now() != state::EXACT {
        return Pause {
            row: None,
            before: OUTSIDE,
        };
    }
    let row = row();
    let before = row.map_or(OUTSIDE, |row| row.set_busy(PAUSED));
    Pause { row, before }
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(row) = self.row {
            if self.before == OUTSIDE && !RECORDER.epochs.stamp().in_cut() {
                row.drain(&row.late, FREE);
            }
            row.set_busy(self.before);
        }
    }
}
