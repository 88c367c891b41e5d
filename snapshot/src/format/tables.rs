//! Which section holds which table of an [`Image`], and in which order.

use super::blocks::*;
use super::header::Id;
use super::residency::{self, MAPS, PAGS, RSID, put_residency};
use super::table::{put_table, take_table};
use super::tags::{self, TAGH, TAGS, TTAG, put_tags};
use super::varint::{Bad, Plain};
use super::writer::Writer;
use crate::error::Error;
use crate::image::{Figures, Image, Process};
use crate::references::{References, Scan};
use crate::resolution::Resolution;

const PROC: Id = *b"PROC";
const FIGS: Id = *b"FIGS";
const MODU: Id = *b"MODU";
const THRD: Id = *b"THRD";
const PHAS: Id = *b"PHAS";
const FRAM: Id = *b"FRAM";
const STCK: Id = *b"STCK";
const CTXT: Id = *b"CTXT";
const TOTL: Id = *b"TOTL";
const BLKS: Id = *b"BLKS";
const STRS: Id = *b"STRS";
const LINE: Id = *b"LINE";
const FLIN: Id = *b"FLIN";
const TYPE: Id = *b"TYPE";
const BTYP: Id = *b"BTYP";
const SITE: Id = *b"SITE";
const CTYP: Id = *b"CTYP";
const MINF: Id = *b"MINF";
const SCAN: Id = *b"SCAN";
const ROOT: Id = *b"ROOT";
const LABL: Id = *b"LABL";
const EDGE: Id = *b"EDGE";
const NUMS: Id = *b"NUMS";
const CNTS: Id = *b"CNTS";
const FILL: Id = *b"FILL";
const RPTS: Id = *b"RPTS";

/// The order in the file.
const ORDER: [Id; 32] = [
    PROC, FIGS, RSID, MAPS, PAGS, // always
    MODU, THRD, TAGH, TAGS, TTAG, PHAS, FRAM, STCK, CTXT, TOTL, BLKS, // always
    STRS, LINE, FLIN, TYPE, BTYP, SITE, CTYP, MINF, // resolved
    SCAN, ROOT, LABL, EDGE, NUMS, CNTS, FILL, RPTS, // scanned
];

/// Writes all tables in [`ORDER`].
pub(super) fn put_all(image: &Image, w: &mut Writer<'_>) -> Result<(), Error> {
    put_table(PROC, std::slice::from_ref(&image.process), w)?;
    put_table(FIGS, std::slice::from_ref(&image.figures), w)?;
    put_residency(&image.residency, w)?;
    put_table(MODU, &image.modules, w)?;
    put_table(THRD, &image.threads, w)?;
    put_tags(image, w)?;
    put_table(PHAS, &image.phases, w)?;
    put_table(FRAM, &image.frames, w)?;
    put_stacks(STCK, &image.stacks, w)?;
    put_table(CTXT, &image.contexts, w)?;
    put_table(TOTL, &image.totals, w)?;
    put_blocks(BLKS, &image.blocks, w)?;
    // A resolution has one string at least, so its sections say that it is there.
    if let Some(resolution) = &image.resolution {
        put_resolved(resolution, w)?;
    }
    match &image.references {
        Some(references) => put_scanned(references, w),
        None => Ok(()),
    }
}

fn put_resolved(resolution: &Resolution, w: &mut Writer<'_>) -> Result<(), Error> {
    put_table(STRS, &resolution.strings, w)?;
    put_table(LINE, &resolution.lines, w)?;
    put_frame_lines(FLIN, &resolution.frame_lines, w)?;
    put_table(TYPE, &resolution.types, w)?;
    put_types(BTYP, resolution, w)?;
    put_sites(SITE, &resolution.context_site, w)?;
    put_context_types(CTYP, &resolution.context_type, w)?;
    put_table(MINF, &resolution.modules, w)
}

/// The row of the scan says that references are there.
fn put_scanned(references: &References, w: &mut Writer<'_>) -> Result<(), Error> {
    put_table(SCAN, std::slice::from_ref(&references.scan), w)?;
    put_table(ROOT, &references.roots, w)?;
    put_table(LABL, &references.labels, w)?;
    put_edges(EDGE, &references.edges, w)?;
    let numbers = Numbers::of(references);
    put_table(NUMS, std::slice::from_ref(&numbers), w)?;
    put_table(CNTS, &references.counts, w)?;
    put_table(FILL, &references.fills, w)?;
    put_table(RPTS, &references.repeats, w)
}

/// How many rows the tables have that may be empty, so that a file that has lost one
/// is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) counts: u64,
    pub(super) fills: u64,
    pub(super) repeats: u64,
}

impl Numbers {
    fn of(references: &References) -> Numbers {
        Numbers {
            counts: references.counts.len() as u64,
            fills: references.fills.len() as u64,
            repeats: references.repeats.len() as u64,
        }
    }
}

/// What was read so far.
#[derive(Default)]
pub(super) struct Parts {
    /// The file's version.
    version: u32,
    image: Image,
    process: Vec<Process>,
    figures: Vec<Figures>,
    scan: Vec<Scan>,
    numbers: Vec<Numbers>,
    residency: residency::Part,
    tags: tags::Part,
    /// Position in [`ORDER`] of the last section.
    last: usize,
}

impl Parts {
    /// Nothing yet of a file of `version`.
    pub(super) fn new(version: u32) -> Parts {
        Parts {
            version,
            ..Parts::default()
        }
    }

    /// Appends a section's rows to its table.
    pub(super) fn take(&mut self, id: Id, rows: usize, from: &mut Plain<'_>) -> Result<(), Bad> {
        let Some(position) = ORDER.iter().position(|&known| known == id) else {
            return Err(Bad("this version has no such section"));
        };
        if position < self.last {
            return Err(Bad("the section is out of order"));
        }
        self.last = position;
        let image = &mut self.image;
        match id {
            PROC => take_table(&mut self.process, rows, from),
            FIGS => take_table(&mut self.figures, rows, from),
            RSID | MAPS | PAGS => self.residency.take(id, rows, from),
            MODU => take_table(&mut image.modules, rows, from),
            THRD => take_table(&mut image.threads, rows, from),
            TAGH | TAGS | TTAG => self.tags.take(id, rows, from),
            PHAS => take_table(&mut image.phases, rows, from),
            FRAM => take_table(&mut image.frames, rows, from),
            STCK => take_stacks(&mut image.stacks, rows, from),
            CTXT => take_table(&mut image.contexts, rows, from),
            TOTL => take_table(&mut image.totals, rows, from),
            BLKS => take_blocks(&mut image.blocks, rows, from),
            SCAN => take_table(&mut self.scan, rows, from),
            NUMS => take_table(&mut self.numbers, rows, from),
            ROOT | LABL | EDGE | CNTS | FILL | RPTS => {
                let references = image.references.get_or_insert_default();
                take_scanned(references, id, rows, from, self.version)
            }
            _ => take_resolved(image.resolution.get_or_insert_default(), id, rows, from),
        }
    }

    /// The image, with the tables of one row taken out.
    pub(super) fn into_image(mut self) -> Result<Image, Bad> {
        let (Ok([process]), Ok([figures])) = (
            <[Process; 1]>::try_from(self.process),
            <[Figures; 1]>::try_from(self.figures),
        ) else {
            return Err(Bad("it does not have one process and one row of figures"));
        };
        self.image.process = process;
        match <[Scan; 1]>::try_from(self.scan) {
            Ok([scan]) => self.image.references.get_or_insert_default().scan = scan,
            Err(none) if none.is_empty() && self.image.references.is_none() => {}
            Err(_) => {
                return Err(Bad(
                    "its references have not one row that tells of the scan",
                ));
            }
        }
        // Before version 3 there were no such tables.
        let found = self.image.references.as_ref().map(Numbers::of);
        let fits = match (&self.numbers[..], found) {
            (numbers, None) => numbers.is_empty(),
            ([], Some(found)) => self.version < 3 && found == Numbers::default(),
            (numbers, Some(found)) => numbers == [found],
        };
        if !fits {
            return Err(Bad("counts, fills or equal texts are missing"));
        }
        self.image.figures = figures;
        self.image.residency = self.residency.into_residency(self.version)?;
        self.tags.into_image(self.version, &mut self.image)?;
        Ok(self.image)
    }
}

fn take_scanned(
    references: &mut References,
    id: Id,
    rows: usize,
    from: &mut Plain<'_>,
    version: u32,
) -> Result<(), Bad> {
    match id {
        ROOT => take_table(&mut references.roots, rows, from),
        LABL => take_table(&mut references.labels, rows, from),
        EDGE => take_edges(&mut references.edges, rows, from, version),
        CNTS => take_table(&mut references.counts, rows, from),
        FILL => take_table(&mut references.fills, rows, from),
        _ => take_table(&mut references.repeats, rows, from),
    }
}

fn take_resolved(
    resolution: &mut Resolution,
    id: Id,
    rows: usize,
    from: &mut Plain<'_>,
) -> Result<(), Bad> {
    match id {
        STRS => take_table(&mut resolution.strings, rows, from),
        LINE => take_table(&mut resolution.lines, rows, from),
        FLIN => take_frame_lines(&mut resolution.frame_lines, rows, from),
        TYPE => take_table(&mut resolution.types, rows, from),
        BTYP => take_types(resolution, rows, from),
        SITE => take_sites(&mut resolution.context_site, rows, from),
        CTYP => take_context_types(&mut resolution.context_type, rows, from),
        MINF => take_table(&mut resolution.modules, rows, from),
        _ => Err(Bad("this version has no such section")),
    }
}
