//! What the reference graph takes: the scan for edges, and graph, dominators and
//! retained sizes on two threads, on heaps made by hand and on the crawl's.
//!
//! The programs are the examples `scan_speed` and `graph_speed` of
//! `reports/examples`; each figure is a process of its own, and the middle one of
//! several is told.

use crate::programs::{Programs, output};
use crate::results::Graph;

/// What `graph_speed` is asked for, and how large it becomes: the worst shapes for
/// what climbs, descends or follows one node are among them.
const SHAPES: [&str; 4] = ["heap", "random", "list", "star"];

/// Measures sizes up to `blocks`, each a tenth of the next, `processes` times each.
pub(crate) fn measure(
    programs: &Programs,
    processes: u32,
    blocks: u32,
    pages: u32,
) -> Result<Vec<Graph>, String> {
    let [scan, graph] = programs.reports(["scan_speed", "graph_speed"])?;
    let sizes = [blocks / 100, blocks / 10, blocks];
    let mut rows = Vec::new();
    for size in sizes.map(|n| n.to_string()) {
        rows.push(middle(processes, || output(&scan, &[&size], None))?);
        for shape in SHAPES {
            let args = [size.as_str(), shape, "2", "short"];
            rows.push(middle(processes, || output(&graph, &args, None))?);
            if shape == SHAPES[0] {
                rows.extend(sum(&rows));
            }
        }
    }
    if let Ok(site) = crate::times::documentation() {
        let [crawl, _] = programs.crawls()?;
        let dumps = programs.scratch()?;
        crate::crawl::crawl(&crawl, &site, &dumps, pages, "exact")?;
        if let Some(file) = largest(&dumps) {
            let args = [file.as_str(), "all", "2", "short"];
            rows.push(middle(processes, || output(&graph, &args, None))?);
        }
        let _ = std::fs::remove_dir_all(&dumps);
    }
    Ok(rows)
}

/// The run whose time is the middle one.
fn middle(processes: u32, run: impl Fn() -> Result<String, String>) -> Result<Graph, String> {
    let mut rows = Vec::new();
    for _ in 0..processes.max(1) {
        rows.push(total(&run()?)?);
    }
    rows.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let middle = rows.len() / 2;
    Ok(rows.swap_remove(middle))
}

/// The last two rows together: a heap scanned, and what a heap of as many blocks and about as many
/// edges then takes until retained sizes are known. One comes behind the other, so the memory is that
/// of the larger.
fn sum(rows: &[Graph]) -> Option<Graph> {
    let [.., scan, graph] = rows else {
        return None;
    };
    Some(Graph {
        of: format!("{} and {}", scan.of, graph.of),
        blocks: graph.blocks,
        edges: graph.edges,
        seconds: scan.seconds + graph.seconds,
        bytes_per_block: scan.bytes_per_block.max(graph.bytes_per_block),
    })
}

/// `total SHAPE BLOCKS EDGES SECONDS BYTES`.
fn total(text: &str) -> Result<Graph, String> {
    let line = text.lines().find_map(|line| line.strip_prefix("total "));
    let fields: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    let [shape, numbers @ ..] = &fields[..] else {
        return Err(format!("no total in {text}"));
    };
    let number = |at: usize| {
        let field = numbers.get(at).and_then(|n| n.parse::<f64>().ok());
        field.ok_or_else(|| format!("no total in {text}"))
    };
    Ok(Graph {
        of: (*shape).into(),
        blocks: number(0)?,
        edges: number(1)?,
        seconds: number(2)?,
        bytes_per_block: number(3)?,
    })
}

/// The largest snapshot in a folder.
fn largest(folder: &std::path::Path) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let snapshots = files.filter(|f| f.path().extension().is_some_and(|e| e == "endler"));
    let largest = snapshots.max_by_key(|f| f.metadata().map_or(0, |m| m.len()))?;
    Some(largest.path().display().to_string())
}
