//! The text file that a signal writes beside the snapshot.
//!
//! It is also made in the forked child of a process whose other threads may
//! have held any lock: nothing here starts a thread, takes a lock of std or of
//! libc, reads the environment or recurses over the heap, and the memory that
//! it needs is bounded by the number of blocks and contexts.

use crate::partition::{By, Heap, by};
use crate::render::page::{Page, text};
use crate::render::{Columns, Coverage, live, view};
use endler_snapshot::Image;
use std::io::{self, Write};

/// The relations of the tables, in order. Blocks one by one come last.
const BY: [&crate::partition::Relation; 9] = [
    by::SITE,
    by::STACK,
    by::HOLDER,
    by::MODULE,
    by::AGE,
    by::PHASE,
    by::THREAD,
    by::SIZE,
    by::EVIDENCE,
];

/// Writes what is known about `image`: the lines of [`Coverage`], the live
/// references of every type, and the first page of the heap by each relation.
pub fn write_tables(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    let heap = Heap::new(image);
    let all = heap.all();
    writeln!(out, "{}", Coverage::new(&all))?;
    let types = all.by(&by::TYPE.into());
    writeln!(out, "{}", live::of(&types))?;
    if all.count() == 0 {
        return writeln!(out, "{}", view::NOTHING);
    }
    writeln!(
        out,
        "{}\n",
        text(&view::partition(&types, Columns::Oldest), Page::Top)
    )?;
    for relation in BY {
        let by = By::from(relation);
        writeln!(
            out,
            "{}\n",
            view::set(&all, &by, Columns::Oldest, Page::Top).0
        )?;
    }
    writeln!(
        out,
        "{}",
        view::set(&all, &by::ID.into(), Columns::Heapy, Page::Top).0
    )
}

/// [`write_tables`] as a string.
#[must_use]
pub fn tables(image: &Image) -> String {
    let mut out = Vec::new();
    // Writing into a Vec does not fail.
    let _ = write_tables(image, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
