//! What each command does.

use crate::Failure;
use crate::args::{Args, Command, Diff, Export, Fold, Fragmentation, Query, Report, Symbols};
use crate::held;
use crate::input::image;
use crate::kept;
use crate::lines;
use crate::live;
use endler_reports::diff::{diff, growth};
use endler_reports::fragmentation::{account, verdict};
use endler_reports::graph::{Dominators, Follow, Retained, Threads};
use endler_reports::holding::{fold_owners, whole_graph};
use endler_reports::json;
use endler_reports::partition::{By, Heap, Set, by};
use endler_reports::query::{QueryError, query};
use endler_reports::render::fragmentation as render_fragmentation;
use endler_reports::render::page::{Listing, text};
use endler_reports::render::series::{Series, letter};
use endler_reports::render::{Columns, Coverage, Page, view};
use endler_reports::totals::totals;
use endler_snapshot::{Image, Process};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Does what the command line says.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    match &args.command {
        Command::Report(args) if args.totals => report_totals(args, out),
        Command::Report(args) => report(args, out),
        Command::Diff(args) => difference(args, out),
        Command::Fragmentation(args) => fragmentation(args, out),
        Command::Query(args) => ask(args, out),
        Command::Paths(args) => held::paths(args, out),
        Command::Oldest(args) => held::oldest(args, out),
        Command::Leaks(args) => held::lost(args, out),
        Command::Roots(args) => kept::roots(args, out),
        Command::Slack(args) => kept::slack(args, out),
        Command::Export(args) => export(args, out),
        Command::Attach(args) => live::attach(args, out),
        Command::Dump(args) => live::dump(args, out),
    }
}

fn page(top: Option<usize>) -> Page {
    top.map_or(Page::Top, Page::First)
}

/// A path as it was given.
fn given(path: &Path) -> String {
    path.display().to_string()
}

fn report(args: &Report, out: &mut dyn Write) -> Result<(), Failure> {
    let image = folded(image(&args.snapshot, &args.symbols)?, args.fold)?;
    let mut set = Heap::new(&image).all();
    for condition in &args.conditions {
        set = condition.apply(&set);
    }
    let by = args.by.clone().unwrap_or_default();
    can_answer(&by, Heap::new(&image))?;
    if args.retained {
        return retained(args, &by, &set, out);
    }
    if args.json {
        return Ok(json::report(
            out,
            &given(&args.snapshot),
            &set,
            &by,
            args.top,
        )?);
    }
    let columns = if args.oldest {
        Columns::Oldest
    } else {
        Columns::Heapy
    };
    Ok(write!(
        out,
        "{}",
        view::report(&set, &by, columns, page(args.top))
    )?)
}

/// The image as the command line wants it counted.
pub(crate) fn folded(image: Image, fold: Option<Fold>) -> Result<Image, Failure> {
    match fold {
        None => Ok(image),
        Some(Fold::Owners) if image.references.is_none() => {
            let message = format!("--fold {}", endler_reports::NO_REFERENCES);
            Err(Failure::Usage(message))
        }
        Some(Fold::Owners) => Ok(fold_owners(&image)),
    }
}

/// The list of blocks with what each retains.
fn retained(args: &Report, by: &By, set: &Set<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    if !by.is_id() {
        let message = "--retained lists blocks one by one; give --by id";
        return Err(Failure::Usage(message.into()));
    }
    let none = || Failure::Usage(format!("--retained {}", endler_reports::NO_REFERENCES));
    let graph = whole_graph(set.heap()).ok_or_else(none)?;
    let dominators = Dominators::on(&graph, Follow::Retaining, Threads::Two);
    let sizes = &set.heap().image().blocks.size;
    let retained = Retained::new(&graph, &dominators, sizes);
    let snapshot = given(&args.snapshot);
    Ok(json::report_retained(
        out, &snapshot, set, &retained, args.top,
    )?)
}

fn export(args: &Export, out: &mut dyn Write) -> Result<(), Failure> {
    let image = image(&args.snapshot, &args.symbols)?;
    let exporter = args.to;
    if exporter.needs_references && image.references.is_none() {
        let message = format!("{} {}", exporter.name, endler_reports::NO_REFERENCES);
        return Err(Failure::Usage(message));
    }
    let heap = Heap::new(&image);
    if args.output.as_os_str() == "-" {
        return Ok((exporter.write)(heap, out)?);
    }
    let mut file = BufWriter::with_capacity(1 << 18, File::create(&args.output)?);
    (exporter.write)(heap, &mut file)?;
    Ok(file.flush()?)
}

/// Refuses a relation to referrers where none were recorded.
fn can_answer(by: &By, heap: Heap<'_>) -> Result<(), Failure> {
    match by.needs_references(heap) {
        None => Ok(()),
        Some(relation) => {
            let message = format!("{} {}", relation.name, endler_reports::NO_REFERENCES);
            Err(Failure::Usage(message))
        }
    }
}

fn report_totals(args: &Report, out: &mut dyn Write) -> Result<(), Failure> {
    let by = args.by.clone().unwrap_or(by::SITE.into());
    let image = image(&args.snapshot, &args.symbols)?;
    let heap = Heap::new(&image);
    let totals = totals(heap, &by).map_err(|e| Failure::Usage(e.to_string()))?;
    if args.json {
        return Ok(json::totals(
            out,
            &given(&args.snapshot),
            &totals,
            args.top,
        )?);
    }
    writeln!(out, "{}", Coverage::new(&heap.all()))?;
    Ok(writeln!(out, "{}", text(&totals, page(args.top)))?)
}

/// What makes a comparison of two snapshots doubtful.
fn doubt(before: &Process, after: &Process) -> Option<String> {
    if before.exe != after.exe {
        return Some(format!(
            "these are two programs ({} and {}): what differs is not what grew",
            before.exe, after.exe
        ));
    }
    if before.taken > after.taken {
        return Some("the first snapshot is the later one: give the earlier one first".into());
    }
    (before.pid != after.pid).then(|| {
        let (one, other) = (before.pid, after.pid);
        format!("these are two runs (processes {one} and {other}): what differs is not what grew")
    })
}

fn difference(args: &Diff, out: &mut dyn Write) -> Result<(), Failure> {
    let by = args.by.clone().unwrap_or_default();
    if by.names_blocks() {
        let message = "blocks of several snapshots are compared by what names them, not one by one; \
                       give --by type, site or another relation than id";
        return Err(Failure::Usage(message.into()));
    }
    let images = images(&args.snapshots, &args.symbols)?;
    let heaps: Vec<Heap<'_>> = images.iter().map(Heap::new).collect();
    let (Some(&first), Some(&last)) = (heaps.first(), heaps.last()) else {
        return Ok(());
    };
    for &heap in &heaps {
        can_answer(&by, heap)?;
    }
    let growth = growth(first, last).map(|growth| growth.to_string());
    let compared = diff(&heaps, &by);
    if args.json {
        let paths: Vec<String> = args.snapshots.iter().map(|path| given(path)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        return Ok(json::diff(
            out,
            &paths,
            &compared,
            growth.as_deref(),
            args.top,
        )?);
    }
    for (at, (heap, path)) in heaps.iter().zip(&args.snapshots).enumerate() {
        let coverage = Coverage::new(&heap.all()).to_string();
        for line in coverage.lines() {
            writeln!(out, "{}: {line}", letter(at))?;
        }
        writeln!(out, "{}: {}", letter(at), path.display())?;
    }
    match growth {
        Some(sentence) => writeln!(out, "\n{sentence}\n")?,
        None => writeln!(
            out,
            "\nNothing grew: no type has more bytes at any site than before.\n"
        )?,
    }
    let table: Box<dyn Listing + '_> = match heaps.len() {
        2 => Box::new(compared.table(["B", "A"])),
        _ => Box::new(Series::new(&compared)),
    };
    Ok(writeln!(out, "{}", text(&*table, page(args.top)))?)
}

fn fragmentation(args: &Fragmentation, out: &mut dyn Write) -> Result<(), Failure> {
    let images = images(&args.snapshots, &args.symbols)?;
    let accounts: Vec<_> = images.iter().map(|i| account(Heap::new(i))).collect();
    let verdict = verdict(&accounts);
    if args.json {
        let paths: Vec<String> = args.snapshots.iter().map(|path| given(path)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        return Ok(json::fragmentation(
            out,
            &paths,
            &accounts,
            verdict.as_ref(),
            args.top,
        )?);
    }
    let page = page(args.top);
    let text = render_fragmentation::fragmentation(&accounts, verdict.as_ref(), page);
    Ok(write!(out, "{text}")?)
}

/// Several snapshots, and a line on standard error for each that cannot be compared
/// with the one before it.
fn images(paths: &[PathBuf], symbols: &Symbols) -> Result<Vec<Image>, Failure> {
    let images: Vec<Image> = paths
        .iter()
        .map(|path| image(path, symbols))
        .collect::<Result<_, _>>()?;
    for pair in images.windows(2) {
        if let [before, after] = pair
            && let Some(doubt) = doubt(&before.process, &after.process)
        {
            let _ = writeln!(io::stderr(), "endler: {doubt}");
        }
    }
    Ok(images)
}

fn ask(args: &Query, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(expression) = &args.expression else {
        return lines::lines(args, out);
    };
    let usage = |e: QueryError| Failure::Usage(format!("this query cannot be answered\n{e}"));
    // What is written wrong need not wait for a file to be read.
    endler_reports::query::check(expression).map_err(usage)?;
    let image = folded(image(&args.snapshot, &args.symbols)?, args.fold)?;
    let answer = query(Heap::new(&image), expression).map_err(usage)?;
    if args.json {
        return Ok(json::query(out, &given(&args.snapshot), &answer)?);
    }
    Ok(writeln!(out, "{}", answer.text(Columns::Heapy))?)
}
