//! What holds blocks from outside the heap and has a type: statics and
//! thread-locals.

use endler_snapshot::{Addr, ThreadId};

use super::ThreadSpan;
use super::compile::{Spot, Via};
use super::copies::{Copies, newest};
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
            let root = Root {
                name: format!("static {}", one.path),
                kind: RootKind::Static,
                thread: None,
                address,
            };
            self.root(one, root, 0, roots);
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
        let copies: Vec<Option<Copies>> = files
            .iter()
            .map(|file| Copies::of(&file.elf, file.bias, file.is_main, self.memory))
            .collect();
        let newest = newest(threads, self.memory);
        for span in threads {
            let own: Vec<_> = copies
                .iter()
                .map(|copies| {
                    let copies = copies.as_ref()?;
                    let copy = copies.copy(span, newest, self.memory)?;
                    Some((copies.segment.size, copy))
                })
                .collect();
            for one in statics {
                let Place::Thread(file, offset) = one.place else {
                    continue;
                };
                let Some(Some((size, copy))) = own.get(usize::from(file)).copied() else {
                    continue;
                };
                if offset >= size || !self.is_storage(one) {
                    continue;
                }
                let root = Root {
                    name: format!("thread_local {}", one.path),
                    kind: RootKind::ThreadLocal,
                    thread: Some(span.thread),
                    address: Addr(copy.start.wrapping_add(offset)),
                };
                self.root(one, root, copy.guess, roots);
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

    fn root(&mut self, one: &Static, root: Root, guess: u8, roots: &mut Vec<Root>) {
        let address = root.address;
        if let Some(size) = self.book.layouts.size(one.of) {
            self.typed_roots.push(TypedRoot {
                root: root.clone(),
                until: address.0.saturating_add(size),
            });
        }
        let spot = Spot::new(Via::Always(root.name.clone()));
        let program = self.book.program(one.of, &spot, Split::All);
        if program.is_empty() || program.size > MAX_STATIC {
            return;
        }
        let context = Context {
            source: run::Source::Root(u32::try_from(roots.len()).unwrap_or(u32::MAX)),
            label: NONE,
            always: true,
            guess,
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
