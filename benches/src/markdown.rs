//! The README's tables, from a results file.

use crate::contenders::{EXACT, INNER, NONE, OFF};
use crate::results::{Results, Timed};
use crate::text::off_adds;

/// A column: its head, the profiler, and whether the build has frame pointers.
const COLUMNS: [(&str, &str, bool); 8] = [
    ("endler off", OFF, false),
    ("endler exact", EXACT, false),
    ("exact, frame pointers", EXACT, true),
    ("heapscope", "heapscope", true),
    ("heapscope 0.1", "heapscope 0.1", true),
    ("dhat-rs", "dhat-rs", false),
    ("jemalloc prof, 512 KiB", "jemalloc prof 512 KiB", false),
    (
        "jemalloc prof, every allocation",
        "jemalloc prof exact",
        false,
    ),
];

/// All tables.
pub(crate) fn tables(results: &Results) -> String {
    [
        times(results),
        instructions(results),
        memory(results),
        graph(results),
    ]
    .into_iter()
    .filter(|table| !table.is_empty())
    .collect::<Vec<_>>()
    .join("\n")
}

fn times(results: &Results) -> String {
    let mut workloads: Vec<&str> = Vec::new();
    for row in &results.times {
        if !workloads.contains(&row.workload.as_str()) {
            workloads.push(&row.workload);
        }
    }
    let mut text = String::from("| workload | inside | alone, s |");
    text.extend(COLUMNS.map(|(head, ..)| format!(" {head} |")));
    text.push_str("\n|---|---|--:|");
    text.push_str(&"--:|".repeat(COLUMNS.len()));
    text.push('\n');
    for workload in workloads {
        for inner in INNER {
            let find = |profiler: &str, frame_pointers: bool| -> Option<&Timed> {
                results.times.iter().find(|row| {
                    row.workload == workload
                        && row.inner == inner
                        && row.profiler == profiler
                        && row.frame_pointers == frame_pointers
                })
            };
            let Some(alone) = find(NONE, false) else {
                continue;
            };
            text.push_str(&format!(
                "| {workload} | {inner} | {:.3} |",
                alone.seconds.median
            ));
            for (_, profiler, frame_pointers) in COLUMNS {
                let ratio = find(profiler, frame_pointers).and_then(|row| row.ratio);
                match ratio {
                    Some(ratio) => text.push_str(&format!(" {} |", short(ratio.median))),
                    None => text.push_str(" |"),
                }
            }
            text.push('\n');
        }
    }
    if results.times.is_empty() {
        String::new()
    } else {
        text
    }
}

/// Three digits.
pub(crate) fn short(ratio: f64) -> String {
    match ratio {
        r if r < 10.0 => format!("{r:.2}"),
        r if r < 100.0 => format!("{r:.1}"),
        r => format!("{r:.0}"),
    }
}

fn instructions(results: &Results) -> String {
    if results.instructions.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "| pair of operations | inside | stacks | depth | alone | off | exact | off adds, an operation |\n\
         |---|---|---|--:|--:|--:|--:|--:|\n",
    );
    for row in &results.instructions {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.1} |\n",
            row.operation,
            row.inner,
            row.stack,
            row.depth,
            row.alone,
            row.off,
            row.exact,
            off_adds(row)
        ));
    }
    text
}

fn memory(results: &Results) -> String {
    if results.memory.is_empty() {
        return String::new();
    }
    let mut text = String::from("| inside | bytes added to a live block of 48 |\n|---|--:|\n");
    for row in &results.memory {
        text.push_str(&format!("| {} | {:.1} |\n", row.inner, row.bytes_per_block));
    }
    text
}

fn graph(results: &Results) -> String {
    if results.graph.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "| references of | blocks | edges | seconds | ns a block | bytes a block |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    for row in &results.graph {
        text.push_str(&format!(
            "| {} | {:.0} | {:.0} | {:.3} | {:.0} | {:.1} |\n",
            row.of,
            row.blocks,
            row.edges,
            row.seconds,
            row.seconds / row.blocks * 1e9,
            row.bytes_per_block
        ));
    }
    text
}
