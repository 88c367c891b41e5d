//! The path of a type, as the file spells it and as tables print it.

use std::rc::Rc;

use super::{Layouts, Origin, TypeIx};
use crate::resolve::entries;
use crate::resolve::typename;

impl Layouts<'_> {
    /// The full path with generic arguments, as the file has it:
    /// `alloc::vec::Vec<u8, alloc::alloc::Global>`. Empty if it has none.
    pub(crate) fn path(&mut self, ix: TypeIx) -> Rc<str> {
        let slot = self.slots.get(ix.0 as usize);
        if let Some(path) = slot.and_then(|s| s.path.clone()) {
            return path;
        }
        let path: Rc<str> = match slot.map(|s| s.origin) {
            Some(Origin::File(file, entry)) => self
                .files
                .get_mut(usize::from(file))
                .and_then(|f| entries::type_name(&mut f.units, entry))
                .map(|n| n.name.into())
                .unwrap_or_default(),
            _ => self.data(ix).name.as_ref().into(),
        };
        if let Some(slot) = self.slots.get_mut(ix.0 as usize) {
            slot.path = Some(path.clone());
        }
        path
    }

    /// The path without the generic arguments at its end:
    /// `alloc::vec::Vec`.
    pub(crate) fn stem(&mut self, ix: TypeIx) -> Rc<str> {
        let path = self.path(ix);
        match path.split_once('<') {
            Some((stem, _)) => stem.into(),
            None => path,
        }
    }

    /// The name that tables print.
    pub(crate) fn shown(&mut self, ix: TypeIx) -> Rc<str> {
        if let Some(shown) = self.slots.get(ix.0 as usize).and_then(|s| s.shown.clone()) {
            return shown;
        }
        let shown: Rc<str> = typename::canonical(&self.path(ix)).into();
        if let Some(slot) = self.slots.get_mut(ix.0 as usize) {
            slot.shown = Some(shown.clone());
        }
        shown
    }
}
