//! A worker's place: one process after the other, and what is told of them all.

use super::process::Process;
use super::protocol::{Order, Page};
use super::summary::Row;

/// A place for one process after the other.
#[derive(Default)]
pub(crate) struct Place {
    /// The process that is there.
    pub process: Option<Process>,
    /// How far it is.
    pub stage: Stage,
    /// Visits of this process.
    pub visits: usize,
    /// What is told at the end.
    pub row: Row,
}

/// What is known of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is given pages.
    #[default]
    Working,
    /// Its end was ordered.
    Ending,
    /// It says that it has handed all back.
    Done,
}

impl Place {
    /// A process is there.
    pub(crate) fn begin(&mut self, process: Process) {
        self.process = Some(process);
        self.stage = Stage::Working;
        self.visits = 0;
    }

    /// Whether it can be given pages.
    pub(crate) fn is_working(&self) -> bool {
        self.stage == Stage::Working && self.process.is_some()
    }

    /// Orders a visit.
    pub(crate) fn visit(&mut self, page: Page) {
        if let Some(process) = &mut self.process {
            process.order(&Order::Visit(page));
        }
    }

    /// Orders its process to end, if it is not about to.
    pub(crate) fn end(&mut self) {
        if let (Stage::Working, Some(process)) = (self.stage, &mut self.process) {
            process.order(&Order::End);
            self.stage = Stage::Ending;
        }
    }
}
