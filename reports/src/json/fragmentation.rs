//! `fragmentation --json`.

use super::Object;
use crate::fragmentation::{Account, Line, PINNED_BY, Verdict, bucket_name};
use std::io::{self, Write};

/// The whole object. `snapshots` are the paths as they were given, one an account.
pub fn fragmentation(
    out: &mut dyn Write,
    snapshots: &[&str],
    accounts: &[Account<'_>],
    verdict: Option<&Verdict>,
    top: Option<usize>,
) -> io::Result<()> {
    let mut object = Object::new(out)?;
    object
        .field("snapshots", snapshots.to_vec())?
        .field("cause", verdict.map(|v| v.cause.as_str()))?
        .field("verdict", verdict.map(ToString::to_string))?;
    object.rows(
        "fragmentation",
        snapshots.iter().zip(accounts),
        |out, (path, account)| one(out, path, account, top),
    )?;
    object.end()?;
    out.write_all(b"\n")
}

fn one(
    out: &mut Object<'_>,
    path: &str,
    account: &Account<'_>,
    top: Option<usize>,
) -> io::Result<()> {
    let inner = &account.heap.image().residency.inner;
    out.text("snapshot", path)?
        .field("rss", account.rss())?
        .object("lines", |out| {
            for line in Line::ALL {
                out.field(line.key(), account.line(line))?;
            }
            Ok(())
        })?
        .field("live_requested", account.requested)?
        .field("swapped", account.swapped)?
        .object("inner", |out| {
            out.text("allocator", &inner.allocator)?
                .field("reading_seconds", inner.reading.0 as f64 / 1e9)?;
            for (name, value) in inner.statistics.iter().flat_map(|s| s.named()) {
                out.field(name, value.map(|bytes| bytes.0))?;
            }
            Ok(())
        })?
        .rows(
            "pages",
            account.occupancy.pages.iter().enumerate(),
            |out, (bucket, pages)| {
                out.field("occupancy", bucket_name(bucket))?
                    .field("count", *pages)?;
                Ok(())
            },
        )?
        .field("pinned_pages", account.pins.pages)?
        .rows(
            "pins",
            account.pins.rows.iter().take(top.unwrap_or(usize::MAX)),
            |out, row| {
                for (relation, name) in PINNED_BY.iter().zip(&row.names) {
                    out.text(relation.word, name)?;
                }
                out.field("count", row.count)?
                    .field("size", row.size)?
                    .field("pages", row.pages)?
                    .field("returns", row.returns)?;
                Ok(())
            },
        )?;
    Ok(())
}
