//! Names as the tables spell them, made from `std::any::type_name`.
//!
//! The spelling: std's holders short (`Vec`, `HashMap`, …), every other type by
//! the path of its definition, no lifetimes. `type_name` leaves out every
//! default argument; the tables leave out Global and RandomState only, so a
//! type with another default must be written by hand. White space is of no
//! meaning, nor whether `Fn(A) -> B` is written as `Fn<(A,), Output = B>`.

use std::any::type_name;

/// The true name of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    form: Form,
    text: &'static str,
    /// What stands for the last `{{closure}}` of the text.
    env: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it is.
    Written,
    /// As `type_name` gave it.
    Type,
    /// The same of a task's future.
    Task,
}

/// What a block may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// What it is; several where the tables' rules leave it open.
    now: [Option<Name>; 4],
    /// What it was at the last call of the allocator, if that differs: a block
    /// that changed hands without a call.
    call: [Option<Name>; 2],
}

impl Name {
    /// The type that the block is called by: `Vec<T>`, `Box<T>`.
    #[must_use]
    pub fn of<T: ?Sized>() -> Self {
        Name::with(Form::Type, type_name::<T>())
    }

    /// The type of this value.
    pub fn of_value<T: ?Sized>(_: &T) -> Self {
        Name::of::<T>()
    }

    /// A spawned task of this future.
    #[must_use]
    pub fn task<F: ?Sized>() -> Self {
        Name::with(Form::Task, type_name::<F>())
    }

    /// As the tables would print it. A `*` at the end stands for anything.
    #[must_use]
    pub const fn written(text: &'static str) -> Self {
        Name::with(Form::Written, text)
    }

    /// Says which closure or async function the last `{{closure}}` of the type
    /// is: `{closure_env#0}`, `{async_fn_env#0}`. `type_name` does not tell.
    #[must_use]
    pub const fn env(self, env: &'static str) -> Self {
        Name { env, ..self }
    }

    /// Another name that is right as well.
    pub fn or(self, other: impl Into<Name>) -> Names {
        Names::from(self).or(other)
    }

    /// What the block was called at the last call of the allocator.
    pub fn was(self, call: impl Into<Name>) -> Names {
        Names::from(self).was(call)
    }

    const fn with(form: Form, text: &'static str) -> Self {
        let env = "";
        Name { form, text, env }
    }

    /// The name as the tables print it.
    #[must_use]
    pub fn spell(&self) -> String {
        let text = match self.form {
            Form::Written => self.text.to_owned(),
            Form::Type => spell(self.text),
            Form::Task => format!("Task<{}>", spell(self.text)),
        };
        match text.rsplit_once("{{closure}}") {
            Some((before, after)) if !self.env.is_empty() => {
                format!("{before}{}{after}", self.env)
            }
            _ => text,
        }
    }
}

impl Names {
    /// Another name that is right as well.
    #[must_use]
    pub fn or(mut self, other: impl Into<Name>) -> Self {
        let free = self.now.iter_mut().find(|name| name.is_none());
        *free.expect("four names at most") = Some(other.into());
        self
    }

    /// What the block was called at the last call of the allocator.
    #[must_use]
    pub fn was(mut self, call: impl Into<Name>) -> Self {
        let free = self.call.iter_mut().find(|name| name.is_none());
        *free.expect("two earlier names at most") = Some(call.into());
        self
    }

    /// The names, spelled: those of the block itself, and those of the last call.
    pub(crate) fn spell(&self) -> [Vec<String>; 2] {
        let spell = |names: &[Option<Name>]| names.iter().flatten().map(Name::spell).collect();
        [spell(&self.now), spell(&self.call)]
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Name::written(text)
    }
}

impl From<Name> for Names {
    fn from(name: Name) -> Self {
        Names {
            now: [Some(name), None, None, None],
            call: [None; 2],
        }
    }
}

impl From<&'static str> for Names {
    fn from(text: &'static str) -> Self {
        Name::written(text).into()
    }
}

/// The types that are written without a path.
const SHORT: [&str; 15] = [
    "alloc::boxed::Box",
    "alloc::rc::Rc",
    "alloc::sync::Arc",
    "alloc::vec::Vec",
    "alloc::collections::vec_deque::VecDeque",
    "alloc::collections::binary_heap::BinaryHeap",
    "alloc::collections::linked_list::LinkedList",
    "alloc::string::String",
    "alloc::ffi::c_str::CString",
    "std::ffi::os_str::OsString",
    "std::path::PathBuf",
    "std::collections::hash::map::HashMap",
    "std::collections::hash::set::HashSet",
    "alloc::collections::btree::map::BTreeMap",
    "alloc::collections::btree::set::BTreeSet",
];

/// What `type_name` gave, as the tables spell it.
fn spell(raw: &str) -> String {
    let raw = raw
        .replace("&'_ ", "&")
        .replace("<'_>", "")
        .replace("<'_, ", "<")
        .replace(", '_", "")
        .replace("'_, ", "");
    let mut out = String::with_capacity(raw.len());
    let mut path = String::new();
    for c in raw.chars().chain(std::iter::once('\0')) {
        if c.is_alphanumeric() || c == '_' || c == ':' {
            path.push(c);
            continue;
        }
        match SHORT.contains(&path.as_str()) {
            true => out.push_str(path.rsplit("::").next().unwrap_or("")),
            false => out.push_str(&path),
        }
        path.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// One text for all spellings of a name that mean the same.
pub(crate) fn canonical(name: &str) -> String {
    let mut name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    while let Some((start, open)) = sugar(&name) {
        let close = matching(&name, open);
        let inside = &name[open + 1..close];
        let (result, end) = match name[close + 1..].strip_prefix("->") {
            Some(rest) => {
                let length = extent(rest);
                (&rest[..length], close + 3 + length)
            }
            None => ("()", close + 1),
        };
        let plain = format!("<({inside}),Output={result}>");
        name = format!("{}{plain}{}", &name[..start], &name[end..]);
    }
    // A tuple of one is written with a comma or without.
    name.replace(",)", ")")
}

/// Where `Fn(`, `FnMut(` or `FnOnce(` ends its word, and where it opens.
fn sugar(name: &str) -> Option<(usize, usize)> {
    let found = ["::Fn(", "::FnMut(", "::FnOnce("]
        .iter()
        .filter_map(|word| name.find(word).map(|at| at + word.len() - 1));
    found.min().map(|open| (open, open))
}

/// The bracket that closes the one at `open`.
fn matching(name: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in name.char_indices().skip_while(|&(at, _)| at < open) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    name.len() - 1
}

/// How far the type goes that this text begins with.
fn extent(text: &str) -> usize {
    let mut depth = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' if before == '-' => {}
            '>' | ')' | ']' if depth == 0 => return at,
            ',' | '+' | ';' if depth == 0 => return at,
            '>' | ')' | ']' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;
    use std::cell::RefCell;
    use std::collections::{BTreeMap, HashMap};
    use std::error::Error;
    use std::rc::Rc;

    #[test]
    fn std_holders_are_short_and_the_rest_has_its_path() {
        let check = |name: Name, expect: &str| assert_eq!(name.spell(), expect);
        check(Name::of::<Vec<u8>>(), "Vec<u8>");
        check(
            Name::of::<HashMap<String, Vec<&'static str>>>(),
            "HashMap<String, Vec<&str>>",
        );
        check(
            Name::of::<BTreeMap<u8, Cow<'static, str>>>(),
            "BTreeMap<u8, alloc::borrow::Cow<str>>",
        );
        check(
            Name::of::<Rc<RefCell<Option<u8>>>>(),
            "Rc<core::cell::RefCell<core::option::Option<u8>>>",
        );
        check(
            Name::of::<Vec<Box<dyn Error + Send>>>(),
            "Vec<Box<dyn core::error::Error + core::marker::Send>>",
        );
        check(
            Name::of::<std::rc::Weak<std::vec::IntoIter<u8>>>(),
            "alloc::rc::Weak<alloc::vec::into_iter::IntoIter<u8>>",
        );
        check(
            Name::of_value(&Box::new(|| 1)).env("{closure_env#3}"),
            "Box<book::name::tests::std_holders_are_short_and_the_rest_has_its_path::{closure_env#3}>",
        );
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let check = |a: &str, b: &str| assert_eq!(canonical(a), canonical(b));
        check("Vec<(u8,  u16)>", "Vec<(u8,u16)>");
        check("Vec<(u8,)>", "Vec<(u8)>");
        check(
            "Box<dyn core::ops::function::Fn(u8, &str) -> Vec<u8> + core::marker::Send>",
            "Box<dyn core::ops::function::Fn<(u8, &str), Output=Vec<u8>> + core::marker::Send>",
        );
        check(
            "Vec<Box<dyn x::FnOnce(fn(u8) -> u8)>>",
            "Vec<Box<dyn x::FnOnce<(fn(u8) -> u8), Output=()>>>",
        );
        assert_ne!(canonical("Vec<u8>"), canonical("Vec<u16>"));
    }
}
