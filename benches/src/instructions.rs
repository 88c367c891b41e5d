//! Instructions of one pair of operations, counted by callgrind.
//!
//! A run with twice the pairs less a run with them is free of the program's
//! start. The figures repeat exactly, whatever else the machine does; they say
//! nothing of cache misses. Under valgrind the clock is a system call and not
//! the kernel's shared page, so a reading's instructions in there are not counted.

use std::path::Path;
use std::process::Command;

use crate::contenders::{Build, INNER};
use crate::programs::Programs;
use crate::results::Instructions;

/// Pairs of the first run. Enough that the batches of free slots, of 128, and
/// the inner allocators' refills come out even.
const PAIRS: u32 = 12_800;

/// What is counted: operation, how the stacks differ, depth, with which allocators.
const CASES: [(&str, &str, u32, &[&str]); 8] = [
    ("alloc", "same", 8, &INNER),
    ("alloc", "same", 24, &["glibc"]),
    ("alloc", "innermost", 8, &["glibc"]),
    ("alloc", "innermost", 24, &["glibc"]),
    ("alloc", "whole", 8, &["glibc"]),
    ("alloc", "whole", 24, &["glibc"]),
    ("realloc", "same", 8, &INNER),
    ("realloc", "same", 24, &["glibc"]),
];

/// None where there is no valgrind.
pub(crate) fn measure(programs: &Programs) -> Result<Option<Vec<Instructions>>, String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    let scratch = programs.scratch()?;
    let mut rows = Vec::new();
    for (operation, stack, depth, inners) in CASES {
        for inner in inners {
            let count = |name: &str, mode: &str| {
                let program = programs.path(Build::Plain, name);
                let args = |pairs: u32| {
                    ["pairs", operation, stack]
                        .map(str::to_owned)
                        .into_iter()
                        .chain([depth.to_string(), pairs.to_string()])
                };
                let file = scratch.join("callgrind");
                let once = instructions(&program, args(PAIRS), mode, &file)?;
                let twice = instructions(&program, args(2 * PAIRS), mode, &file)?;
                Ok::<_, String>(twice.saturating_sub(once) as f64 / f64::from(PAIRS))
            };
            let recorded = format!("{inner}_endler");
            rows.push(Instructions {
                inner: (*inner).into(),
                operation: operation.into(),
                stack: stack.into(),
                depth,
                alone: count(inner, "off")?,
                off: count(&recorded, "off")?,
                exact: count(&recorded, "exact")?,
            });
        }
    }
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(Some(rows))
}

fn instructions(
    program: &Path,
    args: impl Iterator<Item = String>,
    mode: &str,
    file: &Path,
) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(args)
        .env("ENDLER", mode)
        .output()
        .map_err(|e| format!("valgrind: {e}"))?;
    let counted = std::fs::read_to_string(file).unwrap_or_default();
    let total = counted
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .and_then(|n| n.trim().parse().ok());
    total.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!(
            "callgrind counted nothing in {}: {errors}",
            program.display()
        )
    })
}
