//! Where a thread's copy of a file's thread-locals lies.
//!
//! ```text
//!                         thread pointer
//!                               ▼
//!  … | library's | executable's | self | lists ─┐ …
//!                                               ▼
//!                      | length | generation, – | 1: copy, – | 2: copy, – | …
//! ```
//!
//! The executable's copy ends at the thread pointer. Of a library the loader has written into the
//! library's own memory, where its relocations say so, either its number, by which the thread's list leads
//! to its copy (or says that the thread has none yet), or how far from the thread pointer it lies.
//!
//! A list's generation is the loader's when the thread last looked. A library that was unloaded
//! meanwhile has left its number to another one, and such a list still leads to the old copy. So
//! what a list says that is older than the newest one is a guess.
//!
//! Sources: U. Drepper, "ELF Handling for Thread-Local Storage"; glibc 2.36,
//! `sysdeps/x86_64/nptl/tls.h` (`tcbhead_t`), `sysdeps/generic/dl-dtv.h`.

use endler_snapshot::{Addr, Memory};

use super::ThreadSpan;
use super::edges::GUESS;
use crate::resolve::elf::{Elf, TlsRelocation, TlsSegment};

/// What a list says of a library whose thread-locals the thread has not touched.
const NONE_YET: u64 = u64::MAX;

/// How the loader has placed a file's thread-locals.
enum Placed {
    BeforePointer,
    /// Added to the thread pointer.
    Distance(u64),
    /// In the thread's list.
    Number(u64),
}

/// The copies of one file's thread-locals.
pub(super) struct Copies {
    pub(super) segment: TlsSegment,
    placed: Placed,
}

/// One thread's copy.
#[derive(Clone, Copy)]
pub(super) struct Copy {
    pub(super) start: u64,
    /// [`GUESS`] if it may be that of a library that is gone.
    pub(super) guess: u8,
}

impl Copies {
    /// None if the file has no thread-locals, or nothing says where they lie.
    pub(super) fn of(
        elf: &Elf<'_>,
        bias: u64,
        is_main: bool,
        memory: &dyn Memory,
    ) -> Option<Copies> {
        let segment = elf.tls()?;
        let placed = if is_main {
            Placed::BeforePointer
        } else {
            let (at, relocation) = elf.tls_relocation()?;
            let value = word(memory, bias.wrapping_add(at))?;
            match relocation {
                TlsRelocation::Number => Placed::Number(value),
                TlsRelocation::Distance { of } => Placed::Distance(value.wrapping_sub(of)),
            }
        };
        Some(Copies { segment, placed })
    }

    /// The copy of a thread; none if it has none.
    pub(super) fn copy(&self, span: &ThreadSpan, newest: u64, memory: &dyn Memory) -> Option<Copy> {
        let pointer = span.thread_pointer?.0;
        let certain = |start| Copy { start, guess: 0 };
        match self.placed {
            Placed::BeforePointer => self.segment.start(pointer).map(certain),
            Placed::Distance(distance) => Some(certain(pointer.wrapping_add(distance))),
            Placed::Number(number) => {
                let list = List::of(pointer, memory)?;
                let start = list.entry(number, memory)?;
                let guess = if list.generation < newest { GUESS } else { 0 };
                Some(Copy { start, guess })
            }
        }
    }
}

/// The newest generation of all threads' lists.
pub(super) fn newest(threads: &[ThreadSpan], memory: &dyn Memory) -> u64 {
    let lists = threads
        .iter()
        .filter_map(|span| List::of(span.thread_pointer?.0, memory));
    lists.map(|list| list.generation).max().unwrap_or(0)
}

/// A thread's list of copies.
struct List {
    at: u64,
    length: u64,
    generation: u64,
}

impl List {
    fn of(pointer: u64, memory: &dyn Memory) -> Option<List> {
        let at = word(memory, pointer.checked_add(8)?)?;
        Some(List {
            at,
            length: word(memory, at.checked_sub(16)?)?,
            generation: word(memory, at)?,
        })
    }

    fn entry(&self, number: u64, memory: &dyn Memory) -> Option<u64> {
        if number == 0 || number > self.length {
            return None;
        }
        let at = self.at.checked_add(number.checked_mul(16)?)?;
        word(memory, at).filter(|&start| start != 0 && start != NONE_YET)
    }
}

fn word(memory: &dyn Memory, at: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    memory.read(Addr(at), &mut bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}
