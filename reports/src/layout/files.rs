//! The debug information of the image's modules, opened.
//!
//! Three steps that each borrow from the one before: the mapped files, their
//! sections (decompressed where they are compressed), the units.

use std::borrow::Cow;

use endler_snapshot::{DebugLevel, Image};

use crate::resolve::Options;
use crate::resolve::elf::{Elf, Reader};
use crate::resolve::mapped::Mapped;
use crate::resolve::modules::{self, Found};
use crate::resolve::split::Split;
use crate::resolve::units::Units;

/// The mapped files with DWARF, each with the position of its module.
pub(crate) struct Opened(Vec<(usize, Mapped, String)>);

impl Opened {
    pub(crate) fn new(image: &Image, options: &Options) -> Opened {
        let mut maps = Vec::new();
        for (position, module) in image.modules.iter().enumerate() {
            let is_main = module.path == image.process.exe;
            // The C library's debug information is large and says nothing here.
            let levels = image.resolution.as_ref().map(|r| &r.modules);
            let level = levels.and_then(|l| l.get(position)).map(|m| m.level);
            if !is_main && level != Some(DebugLevel::Full) {
                continue;
            }
            if let Found::File(map, shown) = modules::find(module, is_main, options) {
                maps.push((position, map, shown));
            }
        }
        Opened(maps)
    }

    pub(crate) fn sources(&self, image: &Image) -> Vec<Source<'_>> {
        let mut sources = Vec::new();
        for (module, map, shown) in &self.0 {
            let info = image.modules.get(*module);
            let bias = info.map_or(0, |m| m.bias);
            let is_main = info.is_some_and(|m| m.path == image.process.exe);
            if let Some(elf) = Elf::parse(map) {
                let sections = elf.dwarf();
                let path = info.map_or("", |m| m.path.as_str());
                let split = Split::open(&elf, &borrowed(&sections), &[shown, path]);
                sources.push(Source {
                    module: *module,
                    is_main,
                    bias,
                    elf,
                    sections,
                    split,
                });
            }
        }
        sources
    }
}

/// A parsed file and its sections.
pub(crate) struct Source<'m> {
    pub(crate) module: usize,
    /// Whether it is the executable.
    pub(crate) is_main: bool,
    /// Runtime address minus file address.
    pub(crate) bias: u64,
    pub(crate) elf: Elf<'m>,
    sections: gimli::DwarfSections<Cow<'m, [u8]>>,
    split: Split,
}

fn borrowed<'s>(sections: &'s gimli::DwarfSections<Cow<'_, [u8]>>) -> gimli::Dwarf<Reader<'s>> {
    sections.borrow(|section| gimli::EndianSlice::new(section, gimli::LittleEndian))
}

/// The units of one module.
pub(crate) struct File<'a> {
    pub(crate) bias: u64,
    pub(crate) units: Units<'a>,
}

/// The units of all.
pub(crate) fn files<'a>(sources: &'a [Source<'_>]) -> Vec<File<'a>> {
    sources
        .iter()
        .map(|source| File {
            bias: source.bias,
            units: Units::new(borrowed(&source.sections), source.split.units()),
        })
        .collect()
}
