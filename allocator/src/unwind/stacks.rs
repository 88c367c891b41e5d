//! Where a thread's stack ends, so that a walk never reads outside it.
//!
//! A walk reads upwards from the stack pointer, so its upper end matters. The
//! first thread's comes from the kernel (`startstack`); any other thread's
//! control block lies at the top of its stack (glibc and musl place it there),
//! so its address bounds the walk; its lower end is looked up once it matters.
//!
//! The own stack stays mapped as long as the thread runs, and only of it walks
//! are remembered: so nothing may pass for it that is not, not even where a
//! thread's first allocation is made on another stack.
//!
//! A stack pointer outside the thread's own stack (a signal stack, a coroutine)
//! is looked up in `/proc/self/maps`, and the last few answers are kept. Such a
//! stack may be unmapped, and another stand there later: what is kept only says
//! how far to ask ([`super::walk`]).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::cell::Cell;

use crate::os;

/// A readable range of stack: `lo <= sp < hi`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) lo: u64,
    pub(crate) hi: u64,
}

impl Bounds {
    #[inline(always)]
    pub(crate) fn holds(self, sp: u64) -> bool {
        sp >= self.lo && sp < self.hi
    }
}

const OTHERS: usize = 8;

/// The stacks on which one thread runs.
#[derive(Default)]
pub(crate) struct Stacks {
    own: Cell<Bounds>,
    others: [Cell<Bounds>; OTHERS],
    turn: Cell<u32>,
}

impl Stacks {
    /// Finds the calling thread's own stack.
    pub(crate) fn find_own(&self, tid: u32, sp: u64) {
        self.own.set(own(tid, sp).unwrap_or_default());
        for other in &self.others {
            other.set(Bounds::default());
        }
    }

    /// The bounds of the stack that `sp` lies in: empty if it is none.
    #[inline(always)]
    pub(crate) fn bounds(&self, sp: u64) -> Bounds {
        let own = self.own.get();
        if own.holds(sp) { own } else { self.other(sp) }
    }

    /// One past the outermost byte of the thread's own stack; 0 if unknown.
    pub(crate) fn end(&self) -> u64 {
        self.own.get().hi
    }

    /// Whether `sp` lies in the thread's own stack, whose bounds never change.
    #[inline(always)]
    pub(crate) fn is_own(&self, sp: u64) -> bool {
        self.own.get().holds(sp)
    }

    /// The bounds of the stack that `sp` lies in as they are now.
    #[cold]
    pub(crate) fn bounds_anew(&self, sp: u64) -> Bounds {
        for other in &self.others {
            if other.get().holds(sp) {
                other.set(Bounds::default());
            }
        }
        self.bounds(sp)
    }

    #[cold]
    #[inline(never)]
    fn other(&self, sp: u64) -> Bounds {
        if let Some(known) = self.others.iter().find(|b| b.get().holds(sp)) {
            return known.get();
        }
        let found = mapping(sp).unwrap_or_default();
        let own = self.own.get();
        if found.holds(own.hi.wrapping_sub(1)) {
            // The own stack, deeper than it was known to reach.
            let grown = Bounds {
                lo: found.lo,
                hi: own.hi,
            };
            self.own.set(grown);
            return grown;
        }
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        if let Some(place) = self.others.get(turn as usize % OTHERS) {
            place.set(found);
        }
        found
    }
}

/// Whether the stack goes on for so many bytes below the caller. The host's
/// thread or coroutine may have 16 KiB in all, and overflowing it ends the host.
///
/// Asks the kernel page by page. So the guard page is found, of which no one but
/// its maker knows, and no first stack is too short before it has grown.
#[inline(never)]
pub(crate) fn has_room(bytes: u64) -> bool {
    let here = 0u64;
    let sp = (&raw const here) as u64;
    (0..=bytes)
        .step_by(4096)
        .all(|below| os::readable(sp.wrapping_sub(below)))
}

/// The stack of the thread, whose stack pointer is `sp` now: on that stack, or
/// on another one.
fn own(tid: u32, sp: u64) -> Option<Bounds> {
    let top = os::thread_control_block();
    if is_near(sp, top) {
        // The smallest stack that pthreads makes, less what lies above the
        // control block; asked anew when it proves deeper.
        let lo = (sp & !4095).min(top.wrapping_sub(12 << 10));
        return Some(Bounds { lo, hi: top });
    }
    let first = if tid == os::process_id() {
        first_stack()
    } else {
        None
    };
    if let Some(first) = first.filter(|first| first.holds(sp)) {
        return Some(first);
    }
    let around = mapping(top.wrapping_sub(1)).map(|m| Bounds { lo: m.lo, hi: top });
    // The first thread's control block is not on its stack; that of a thread
    // that forked, and is the child's first now, is.
    match (around, first) {
        (Some(around), Some(first)) if !around.holds(sp) => Some(first),
        (around, first) => around.or(first),
    }
}

/// Whether all between a stack pointer and a control block is readable, so that
/// no guard page parts them, and they are not far apart.
fn is_near(sp: u64, top: u64) -> bool {
    let from = sp & !4095;
    let mut pages = (from..top).step_by(4096);
    from < top && top.wrapping_sub(from) <= 64 << 10 && pages.all(os::readable)
}

/// The first thread's stack.
fn first_stack() -> Option<Bounds> {
    let hi = start_of_stack()?.wrapping_add(4095) & !4095;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    let into = (&raw mut limit) as u64;
    let args = [0, libc::RLIMIT_STACK.into(), 0, into, 0, 0];
    // SAFETY: prlimit64 writes one rlimit, which `limit` is.
    let failed = unsafe { os::syscall(libc::SYS_prlimit64, args) } != 0;
    // The kernel keeps room for the limit of the process's start free below its
    // first stack, and for more than this if that was smaller. Where the limit
    // was raised since, other memory may lie there.
    const ROOM: u64 = 8 << 20;
    let room = if failed {
        ROOM
    } else {
        limit.rlim_cur.min(ROOM)
    };
    Some(Bounds {
        lo: hi.wrapping_sub(room),
        hi,
    })
}

/// Field 28 of `/proc/self/stat`: the address of the first thread's stack bottom.
fn start_of_stack() -> Option<u64> {
    let mut buffer = [0u8; 1024];
    let len = os::read_file(c"/proc/self/stat", &mut buffer);
    let text = buffer.get(..len)?;
    // The name in field 2 may hold blanks and brackets: count from its last bracket.
    let after = text.iter().rposition(|b| *b == b')')?.wrapping_add(2);
    let field = text.get(after..)?.split(|b| *b == b' ').nth(25)?;
    decimal(field)
}

fn decimal(text: &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for digit in text {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit.wrapping_sub(b'0')));
    }
    (!text.is_empty()).then_some(value)
}

/// The readable mapping that holds `addr`, from `/proc/self/maps`, read in
/// pieces without allocating.
fn mapping(addr: u64) -> Option<Bounds> {
    let (mut line, mut found) = (Line::default(), None);
    os::read_bytes(c"/proc/self/maps", &mut |byte| {
        found = line.push(byte).filter(|bounds| bounds.holds(addr));
        found.is_none()
    });
    found
}

/// Reads `lo-hi rw` off a line of the maps file, byte by byte.
#[derive(Default)]
struct Line {
    lo: u64,
    hi: u64,
    field: u8,
}

impl Line {
    fn push(&mut self, byte: u8) -> Option<Bounds> {
        let digit = u64::from((byte as char).to_digit(16).unwrap_or(0));
        match (self.field, byte) {
            (_, b'\n') => *self = Line::default(),
            (0, b'-') | (1, b' ') => self.field = self.field.wrapping_add(1),
            (0, _) => self.lo = self.lo << 4 | digit,
            (1, _) => self.hi = self.hi << 4 | digit,
            (2, _) => {
                self.field = 3;
                if byte == b'r' {
                    return Some(Bounds {
                        lo: self.lo,
                        hi: self.hi,
                    });
                }
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn a_local_lies_in_the_mapping_and_in_the_own_stack() {
        let local = 0u8;
        let sp = (&raw const local) as u64;
        let mapped = mapping(sp).expect("the stack is mapped");
        assert!(mapped.holds(sp));
        let own = own(os::thread_id(), sp).expect("the thread has a stack");
        assert!(own.holds(sp));
        assert!(own.hi <= mapped.hi, "own {own:x?} mapped {mapped:x?}");
    }

    #[test]
    fn unmapped_addresses_have_no_mapping() {
        assert_eq!(mapping(8), None);
    }

    #[test]
    fn a_thread_with_a_large_stack_knows_its_end() {
        std::thread::Builder::new()
            .stack_size(256 << 20)
            .spawn(|| {
                let local = 0u8;
                let sp = (&raw const local) as u64;
                let own = own(os::thread_id(), sp).expect("the thread has a stack");
                assert!(own.holds(sp) && own.hi - sp < 1 << 20);
            })
            .expect("spawns")
            .join()
            .expect("holds");
    }
}
