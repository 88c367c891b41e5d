//! What holds blocks from outside the heap and has a type: statics and
//! thread-locals.

use endler_snapshot::{Addr, ThreadId};

use super::ThreadSpan;
use super::compile::{Spot, Via};
use super::labels::NONE;
use super::run::{self, Context, Scanner};
use crate::layout::containers::Split;
use crate::layout::files::Source;
use crate::layout::index::{Place, Static};

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

/// A static or thread-local that has a layout.
pub(super) struct TypedRoot {
    pub(super) root: Root,
    pub(super) until: u64,
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
        files: &[Source<'_>],
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
                let Some(segment) = file.filter(|f| f.is_main).and_then(|f| f.elf.tls()) else {
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
        let root = Root {
            name: name.clone(),
            kind,
            thread,
            address,
        };
        if let Some(size) = self.book.layouts.size(one.of) {
            self.typed_roots.push(TypedRoot {
                root: root.clone(),
                until: address.0.saturating_add(size),
            });
        }
        let spot = Spot::new(Via::Always(name));
        let program = self.book.program(one.of, &spot, Split::All);
        if program.is_empty() || program.size > MAX_STATIC {
            return;
        }
        let context = Context {
            source: run::Source::Root(u32::try_from(roots.len()).unwrap_or(u32::MAX)),
            label: NONE,
            always: true,
            guess: 0,
            again: false,
            local: false,
        };
        roots.push(root);
        self.with_bytes(address.0, program.size, |scanner, bytes| {
            scanner.steps(&program.ops, bytes, 0, &context);
        });
        self.drain();
    }
}
