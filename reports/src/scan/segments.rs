//! The writable memory of the loaded files, cut into the statics that the
//! symbol table names.
//!
//! The shipped std has no types, but its statics hold blocks (the buffer of
//! standard output, the main thread's name), and so do those of C code. What is
//! scanned by its type already is left out.

use endler_snapshot::{Image, ThreadId};
use object::SymbolKind;

use super::ThreadSpan;
use super::raw::Piece;
use super::roots::RootKind;
use crate::layout::files::Source;
use crate::resolve::elf::Elf;
use crate::resolve::mapped::Mapped;

/// A symbol of data: where it begins and ends, and its readable path.
struct Symbol {
    from: u64,
    until: u64,
    name: String,
}

/// The pieces of all modules' writable segments, without the `typed` ranges.
pub(super) fn statics(image: &Image, sources: &[Source<'_>], typed: &[(u64, u64)]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (position, module) in image.modules.iter().enumerate() {
        let file = module.path.rsplit('/').next().unwrap_or_default();
        let mut add = |elf: &Elf<'_>| {
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
        };
        if let Some(source) = sources.iter().find(|s| s.module == position) {
            add(&source.elf);
        } else if !module.path.starts_with('[')
            && let Ok(map) = Mapped::open(module.path.as_ref())
            && let Some(elf) = Elf::parse(&map)
            && elf.build_id() == module.build_id.as_slice()
        {
            add(&elf);
        }
    }
    pieces
}

/// The pieces of each thread's copy of the executable's thread-local segment.
pub(super) fn thread_locals(
    sources: &[Source<'_>],
    threads: &[ThreadSpan],
    typed: &[(u64, u64)],
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let Some(source) = sources.iter().find(|s| s.is_main) else {
        return pieces;
    };
    let Some(segment) = source.elf.tls() else {
        return pieces;
    };
    for span in threads {
        let start = span.thread_pointer.and_then(|p| segment.start(p.0));
        let Some(start) = start else {
            continue;
        };
        let thread: ThreadId = span.thread;
        let symbols = symbols(&source.elf, SymbolKind::Tls, |at| at.wrapping_add(start));
        let range = (start, start.saturating_add(segment.size));
        cut(range, &symbols, typed, &mut |from, until, name| {
            pieces.push(Piece {
                from,
                until,
                name: format!("thread_local {}", name.unwrap_or("(unnamed)")),
                kind: RootKind::ThreadLocal,
                thread: Some(thread),
                lists_chunks: false,
            });
        });
    }
    pieces
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
        let mut at = from;
        let first = typed.partition_point(|t| t.1 <= from);
        for &(begin, end) in typed.get(first..).unwrap_or(&[]) {
            if begin >= until {
                break;
            }
            if at < begin {
                each(at, begin, name);
            }
            at = at.max(end);
        }
        if at < until {
            each(at, until, name);
        }
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
