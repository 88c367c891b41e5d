//! On how many threads something is done.

/// How many threads may be used. The copy of a process has one only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// The caller's.
    #[default]
    One,
    /// One more. It is an error of the program, told by a panic, if none can be started.
    Two,
}

impl Threads {
    /// Does both, side by side if there are two threads.
    pub(super) fn both(self, first: impl FnOnce(), second: impl FnOnce() + Send) {
        match self {
            Threads::One => {
                first();
                second();
            }
            Threads::Two => std::thread::scope(|scope| {
                scope.spawn(second);
                first();
            }),
        }
    }
}
