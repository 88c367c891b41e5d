//! Commands that ask a running process: `attach` and `dump`.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use endler::console::client::{Client, Said};

use crate::Failure;
use crate::args::{Attach, Dump};
use crate::prompt::{Prompt, Typed};

fn connect(pid: u32) -> Result<(Client, Vec<String>), Failure> {
    let failed = |why: endler::Error| Failure::Process(why.to_string());
    Client::connect(pid).map_err(failed)
}

/// The console of a process; on a terminal with a prompt, else lines in, answers out.
pub(crate) fn attach(args: &Attach, out: &mut dyn Write) -> Result<(), Failure> {
    let (mut client, variables) = connect(args.pid)?;
    if !io::stdin().is_terminal() {
        for line in io::stdin().lock().lines() {
            match answer(&mut client, &line?, out) {
                Ok(Some(_)) => out.flush()?,
                Ok(None) => return Err(gone(args.pid)),
                Err(why) => return Err(why),
            }
        }
        return Ok(());
    }
    client.take_interrupts();
    writeln!(
        out,
        "endler: process {}; help lists what can be asked",
        args.pid
    )?;
    out.flush()?;
    let mut prompt = Prompt::new(variables)?;
    loop {
        match prompt.line()? {
            Typed::Line(line) => match answer(&mut client, &line, out)? {
                Some(variables) => prompt.know(variables),
                None => return Err(gone(args.pid)),
            },
            Typed::Interrupt => {}
            Typed::End => return Ok(()),
        }
        out.flush()?;
    }
}

fn gone(pid: u32) -> Failure {
    let ended = !std::path::Path::new(&format!("/proc/{pid}")).exists();
    Failure::Process(if ended {
        format!("process {pid} has ended")
    } else {
        format!("process {pid} has closed the connection")
    })
}

/// Asks, and prints what is said up to the next prompt; the variables then, or none
/// where the connection has ended.
fn answer(
    client: &mut Client,
    line: &str,
    out: &mut dyn Write,
) -> Result<Option<Vec<String>>, Failure> {
    if client.send(line).is_err() {
        return Ok(None);
    }
    loop {
        match client.read() {
            Ok(Said::Prompt(variables)) => return Ok(Some(variables)),
            Ok(Said::Notice(text)) => {
                out.flush()?;
                let _ = writeln!(io::stderr(), "endler: {text}");
            }
            Ok(Said::Answer(text)) if text.is_empty() => {}
            Ok(Said::Answer(text) | Said::Failure(text)) => writeln!(out, "{text}")?,
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                return Err(Failure::Process(e.to_string()));
            }
            Err(_) => return Ok(None),
        }
    }
}

/// A snapshot, written by the process itself.
pub(crate) fn dump(args: &Dump, out: &mut dyn Write) -> Result<(), Failure> {
    let (mut client, _) = connect(args.pid)?;
    let default = || format!("endler.{}.endler", args.pid).into();
    let path = args.output.clone().unwrap_or_else(default);
    // The process may stand in another directory.
    let path = std::path::absolute(path)?;
    let text = path
        .to_str()
        .filter(|text| !text.contains(['\'', '"', '\\', '\n']));
    let Some(text) = text else {
        let message = format!(
            "give another name than {}: one without quotes",
            path.display()
        );
        return Err(Failure::Usage(message));
    };
    let said = client.ask(&format!("dump(\"{text}\")"));
    let said = said.map_err(|_| gone(args.pid))?;
    for one in said {
        match one {
            Said::Failure(why) => return Err(Failure::Process(why)),
            Said::Answer(text) | Said::Notice(text) => writeln!(out, "{text}")?,
            Said::Prompt(_) => {}
        }
    }
    Ok(())
}
