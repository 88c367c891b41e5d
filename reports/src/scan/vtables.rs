//! What lies behind a `dyn` pointer: the table of methods tells size and
//! alignment, and debug information the type that the table was made for.

use endler_snapshot::{Addr, Memory, Module};

use super::book::Book;
use super::labels::FastMap;
use super::program::{FormIx, FormKey, Header, Holder, Inside, Title};
use crate::layout::TypeIx;
use crate::layout::containers::Split;

/// The block of one concrete type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concrete {
    /// Bytes of the block.
    pub(crate) whole: u64,
    /// What it is; none if only its size is known.
    pub(crate) form: Option<FormIx>,
}

/// All tables.
pub(crate) struct Vtables<'s> {
    /// Rising by address.
    rows: Vec<(Addr, TypeIx)>,
    modules: &'s [Module],
    known: FastMap<(u64, u32), Option<Concrete>>,
}

impl<'s> Vtables<'s> {
    pub(crate) fn new(rows: Vec<(Addr, TypeIx)>, modules: &'s [Module]) -> Vtables<'s> {
        Vtables {
            rows,
            modules,
            known: FastMap::default(),
        }
    }

    /// What a pointer with this table points to; none if the address is not
    /// that of a table, or of a value without a block.
    pub(crate) fn get(
        &mut self,
        book: &mut Book<'_>,
        memory: &dyn Memory,
        table: u64,
        header: Header,
        holder: Holder,
    ) -> Option<Concrete> {
        let key = (table, holder as u32);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let found = self.read(book, memory, table, header, holder);
        self.known.insert(key, found);
        found
    }

    fn read(
        &self,
        book: &mut Book<'_>,
        memory: &dyn Memory,
        table: u64,
        header: Header,
        holder: Holder,
    ) -> Option<Concrete> {
        let at = Addr(table);
        let in_module = self.modules.iter().any(|m| m.start <= at && at < m.end);
        if !in_module || !table.is_multiple_of(8) {
            return None;
        }
        // drop_in_place, size, align, methods.
        let mut bytes = [0; 24];
        memory.read(at, &mut bytes).ok()?;
        let size = super::steps::word(&bytes, 8)?;
        let align = super::steps::word(&bytes, 16)?;
        if !align.is_power_of_two() || size > i64::MAX as u64 || !size.is_multiple_of(align) {
            return None;
        }
        let (inside_at, whole) = match header {
            Header::Plain if size == 0 => return None,
            Header::Plain => (0, size),
            Header::Counts => {
                let at = 16u64.next_multiple_of(align);
                (
                    at,
                    at.checked_add(size)?
                        .checked_next_multiple_of(align.max(8))?,
                )
            }
        };
        let of = self.type_of(book, at, size);
        let form = of.map(|of| {
            book.form(FormKey {
                inside: Inside::One {
                    at: inside_at,
                    whole,
                    header,
                },
                of,
                split: Split::All,
                title: Title::Of(holder.name(), of),
            })
        });
        Some(Concrete { whole, form })
    }

    /// The one type whose table this is. The linker may have merged the tables
    /// of two types whose methods are the same code: then it is not known.
    fn type_of(&self, book: &mut Book<'_>, at: Addr, size: u64) -> Option<TypeIx> {
        let from = self.rows.partition_point(|r| r.0 < at);
        let to = self.rows.partition_point(|r| r.0 <= at);
        let mut found: Option<TypeIx> = None;
        for &(_, of) in self.rows.get(from..to)? {
            if book.layouts.size(of) != Some(size) {
                continue;
            }
            match found {
                Some(first) if book.layouts.shown(first) != book.layouts.shown(of) => return None,
                Some(_) => {}
                None => found = Some(of),
            }
        }
        found
    }
}
