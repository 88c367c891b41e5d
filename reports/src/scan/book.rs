//! The forms of blocks and their programs, each made when it is first needed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::rc::Rc;

use super::compile::{Spot, Via};
use super::labels::Labels;
use super::program::{Form, FormIx, FormKey, Inside, Program, Title};
use crate::layout::Layouts;
use crate::layout::containers::Split;

/// Types, via names and forms: all that a scan looks up and adds to.
pub(crate) struct Book<'a> {
    pub(crate) layouts: Layouts<'a>,
    pub(crate) labels: Labels,
    /// Values that the program which is being made has gone into.
    pub(super) visited: usize,
    forms: Vec<Form>,
    keys: HashMap<FormKey, FormIx, BuildHasherDefault<DefaultHasher>>,
}

impl<'a> Book<'a> {
    pub(crate) fn new(layouts: Layouts<'a>) -> Book<'a> {
        Book {
            layouts,
            labels: Labels::new(),
            visited: 0,
            forms: Vec::new(),
            keys: HashMap::default(),
        }
    }

    /// The row of a form, new or old.
    pub(crate) fn form(&mut self, key: FormKey) -> FormIx {
        if let Some(&ix) = self.keys.get(&key) {
            return ix;
        }
        let ix = FormIx(u32::try_from(self.forms.len()).unwrap_or(u32::MAX));
        let size = match key.inside {
            Inside::List(list) => list.size,
            _ => self.layouts.size(key.of).unwrap_or(0),
        };
        self.forms.push(Form {
            key,
            size,
            program: None,
            values: None,
        });
        self.keys.insert(key, ix);
        ix
    }

    pub(crate) fn get(&self, ix: FormIx) -> Option<&Form> {
        self.forms.get(ix.0 as usize)
    }

    /// A form with its programs.
    pub(crate) fn ready(&mut self, ix: FormIx) -> Option<&Form> {
        let form = self.forms.get(ix.0 as usize)?;
        if form.program.is_none() {
            let key = form.key;
            let (program, values) = self.programs(&key);
            let form = self.forms.get_mut(ix.0 as usize)?;
            form.program = Some(Rc::new(program));
            form.values = values.map(Rc::new);
        }
        self.forms.get(ix.0 as usize)
    }

    fn programs(&mut self, key: &FormKey) -> (Program, Option<Program>) {
        let suffix = match key.inside {
            Inside::One { .. } => "",
            Inside::Tree(tree) => {
                let keys = self.program(tree.key, &Spot::after(tree.keys_suffix), Split::All);
                let values = self.program(tree.value, &Spot::after(tree.values_suffix), Split::All);
                return (keys, Some(values));
            }
            _ => "[*]",
        };
        let suffix = if key.split == Split::All { suffix } else { "" };
        (self.program(key.of, &Spot::after(suffix), key.split), None)
    }

    /// The name, holder and content that a form gives to a block, as the type
    /// table has them.
    pub(crate) fn title(&mut self, title: Title) -> Option<(String, String, String)> {
        let name = match title {
            Title::Type(of) => self.layouts.shown(of).to_string(),
            Title::Of(holder, of) => format!("{holder}<{}>", self.layouts.shown(of)),
            Title::Row | Title::FullRow => return None,
        };
        let (holder, held) = match name.split_once('<') {
            Some((holder, rest)) => (holder, rest.strip_suffix('>')?),
            None => (name.as_str(), ""),
        };
        let (holder, held) = (holder.to_owned(), held.to_owned());
        Some((name, holder, held))
    }

    /// The label of a via.
    pub(super) fn label(&mut self, via: &Via) -> super::program::Named {
        match via {
            Via::After(suffix) => super::program::Named::After(self.labels.id(suffix)),
            Via::Always(name) => super::program::Named::Always(self.labels.id(name)),
        }
    }
}
