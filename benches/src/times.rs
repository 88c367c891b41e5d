//! Wall times, as ratios to the inner allocator alone.
//!
//! Each figure is a whole process. In one round every contender runs once, one
//! after the other, so that a change of the machine's speed meets all alike;
//! a ratio is formed within a round.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contenders::{Contender, Pace};
use crate::programs::{Programs, figure};
use crate::results::{Spread, Timed};

/// The workloads, with what each does.
pub(crate) const WORKLOADS: [(&str, &str); 7] = [
    ("json", "serde_json parses values"),
    ("churn", "random ones of 100,000 live blocks replaced"),
    ("html", "html5ever parses the Rust documentation"),
    ("thread", "1 thread that only allocates and frees"),
    ("threads", "2 threads that only allocate and free"),
    ("bursts", "2 threads, 1,000 blocks each before a free"),
    ("crawl", "the example's crawl of 4,000 pages, without dumps"),
];

/// How much smaller the input of slow contenders is.
const SLOW: u32 = 4;

/// Measures one workload in `rounds` rounds, with `divide` times smaller inputs.
pub(crate) fn measure(
    programs: &Programs,
    contenders: &[Contender],
    workload: &str,
    rounds: u32,
    divide: u32,
) -> Result<Vec<Timed>, String> {
    let folder = match workload {
        "html" | "crawl" => Some(documentation()?),
        _ => None,
    };
    let run = |contender: &Contender, divide: u32| {
        let mut args = vec![workload.to_owned(), divide.to_string()];
        args.extend(folder.iter().map(|f| f.display().to_string()));
        let program = programs.path(contender.build, &contender.program);
        figure(&program, &args, contender.environment)
    };
    let mut measured = vec![Measured::default(); contenders.len()];
    for round in 0..rounds {
        // The bases of this round: which one, its input, its seconds.
        let mut bases: Vec<(usize, u32, f64)> = Vec::new();
        for (contender, measured) in contenders.iter().zip(&mut measured) {
            let divide = match contender.pace {
                Pace::Full => divide,
                Pace::Slow if round % 2 == 0 => divide * SLOW,
                Pace::Slow => continue,
            };
            measured.divide = divide;
            let base = contenders.iter().position(|base| contender.is_on(base));
            let base = base.ok_or_else(|| format!("{} has no base", contender.program))?;
            let known = bases.iter().find(|b| (b.0, b.1) == (base, divide));
            let alone = match known {
                Some(known) => known.2,
                None => {
                    let alone = run(&contenders[base], divide)?;
                    bases.push((base, divide, alone));
                    alone
                }
            };
            if contender.is_base() {
                measured.seconds.push(alone);
            } else {
                let seconds = run(contender, divide)?;
                measured.seconds.push(seconds);
                measured.ratios.push(seconds / alone);
            }
        }
    }
    let rows = contenders.iter().zip(&measured);
    Ok(rows
        .filter_map(|(contender, measured)| measured.row(contender, workload))
        .collect())
}

/// One contender's figures.
#[derive(Clone, Default)]
struct Measured {
    divide: u32,
    seconds: Vec<f64>,
    ratios: Vec<f64>,
}

impl Measured {
    fn row(&self, contender: &Contender, workload: &str) -> Option<Timed> {
        Some(Timed {
            workload: workload.into(),
            profiler: contender.profiler.into(),
            inner: contender.inner.into(),
            frame_pointers: contender.frame_pointers(),
            divide: self.divide,
            rounds: self.seconds.len() as u32,
            seconds: Spread::of(&self.seconds)?,
            ratio: Spread::of(&self.ratios),
        })
    }
}

/// The documentation of the toolchain.
pub(crate) fn documentation() -> Result<PathBuf, String> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .map_err(|e| format!("rustc: {e}"))?;
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let folder = Path::new(&sysroot).join("share/doc/rust/html");
    if !folder.join("index.html").is_file() {
        return Err("the toolchain has no documentation: `rustup component add rust-docs`".into());
    }
    Ok(folder)
}
