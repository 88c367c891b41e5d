//! Memory outside the heap without types, word by word: stacks, and the statics
//! that debug information does not describe (std's own).
//!
//! A container that lies on a stack owns its block as a field would. Where the
//! words beside the pointer are those of a vector's header, its length is known
//! too.

use std::collections::BTreeSet;

use endler_snapshot::{Addr, Resolution, ThreadId};

use super::ThreadSpan;
use super::edges::{GUESS, Kind};
use super::labels::{Label, NONE};
use super::locals::Spoken;
use super::nodes::{buckets_of, table_size};
use super::program::Inside;
use super::roots::{Root, RootKind};
use super::rows::{Rows, Said};
use super::run::{Context, Item, Scanner, Source};
use super::steps::{item, word};

/// How much is read at once.
const CHUNK: u64 = 64 << 10;

/// A range of addresses and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) until: u64,
    /// The name of its edges: `stack crawl::run`.
    pub(super) name: String,
    pub(super) kind: RootKind,
    pub(super) thread: Option<ThreadId>,
    /// Whether glibc's lists of free chunks lie in it.
    pub(super) lists_chunks: bool,
}

/// Whether a pointer is to the header of the chunk behind a block, and not to the
/// block.
///
/// ```text
///  glibc:  | size | block, 16 k + 1 to 16 k + 8 bytes of it above 16 k … | size | next
///                                              ▲ header of the next chunk: its first
///                                                word is the block's last
/// ```
///
/// A chunk's header begins 8 bytes before its size, in what the chunk before it may
/// use, and glibc's lists lead to headers. So a free chunk that is listed would hold
/// the block before it. Source: glibc 2.36 `malloc/malloc.c`, "malloc_chunk details".
fn is_next_header(offset: u64, size: u64) -> bool {
    offset > 0 && offset.is_multiple_of(16) && offset < size && size - offset <= 8
}

/// A block that some word points to, and what stands beside that word.
struct Claim {
    block: u32,
    /// Bytes into the block that the word points to.
    offset: u64,
    label: Label,
    before: u64,
    behind: u64,
}

impl Scanner<'_, '_> {
    /// Scans pieces of memory. All frames of one stack are one root; what their
    /// variables are known to point to has a name already.
    pub(super) fn raw(
        &mut self,
        resolution: &Resolution,
        rows: &Rows,
        pieces: &[Piece],
        spoken: &Spoken,
        roots: &mut Vec<Root>,
    ) {
        let mut claims = Vec::new();
        let mut stack: Option<(ThreadId, u32)> = None;
        for piece in pieces {
            let mut label: Option<Label> = None;
            let mut root: Option<u32> = None;
            if let (RootKind::Stack, Some((thread, at))) = (piece.kind, stack)
                && piece.thread == Some(thread)
            {
                root = Some(at);
            }
            let mut seen = BTreeSet::new();
            self.piece_words(piece, &mut |scanner, before, address, behind| {
                let Some(block) = scanner.heap.find(address) else {
                    return;
                };
                let offset = address - scanner.heap.start(block);
                if piece.lists_chunks && is_next_header(offset, scanner.heap.size(block)) {
                    return;
                }
                if let (RootKind::Stack, Some(thread)) = (piece.kind, piece.thread)
                    && spoken.has(thread, block)
                {
                    scanner.count_pointer(block, Kind::Word, GUESS);
                    return;
                }
                let label = *label.get_or_insert_with(|| scanner.book.labels.id(&piece.name));
                let root = *root.get_or_insert_with(|| {
                    roots.push(Root {
                        name: match piece.kind {
                            RootKind::Stack => "stack".to_owned(),
                            _ => piece.name.clone(),
                        },
                        kind: piece.kind,
                        thread: piece.thread,
                        address: Addr(piece.from),
                    });
                    u32::try_from(roots.len() - 1).unwrap_or(u32::MAX)
                });
                claims.push(Claim {
                    block,
                    offset,
                    label,
                    before,
                    behind,
                });
                if seen.insert(block) {
                    let context = Context {
                        source: Source::Root(root),
                        label: NONE,
                        always: true,
                        guess: GUESS,
                        again: false,
                        local: false,
                    };
                    scanner.edge(&context, block, label, Kind::Word, GUESS);
                } else {
                    scanner.count_pointer(block, Kind::Word, GUESS);
                }
            });
            if let (RootKind::Stack, Some(thread), Some(root)) = (piece.kind, piece.thread, root) {
                stack = Some((thread, root));
            }
        }
        // Pointers with a header first: those without may be to inner parts.
        for measured in [true, false] {
            for claim in &claims {
                self.claimed(resolution, rows, claim, measured);
            }
        }
    }

    /// What threads' registers point to; a part of their stacks.
    pub(super) fn registers(&mut self, threads: &[ThreadSpan], roots: &mut Vec<Root>) {
        for span in threads {
            for &register in &span.registers {
                let Some(block) = self.heap.find(register) else {
                    continue;
                };
                let is_stack = |r: &Root| r.name == "stack" && r.thread == Some(span.thread);
                let root = roots.iter().position(is_stack).unwrap_or_else(|| {
                    roots.push(Root {
                        name: "stack".to_owned(),
                        kind: RootKind::Stack,
                        thread: Some(span.thread),
                        address: span.stack_pointer,
                    });
                    roots.len() - 1
                });
                let context = Context {
                    source: Source::Root(u32::try_from(root).unwrap_or(u32::MAX)),
                    label: NONE,
                    always: true,
                    guess: GUESS,
                    again: false,
                    local: false,
                };
                let label = self.book.labels.id("stack");
                self.edge(&context, block, label, Kind::Word, GUESS);
            }
        }
    }

    /// Scans the block of a container, if nothing else owns it.
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
            // The pointer is to the control bytes, the mask stands behind it.
            Inside::Table => {
                let table = buckets_of(whole, form.size)
                    .filter(|b| b - 1 == claim.behind)
                    .and_then(|buckets| table_size(buckets, form.size));
                match table {
                    Some((data, _)) if data == claim.offset => (1, true),
                    _ => return,
                }
            }
            _ if claim.offset != 0 => return,
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

    /// Calls `each` for every word of a piece, with the words beside it.
    fn piece_words(&mut self, piece: &Piece, each: &mut dyn FnMut(&mut Self, u64, u64, u64)) {
        let mut at = piece.from.next_multiple_of(8);
        let mut before = 0;
        let mut pending: Option<u64> = None;
        while at < piece.until {
            let len = CHUNK.min(piece.until - at);
            let readable = self.with_bytes(at, len, |scanner, bytes| {
                let mut offset = 0;
                while let Some(behind) = word(bytes, offset) {
                    if let Some(here) = pending.replace(behind) {
                        each(scanner, before, here, behind);
                        before = here;
                    }
                    offset += 8;
                }
            });
            // A stack's innermost pages need not be there.
            self.unread += u64::from(!readable && piece.kind == RootKind::Static);
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
