//! What endler costs beside its peers, measured in one run.
//!
//! ```text
//! cargo run --release -p endler-benches                 measure all: tables, benches/results.json
//! cargo run --release -p endler-benches -- --quick      a small run that shows that all works
//! cargo run --release -p endler-benches -- --only json,snapshot
//! cargo run --release -p endler-benches -- plot         benches/results.svg
//! cargo run --release -p endler-benches -- table        the README's tables, in Markdown
//! ```
//!
//! The programs that are measured stand in `benches/programs`, a package outside
//! the workspace, which the driver builds. A run that is cut off leaves what it has
//! measured in `benches/results.part.json`. The results file is described in
//! [`results`]; why no shared cache line is written per operation, in
//! [`shared_writes`].

mod contenders;
mod crawl;
mod graph;
mod instructions;
mod machine;
mod markdown;
mod memory;
mod plot;
mod programs;
mod results;
mod shared_writes;
mod snapshot;
mod text;
mod times;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use programs::Programs;
use results::Results;

/// Measures what endler costs beside its peers
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// How often everything is measured; medians are told
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Measure these alone: json, churn, html, thread, threads, bursts, crawl,
    /// crawl-dumps, memory, instructions, snapshot, graph
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = names())]
    only: Vec<String>,

    /// One round of small inputs, to see that everything works
    #[arg(long)]
    quick: bool,

    /// The results file. A run with `--only` or `--quick` writes none unless
    /// this is given [default: benches/results.json]
    #[arg(long, value_name = "FILE", global = true)]
    results: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Draw the results file, as an SVG beside it
    Plot,
    /// Print the results file as Markdown tables
    Table,
}

/// Sections that are no workload of [`times`].
const SECTIONS: [&str; 5] = [
    crawl::WORKLOAD,
    "memory",
    "instructions",
    "snapshot",
    "graph",
];

fn names() -> PossibleValuesParser {
    let workloads = times::WORKLOADS.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(workloads.chain(SECTIONS))
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        None => measure(&args),
        Some(Command::Plot) => {
            let file = args.file();
            let picture = file.with_extension("svg");
            Results::read(&file)
                .and_then(|results| plot::draw(&results, &picture))
                .map(|()| println!("{}", picture.display()))
        }
        Some(Command::Table) => {
            Results::read(&args.file()).map(|results| print!("{}", markdown::tables(&results)))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("endler-benches: {why}");
            ExitCode::FAILURE
        }
    }
}

impl Args {
    fn file(&self) -> PathBuf {
        let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("results.json");
        self.results.clone().unwrap_or_else(default)
    }

    /// Whether the run writes a results file.
    fn writes(&self) -> bool {
        self.results.is_some() || !self.quick && self.only.is_empty()
    }

    /// Where what was measured stands as long as the run goes on.
    fn part(&self) -> PathBuf {
        self.file().with_extension("part.json")
    }

    /// So that a run that is cut off has not measured for nothing.
    fn keep(&self, results: &Results) -> Result<(), String> {
        if self.writes() {
            results.write(&self.part())?;
        }
        Ok(())
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// A full figure, or the quick one.
    fn size(&self, full: u32, quick: u32) -> u32 {
        if self.quick { quick } else { full }
    }
}

fn measure(args: &Args) -> Result<(), String> {
    let rounds = if args.quick { 1 } else { args.rounds };
    let mut results = Results {
        schema: results::SCHEMA,
        date: machine::date(),
        commit: machine::commit(),
        rounds,
        quick: args.quick,
        machine: machine::machine(),
        versions: machine::versions(),
        ..Results::default()
    };
    let of = &results.machine;
    println!(
        "{}, {} cores, Linux {}, {}",
        of.cpu, of.cores, of.kernel, of.rustc
    );
    println!("commit {}, {rounds} rounds", results.commit);

    let programs = Programs::new()?;
    eprintln!("building the programs …");
    programs.build()?;
    let contenders = contenders::all();
    // What needs the toolchain's documentation is left out where there is none.
    let missing = times::documentation().err();
    let wants = |name: &str| {
        let why = missing
            .as_ref()
            .filter(|_| ["html", "crawl", crawl::WORKLOAD].contains(&name));
        if let (true, Some(why)) = (args.wants(name), why) {
            println!("\n{name}: not measured: {why}");
        }
        args.wants(name) && why.is_none()
    };
    for (workload, _) in times::WORKLOADS {
        if wants(workload) {
            let divide = args.size(1, 10);
            let rows = times::measure(&programs, &contenders, workload, rounds, divide)?;
            print!("{}", text::times(workload, &rows));
            results.times.extend(rows);
            args.keep(&results)?;
        }
    }
    print!("{}", text::second_thread(&results));
    print!("{}", text::shares(&results));
    if wants(crawl::WORKLOAD) {
        let rows = crawl::measure(&programs, rounds, args.size(12_000, 800))?;
        print!("{}", text::times(crawl::WORKLOAD, &rows));
        results.times.extend(rows);
        args.keep(&results)?;
    }
    if args.wants("memory") {
        results.memory = memory::measure(&programs, args.size(2_000_000, 500_000))?;
        print!("{}", text::memory(&results.memory));
        args.keep(&results)?;
    }
    if args.wants("instructions") {
        match instructions::measure(&programs)? {
            Some(rows) => {
                results.instructions = rows;
                print!("{}", text::instructions(&results.instructions));
                args.keep(&results)?;
            }
            None => println!("\ninstructions: not counted, since there is no valgrind here"),
        }
    }
    if args.wants("snapshot") {
        let blocks = args.size(10_000_000, 500_000);
        let snapshot = snapshot::measure(&programs, rounds.min(3), blocks)?;
        print!("{}", text::snapshot(&snapshot));
        results.snapshot = Some(snapshot);
        args.keep(&results)?;
    }
    if args.wants("graph") {
        let blocks = args.size(10_000_000, 100_000);
        let pages = args.size(12_000, 800);
        results.graph = graph::measure(&programs, rounds.min(3), blocks, pages)?;
        print!("{}", text::graph(&results.graph));
    }

    if !args.writes() {
        println!(
            "\nThis was not all: {} is as it was.",
            args.file().display()
        );
        return Ok(());
    }
    results.write(&args.file())?;
    let _ = std::fs::remove_file(args.part());
    println!("\nwritten to {}", args.file().display());
    Ok(())
}
