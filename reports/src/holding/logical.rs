//! Logical leaks: blocks that pile up while something still holds them.
//!
//! Rows are triples of a type, the fields that hold it and the site that
//! allocated it. A row is listed if it has more bytes in the last snapshot than
//! in the first; rows that grew at every step come first. The *accumulation
//! point* is the block or root nearest to them without which they would be free
//! ([`accumulation`]).

use super::Holding;
use super::accumulation::accumulation;
use crate::diff::{DiffRow, Point, diff};
use crate::graph::{Dominators, Follow, Retained};
use crate::partition::{By, Heap, by};
use crate::render::number::{bytes, counted};
use endler_snapshot::{Bytes, Nanos};
use std::fmt;

/// What piled up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalLeak {
    /// The type.
    pub name: String,
    /// The fields that hold it, joined by `, `.
    pub via: String,
    /// Where it was allocated.
    pub site: String,
    /// Blocks and bytes at each snapshot.
    pub points: Vec<Point>,
    /// Whether it grew at every step.
    pub steadily: bool,
    /// The age of the oldest block in the last snapshot.
    pub oldest: Nanos,
    /// What holds them, or nearly all; none where no one block or root does.
    pub point: Option<AccumulationPoint>,
}

/// The block or root without which others would be free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccumulationPoint {
    /// The block's type, or the root's name.
    pub name: String,
    /// The fields that hold the block; empty for a root.
    pub via: String,
    /// What it retains in the last snapshot; for a root, what all that it alone
    /// keeps comes to.
    pub retained: Bytes,
    /// How many of the row's blocks go with it.
    pub count: u64,
}

/// What piled up between the first and the last of some snapshots, at most `top`
/// rows. None if the last has no references. O(blocks + edges) for each row.
#[must_use]
pub fn logical_leaks(heaps: &[Heap<'_>], top: usize) -> Option<Vec<LogicalLeak>> {
    let &last = heaps.last()?;
    let holding = Holding::new(last)?;
    let dominators = Dominators::new(holding.graph(), Follow::Retaining);
    let retained = Retained::new(holding.graph(), &dominators, &last.image().blocks.size);
    let relations = By::all(&[by::TYPE, by::VIA, by::SITE]);
    let compared = diff(heaps, &relations);
    let mut rows: Vec<&DiffRow> = compared
        .rows
        .iter()
        .filter(|r| r.size_delta() > 0)
        .collect();
    let steadily = |row: &DiffRow| row.points.windows(2).all(|w| w[0].size < w[1].size);
    // They come by growth, which is the tie-break.
    rows.sort_by_key(|row| !steadily(row));
    rows.truncate(top);
    let now = last.all().by(&relations);
    let types = (by::TYPE.classify)(last);
    let vias = (by::VIA.classify)(last);
    let sites = (by::SITE.classify)(last);
    let leak = |row: &DiffRow| {
        let set = now.row(now.find(&row.name)?)?;
        let first = set.iter().next()?;
        let name = |classes: &dyn crate::partition::Classes, block: usize| {
            classes.name(classes.of_block(block)).into_owned()
        };
        let sizes = set.iter().map(|block| (block, last.size(block).0));
        let point = accumulation(&dominators, sizes).map(|found| {
            let node = found.node;
            let block = node.index();
            match holding.graph().root_index(node) {
                None => AccumulationPoint {
                    name: name(&*types, block),
                    via: name(&*vias, block),
                    retained: retained.bytes(node),
                    count: found.blocks,
                },
                Some(root) => AccumulationPoint {
                    name: last
                        .image()
                        .references
                        .as_ref()
                        .and_then(|r| r.roots.get(root as usize))
                        .map_or_else(String::new, |root| root.name.clone()),
                    via: String::new(),
                    retained: retained.bytes(node),
                    count: found.blocks,
                },
            }
        });
        Some(LogicalLeak {
            name: name(&*types, first),
            via: name(&*vias, first),
            site: name(&*sites, first),
            points: row.points.clone(),
            steadily: steadily(row),
            oldest: set.oldest_age().unwrap_or_default(),
            point,
        })
    };
    Some(rows.into_iter().filter_map(leak).collect())
}

impl fmt::Display for LogicalLeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = match self.points[..] {
            [first, .., last] => (first, last),
            [one] => (Point::default(), one),
            [] => return Ok(()),
        };
        let count = last.count.saturating_sub(first.count);
        let size = last.size.saturating_sub(first.size);
        // One vector that grows is no more blocks.
        if count == 0 {
            write!(f, "{} more in `{}`", bytes(size), self.name)?;
        } else {
            let (blocks, more) = (counted(count, "block"), bytes(size));
            write!(f, "{blocks} of `{}` and {more} more", self.name)?;
        }
        write!(
            f,
            " than at the first snapshot, held by `{}`, allocated in {}, oldest {}",
            self.via,
            self.site,
            crate::partition::names::age(self.oldest)
        )?;
        match &self.point {
            Some(point) => {
                match point.count >= last.count {
                    true => f.write_str("; all of them go with ")?,
                    false => write!(f, "; {} of {} go with ", point.count, last.count)?,
                }
                let (name, retained) = (&point.name, bytes(point.retained.0));
                match point.via.is_empty() {
                    true => write!(f, "`{name}`, which retains {retained}")?,
                    false => write!(
                        f,
                        "one `{name}`, held by `{}`, which retains {retained}",
                        point.via
                    )?,
                }
            }
            None => f.write_str("; no one block holds them all")?,
        }
        f.write_str(".")
    }
}
