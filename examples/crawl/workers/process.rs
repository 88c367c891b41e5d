//! A worker process as its parent has it: this program started anew, a pipe
//! for orders, a pipe for reports.
//!
//! It is never a bare fork: that would have the parent's memory, and of its
//! threads one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use clap::ValueEnum;
use tokio::sync::mpsc::Sender;

use super::protocol::{Order, Report};
use crate::args::Args;

/// What is heard of a worker.
pub(crate) struct Heard {
    /// Its number.
    pub worker: usize,
    /// What.
    pub what: What,
}

/// See [`Heard`]. `Ended` is the last of a process.
pub(crate) enum What {
    Said(Report),
    /// A line that is no report.
    Garbled,
    /// It has closed its standard output.
    Ended,
}

/// A running worker. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// Until its end was ordered.
    orders: Option<ChildStdin>,
}

impl Process {
    /// Starts worker `worker` for the site at `url`. What it says goes to `heard`.
    pub(crate) fn start(
        worker: usize,
        url: &str,
        args: &Args,
        heard: Sender<Heard>,
    ) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--worker-of", url]);
        match args.faulty().and_then(|name| name.to_possible_value()) {
            Some(name) => command.args(["--fault", name.get_name()]),
            None => command.arg("--fixed"),
        };
        if let Some(mib) = args.recycle_at {
            command.arg("--recycle-at").arg(mib.to_string());
        }
        command.arg("--dumps").arg(&args.dumps);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (orders, reports) = (child.stdin.take(), child.stdout.take());
        // From here on the child ends with this value.
        let process = Process { child, orders };
        if let Some(reports) = reports {
            std::thread::Builder::new()
                .name(format!("worker {}", worker + 1))
                .spawn(move || listen(worker, reports, &heard))?;
        }
        Ok(process)
    }

    /// Sends an order; none after [`Order::End`] is sent. A worker that does not
    /// read any more is told by the end of its reports.
    pub(crate) fn order(&mut self, order: &Order) {
        if let Some(pipe) = &mut self.orders {
            let mut line = order.line();
            line.push('\n');
            // There is always room: the parent gives few pages at a time.
            let _ = pipe.write_all(line.as_bytes());
        }
        if *order == Order::End {
            self.orders = None;
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        // One that has ended is ended.
        let _ = self.child.kill();
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        self.orders = None;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // There is nothing to be done about one that cannot be waited for.
        let _ = self.child.wait();
    }
}

/// Reads reports until there are no more.
fn listen(worker: usize, reports: impl Read, heard: &Sender<Heard>) {
    let mut reports = BufReader::new(reports);
    let mut line = Vec::new();
    loop {
        line.clear();
        let got = reports.read_until(b'\n', &mut line).unwrap_or(0);
        // A line without its end is what a killed worker was about to say.
        let whole = got > 0 && line.pop() == Some(b'\n');
        let what = match str::from_utf8(&line).ok().and_then(Report::read) {
            _ if !whole => What::Ended,
            Some(report) => What::Said(report),
            None => What::Garbled,
        };
        let is_last = matches!(what, What::Ended);
        // Nobody hears any more when the parent ends early.
        if heard.blocking_send(Heard { worker, what }).is_err() || is_last {
            return;
        }
    }
}
