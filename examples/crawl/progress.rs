//! The bar that shows how far the crawl is.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// A bar on standard error; nothing at all where that is not a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for `pages` pages.
    pub(crate) fn new(pages: usize) -> Self {
        let bar = ProgressBar::new(pages as u64);
        let style = "{bar:40} {pos}/{len} pages · {rate} · {msg} waiting · {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Progress(bar)
    }

    /// Shows how many pages are parsed and how many requests wait.
    pub(crate) fn show(&self, pages: usize, waiting: usize) {
        self.0.set_position(pages as u64);
        // Formatting for nobody would be allocations in the tables.
        if !self.0.is_hidden() {
            self.0.set_message(waiting.to_string());
        }
    }

    /// A line on standard error, above the bar.
    pub(crate) fn tell(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away.
    pub(crate) fn done(self) {
        self.0.finish_and_clear();
    }
}

fn rate(state: &ProgressState, out: &mut dyn Write) {
    // A bar that cannot be drawn is no reason to stop.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}
