//! The commands `roots` and `slack`.

use crate::Failure;
use crate::args::{Roots, Slack};
use crate::input::image;
use endler_reports::NO_REFERENCES;
use endler_reports::holding::{self, RootRow};
use endler_reports::json::Object;
use endler_reports::partition::{Heap, by};
use endler_reports::render::Page;
use endler_reports::render::page::text;
use std::io::Write;

pub(crate) fn roots(args: &Roots, out: &mut dyn Write) -> Result<(), Failure> {
    let image = image(&args.snapshot, &args.symbols)?;
    let heap = Heap::new(&image);
    let none = || Failure::Usage(format!("this {NO_REFERENCES}"));
    let roots = holding::roots(heap).ok_or_else(none)?;
    let threads = holding::threads(heap).ok_or_else(none)?;
    if !args.json {
        let page = args.top.map_or(Page::Top, Page::First);
        writeln!(out, "{}", text(&roots, page))?;
        return Ok(writeln!(out, "\n{}", text(&threads, page))?);
    }
    let mut object = Object::new(out)?;
    object
        .text("snapshot", &args.snapshot.display().to_string())?
        .field("shared_count", roots.shared_count)?
        .field("shared_size", roots.shared_size.0)?;
    let most = args.top.unwrap_or(usize::MAX);
    for (key, table) in [("roots", &roots), ("threads", &threads)] {
        object.rows(key, table.rows.iter().take(most), |out, row: &RootRow| {
            out.text("name", &row.name)?
                .text("thread", &row.thread)?
                .field("count", row.count)?
                .field("retained", row.size.0)?;
            Ok(())
        })?;
    }
    object.end()?;
    Ok(out.write_all(b"\n")?)
}

pub(crate) fn slack(args: &Slack, out: &mut dyn Write) -> Result<(), Failure> {
    let image = image(&args.snapshot, &args.symbols)?;
    let mut set = Heap::new(&image).all();
    for condition in &args.conditions {
        set = condition.apply(&set);
    }
    let by = args.by.clone().unwrap_or(by::TYPE.into());
    let none = || Failure::Usage(format!("this {NO_REFERENCES}"));
    let slack = holding::slack(&set, &by).ok_or_else(none)?;
    if !args.json {
        let page = args.top.map_or(Page::Top, Page::First);
        let text = endler_reports::render::slack::slack(&slack, page);
        return Ok(writeln!(out, "{text}")?);
    }
    let most = args.top.unwrap_or(usize::MAX);
    let mut object = Object::new(out)?;
    object
        .text("snapshot", &args.snapshot.display().to_string())?
        .text("by", &by.word())?
        .field("containers", slack.all.count)?
        .field("bytes", slack.all.size.0)?
        .field("unused", slack.all.unused.0)?;
    object.rows("slack", slack.rows.iter().take(most), |out, row| {
        out.text("name", &row.name)?
            .field("count", row.count)?
            .field("size", row.size.0)?
            .field("unused", row.unused.0)?
            .field("empty", row.empty)?
            .field("oversized", row.oversized)?;
        Ok(())
    })?;
    object.rows("copies", slack.copies.iter().take(most), |out, row| {
        out.text("name", &row.name)?
            .field("count", row.count)?
            .field("size", row.size.0)?;
        Ok(())
    })?;
    object.rows("repeats", slack.repeats.iter().take(most), |out, row| {
        let address = image.blocks.addr.get(row.block.index());
        out.text("name", &row.name)?
            .text(
                "address",
                &address.map_or_else(String::new, |a| a.to_string()),
            )?
            .field("count", row.count)?
            .field("size", row.size.0)?;
        Ok(())
    })?;
    object.end()?;
    Ok(out.write_all(b"\n")?)
}
