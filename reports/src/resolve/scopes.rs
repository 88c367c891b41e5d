//! The namespaces and types of a unit, and which of them enclose an entry.
//!
//! DWARF entries have no parent pointer, and rustc writes a function's path
//! only as the nesting of its declaration. So one pass over the unit notes
//! where each namespace and type begins and ends, and the path of an entry is
//! read from the ones that contain its offset.

use gimli::{DwTag, Unit, UnitOffset};

use super::elf::Reader;

/// One namespace, structure, union or enumeration with children.
#[derive(Clone, Copy, Debug)]
struct Scope {
    start: u32,
    /// Offset of the first entry behind it.
    end: u32,
    /// Position of the enclosing scope, or `NONE`.
    parent: u32,
}

const NONE: u32 = u32::MAX;

/// All scopes of one unit, in the order of their offsets.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    scopes: Vec<Scope>,
    /// Whether the unit describes structures, as it does from `debug = 2` on.
    pub(crate) has_types: bool,
}

/// Fills [`Scopes`] while some walk passes over a unit's entries in order.
#[derive(Default)]
pub(crate) struct ScopesBuilder {
    done: Scopes,
    /// The open scopes: depth of the entry, and its position.
    open: Vec<(isize, u32)>,
}

impl ScopesBuilder {
    /// Notes the entry at `offset` and `depth`; a null entry is none.
    pub(crate) fn entry(&mut self, tag: DwTag, offset: UnitOffset, depth: isize, children: bool) {
        let offset = u32::try_from(offset.0).unwrap_or(u32::MAX);
        self.close(depth, offset);
        let is_type = matches!(
            tag,
            gimli::DW_TAG_structure_type
                | gimli::DW_TAG_union_type
                | gimli::DW_TAG_enumeration_type
        );
        self.done.has_types |= is_type;
        if !children || !(is_type || tag == gimli::DW_TAG_namespace) {
            return;
        }
        let position = u32::try_from(self.done.scopes.len()).unwrap_or(NONE);
        let parent = self.open.last().map_or(NONE, |&(_, p)| p);
        self.done.scopes.push(Scope {
            start: offset,
            end: u32::MAX,
            parent,
        });
        self.open.push((depth, position));
    }

    fn close(&mut self, depth: isize, offset: u32) {
        while let Some(&(open, position)) = self.open.last() {
            if open < depth {
                return;
            }
            self.open.pop();
            if let Some(scope) = self.done.scopes.get_mut(position as usize) {
                scope.end = offset;
            }
        }
    }

    pub(crate) fn finish(self) -> Scopes {
        self.done
    }
}

impl Scopes {
    /// Reads the scopes alone.
    pub(crate) fn read(unit: &Unit<Reader<'_>>) -> Scopes {
        let mut builder = ScopesBuilder::default();
        let Ok(mut entries) = unit.entries_raw(None) else {
            return Scopes::default();
        };
        while !entries.is_empty() {
            let (offset, depth) = (entries.next_offset(), entries.next_depth());
            match entries.read_abbreviation() {
                Ok(Some(abbrev)) => {
                    builder.entry(abbrev.tag(), offset, depth, abbrev.has_children());
                    if entries.skip_attributes(abbrev.attributes()).is_err() {
                        break;
                    }
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
        builder.finish()
    }

    /// The scopes that enclose the entry at `offset`, innermost first.
    pub(crate) fn enclosing(&self, offset: UnitOffset) -> impl Iterator<Item = UnitOffset> + '_ {
        let wanted = u32::try_from(offset.0).unwrap_or(u32::MAX);
        let before = self.scopes.partition_point(|s| s.start < wanted);
        let mut at = before.checked_sub(1);
        std::iter::from_fn(move || {
            loop {
                let here = at?;
                let scope = self.scopes.get(here)?;
                // A parent stands before its child, so this ends.
                at = (scope.parent != NONE).then_some(scope.parent as usize);
                at = at.filter(|&parent| parent < here);
                if scope.end > wanted {
                    return Some(UnitOffset(scope.start as usize));
                }
            }
        })
    }
}
