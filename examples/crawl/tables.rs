//! What the dumps say. Everything here is read back from the files, as
//! `endler report` and `endler diff` read them.

use std::error::Error;
use std::path::Path;

use endler::reports::diff::{diff, growth};
use endler::reports::load;
use endler::reports::partition::{Heap, by};
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

    heading("By type, from the end of `seed` (A) to the end of `crawl` (B)");
    let change = diff(&[before, after], &by::TYPE.into());
    println!("{}", text(&change.table(["B", "A"]), Page::Top));

    heading("What grew");
    match growth(before, after) {
        Some(growth) => println!("{growth}"),
        None => println!("Nothing grew."),
    }

    let profile = if cfg!(debug_assertions) {
        ""
    } else {
        "--release "
    };
    let endler = format!("cargo run {profile}--features cli --bin endler --");
    heading("Next");
    println!("{endler} diff {} {}", seed.display(), crawl.display());
    println!("{endler} report {} --by bysite", drain.display());
    Ok(())
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
