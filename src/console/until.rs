//! The end of a wait, which may lie beyond all time.

use std::time::{Duration, Instant};

/// When a wait ends; never, where no clock gets that far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until(Option<Instant>);

impl Until {
    /// So long from now.
    pub(super) fn within(time: Duration) -> Self {
        Until::after(Instant::now(), time)
    }

    /// So long from then.
    pub(super) fn after(begin: Instant, time: Duration) -> Self {
        Until(begin.checked_add(time))
    }

    /// What is left of it: nothing when it is over, [`Duration::MAX`] for ever.
    pub(super) fn left(self) -> Duration {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        self.0.map_or(Duration::MAX, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_an_end_or_none() {
        let hour = Duration::from_secs(3600);
        let left = Until::within(hour).left();
        assert!(left <= hour && left > hour / 2, "{left:?}");
        assert_eq!(Until::within(Duration::ZERO).left(), Duration::ZERO);
        let begun = Instant::now().checked_sub(Duration::from_secs(2));
        let over = begun.map(|begun| Until::after(begun, Duration::from_secs(1)).left());
        assert!(over.is_none_or(|left| left.is_zero()));
        for huge in [Duration::MAX, Duration::from_secs(i64::MAX as u64)] {
            assert_eq!(Until::within(huge).left(), Duration::MAX, "{huge:?}");
        }
    }
}
