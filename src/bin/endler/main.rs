//! The `endler` command: tables of saved snapshots.
//!
//! Exit codes: 0 done, 1 a check asked for on the command line failed, 2 usage,
//! 3 unreadable input.

mod args;
mod held;
mod input;
mod kept;
mod lines;
mod live;
mod prompt;
mod run;

use clap::Parser as _;
use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

#[global_allocator]
static HEAP: endler_reports::LargePages = endler_reports::LargePages;

/// Why a command did not end well.
enum Failure {
    /// The command line asks for something that there is not.
    Usage(String),
    /// An input cannot be read.
    Input(endler_reports::Error),
    /// A process cannot be asked.
    Process(String),
    /// The output cannot be written.
    Output(io::Error),
}

impl From<endler_reports::Error> for Failure {
    fn from(error: endler_reports::Error) -> Self {
        Failure::Input(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

fn main() -> ExitCode {
    let args = args::Args::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    let done = run::run(&args, &mut out).and_then(|()| Ok(out.flush()?));
    let (message, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        // The reader has seen enough: `endler report … | head`.
        Err(Failure::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        Err(Failure::Usage(message)) => (message, 2),
        Err(Failure::Input(error)) => (error.to_string(), 3),
        Err(Failure::Process(message)) => (message, 3),
        Err(Failure::Output(error)) => (format!("cannot write the output: {error}"), 3),
    };
    // Standard error may be closed as well; there is nobody left to tell then.
    let _ = writeln!(io::stderr(), "endler: {message}");
    ExitCode::from(code)
}
