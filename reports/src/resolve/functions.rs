//! The functions that occur in stacks: how they are shown, whose code they
//! are, and what the container rules need to know about them.

use endler_snapshot::{LineOwner, StrId};

use super::entries::{Described, SizedName};
use super::owner;
use super::strings::Strings;
use super::symbols::{self, SymbolPath};
use super::typename::TypeName;

/// The position of a function in [`Functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FunctionId(pub(crate) u32);

/// One distinct function, instances of a generic one apart.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// What tables print.
    pub(crate) shown: StrId,
    pub(crate) krate: StrId,
    pub(crate) owner: LineOwner,
    /// Whether it is known to be written in Rust.
    pub(crate) is_rust: bool,
    /// Whether it was compiled with debug information.
    pub(crate) has_debug: bool,
    /// Whether only its symbol is known: its generic arguments are lost.
    pub(crate) erased: bool,
    /// The module path, without impl blocks, types and enclosing functions:
    /// `alloc::vec`.
    pub(crate) module: String,
    /// The name of the type around it where that is known: `RawVecInner`.
    pub(crate) around: String,
    /// The name with its generic arguments, as debug information has it.
    pub(crate) name: String,
    /// The type whose method it is.
    pub(crate) method_of: Option<SizedName>,
    /// Its generic types, as far as they are described.
    pub(crate) generics: Vec<SizedName>,
}

/// All functions of one resolution.
#[derive(Default)]
pub(crate) struct Functions {
    rows: Vec<Function>,
}

impl Functions {
    pub(crate) fn add(&mut self, function: Function) -> FunctionId {
        let id = FunctionId(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        self.rows.push(function);
        id
    }

    pub(crate) fn get(&self, id: FunctionId) -> Option<&Function> {
        self.rows.get(id.0 as usize)
    }

    pub(crate) fn rows(&self) -> &[Function] {
        &self.rows
    }
}

/// Makes a function of what debug information says. `modules` are those of its
/// source file: with line tables alone they are the only trace of its path.
pub(crate) fn from_debug(
    described: &Described,
    modules: Vec<String>,
    strings: &mut Strings,
) -> Function {
    let mut scopes: Vec<Scope> = described
        .scopes
        .iter()
        .map(|s| Scope {
            name: s.name.split('<').next().unwrap_or_default().to_owned(),
            is_type: s.is_type || s.name.starts_with(char::is_uppercase),
        })
        .collect();
    if scopes.is_empty() && described.is_rust && !described.name.is_empty() {
        scopes = modules
            .into_iter()
            .map(|name| Scope {
                name,
                is_type: false,
            })
            .collect();
    }
    let end = scopes
        .iter()
        .position(|s| s.is_type || s.name.starts_with('{'))
        .unwrap_or(scopes.len());
    let module: Vec<&str> = scopes.iter().take(end).map(|s| s.name.as_str()).collect();
    let around = scopes
        .get(end)
        .filter(|s| s.is_type)
        .map_or("", |s| s.name.as_str());
    let name = if described.name.is_empty() {
        format!("{:#}", rustc_demangle::demangle(&described.linkage_name))
    } else {
        described.name.clone()
    };
    let krate = scopes.first().map_or("", |s| s.name.as_str());
    let owner = owner::of(krate, &name, described.is_rust);
    let shown = shown(&scopes, &name, krate, described);
    Function {
        shown: strings.id(&shown),
        krate: strings.id(krate),
        owner,
        is_rust: described.is_rust,
        has_debug: true,
        erased: false,
        module: module.join("::"),
        around: around.to_owned(),
        name,
        method_of: described.method_of.clone(),
        generics: described.generics.clone(),
    }
}

/// An enclosing namespace or type, without generic arguments. Where types are
/// not described, a type's methods stand in a namespace of its name.
struct Scope {
    name: String,
    is_type: bool,
}

/// Makes a function of a symbol alone. `lines` says whether line tables cover
/// its code, which was then compiled with debug information.
pub(crate) fn from_symbol(symbol: &str, lines: Lines, strings: &mut Strings) -> Function {
    let demangled = rustc_demangle::try_demangle(symbol);
    let is_rust = demangled.is_ok();
    let name = demangled.map_or_else(|_| symbol.to_owned(), |d| format!("{d:#}"));
    let path = if is_rust {
        symbols::path_of(&name)
    } else {
        SymbolPath::default()
    };
    let krate = if is_rust {
        symbols::crate_of(&path)
    } else {
        ""
    };
    let base = if is_rust {
        path.base.as_str()
    } else {
        name.as_str()
    };
    Function {
        shown: strings.id(&name),
        krate: strings.id(krate),
        owner: owner::of(krate, base, is_rust),
        is_rust,
        has_debug: lines == Lines::Known,
        erased: true,
        name: base.to_owned(),
        module: path.module,
        around: path.around,
        method_of: None,
        generics: Vec::new(),
    }
}

/// Whether line tables cover a function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lines {
    Known,
    Unknown,
}

/// The readable path: the `Self` type in place of `{impl#3}` where it is a type
/// of the same crate, an async function without the name of its state machine.
fn shown(scopes: &[Scope], name: &str, krate: &str, described: &Described) -> String {
    let mut path: Vec<&str> = scopes.iter().map(|s| s.name.as_str()).collect();
    // With line tables alone the function's own name is not around it.
    if !name.starts_with("{async_fn#") || described.scopes.is_empty() {
        path.push(name);
    }
    let self_path = described.self_type.as_ref().and_then(|t| {
        let parsed = TypeName::parse(&t.name);
        parsed.path(parsed.pointee(parsed.root()))
    });
    if let Some(at) = path.iter().position(|s| s.starts_with("{impl#"))
        && let Some(self_path) = &self_path
        && self_path
            .strip_prefix(krate)
            .is_some_and(|rest| rest.starts_with("::"))
        && !self_path.contains('{')
    {
        path.splice(..=at, [self_path.as_str()]);
    }
    path.join("::")
}
