//! From verdicts on stacks to a row of the type table for each block.

use endler_snapshot::{Blocks, ContextId, Evidence, StrId, TypeId, TypeRow};

use super::containers::SizeRule;
use super::entries::SizedName;
use super::strings::{FixedMap, Strings};
use super::typename::canonical;

/// The table of distinct types.
#[derive(Default)]
pub(super) struct Types {
    ids: FixedMap<TypeRow, TypeId>,
    pub(super) rows: Vec<TypeRow>,
}

impl Types {
    /// The id of a row, new or old.
    pub(super) fn id(&mut self, row: TypeRow) -> TypeId {
        if let Some(&id) = self.ids.get(&row) {
            return id;
        }
        let id = TypeId(u32::try_from(self.rows.len()).unwrap_or(0));
        self.rows.push(row);
        self.ids.insert(row, id);
        id
    }

    /// The row of a type that is not known: where it was allocated.
    pub(super) fn unknown(&mut self, place: StrId, strings: &mut Strings) -> TypeId {
        let name = format!("unknown in {}", strings.get(place));
        let name = strings.id(&name);
        let holder = strings.id("unknown");
        self.id(TypeRow {
            name,
            holder,
            held: StrId(0),
        })
    }

    /// The row of raw memory.
    pub(super) fn raw(&mut self, place: StrId, held: &str, strings: &mut Strings) -> TypeId {
        let name = format!("Raw in {}", strings.get(place));
        let name = strings.id(&name);
        let holder = strings.id("Raw");
        let held = strings.id(held);
        self.id(TypeRow { name, holder, held })
    }
}

/// The answer for all blocks of one context.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A type; of a block whose size does not fit, only the place is known.
    Typed {
        row: TypeId,
        evidence: Evidence,
        size: Option<SizeRule>,
        place: StrId,
    },
    /// Raw memory; the candidate that has the block's size is what it holds.
    /// The first counts: the method's own type comes first.
    Raw { place: StrId, held: Vec<SizedName> },
    /// Only the place is known.
    Unknown { place: StrId },
}

impl Answer {
    /// Whether a block of `size` bytes can be what the stack says.
    fn fits(&self, size: u64) -> bool {
        match self {
            Answer::Typed { size: rule, .. } => rule.is_none_or(|rule| rule.allows(size)),
            Answer::Raw { .. } | Answer::Unknown { .. } => true,
        }
    }

    /// The row of the context itself, whatever its blocks' sizes.
    pub(super) fn row(&self, types: &mut Types, strings: &mut Strings) -> TypeId {
        match self {
            Answer::Typed { row, .. } => *row,
            Answer::Raw { place, .. } => types.raw(*place, "", strings),
            Answer::Unknown { place } => types.unknown(*place, strings),
        }
    }

    /// The row of a block of `size` bytes, and the evidence for it.
    fn of(&self, size: u64, types: &mut Types, strings: &mut Strings) -> (TypeId, Evidence) {
        match self {
            Answer::Typed { row, evidence, .. } if self.fits(size) => (*row, *evidence),
            Answer::Typed { place, .. } | Answer::Unknown { place } => {
                (types.unknown(*place, strings), Evidence::Unknown)
            }
            Answer::Raw { place, held } => {
                let holds = held.iter().find(|h| h.size == Some(size));
                let held = holds.map(|h| canonical(&h.name)).unwrap_or_default();
                (types.raw(*place, &held, strings), Evidence::Stack)
            }
        }
    }
}

/// The type and evidence columns of all blocks.
pub(super) fn columns(
    blocks: &Blocks,
    answers: &[Answer],
    types: &mut Types,
    strings: &mut Strings,
) -> (Vec<TypeId>, Vec<Evidence>) {
    let nowhere = Answer::Unknown { place: StrId(0) };
    let mut rows = Vec::with_capacity(blocks.len());
    let mut evidence = Vec::with_capacity(blocks.len());
    // What depends on the size is worked out once a context and size.
    let mut known: FixedMap<(ContextId, u64), (TypeId, Evidence)> = FixedMap::default();
    for (&context, &size) in blocks.context.iter().zip(&blocks.size) {
        let answer = answers.get(context.index()).unwrap_or(&nowhere);
        let (row, how) = match answer {
            Answer::Typed { row, evidence, .. } if answer.fits(size.0) => (*row, *evidence),
            _ => *known
                .entry((context, size.0))
                .or_insert_with(|| answer.of(size.0, types, strings)),
        };
        rows.push(row);
        evidence.push(how);
    }
    (rows, evidence)
}
