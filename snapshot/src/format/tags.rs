//! Tags: one row of heads, the tags, and which threads' rows have one.
//!
//! Most processes set no tag, so both tables may be empty; the head says how many
//! rows they have, so that a file that has lost one is noticed.

use super::blocks::{put_thread_tags, take_more};
use super::header::Id;
use super::table::{put_table, take_table};
use super::varint::{Bad, Plain};
use super::writer::Writer;
use crate::error::Error;
use crate::ids::TagId;
use crate::image::{Image, Tag};

/// The one row of `TAGH`.
#[derive(Default)]
pub(super) struct Head {
    pub(super) untold: u64,
    pub(super) tags: u64,
    pub(super) threads: u64,
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Part {
    heads: Vec<Head>,
    tags: Vec<Tag>,
    threads: Vec<Option<TagId>>,
}

pub(super) const TAGH: Id = *b"TAGH";
pub(super) const TAGS: Id = *b"TAGS";
pub(super) const TTAG: Id = *b"TTAG";

pub(super) fn put_tags(image: &Image, writer: &mut Writer<'_>) -> Result<(), Error> {
    let threads: Vec<Option<TagId>> = image.threads.iter().map(|thread| thread.tag).collect();
    let threads = if threads.iter().any(Option::is_some) {
        &threads[..]
    } else {
        &[]
    };
    let head = Head {
        untold: image.figures.untold,
        tags: image.tags.len() as u64,
        threads: threads.len() as u64,
    };
    put_table(TAGH, std::slice::from_ref(&head), writer)?;
    put_table(TAGS, &image.tags, writer)?;
    put_thread_tags(TTAG, threads, writer)
}

impl Part {
    pub(super) fn take(&mut self, id: Id, rows: usize, from: &mut Plain<'_>) -> Result<(), Bad> {
        match id {
            TAGS => take_table(&mut self.tags, rows, from),
            TTAG => take_more(&mut self.threads, rows, from),
            _ => take_table(&mut self.heads, rows, from),
        }
    }

    /// Puts what a file of `version` said into its image, which has its threads.
    pub(super) fn into_image(self, version: u32, image: &mut Image) -> Result<(), Bad> {
        if version < 4 && self.heads.is_empty() {
            return Ok(());
        }
        let Ok([head]) = <[Head; 1]>::try_from(self.heads) else {
            return Err(Bad("it does not have one head of its tags"));
        };
        let (tags, threads) = (self.tags.len() as u64, self.threads.len() as u64);
        let fits = threads == 0 || self.threads.len() == image.threads.len();
        if (tags, threads) != (head.tags, head.threads) || !fits {
            return Err(Bad("tags, or tags of threads, are missing"));
        }
        image.figures.untold = head.untold;
        image.tags = self.tags;
        for (thread, tag) in image.threads.iter_mut().zip(self.threads) {
            thread.tag = tag;
        }
        Ok(())
    }
}
