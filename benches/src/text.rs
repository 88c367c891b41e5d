//! The tables on standard output.

use crate::contenders::{EXACT, NONE};
use crate::results::{Graph, Instructions, Memory, Results, Snapshot, Spread, Timed};
use crate::times::WORKLOADS;

/// One workload's rows, printed as soon as they stand.
pub(crate) fn times(workload: &str, rows: &[Timed]) -> String {
    let what = WORKLOADS
        .iter()
        .find(|(name, _)| *name == workload)
        .map_or("the whole process", |(_, what)| what);
    let mut text = format!(
        "\n{:<52}{:>10}{:>9}{:>9}{:>9}{:>8}\n",
        format!("{workload}: {what}"),
        "seconds",
        "ratio",
        "least",
        "most",
        "rounds"
    );
    for row in rows {
        text.push_str(&format!(
            "  {:<50}{:>10.3}{}{:>8}\n",
            label(row),
            row.seconds.median,
            ratio(row.ratio),
            row.rounds
        ));
    }
    text
}

fn ratio(ratio: Option<Spread>) -> String {
    ratio.map_or_else(
        || " ".repeat(27),
        |r| format!("{:>9.2}{:>9.2}{:>9.2}", r.median, r.min, r.max),
    )
}

/// `endler exact in glibc, frame pointers`
pub(crate) fn label(row: &Timed) -> String {
    let mut text = if row.profiler == NONE {
        format!("{} alone", row.inner)
    } else {
        format!("{} in {}", row.profiler, row.inner)
    };
    if row.frame_pointers {
        text.push_str(", frame pointers");
    }
    if row.divide > 1 {
        text.push_str(&format!(", 1/{}", row.divide));
    }
    text
}

/// What a second thread costs: `threads` through `thread`.
pub(crate) fn second_thread(results: &Results) -> String {
    let one = |row: &Timed| {
        results.times.iter().find(|one| {
            one.workload == "thread"
                && (&one.profiler, &one.inner, one.frame_pointers, one.divide)
                    == (&row.profiler, &row.inner, row.frame_pointers, row.divide)
        })
    };
    let rows: Vec<String> = results
        .times
        .iter()
        .filter(|row| row.workload == "threads")
        .filter_map(|row| {
            let times = row.seconds.median / one(row)?.seconds.median;
            Some(format!("  {:<50}{times:>10.2}\n", label(row)))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = "\n2 threads' time through 1 thread's, each doing the same amount\n";
    format!("{head}{}", rows.concat())
}

/// How much of what a peer adds endler adds: what is beyond a ratio of 1.
pub(crate) fn shares(results: &Results) -> String {
    let mut text = String::new();
    for (workload, _) in WORKLOADS {
        let beyond = |profiler: &str, inner: &str, frame_pointers: bool| {
            let rows = &results.times;
            let row = rows.iter().find(|row| {
                (row.workload.as_str(), row.profiler.as_str()) == (workload, profiler)
                    && (row.inner.as_str(), row.frame_pointers) == (inner, frame_pointers)
            })?;
            Some(row.ratio?.median - 1.0)
        };
        for (peer, inner, frame_pointers) in [
            ("heapscope", "glibc", true),
            ("heapscope 0.1", "glibc", true),
            ("dhat-rs", "glibc", false),
            ("jemalloc prof exact", "jemalloc", false),
        ] {
            let own = beyond(EXACT, inner, frame_pointers);
            let (Some(own), Some(other)) = (own, beyond(peer, inner, frame_pointers)) else {
                continue;
            };
            let what = format!("{workload}: of what {peer} adds");
            text.push_str(&format!("  {what:<50}{:>8.1} %\n", own / other * 100.0));
        }
    }
    if text.is_empty() {
        return text;
    }
    format!("\nwhat endler adds, in the same build\n{text}")
}

pub(crate) fn memory(rows: &[Memory]) -> String {
    let mut text = String::from("\nresident bytes that endler adds to a live block of 48 bytes\n");
    for row in rows {
        text.push_str(&format!(
            "  {:<50}{:>10.1}\n",
            row.inner, row.bytes_per_block
        ));
    }
    text
}

pub(crate) fn instructions(rows: &[Instructions]) -> String {
    let mut text = format!(
        "\n{:<48}{:>8}{:>8}{:>8}{:>12}\n",
        "instructions of one pair of operations", "alone", "off", "exact", "off adds/op"
    );
    for row in rows {
        let stack = match row.stack.as_str() {
            "innermost" => "2 innermost frames in turn",
            "whole" => "2 stacks in turn",
            _ => "1 stack",
        };
        let operation = match row.operation.as_str() {
            "realloc" => "realloc up, down",
            _ => "alloc, free",
        };
        let what = format!("{operation}, {}, {stack}, {} deep", row.inner, row.depth);
        text.push_str(&format!(
            "  {what:<46}{:>8.0}{:>8.0}{:>8.0}{:>12.1}\n",
            row.alone,
            row.off,
            row.exact,
            off_adds(row)
        ));
    }
    text
}

/// Instructions that endler adds to one operation when it is off.
pub(crate) fn off_adds(row: &Instructions) -> f64 {
    (row.off - row.alone) / 2.0
}

pub(crate) fn snapshot(of: &Snapshot) -> String {
    let milli = |seconds: f64| format!("{:.1} ms", seconds * 1e3);
    let fault = (of.writer_slowest_seconds - of.writer_quiet_seconds) / of.writer_pages;
    let rows = [
        (
            "resident",
            format!("{:.2} GiB", of.resident_bytes / f64::from(1 << 30)),
        ),
        ("the clone", milli(of.held_seconds)),
        (
            "longest gap of a thread that reads the clock",
            milli(of.gap_seconds),
        ),
        ("  the same without a snapshot", milli(of.gap_quiet_seconds)),
        (
            "longest single write to a page",
            milli(of.writer_longest_write_seconds),
        ),
        (
            "writing to all pages, before",
            format!(
                "{} of {:.0} pages",
                milli(of.writer_quiet_seconds),
                of.writer_pages
            ),
        ),
        (
            "  slowest time during the snapshot",
            milli(of.writer_slowest_seconds),
        ),
        ("  lost in all", milli(of.writer_lost_seconds)),
        (
            "  minor faults",
            format!("{:.0}, {:.2} us each", of.writer_faults, fault * 1e6),
        ),
        (
            "call to file, types in it",
            format!("{:.2} s", of.file_seconds),
        ),
        ("signal to tables", format!("{:.2} s", of.tables_seconds)),
        (
            "types of all, debug information read",
            format!("{:.2} s", of.typed_seconds),
        ),
        (
            "  and the table by type",
            format!("{:.2} s", of.tabled_seconds),
        ),
    ];
    let mut text = format!("\na snapshot of {:.0} live blocks of 48 bytes\n", of.blocks);
    for (name, value) in rows {
        text.push_str(&format!("  {name:<46}{value}\n"));
    }
    text
}

/// Times and memory of the reference graph.
pub(crate) fn graph(rows: &[Graph]) -> String {
    let mut text = format!(
        "\n{:<24}{:>12}{:>12}{:>10}{:>12}{:>14}\n",
        "references", "blocks", "edges", "seconds", "ns a block", "bytes a block"
    );
    for row in rows {
        text.push_str(&format!(
            "  {:<22}{:>12.0}{:>12.0}{:>10.3}{:>12.0}{:>14.1}\n",
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
