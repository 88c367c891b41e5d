//! Which compilation unit covers which address, and units parsed on demand.
//!
//! Only the unit headers and root entries of the whole file are read. A unit
//! is parsed when it holds an address that was asked for, or when a function
//! there was inlined elsewhere. Ranges come from the units themselves:
//! `.debug_aranges` is not always there, and is used only for addresses that
//! no unit claims.
//!
//! Source: DWARF 4 section 7.5.1, DWARF 5 section 3.1.1.

use gimli::{AbbreviationsCacheStrategy, DebugInfoOffset, Dwarf, Unit, UnitHeader, UnitOffset};

use super::elf::Reader;
use super::scopes::Scopes;

/// The position of a unit in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnitIndex(pub(crate) u32);

/// An entry anywhere in the file: its unit and its offset there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    pub(crate) unit: UnitIndex,
    pub(crate) offset: UnitOffset,
}

struct Slot<'a> {
    header: UnitHeader<Reader<'a>>,
    start: usize,
    unit: Option<Unit<Reader<'a>>>,
    scopes: Option<Scopes>,
}

/// The units of one file.
pub(crate) struct Units<'a> {
    pub(crate) dwarf: Dwarf<Reader<'a>>,
    slots: Vec<Slot<'a>>,
}

impl<'a> Units<'a> {
    /// Reads the unit headers. A damaged header ends the list early.
    pub(crate) fn new(mut dwarf: Dwarf<Reader<'a>>) -> Units<'a> {
        // Link-time optimisation lets all units share one abbreviation table.
        dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::Duplicates);
        let mut slots = Vec::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            if let Some(DebugInfoOffset(start)) = header.debug_info_offset() {
                slots.push(Slot {
                    header,
                    start,
                    unit: None,
                    scopes: None,
                });
            }
        }
        Units { dwarf, slots }
    }

    /// For each of the rising `addresses`, the unit that covers it. Where
    /// ranges overlap, the narrower wins.
    pub(crate) fn covering(&self, addresses: &[u64]) -> Vec<Option<UnitIndex>> {
        let mut best: Vec<Option<(u64, UnitIndex)>> = vec![None; addresses.len()];
        let mut claim = |begin: u64, end: u64, unit: UnitIndex| {
            let from = addresses.partition_point(|&a| a < begin);
            let to = addresses.partition_point(|&a| a < end);
            for slot in best.get_mut(from..to).unwrap_or(&mut []) {
                let width = end.saturating_sub(begin);
                if slot.is_none_or(|(w, _)| width < w) {
                    *slot = Some((width, unit));
                }
            }
        };
        for (i, slot) in self.slots.iter().enumerate() {
            let Ok(unit) = self.dwarf.unit(slot.header) else {
                continue;
            };
            let Ok(mut ranges) = self.dwarf.unit_ranges(&unit) else {
                continue;
            };
            while let Ok(Some(range)) = ranges.next() {
                if range.begin != 0 {
                    claim(range.begin, range.end, index(i));
                }
            }
        }
        if best.iter().any(Option::is_none) {
            self.claim_by_aranges(&mut best, addresses);
        }
        best.into_iter().map(|b| b.map(|(_, unit)| unit)).collect()
    }

    /// Fills the gaps of `best` from `.debug_aranges`.
    fn claim_by_aranges(&self, best: &mut [Option<(u64, UnitIndex)>], addresses: &[u64]) {
        let mut headers = self.dwarf.debug_aranges.headers();
        while let Ok(Some(header)) = headers.next() {
            let Some(unit) = self.unit_at(header.debug_info_offset().0) else {
                continue;
            };
            let mut entries = header.entries();
            while let Ok(Some(entry)) = entries.next() {
                let range = entry.range();
                let from = addresses.partition_point(|&a| a < range.begin);
                let to = addresses.partition_point(|&a| a < range.end);
                for slot in best.get_mut(from..to).unwrap_or(&mut []) {
                    if slot.is_none() && range.begin != 0 {
                        *slot = Some((range.end.saturating_sub(range.begin), unit));
                    }
                }
            }
        }
    }

    /// The unit that begins at, or else contains, an offset in `.debug_info`.
    fn unit_at(&self, offset: usize) -> Option<UnitIndex> {
        let after = self.slots.partition_point(|slot| slot.start <= offset);
        after.checked_sub(1).map(index)
    }

    /// The entry at an offset in `.debug_info`, of whichever unit.
    pub(crate) fn entry_at(&self, offset: DebugInfoOffset) -> Option<Entry> {
        let unit = self.unit_at(offset.0)?;
        let header = &self.slots.get(unit.0 as usize)?.header;
        let offset = offset.to_unit_offset(header)?;
        Some(Entry { unit, offset })
    }

    /// Number of units.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Forgets a parsed unit, to be parsed again if it is asked for.
    pub(crate) fn unload(&mut self, unit: UnitIndex) {
        if let Some(slot) = self.slots.get_mut(unit.0 as usize) {
            slot.unit = None;
        }
    }

    /// The unit, parsed on first use; none if it is damaged.
    pub(crate) fn load(&mut self, unit: UnitIndex) -> Option<()> {
        let slot = self.slots.get_mut(unit.0 as usize)?;
        if slot.unit.is_none() {
            slot.unit = Some(self.dwarf.unit(slot.header).ok()?);
        }
        Some(())
    }

    /// A unit that was loaded.
    pub(crate) fn unit(&self, unit: UnitIndex) -> Option<&Unit<Reader<'a>>> {
        self.slots.get(unit.0 as usize)?.unit.as_ref()
    }

    /// Keeps the scopes that a walk over the unit found.
    pub(crate) fn set_scopes(&mut self, unit: UnitIndex, scopes: Scopes) {
        if let Some(slot) = self.slots.get_mut(unit.0 as usize) {
            slot.scopes = Some(scopes);
        }
    }

    /// The unit's scopes, read on first use.
    pub(crate) fn scopes(&mut self, unit: UnitIndex) -> Option<&Scopes> {
        self.load(unit)?;
        let slot = self.slots.get_mut(unit.0 as usize)?;
        if slot.scopes.is_none() {
            slot.scopes = Some(Scopes::read(slot.unit.as_ref()?));
        }
        slot.scopes.as_ref()
    }
}

fn index(i: usize) -> UnitIndex {
    UnitIndex(u32::try_from(i).unwrap_or(u32::MAX))
}
