//! What the dumps say. Everything here is read back from the files, as
//! `endler report` and `endler diff` read them.

use std::error::Error;
use std::path::Path;

use endler::reports::diff::{diff, growth};
use endler::reports::holding::{Holding, LogicalLeak, logical_leaks};
use endler::reports::load;
use endler::reports::partition::{Heap, by};
use endler::reports::render::number::bytes;
use endler::reports::render::page::{Page, text};
use endler::reports::render::{Columns, live, view};

/// Prints the tables of the last dump, and what grew between the first two.
pub(crate) fn print(seed: &Path, crawl: &Path, drain: &Path) -> Result<(), Box<dyn Error>> {
    let (before, after, last) = (load(seed)?, load(crawl)?, load(drain)?);
    let (before, after, last) = (Heap::new(&before), Heap::new(&after), Heap::new(&last));
    let types = last.all().by(&by::TYPE.into());

    heading("Live references at the end of `drain`, types of this program");
    let mut own: Vec<_> = types
        .rows()
        .iter()
        .map(|row| (types.name(row), row))
        .filter(|(name, _)| is_own(name))
        .collect();
    own.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, row) in own {
        print!(
            "{}",
            live::line(&name, row.count, row.oldest.0 / 1_000_000_000)
        );
    }

    heading("The heap by type at the end of `drain`");
    println!(
        "{}",
        text(&view::partition(&types, Columns::Oldest), Page::Top)
    );

    heading("By spider: its blocks at the end of `drain`");
    let tags = last.all().by(&by::TAG.into());
    println!("{}", text(&view::partition(&tags, Columns::Heapy), FEW));

    if let Some(largest) = types.row(0) {
        heading("Who holds the largest type: bytype[0].byvia");
        let vias = largest.by(&by::VIA.into());
        println!("{}", text(&view::partition(&vias, Columns::Heapy), FEW));
        if let Some(held) = vias.row(0) {
            heading("And what keeps those: bytype[0].byvia[0].paths");
            let paths = held.by(&by::PATH.into());
            println!("{}", text(&view::partition(&paths, Columns::Heapy), FEW));
        }
    }
    if let Some(leak) = logical_leaks(&[before, last], 1)
        .unwrap_or_default()
        .first()
    {
        holders(last, leak);
    }

    heading("By type, from the end of `seed` (A) to the end of `crawl` (B)");
    let change = diff(&[before, after], &by::TYPE.into());
    println!("{}", text(&change.table(["B", "A"]), Page::Top));

    heading("By field, from the end of `seed` (A) to the end of `drain` (B)");
    let left = diff(&[before, last], &by::VIA.into());
    println!("{}", text(&left.table(["B", "A"]), FEW));

    heading("What grew");
    match growth(before, after) {
        Some(growth) => println!("{growth}"),
        None => println!("Nothing grew."),
    }

    heading("Verdict");
    println!("{}", verdict(before, after, last));

    let profile = if cfg!(debug_assertions) {
        ""
    } else {
        "--release "
    };
    let endler = format!("cargo run {profile}--features cli --bin endler --");
    heading("Next");
    println!("{endler} diff {} {}", seed.display(), crawl.display());
    println!("{endler} report {} --by via", drain.display());
    println!(
        "{endler} query {} 'bytype[0].byvia[0].bysite'",
        drain.display()
    );
    println!("{endler} leaks {} {}", seed.display(), drain.display());
    Ok(())
}

/// The fields that hold what piled up, then those that hold these, and so on.
fn holders(last: Heap<'_>, leak: &LogicalLeak) {
    let types = last.all().by(&by::TYPE.into());
    let largest = types.find(&leak.name).and_then(|row| types.row(row));
    let (Some(largest), Some(holding)) = (largest, Holding::new(last)) else {
        return;
    };
    let vias = largest.by(&by::VIA.into());
    let Some(mut set) = vias.find(&leak.via).and_then(|row| vias.row(row)) else {
        return;
    };
    heading(&format!(
        "Who holds `{}` of `{}`, and who holds those: .referrers.byvia",
        leak.name, leak.via
    ));
    for _ in 0..HOLDERS {
        set = holding.holders(&set);
        if set.count() == 0 {
            break;
        }
        let vias = set.by(&by::VIA.into());
        println!(
            "{}\n",
            text(&view::partition(&vias, Columns::Heapy), Page::First(2))
        );
    }
}

/// How many steps of holders are printed: a page, its request's map, the queue.
const HOLDERS: usize = 3;
/// The rows that tell the story.
const FEW: Page = Page::First(5);

/// Whether what the crawl piled up is still there after the drain.
fn verdict(seed: Heap<'_>, crawl: Heap<'_>, drain: Heap<'_>) -> String {
    let live = |heap: Heap<'_>| heap.all().size().0;
    let piled_up = live(crawl).saturating_sub(live(seed));
    let left = live(drain).saturating_sub(live(seed));
    let of = format!("of {} that the crawl piled up", bytes(piled_up));
    if left == 0 {
        return format!("No leak: {of}, nothing is left after the drain.");
    }
    let of = format!("{of}, {} are left after the drain", bytes(left));
    let most = logical_leaks(&[seed, drain], 1).unwrap_or_default();
    let most = most.first().map(|most| format!(" Most of it: {most}"));
    let most = most.unwrap_or_default();
    // The second visits are to stay, and the capacity of their queue with them.
    if left < piled_up / 2 {
        return format!("No leak: {of}, which wait for their second visit.{most}");
    }
    format!("A leak: {of}.{most}")
}

fn heading(text: &str) {
    println!("\n== {text}");
}

/// Whether a type is, or holds, one of this program's.
fn is_own(name: &str) -> bool {
    // These two name the function that allocated, for want of a type.
    let named_by_function = name.starts_with("Raw in ") || name.starts_with("unknown in ");
    !named_by_function && name.contains("crawl::")
}
