//! Commands that ask a running process: `attach` and `dump`.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use endler::console::client::{Client, Said, Want};
use endler_reports::console::Names;

use crate::Failure;
use crate::args::{Attach, Dump};
use crate::prompt::{Prompt, Typed};

fn connect(pid: u32, wants: &[Want]) -> Result<(Client, Names), Failure> {
    let failed = |why: endler::Error| Failure::Process(why.to_string());
    Client::connect_with(pid, wants).map_err(failed)
}

/// What is known when a line may be typed.
struct Asked {
    variables: Vec<String>,
    names: Option<Names>,
}

/// The console of a process; on a terminal with a prompt, else lines in, answers out.
pub(crate) fn attach(args: &Attach, out: &mut dyn Write) -> Result<(), Failure> {
    // What is no terminal may be a file.
    let shows = args.with_values || io::stdout().is_terminal();
    let is_typed = io::stdin().is_terminal();
    let wants = [(Want::Values, shows), (Want::Names, shows && is_typed)];
    let wants = wants.iter().filter(|(_, is_wanted)| *is_wanted);
    let wants: Vec<Want> = wants.map(|(want, _)| *want).collect();
    let (mut client, names) = connect(args.pid, &wants)?;
    if !is_typed {
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
    let mut prompt = Prompt::new(names)?;
    loop {
        match prompt.line()? {
            Typed::Line(line) => match answer(&mut client, &line, out)? {
                Some(asked) => prompt.know(asked.variables, asked.names),
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

/// Asks, and prints what is said up to the next prompt; what is known then, or none where
/// the connection has ended.
fn answer(client: &mut Client, line: &str, out: &mut dyn Write) -> Result<Option<Asked>, Failure> {
    if client.send(line).is_err() {
        return Ok(None);
    }
    let mut names = None;
    loop {
        match client.read() {
            Ok(Said::Prompt(variables)) => return Ok(Some(Asked { variables, names })),
            Ok(Said::Names(given)) => names = Some(given),
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
    let (mut client, _) = connect(args.pid, &[Want::Paths])?;
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
            Said::Prompt(_) | Said::Names(_) => {}
        }
    }
    Ok(())
}
