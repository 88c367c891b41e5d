//! From verdicts on stacks to a row of the type table for each block.

use endler_snapshot::{Blocks, Evidence, StrId, TypeId, TypeRow};

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
    pub(super) fn unknown(&mut self, place: &str, strings: &mut Strings) -> TypeId {
        let name = strings.id(&format!("unknown in {place}"));
        let holder = strings.id("unknown");
        self.id(TypeRow {
            name,
            holder,
            held: StrId(0),
        })
    }

    /// The row of raw memory.
    pub(super) fn raw(&mut self, place: &str, held: &str, strings: &mut Strings) -> TypeId {
        let name = strings.id(&format!("Raw in {place}"));
        let holder = strings.id("Raw");
        let held = strings.id(held);
        self.id(TypeRow { name, holder, held })
    }
}

/// The answer for all blocks of one context.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) row: TypeId,
    pub(super) evidence: Evidence,
    /// The size that a block must have, and the row of one that has not.
    pub(super) check: Option<(SizeRule, TypeId)>,
    /// The rows of blocks of certain sizes: what raw memory holds.
    pub(super) by_size: Vec<(u64, TypeId)>,
}

impl Answer {
    pub(super) fn plain(row: TypeId, evidence: Evidence) -> Answer {
        Answer {
            row,
            evidence,
            check: None,
            by_size: Vec::new(),
        }
    }

    fn of(&self, size: u64) -> (TypeId, Evidence) {
        if let Some((rule, otherwise)) = self.check
            && !rule.allows(size)
        {
            return (otherwise, Evidence::Unknown);
        }
        let row = self
            .by_size
            .iter()
            .find(|(s, _)| *s == size)
            .map_or(self.row, |&(_, row)| row);
        (row, self.evidence)
    }
}

/// For raw memory: a row for each size that one of the candidate types has.
/// The first candidate of a size counts: the method's own type comes first.
pub(super) fn rows_by_size(
    place: &str,
    held: &[SizedName],
    types: &mut Types,
    strings: &mut Strings,
) -> Vec<(u64, TypeId)> {
    held.iter()
        .filter_map(|h| Some((h.size?, types.raw(place, &canonical(&h.name), strings))))
        .collect()
}

/// The type and evidence columns of all blocks. `unknown` is the row of a block
/// whose context does not exist.
pub(super) fn columns(
    blocks: &Blocks,
    answers: &[Answer],
    unknown: TypeId,
) -> (Vec<TypeId>, Vec<Evidence>) {
    let of = |(context, size): (&endler_snapshot::ContextId, &endler_snapshot::Bytes)| {
        answers
            .get(context.index())
            .map_or((unknown, Evidence::Unknown), |answer| answer.of(size.0))
    };
    let mut rows = Vec::with_capacity(blocks.len());
    let mut evidence = Vec::with_capacity(blocks.len());
    for block in blocks.context.iter().zip(&blocks.size) {
        let (row, how) = of(block);
        rows.push(row);
        evidence.push(how);
    }
    (rows, evidence)
}
