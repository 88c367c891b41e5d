//! The commands that ask who holds what: `paths`, `oldest`, `leaks`.

use crate::Failure;
use crate::args::{Leaks, Oldest, Paths, Symbols};
use crate::input::image;
use endler_reports::NO_REFERENCES;
use endler_reports::filter::Filter;
use endler_reports::graph::{LeakKind, PathCount};
use endler_reports::holding::{
    Holding, LeakTable, LogicalLeak, Way, leaks, logical_leaks, ways_to,
};
use endler_reports::json::Object;
use endler_reports::partition::{Heap, Set, by};
use endler_reports::render::origin::origin;
use endler_reports::render::page::{Page, text};
use endler_reports::render::{Columns, view};
use endler_snapshot::{BlockId, Image};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Ways to one block that are listed.
const WAYS: usize = 10;

fn holding(heap: Heap<'_>) -> Result<Holding<'_>, Failure> {
    let none = || Failure::Usage(format!("this {NO_REFERENCES}"));
    Holding::new(heap).ok_or_else(none)
}

/// The blocks that a word means: an address, or the name of a type, in which *
/// is any text.
fn meant<'a>(heap: Heap<'a>, word: &str) -> Result<Set<'a>, Failure> {
    let all = heap.all();
    let set = match word
        .strip_prefix("0x")
        .map(|hex| u64::from_str_radix(hex, 16))
    {
        Some(Ok(address)) => {
            let blocks = &heap.image().blocks;
            let end = |b: usize| blocks.addr[b].0.saturating_add(blocks.size[b].0.max(1));
            all.filter(|b| blocks.addr[b].0 <= address && address < end(b))
        }
        _ => {
            let filter: Result<Filter, _> = format!("type={word}").parse();
            filter
                .map_err(|e| Failure::Usage(e.to_string()))?
                .apply(&all)
        }
    };
    if set.count() == 0 {
        return Err(Failure::Usage(format!(
            "no block is a `{word}`; give a type as `endler report` names it (* is any text), or \
             an address such as 0x7f00c0de"
        )));
    }
    Ok(set)
}

fn given(path: &Path) -> String {
    path.display().to_string()
}

/// The lines of a path's name.
fn lines(name: &str) -> Vec<String> {
    name.lines().map(str::to_owned).collect()
}

pub(crate) fn paths(args: &Paths, out: &mut dyn Write) -> Result<(), Failure> {
    let image = image(&args.snapshot, &args.symbols)?;
    let heap = Heap::new(&image);
    let holding = holding(heap)?;
    let set = meant(heap, &args.what)?;
    let rows = set.by(&by::PATH.into());
    let Some(oldest) = set.oldest() else {
        return Ok(());
    };
    let ways = ways_to(&holding, oldest, WAYS);
    if args.json {
        let mut object = Object::new(out)?;
        object.field("snapshot", given(&args.snapshot))?;
        let most = args.top.unwrap_or(usize::MAX);
        object.rows("paths", rows.rows().iter().take(most), |out, row| {
            out.field("path", lines(&rows.name(row)))?
                .field("count", row.count)?
                .field("size", row.size.0)?;
            Ok(())
        })?;
        object.text(
            "oldest",
            &heap.image().blocks.addr[oldest.index()].to_string(),
        )?;
        match ways.shortest {
            PathCount::Exact(n) => object.field("shortest_paths", n.to_string())?,
            PathCount::TooMany => object.field("shortest_paths", "more than 2^128")?,
        };
        object.rows("ways", &ways.ways, |out, way| {
            out.text("root", &way.root)?
                .rows("steps", &way.steps, |out, (via, block)| {
                    out.text("via", via)?
                        .text("type", heap.type_name(block.index()))?
                        .text(
                            "address",
                            &heap.image().blocks.addr[block.index()].to_string(),
                        )?;
                    Ok(())
                })?;
            Ok(())
        })?;
        object.end()?;
        return Ok(out.write_all(b"\n")?);
    }
    let page = args.top.map_or(Page::Top, Page::First);
    writeln!(
        out,
        "{}",
        text(&view::partition(&rows, Columns::Oldest), page)
    )?;
    let count = match ways.shortest {
        PathCount::Exact(1) => "1 shortest path".to_owned(),
        PathCount::Exact(n) => format!("{n} shortest paths"),
        PathCount::TooMany => "more than 2^128 shortest paths".to_owned(),
    };
    let address = heap.image().blocks.addr[oldest.index()];
    writeln!(
        out,
        "\nThe oldest, {address}: {count} from the roots; ways that share no block:"
    )?;
    for way in &ways.ways {
        writeln!(out, "\n{}", one_way(heap, way))?;
    }
    if !ways.is_all {
        writeln!(out, "\nThere may be more.")?;
    }
    Ok(())
}

/// A way, a line for each step.
fn one_way(heap: Heap<'_>, way: &Way) -> String {
    let mut text = way.root.clone();
    for (via, block) in &way.steps {
        let name = heap.type_name(block.index());
        let size = heap.size(block.index()).0;
        text.push_str(&format!("\n  {via} → {name}, {size} bytes"));
    }
    text
}

pub(crate) fn oldest(args: &Oldest, out: &mut dyn Write) -> Result<(), Failure> {
    let image = image(&args.snapshot, &args.symbols)?;
    let heap = Heap::new(&image);
    let set = meant(heap, &args.what)?;
    let Some(block) = set.oldest() else {
        return Ok(());
    };
    let one = set.filter(|b| b == block.index());
    let name = |relation: &'static endler_reports::partition::Relation| {
        let classes = (relation.classify)(heap);
        classes.name(classes.of_block(block.index())).into_owned()
    };
    let known = image.references.is_some();
    let seconds = heap.age(block.index()).0 / 1_000_000_000;
    if args.json {
        let mut object = Object::new(out)?;
        object.field("snapshot", given(&args.snapshot))?;
        object.rows("oldest", [block], |out, block: BlockId| {
            out.text("address", &image.blocks.addr[block.index()].to_string())?
                .field("size", heap.size(block.index()).0)?
                .text("name", heap.type_name(block.index()))?
                .field("age_seconds", seconds)?
                .field("of", set.count())?
                .text("site", &name(by::SITE))?
                .field("stack", lines(&name(by::STACK)))?;
            if known {
                out.text("via", &name(by::VIA))?
                    .field("path", lines(&name(by::PATH)))?;
            }
            Ok(())
        })?;
        object.end()?;
        return Ok(out.write_all(b"\n")?);
    }
    writeln!(
        out,
        "{} at {}, {} bytes, oldest of {}: {seconds}s",
        heap.type_name(block.index()),
        image.blocks.addr[block.index()],
        one.size().0,
        set.count(),
    )?;
    Ok(write!(out, "\n{}", origin(heap, block))?)
}

fn all_images(paths: &[PathBuf], symbols: &Symbols) -> Result<Vec<Image>, Failure> {
    paths.iter().map(|path| image(path, symbols)).collect()
}

pub(crate) fn lost(args: &Leaks, out: &mut dyn Write) -> Result<(), Failure> {
    let images = all_images(&args.snapshots, &args.symbols)?;
    let mut processes = images.iter().map(|image| &image.process);
    let first = processes.next();
    if processes.any(|p| first.is_some_and(|f| f.pid != p.pid || f.exe != p.exe)) {
        let message = "leaks compares snapshots of one process; these are of several";
        return Err(Failure::Usage(message.into()));
    }
    let heaps: Vec<Heap<'_>> = images.iter().map(Heap::new).collect();
    let none = || Failure::Usage(format!("this {NO_REFERENCES}"));
    let scans = images.iter().filter_map(|i| i.references.as_ref());
    if scans.map(|r| r.scan.unread).any(|unread| unread > 0) {
        let message = "memory could not be read when the snapshot was taken (a seccomp filter that \
                       forbids process_vm_readv?), so what nothing refers to is not known";
        return Err(Failure::Usage(message.into()));
    }
    let table = leaks(&heaps).ok_or_else(none)?;
    let top = args.top.unwrap_or(10);
    let logical = match heaps.len() {
        0 | 1 => Vec::new(),
        _ => logical_leaks(&heaps, top).ok_or_else(none)?,
    };
    if args.json {
        return Ok(lost_json(args, &table, &logical, out)?);
    }
    let page = args.top.map_or(Page::Top, Page::First);
    writeln!(out, "{}", text(&table, page))?;
    if !table.cycles.rows.is_empty() {
        writeln!(out, "\n{}", text(&table.cycles, page))?;
    }
    match &table.counts {
        Some(counts) if !counts.rows.is_empty() => writeln!(out, "\n{}", text(counts, page))?,
        _ => {}
    }
    if heaps.len() < 2 {
        return Ok(());
    }
    writeln!(out, "\nWhat piled up and is still held:")?;
    if logical.is_empty() {
        writeln!(out, "nothing; no type has more bytes than before.")?;
    }
    let mut steadily = None;
    for leak in &logical {
        if steadily != Some(leak.steadily) && heaps.len() > 2 {
            steadily = Some(leak.steadily);
            let which = if leak.steadily {
                "at every step"
            } else {
                "in all, not at every step"
            };
            writeln!(out, "\n({which})")?;
        }
        writeln!(out, "\n{leak}")?;
    }
    Ok(())
}

fn lost_json(
    args: &Leaks,
    table: &LeakTable,
    logical: &[LogicalLeak],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut object = Object::new(out)?;
    let snapshots: Vec<String> = args.snapshots.iter().map(|path| given(path)).collect();
    object
        .field("snapshot", snapshots)?
        .field("confirmed", table.confirmed)?
        .field("objects", table.count)?
        .field("bytes", table.size.0)?;
    let most = args.top.unwrap_or(usize::MAX);
    object.rows("leaks", table.rows.iter().take(most), |out, row| {
        let kind = match row.kind {
            LeakKind::Direct => "direct",
            LeakKind::Cycle => "cycle",
        };
        out.text("kind", kind)?
            .text("name", &row.name)?
            .text("site", &row.site)?
            .field("count", row.count)?
            .field("size", row.size.0)?
            .field("indirect_count", row.indirect_count)?
            .field("indirect_size", row.indirect_size.0)?
            .field("oldest_seconds", row.oldest.0 / 1_000_000_000)?;
        Ok(())
    })?;
    object.rows("cycles", &table.cycles.rows, |out, row| {
        out.text("closing_field", &row.closing)?
            .text("name", &row.name)?
            .text("site", &row.site)?
            .field("lost", row.is_lost)?
            .field("count", row.count)?
            .field("blocks", row.blocks)?
            .field("size", row.size.0)?
            .field("oldest_seconds", row.oldest.0 / 1_000_000_000)?;
        Ok(())
    })?;
    let counts = table.counts.iter().flat_map(|counts| &counts.rows);
    object.rows("counts", counts, |out, row| {
        out.text("mismatch", row.mismatch.as_str())?
            .text("name", &row.name)?
            .text("site", &row.site)?
            .field("count", row.count)?
            .field("size", row.size.0)?
            .field("by", row.by)?
            .field("oldest_seconds", row.oldest.0 / 1_000_000_000)?;
        Ok(())
    })?;
    object.rows("logical", logical, |out, leak| {
        out.text("name", &leak.name)?
            .text("via", &leak.via)?
            .text("site", &leak.site)?
            .field("steadily", leak.steadily)?;
        out.rows("points", &leak.points, |out, point| {
            out.field("count", point.count)?.field("size", point.size)?;
            Ok(())
        })?;
        if let Some(point) = &leak.point {
            out.object("accumulation_point", |out| {
                out.text("name", &point.name)?
                    .text("via", &point.via)?
                    .field("count", point.count)?
                    .field("retained", point.retained.0)?;
                Ok(())
            })?;
        }
        out.text("sentence", &leak.to_string())?;
        Ok(())
    })?;
    object.end()?;
    out.write_all(b"\n")
}
