//! The command line.

use std::path::PathBuf;

use clap::{Parser, value_parser};
use endler::{Bytes, console};

use crate::spiders::SpiderName;

/// Crawls a site with three spiders, one of which keeps every response it gets,
/// and lets endler say which.
#[derive(Debug, Parser)]
#[command(name = "crawl")]
pub(crate) struct Args {
    /// Pages to crawl, or all if the site has fewer
    // What two cores crawl well within a minute, endler's part and the dumps included.
    #[arg(long, value_name = "N", default_value_t = 48_000)]
    pub pages: usize,

    /// Folder to serve and crawl [default: the Rust documentation of the
    /// installed toolchain, else examples/site]
    #[arg(long, value_name = "DIR")]
    pub site: Option<PathBuf>,

    /// The spider whose requests keep the response
    #[arg(long, value_name = "SPIDER", value_enum, default_value = "api")]
    pub fault: SpiderName,

    /// No spider keeps anything
    #[arg(long, conflicts_with = "fault")]
    pub fixed: bool,

    /// Where the dumps and the items go
    #[arg(long, value_name = "DIR", default_value = "heap-dumps")]
    pub dumps: PathBuf,

    /// Serves endler's console (endler attach PID), and waits at the end until Enter is
    /// pressed
    #[arg(long)]
    pub console: bool,

    /// The same for telnet besides
    #[arg(long)]
    pub console_telnet: bool,

    /// Runs the spiders in that many worker processes, each with a share of the pages
    #[arg(long, value_name = "N", conflicts_with_all = ["console", "console_telnet"])]
    #[arg(group = "processes", value_parser = value_parser!(u8).range(1..=64))]
    pub workers: Option<u8>,

    /// Replaces a worker process once more of it is resident
    #[arg(long, value_name = "MIB", requires = "processes")]
    #[arg(value_parser = value_parser!(u64).range(1..=1 << 24))]
    pub recycle_at: Option<u64>,

    /// This process is a worker, and the site is served there
    #[arg(long, value_name = "URL", hide = true, group = "processes")]
    pub worker_of: Option<String>,
}

impl Args {
    /// The console that is asked for.
    pub(crate) fn console(&self) -> Option<console::Options> {
        let options = console::Options::new();
        match (self.console_telnet, self.console) {
            (true, _) => Some(options.telnet()),
            (false, true) => Some(options),
            (false, false) => None,
        }
    }

    /// The resident memory above which a worker process is replaced.
    pub(crate) fn limit(&self) -> Option<Bytes> {
        self.recycle_at.map(|mib| Bytes(mib << 20))
    }

    /// The spider with the fault.
    pub(crate) fn faulty(&self) -> Option<SpiderName> {
        (!self.fixed).then_some(self.fault)
    }
}
