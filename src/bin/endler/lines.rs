//! `endler query SNAP` without an expression: lines from standard input, a script's
//! or a person's, with variables and `_` as on a console.

use crate::Failure;
use crate::args::Query;
use crate::input::image;
use crate::run::folded;
use endler_reports::console::{HeapAlone, Session, parse};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write};

/// The longest line that is read.
const LONGEST: u64 = 1 << 20;

pub(crate) fn lines(args: &Query, out: &mut dyn Write) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Usage(message.into()));
    if args.snapshot.to_str() == Some("-") {
        return usage("standard input is the snapshot; give an expression, such as bytype");
    }
    if args.json {
        return usage("--json takes an expression, such as bytype");
    }
    let image = folded(image(&args.snapshot, &args.symbols)?, args.fold)?;
    let mut session = Session::new();
    session.add_heap(&image, None);
    let is_terminal = io::stdin().is_terminal();
    let mut input = io::stdin().lock();
    let mut failed = 0;
    loop {
        if is_terminal {
            write!(out, ">>> ")?;
            out.flush()?;
        }
        let mut line = Vec::new();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        let answer = parse(line).and_then(|line| session.run(&line, &HeapAlone));
        match answer {
            Ok(text) if text.is_empty() => {}
            Ok(text) => writeln!(out, "{text}")?,
            Err(error) => {
                failed += 1;
                // In the order in which they come, also where both are one file.
                out.flush()?;
                let _ = writeln!(io::stderr(), "{error}");
            }
        }
    }
    match failed {
        _ if is_terminal => Ok(writeln!(out)?),
        0 => Ok(()),
        1 => usage("one line could not be answered"),
        failed => Err(Failure::Usage(format!(
            "{failed} lines could not be answered"
        ))),
    }
}
