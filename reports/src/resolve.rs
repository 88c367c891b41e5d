//! Types and sites from debug information.
//!
//! A Rust program does not say at run time what it allocates, but its debug
//! information does: the function that called the allocator was `Box::new` of
//! some `T`, or grew a `Vec` of it, and its `DW_AT_name` spells the type out
//! even where the call was inlined. So the type of a block is a function of
//! its call stack, and each distinct stack is resolved once.
//!
//! ```text
//! frames ─► modules: the file of each, by build id
//!        ─► frames:  addresses ─► units ─► walk, lines ─► inline chains
//!                    entries, functions: names, owners
//! stacks ─► infer, by containers: chain ─► holder and type
//! blocks ─► a row of the type table, and the evidence
//! ```
//!
//! Runs inside a copy of a threaded process too, where another thread may have
//! held any lock: no threads, no locks, nothing that calls the C allocator;
//! only files that are opened, mapped and read.
//!
//! Sources: the DWARF standard, rustc's `debuginfo`, and measurements on
//! ground truth (`tests/truth.rs` repeats them).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod elf;
mod entries;
mod frames;
mod functions;
mod lines;
mod mapped;
mod modules;
mod owner;
mod scopes;
mod sources;
mod strings;
mod typename;
mod units;
mod walk;

use std::path::PathBuf;

use endler_snapshot::{
    DebugLevel, Evidence, Image, LineId, LineOwner, ModuleInfo, Resolution, SourceLine, TypeId,
    TypeRow,
};

use self::elf::Elf;
use self::frames::{Line, Tables};
use self::functions::Functions;
use self::modules::Found;
use self::strings::Strings;

/// Where the file of the executable is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MainBinary {
    /// At the path that the image names.
    #[default]
    Recorded,
    /// It is the program that runs now: `/proc/self/exe`, which is there even
    /// if a deploy has replaced the file.
    RunningProcess,
}

/// Where debug information lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A file to try for each module before any other.
    pub binary: Option<PathBuf>,
    /// Directories with `.build-id/xx/yyyy.debug` files.
    pub debug_dirs: Vec<PathBuf>,
    /// Where the file of the executable is.
    pub main: MainBinary,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            binary: None,
            debug_dirs: vec![PathBuf::from("/usr/lib/debug")],
            main: MainBinary::Recorded,
        }
    }
}

/// Something that kept types or names away, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
}

/// x
pub fn dump(image: &Image, options: &Options) -> String {
    use std::fmt::Write;
    let mut tables = Tables { strings: Strings::new(), functions: Functions::default() };
    let mut out = String::new();
    let mut chains: Vec<Vec<Line>> = vec![Vec::new(); image.frames.len()];
    for (i, m) in image.modules.iter().enumerate() {
        let Found::File(map, shown) = modules::find(m, i == 0, options) else { continue };
        let Some(elf) = Elf::parse(&map) else { continue };
        let mut wanted: Vec<(u64, usize)> = image.frames.iter().enumerate().filter(|(_, f)| f.module.is_some_and(|x| x.index() == i)).map(|(k, f)| (f.lookup_address().0.wrapping_sub(m.bias), k)).collect();
        wanted.sort();
        let addresses: Vec<u64> = wanted.iter().map(|w| w.0).collect();
        let c = frames::look_up(&elf, &addresses, &mut tables);
        writeln!(out, "module {shown} {:?}", c.level).ok();
        for (chain, (_, k)) in c.chains.into_iter().zip(&wanted) {
            if let Some(s) = chains.get_mut(*k) { *s = chain; }
        }
    }
    for b in 0..image.blocks.len() {
        let ctx = image.blocks.context.get(b).copied().unwrap_or_default();
        writeln!(out, "block {b} size {}", image.blocks.size.get(b).copied().unwrap_or_default().0).ok();
        let st = image.contexts.get(ctx.index()).map(|c| c.stack).unwrap_or_default();
        for (n, f) in image.stacks.frames(st).enumerate() {
            for l in chains.get(f.index()).unwrap_or(&vec![]) {
                let Some(fun) = tables.functions.get(l.function) else { continue };
                writeln!(out, "   {n:2} {:?} [{}|{}|{}] {}   {}:{}", fun.owner, fun.module, fun.around, fun.name, tables.strings.get(fun.shown), tables.strings.get(l.file), l.line).ok();
            }
        }
    }
    out
}
