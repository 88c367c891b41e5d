//! The debug information of the image's modules, opened.
//!
//! Three steps that each borrow from the one before: the mapped files, their
//! sections (decompressed where they are compressed), the units.

use std::borrow::Cow;

use endler_snapshot::{DebugLevel, Image};

use crate::resolve::Options;
use crate::resolve::elf::Elf;
use crate::resolve::mapped::Mapped;
use crate::resolve::modules::{self, Found};
use crate::resolve::units::Units;

/// The mapped files with DWARF, each with the position of its module.
pub(crate) struct Opened(Vec<(usize, Mapped)>);

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
            if let Found::File(map, _) = modules::find(module, is_main, options) {
                maps.push((position, map));
            }
        }
        Opened(maps)
    }

    pub(crate) fn sources(&self, image: &Image) -> Vec<Source<'_>> {
        let mut sources = Vec::new();
        for (module, map) in &self.0 {
            let info = image.modules.get(*module);
            let bias = info.map_or(0, |m| m.bias);
            let is_main = info.is_some_and(|m| m.path == image.process.exe);
            if let Some(elf) = Elf::parse(map) {
                let sections = elf.dwarf();
                sources.push(Source {
                    module: *module,
                    is_main,
                    bias,
                    elf,
                    sections,
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
        .map(|source| {
            let dwarf = source
                .sections
                .borrow(|section| gimli::EndianSlice::new(section, gimli::LittleEndian));
            File {
                bias: source.bias,
                units: Units::new(dwarf),
            }
        })
        .collect()
}
