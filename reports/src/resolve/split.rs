//! Debug information that does not lie in the program's own file
//! (`split-debuginfo = "packed"` or `"unpacked"`).
//!
//! The program then has a skeleton of each unit: where its code is, its lines,
//! and the id of the unit proper, which lies in `PROGRAM.dwp` with all others, or in
//! an object file of its own that the skeleton names. An id is a hash of what the
//! unit says, so a file of another build is never taken for this one.
//!
//! Sources: DWARF 5 sections 3.1.2 and 7.3.5, and the GNU extension to DWARF 4 that
//! they were made of.

use std::path::{Path, PathBuf};

use gimli::{Dwarf, DwarfPackage, DwoId, EndianSlice, LittleEndian, SectionId};

use super::elf::{Elf, Reader};
use super::mapped::Mapped;
use super::strings::FixedMap;

/// The most object files that are mapped.
const MAX_OBJECTS: usize = 16_384;

/// The files that units proper lie in.
#[derive(Default)]
pub(crate) struct Split {
    package: Option<Mapped>,
    objects: Vec<(DwoId, Mapped)>,
}

impl Split {
    /// Opens what there is for a program that lies, or lay, at any of the `paths`.
    pub(crate) fn open(elf: &Elf<'_>, dwarf: &Dwarf<Reader<'_>>, paths: &[&str]) -> Split {
        let mut split = Split::default();
        // Units proper find addresses by an index into this section.
        if !elf.has(".debug_addr") {
            return split;
        }
        let packages = paths
            .iter()
            .map(|path| PathBuf::from(format!("{path}.dwp")));
        for path in packages {
            if let Ok(map) = Mapped::open(&path)
                && Elf::parse(&map).is_some_and(|elf| elf.has(".debug_cu_index"))
            {
                split.package = Some(map);
                return split;
            }
        }
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            if let Ok(unit) = dwarf.unit(header)
                && let Some(id) = unit.dwo_id
                && let Ok(Some(name)) = unit.dwo_name()
                && let Ok(name) = dwarf.attr_string(&unit, name)
                && split.objects.len() < MAX_OBJECTS
            {
                let folder = unit
                    .comp_dir
                    .map(|d| d.to_string_lossy())
                    .unwrap_or_default();
                let path = Path::new(&*folder).join(&*name.to_string_lossy());
                split
                    .objects
                    .extend(Mapped::open(&path).ok().map(|map| (id, map)));
            }
        }
        split
    }

    /// The units proper, read on demand.
    pub(crate) fn units(&self) -> SplitUnits<'_> {
        let package = self.package.as_ref().and_then(|map| {
            let elf = Elf::parse(map)?;
            DwarfPackage::load(|id| section(&elf, id), Reader::default()).ok()
        });
        let objects = self.objects.iter().filter_map(|(id, map)| {
            let elf = Elf::parse(map)?;
            Some((id.0, Dwarf::load(|id| section(&elf, id)).ok()?))
        });
        SplitUnits {
            package,
            objects: objects.collect(),
        }
    }
}

/// A section of such a file as it is; nobody compresses them.
fn section<'m>(elf: &Elf<'m>, id: SectionId) -> Result<Reader<'m>, gimli::Error> {
    let name = id.dwo_name().filter(|name| elf.has(name));
    let plain = elf.plain(name.unwrap_or(id.name()));
    Ok(EndianSlice::new(
        plain.map_or(&[], |(_, data)| data),
        LittleEndian,
    ))
}

/// Units proper by the ids that skeletons name.
pub(crate) struct SplitUnits<'m> {
    package: Option<DwarfPackage<Reader<'m>>>,
    objects: FixedMap<u64, Dwarf<Reader<'m>>>,
}

impl<'m> SplitUnits<'m> {
    /// The sections of the unit with this id, whose skeleton lies in `main`.
    pub(crate) fn find(
        &mut self,
        id: DwoId,
        main: &Dwarf<Reader<'m>>,
    ) -> Option<Dwarf<Reader<'m>>> {
        if let Some(package) = &self.package {
            return package.find_cu(id, main).ok()?;
        }
        let mut dwarf = self.objects.remove(&id.0)?;
        dwarf.make_dwo(main);
        Some(dwarf)
    }
}
