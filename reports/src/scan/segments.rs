//! The writable memory of the loaded files, cut into the statics that the
//! symbol table names.
//!
//! The shipped std has no types, but its statics hold blocks (the buffer of
//! standard output, the main thread's name), and so do those of C code. What is
//! scanned by its type already is left out.

use std::collections::BTreeMap;

use endler_snapshot::{Image, Memory, Module, ThreadId};
use object::SymbolKind;

use super::ThreadSpan;
use super::copies::{Copies, newest};
use super::raw::Piece;
use super::roots::RootKind;
use crate::layout::files::Source;
use crate::resolve::elf::Elf;
use crate::resolve::mapped::Mapped;

/// Ranges of memory that are each thread's, sorted: from, until.
pub(super) type Ranges = BTreeMap<ThreadId, Vec<(u64, u64)>>;

/// A symbol of data: where it begins and ends, and its readable path.
struct Symbol {
    from: u64,
    until: u64,
    name: String,
}

/// Calls `each` with every module whose file is there, its file's last name before it.
fn each_file(image: &Image, sources: &[Source<'_>], each: &mut dyn FnMut(&str, &Module, &Elf<'_>)) {
    for (position, module) in image.modules.iter().enumerate() {
        let name = module.path.rsplit('/').next().unwrap_or_default();
        if let Some(source) = sources.iter().find(|s| s.module == position) {
            each(name, module, &source.elf);
        } else if !module.path.starts_with('[')
            && let Ok(map) = Mapped::open(module.path.as_ref())
            && let Some(elf) = Elf::parse(&map)
            && elf.build_id() == module.build_id.as_slice()
        {
            each(name, module, &elf);
        }
    }
}

/// The pieces of all modules' writable segments, without the `typed` ranges.
pub(super) fn statics(image: &Image, sources: &[Source<'_>], typed: &[(u64, u64)]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    each_file(image, sources, &mut |file, module, elf| {
        let symbols = symbols(elf, SymbolKind::Data, |at| at.wrapping_add(module.bias));
        for (from, len) in elf.writable() {
            let from = from.wrapping_add(module.bias);
            let range = (from, from.saturating_add(len));
            cut(range, &symbols, typed, &mut |from, until, name| {
                pieces.push(Piece {
                    from,
                    until,
                    name: format!("static {}", name.unwrap_or(file)),
                    kind: RootKind::Static,
                    thread: None,
                    lists_chunks: file == "libc.so.6",
                });
            });
        }
    });
    pieces
}

/// The pieces of each thread's copies of all modules' thread-local segments, without the
/// `typed` ranges; and all copies of each thread, from and until.
pub(super) fn thread_locals(
    image: &Image,
    sources: &[Source<'_>],
    threads: &[ThreadSpan],
    memory: &dyn Memory,
    typed: &[(u64, u64)],
) -> (Vec<Piece>, Ranges) {
    let mut pieces = Vec::new();
    let mut ranges = Ranges::new();
    let newest = newest(threads, memory);
    each_file(image, sources, &mut |file, module, elf| {
        let is_main = module.path == image.process.exe;
        let Some(copies) = Copies::of(elf, module.bias, is_main, memory) else {
            return;
        };
        for span in threads {
            let Some(copy) = copies.copy(span, newest, memory) else {
                continue;
            };
            let start = copy.start;
            let symbols = symbols(elf, SymbolKind::Tls, |at| at.wrapping_add(start));
            let range = (start, start.saturating_add(copies.segment.size));
            ranges.entry(span.thread).or_default().push(range);
            cut(range, &symbols, typed, &mut |from, until, name| {
                pieces.push(Piece {
                    from,
                    until,
                    name: format!("thread_local {}", name.unwrap_or(file)),
                    kind: RootKind::ThreadLocal,
                    thread: Some(span.thread),
                    lists_chunks: false,
                });
            });
        }
    });
    for ranges in ranges.values_mut() {
        ranges.sort_unstable();
    }
    (pieces, ranges)
}

fn symbols(elf: &Elf<'_>, kind: SymbolKind, address: impl Fn(u64) -> u64) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    elf.data(kind, |at, size, name| {
        let from = address(at);
        symbols.push(Symbol {
            from,
            until: from.saturating_add(size),
            name: readable(name),
        });
    });
    symbols.sort_by(|a, b| (a.from, a.until, &a.name).cmp(&(b.from, b.until, &b.name)));
    symbols
}

/// The source path of a symbol: what macros nest inside is cut off.
fn readable(symbol: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let end = name.find("::{").unwrap_or(name.len());
    name.get(..end).unwrap_or_default().to_owned()
}

/// Cuts a range at the borders of symbols and leaves out what is typed.
fn cut(
    range: (u64, u64),
    symbols: &[Symbol],
    typed: &[(u64, u64)],
    each: &mut dyn FnMut(u64, u64, Option<&str>),
) {
    let mut free = |from: u64, until: u64, name: Option<&str>| {
        without((from, until), typed, &mut |from, until| {
            each(from, until, name)
        });
    };
    let mut at = range.0;
    for symbol in symbols {
        let (from, until) = (symbol.from.max(at), symbol.until.min(range.1));
        if from >= until {
            continue;
        }
        if at < from {
            free(at, from, None);
        }
        free(from, until, Some(&symbol.name));
        at = until;
    }
    if at < range.1 {
        free(at, range.1, None);
    }
}

/// What is left of a range without those in `taken`, which are sorted.
pub(super) fn without(
    (from, until): (u64, u64),
    taken: &[(u64, u64)],
    each: &mut dyn FnMut(u64, u64),
) {
    let mut at = from;
    let first = taken.partition_point(|t| t.1 <= from);
    for &(begin, end) in taken.get(first..).unwrap_or(&[]) {
        if begin >= until {
            break;
        }
        if at < begin {
            each(at, begin);
        }
        at = at.max(end);
    }
    if at < until {
        each(at, until);
    }
}
