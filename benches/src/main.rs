//! What endler costs: `cargo run --release -p endler-benches`.
//!
//! Each figure is a whole process. In one round every allocator runs once, one
//! after the other, so that a change of the machine's speed meets all alike;
//! the ratio is formed within a round, and the median of the rounds is told.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const ROUNDS: usize = 5;
const INNER: [&str; 3] = ["glibc", "jemalloc", "mimalloc"];

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("endler-benches: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), String> {
    let programs = build()?;
    let program = |name: &str| programs.join(name);
    println!("wall time as a ratio to the inner allocator alone, median of {ROUNDS} rounds");
    println!(
        "{:<10}{:<10}{:>10}{:>10}{:>10}",
        "workload", "inner", "alone, s", "off", "exact"
    );
    for workload in endler_benches::WORKLOADS {
        for inner in INNER {
            let recorded = program(&format!("{inner}_endler"));
            let (mut alone, mut off, mut exact) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let base = figure(&program(inner), &[workload], "off")?;
                alone.push(base);
                off.push(figure(&recorded, &[workload], "off")? / base);
                exact.push(figure(&recorded, &[workload], "exact")? / base);
            }
            let row = [median(&mut alone), median(&mut off), median(&mut exact)];
            println!(
                "{workload:<10}{inner:<10}{:>10.3}{:>10.2}{:>10.2}",
                row[0], row[1], row[2]
            );
            let _ = std::io::stdout().flush();
        }
    }
    let blocks = ["live", "2000000"];
    println!("\nresident bytes that endler adds to a live block of 48 bytes (2 M of them)");
    for inner in INNER {
        let recorded = program(&format!("{inner}_endler"));
        let alone = figure(&program(inner), &blocks, "off")?;
        println!(
            "{inner:<20}{:>10.1}",
            figure(&recorded, &blocks, "exact")? - alone
        );
    }
    Ok(())
}

/// Builds the programs and gives the folder they are in.
fn build() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "-p", "endler-benches", "--bins"])
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if !built.success() {
        return Err("the programs do not build".into());
    }
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let folder = own.parent().ok_or("no folder")?;
    // Where this driver is a debug build, the programs are still release builds.
    Ok(folder.with_file_name("release"))
}

fn figure(program: &Path, args: &[&str], mode: &str) -> Result<f64, String> {
    let output = Command::new(program)
        .args(args)
        .env("ENDLER", mode)
        .output()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{} {args:?} printed no figure: {errors}", program.display())
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
