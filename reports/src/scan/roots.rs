//! What holds blocks from outside the heap: statics, thread-locals, stacks.

use endler_snapshot::{Addr, Resolution, ThreadId};

use super::ThreadSpan;
use super::compile::{Spot, Via};
use super::edges::{GUESS, Kind};
use super::labels::NONE;
use super::program::Inside;
use super::rows::{Rows, Said};
use super::run::{Context, Item, Scanner, Source};
use super::steps::{item, word};
use crate::layout::containers::Split;
use crate::layout::files::Source as File;
use crate::layout::index::{Place, Static};

/// How much of a stack is read at once.
const CHUNK: u64 = 64 << 10;

/// The largest static that is read: a larger one is hostile.
const MAX_STATIC: u64 = 1 << 30;

/// What kind of root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    /// A static.
    Static,
    /// A thread-local of one thread.
    ThreadLocal,
    /// A thread's stack.
    Stack,
}

/// Something outside the heap that holds blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// `static crawl::QUEUE`, `thread_local crawl::SCRATCH`, `stack`.
    pub name: String,
    /// What it is.
    pub kind: RootKind,
    /// Whose it is, of a thread-local or a stack.
    pub thread: Option<ThreadId>,
    /// Where it begins.
    pub address: Addr,
}

/// A block that a stack points to, and what stands beside the pointer.
struct Claim {
    block: u32,
    label: u32,
    before: u64,
    behind: u64,
}

impl Scanner<'_, '_> {
    /// Scans every static by its type.
    pub(super) fn statics(&mut self, statics: &[Static], roots: &mut Vec<Root>) {
        let mut last = None;
        for one in statics {
            let Place::At(address) = one.place else {
                continue;
            };
            // Several units may describe one.
            if last == Some((address, &one.path)) {
                continue;
            }
            last = Some((address, &one.path));
            self.root(one, "static", address, RootKind::Static, None, roots);
        }
    }

    /// Scans every thread-local of every thread whose thread pointer is known.
    pub(super) fn thread_locals(
        &mut self,
        statics: &[Static],
        files: &[File<'_>],
        threads: &[ThreadSpan],
        roots: &mut Vec<Root>,
    ) {
        for span in threads {
            let Some(pointer) = span.thread_pointer else {
                continue;
            };
            for one in statics {
                let Place::Thread(file, offset) = one.place else {
                    continue;
                };
                let file = files.get(usize::from(file));
                // The executable's segment ends at the thread pointer; where
                // those of libraries lie only the loader knows.
                let Some(segment) = file.filter(|f| f.module == 0).and_then(|f| f.elf.tls()) else {
                    continue;
                };
                let Some(start) = segment.start(pointer.0) else {
                    continue;
                };
                if offset >= segment.size || !self.is_storage(one) {
                    continue;
                }
                let address = Addr(start.wrapping_add(offset));
                let kind = RootKind::ThreadLocal;
                self.root(one, "thread_local", address, kind, Some(span.thread), roots);
            }
        }
    }

    /// Whether a thread-local is what the macro really made. It also describes
    /// storages that it then left out, at offset 0: one without a destructor,
    /// for a type that needs one.
    fn is_storage(&mut self, one: &Static) -> bool {
        let stem = self.book.layouts.stem(one.of);
        let native = "std::sys::thread_local::native::";
        match stem.strip_prefix(native) {
            Some("eager::Storage") => true,
            Some("lazy::Storage") => {
                let destroyed = self.book.layouts.arg(one.of, "D");
                destroyed.is_some_and(|d| &*self.book.layouts.path(d) == "()")
            }
            _ => false,
        }
    }

    fn root(
        &mut self,
        one: &Static,
        word: &str,
        address: Addr,
        kind: RootKind,
        thread: Option<ThreadId>,
        roots: &mut Vec<Root>,
    ) {
        let name = format!("{word} {}", one.path);
        let spot = Spot::new(Via::Always(name.clone()));
        let program = self.book.program(one.of, &spot, Split::All);
        if program.is_empty() || program.size > MAX_STATIC {
            return;
        }
        let context = Context {
            source: Source::Root(u32::try_from(roots.len()).unwrap_or(u32::MAX)),
            label: NONE,
            always: true,
            guess: 0,
        };
        roots.push(Root {
            name,
            kind,
            thread,
            address,
        });
        self.with_bytes(address.0, program.size, |scanner, bytes| {
            scanner.steps(&program.ops, bytes, 0, &context);
        });
        self.drain();
    }

    /// Scans stacks word by word. A container on a stack owns its block as a
    /// field would, if the words beside the pointer are those of its header.
    pub(super) fn stacks(
        &mut self,
        resolution: &Resolution,
        rows: &Rows,
        threads: &[ThreadSpan],
        roots: &mut Vec<Root>,
    ) {
        let mut claims = Vec::new();
        for span in threads {
            let root = u32::try_from(roots.len()).unwrap_or(u32::MAX);
            let name = "stack".to_owned();
            let label = self.book.labels.id(&name);
            roots.push(Root {
                name,
                kind: RootKind::Stack,
                thread: Some(span.thread),
                address: span.stack_pointer,
            });
            let mut seen = std::collections::BTreeSet::new();
            self.stack_words(span, &mut |scanner, before, address, behind| {
                let Some(block) = scanner.heap.find(address) else {
                    return;
                };
                if scanner.heap.start(block) == address {
                    claims.push(Claim {
                        block,
                        label,
                        before,
                        behind,
                    });
                }
                if seen.insert((block, label)) {
                    let context = Context {
                        source: Source::Root(root),
                        label: NONE,
                        always: true,
                        guess: GUESS,
                    };
                    scanner.edge(&context, block, label, Kind::Word, GUESS);
                }
            });
        }
        // Pointers with a header first: those without may be to inner parts.
        for measured in [true, false] {
            for claim in &claims {
                self.claimed(resolution, rows, claim, measured);
            }
        }
    }

    /// Scans the block of a container on a stack, if nothing else owns it.
    fn claimed(&mut self, resolution: &Resolution, rows: &Rows, claim: &Claim, measured: bool) {
        if self.first.get(claim.block as usize) != Some(&NONE) {
            return;
        }
        let Said::Form(ix) = self.said(resolution, rows, claim.block) else {
            return;
        };
        let whole = self.heap.size(claim.block);
        let Some(form) = self.book.get(ix) else {
            return;
        };
        let fits = |capacity: u64, length: u64| {
            length <= capacity && capacity.checked_mul(form.size) == Some(whole)
        };
        let (count, found) = match form.key.inside {
            // capacity, pointer, length: the order of rustc 1.95.
            Inside::Many { .. } if fits(claim.before, claim.behind) => (claim.behind, true),
            Inside::Many { .. } | Inside::Ring => (u64::MAX, false),
            _ => (1, false),
        };
        if found != measured {
            return;
        }
        let guess = if count == u64::MAX { GUESS } else { 0 };
        self.wait(Item {
            guess,
            ..item(claim.block, ix, claim.label, count)
        });
        self.drain();
    }

    /// Calls `each` for every word of a stack, with the words beside it.
    fn stack_words(&mut self, span: &ThreadSpan, each: &mut dyn FnMut(&mut Self, u64, u64, u64)) {
        let mut at = span.stack_pointer.0.next_multiple_of(8);
        let mut before = 0;
        let mut pending: Option<u64> = None;
        while at < span.stack_end.0 {
            let len = CHUNK.min(span.stack_end.0 - at);
            let mut readable = false;
            self.with_bytes(at, len, |scanner, bytes| {
                readable = true;
                let mut offset = 0;
                while let Some(behind) = word(bytes, offset) {
                    if let Some(here) = pending.replace(behind) {
                        each(scanner, before, here, behind);
                        before = here;
                    }
                    offset += 8;
                }
            });
            if !readable {
                break;
            }
            at = at.saturating_add(len);
        }
        if let Some(here) = pending {
            each(self, before, here, 0);
        }
    }
}
