//! Which compilation unit covers which address, and units parsed on demand.
//!
//! Only the unit headers and root entries of the whole file are read. A unit
//! is parsed when it holds an address that was asked for, or when a function
//! there was inlined elsewhere. Ranges come from the units themselves:
//! `.debug_aranges` is not always there, and is used only for addresses that
//! no unit claims.
//!
//! Source: DWARF 4 section 7.5.1, DWARF 5 section 3.1.1.

use std::borrow::Cow;

use gimli::{
    AbbreviationsCacheStrategy, AttributeValue, DebugInfoOffset, Dwarf, Unit, UnitHeader,
    UnitOffset,
};

use super::elf::Reader;
use super::scopes::Scopes;
use super::split::SplitUnits;
use super::strings::{FixedMap, shortened};

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
    dwarf: Dwarf<Reader<'a>>,
    split: SplitUnits<'a>,
    /// The sections of units that lie elsewhere, by their ids.
    elsewhere: FixedMap<u64, Dwarf<Reader<'a>>>,
    slots: Vec<Slot<'a>>,
}

impl<'a> Units<'a> {
    /// Reads the unit headers. A damaged header ends the list early.
    pub(crate) fn new(mut dwarf: Dwarf<Reader<'a>>, split: SplitUnits<'a>) -> Units<'a> {
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
        Units {
            dwarf,
            split,
            elsewhere: FixedMap::default(),
            slots,
        }
    }

    /// The sections that a unit's attributes speak of.
    pub(crate) fn dwarf(&self, unit: &Unit<Reader<'a>>) -> &Dwarf<Reader<'a>> {
        let elsewhere = unit.dwo_id.and_then(|id| self.elsewhere.get(&id.0));
        elsewhere.unwrap_or(&self.dwarf)
    }

    /// The text of an attribute, as far as a name can go ([`shortened`]).
    pub(crate) fn text(
        &self,
        unit: &Unit<Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Option<Cow<'a, [u8]>> {
        let text = self.dwarf(unit).attr_string(unit, value).ok()?;
        Some(shortened(text.slice()))
    }

    /// The sections of the file itself, in which all line tables lie.
    pub(crate) fn main(&self) -> &Dwarf<Reader<'a>> {
        &self.dwarf
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

    /// The entry that a unit means by an offset in `.debug_info`, of whichever unit.
    pub(crate) fn entry_at(&self, from: UnitIndex, offset: DebugInfoOffset) -> Option<Entry> {
        // A unit that lies elsewhere is alone there.
        if let Some(unit) = self.unit(from)
            && unit
                .dwo_id
                .is_some_and(|id| self.elsewhere.contains_key(&id.0))
        {
            let offset = offset.to_unit_offset(&unit.header)?;
            return Some(Entry { unit: from, offset });
        }
        let unit = self.unit_at(offset.0)?;
        let header = &self.slots.get(unit.0 as usize)?.header;
        let offset = offset.to_unit_offset(header)?;
        Some(Entry { unit, offset })
    }

    /// Number of units.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The name of each unit that has one, and its compilation directory.
    pub(crate) fn names(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.slots.iter().filter_map(|slot| {
            let parsed = match &slot.unit {
                Some(_) => None,
                None => Some(self.dwarf.unit(slot.header).ok()?),
            };
            let unit = slot.unit.as_ref().or(parsed.as_ref())?;
            let text = |t: Reader<'a>| String::from_utf8_lossy(&shortened(t.slice())).into_owned();
            Some((
                text(unit.name?),
                unit.comp_dir.map(text).unwrap_or_default(),
            ))
        })
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
        if slot.unit.is_some() {
            return Some(());
        }
        let header = slot.header;
        let parsed = self.dwarf.unit(header).ok()?;
        let proper = self.proper(&parsed).unwrap_or(parsed);
        self.slots.get_mut(unit.0 as usize)?.unit = Some(proper);
        Some(())
    }

    /// The unit that a skeleton stands for, with the skeleton's lines.
    fn proper(&mut self, skeleton: &Unit<Reader<'a>>) -> Option<Unit<Reader<'a>>> {
        let id = skeleton.dwo_id?;
        if !self.elsewhere.contains_key(&id.0) {
            let found = self.split.find(id, &self.dwarf)?;
            self.elsewhere.insert(id.0, found);
        }
        let dwarf = self.elsewhere.get(&id.0)?;
        let mut headers = dwarf.units();
        // An object file may hold several.
        while let Ok(Some(header)) = headers.next() {
            let Ok(mut unit) = dwarf.unit(header) else {
                continue;
            };
            if unit.dwo_id == Some(id) {
                unit.copy_relocated_attributes(skeleton);
                unit.line_program.clone_from(&skeleton.line_program);
                unit.comp_dir = skeleton.comp_dir;
                return Some(unit);
            }
        }
        None
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
