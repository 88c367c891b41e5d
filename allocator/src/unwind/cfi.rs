//! From a module's `.eh_frame` to one packed rule, without allocating.
//!
//! Uses gimli's readers over the module's own mapped memory, with the unwind
//! context's tables on the stack. Only x86-64's forms are understood that
//! [`Rule`] can hold; all others give [`Rule::Stuck`], which ends a walk and is
//! counted, and is never guessed around.
//!
//! Source: LSB Core, "Exception Frames"; DWARF 5 section 6.4.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, NativeEndian, Operation, Register,
    RegisterRule, UnwindContext, UnwindContextStorage, UnwindExpression, UnwindSection,
    UnwindTableRow, X86_64,
};

use super::objects::Object;
use super::rule::Rule;

/// Register rules and table rows on the stack: x86-64 code names at most 17
/// registers, and `remember_state` nests once in practice. The stack may be one
/// of 16 KiB (`tests/small_stacks.rs`), so there is no more room than that.
struct OnStack;

impl UnwindContextStorage<usize> for OnStack {
    type Rules = [(Register, RegisterRule<usize>); 17];
    type Stack = [UnwindTableRow<usize, Self>; 3];
}

/// What [`rule`] may take of the stack, in bytes, gimli's own frames included: a
/// good half more than was seen (`tests/small_stacks.rs`).
pub(crate) const STACK: u64 = if cfg!(debug_assertions) {
    16 << 10
} else {
    8 << 10
};

type Slice<'a> = EndianSlice<'a, NativeEndian>;

/// The rule at `lookup` (a look-up address: return address minus one).
pub(crate) fn rule(lookup: u64, object: &Object) -> Rule {
    read(lookup, object).unwrap_or(Rule::Stuck)
}

fn read(lookup: u64, object: &Object) -> Option<Rule> {
    let header = object.eh_frame_hdr()?;
    let header_at = object.eh_frame_hdr;
    let bases = BaseAddresses::default().set_eh_frame_hdr(header_at);
    let parsed = EhFrameHdr::new(header, NativeEndian)
        .parse(&bases, 8)
        .ok()?;
    let frames_at = match parsed.eh_frame_ptr() {
        gimli::Pointer::Direct(at) => at,
        gimli::Pointer::Indirect(_) => return None,
    };
    let frames: EhFrame<Slice<'_>> = EhFrame::new(object.bytes_from(frames_at)?, NativeEndian);
    let bases = bases.set_eh_frame(frames_at);
    let table = parsed.table()?;
    let gimli::Pointer::Direct(at) = table.lookup(lookup, &bases).ok()? else {
        return None;
    };
    // By hand: gimli subtracts without a check, which may panic.
    let offset = gimli::EhFrameOffset(usize::try_from(at.checked_sub(frames_at)?).ok()?);
    let fde = frames
        .fde_from_offset(&bases, offset, EhFrame::cie_from_offset)
        .ok()?;
    if !fde.contains(lookup) {
        return None;
    }
    let mut context = UnwindContext::<usize, OnStack>::new_in();
    let row = fde
        .unwind_info_for_address(&frames, &bases, &mut context, lookup)
        .ok()?;
    // Others than the kernel's are marked so too: a coroutine's first frame, say.
    if fde.is_signal_trampoline() && is_signal_frame(row, &frames) {
        return Some(Rule::Signal);
    }
    from_row(row, &frames, lookup)
}

/// Where `struct ucontext`, which lies at the stack pointer of a signal's frame,
/// holds registers: `gregs` begin at 40.
pub(crate) mod ucontext {
    pub(crate) const RBP: u64 = 40 + 10 * 8;
    pub(crate) const RSP: u64 = 40 + 15 * 8;
    pub(crate) const RIP: u64 = 40 + 16 * 8;
}

/// Whether the table describes the frame that the kernel makes for a signal:
/// all registers, the stack pointer too, stand in the ucontext.
fn is_signal_frame(row: &UnwindTableRow<usize, OnStack>, frames: &EhFrame<Slice<'_>>) -> bool {
    let CfaRule::Expression(cfa) = *row.cfa() else {
        return false;
    };
    let stands = |register: Register, at: u64| match row.register(register) {
        Some(RegisterRule::Expression(e)) => {
            based(e, frames, X86_64::RSP, false) == Some(at as i64)
        }
        _ => false,
    };
    based(cfa, frames, X86_64::RSP, true) == Some(ucontext::RSP as i64)
        && stands(X86_64::RA, ucontext::RIP)
        && stands(X86_64::RBP, ucontext::RBP)
}

/// The offset of an expression that is a register's value and an offset, and
/// perhaps the word that lies there.
fn based(
    expression: UnwindExpression<usize>,
    frames: &EhFrame<Slice<'_>>,
    base: Register,
    deref: bool,
) -> Option<i64> {
    let mut operations = expression.get(frames).ok()?.operations(FRAME_ENCODING);
    let offset = match operations.next().ok()?? {
        Operation::RegisterOffset {
            register, offset, ..
        } if register == base => offset,
        _ => return None,
    };
    if deref {
        match operations.next().ok()?? {
            Operation::Deref {
                size: 8,
                space: false,
                ..
            } => {}
            _ => return None,
        }
    }
    operations.next().ok()?.is_none().then_some(offset)
}

/// The offset from the stack pointer in a procedure linkage table. Linkers
/// write one expression for all its entries, of 16 bytes: 8 more from each
/// one's eleventh byte on, where it has pushed a word.
fn linkage_table(
    expression: UnwindExpression<usize>,
    frames: &EhFrame<Slice<'_>>,
    ip: u64,
) -> Option<u32> {
    // breg7+8, breg16+0, lit15, and, lit11, ge, lit3, shl, plus
    const WRITTEN: [u8; 11] = [0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22];
    let written = expression.get(frames).ok()?;
    (written.0.slice() == WRITTEN).then_some(if ip & 15 >= 11 { 16 } else { 8 })
}

fn from_row(
    row: &UnwindTableRow<usize, OnStack>,
    frames: &EhFrame<Slice<'_>>,
    lookup: u64,
) -> Option<Rule> {
    match row.register(X86_64::RA) {
        Some(RegisterRule::Offset(-8)) => {}
        Some(RegisterRule::Undefined) => return Some(Rule::End),
        _ => return None,
    }
    let bp = row.register(X86_64::RBP);
    let saved = match bp {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => 0,
        Some(RegisterRule::Offset(at)) if at < 0 => u32::try_from(at.unsigned_abs()).ok()?,
        Some(RegisterRule::Expression(_)) => u32::MAX,
        _ => return None,
    };
    match *row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            let offset = u32::try_from(offset).ok()?;
            if saved == u32::MAX {
                return None;
            }
            match register {
                X86_64::RSP => Some(Rule::Sp { offset, saved }),
                X86_64::RBP => Some(Rule::Bp { offset, saved }),
                _ => None,
            }
        }
        CfaRule::Expression(expression) => {
            if let Some(offset) = linkage_table(expression, frames, lookup)
                && saved == 0
            {
                return Some(Rule::Sp { offset, saved });
            }
            // GCC's realigned stacks: cfa = [rbp - offset], rbp saved at [rbp].
            let at = based(expression, frames, X86_64::RBP, true)?;
            let Some(RegisterRule::Expression(saved_at)) = bp else {
                return None;
            };
            if based(saved_at, frames, X86_64::RBP, false)? != 0 || at >= 0 {
                return None;
            }
            Some(Rule::DerefBp {
                offset: u32::try_from(at.unsigned_abs()).ok()?,
            })
        }
    }
}

const FRAME_ENCODING: gimli::Encoding = gimli::Encoding {
    address_size: 8,
    format: gimli::Format::Dwarf32,
    version: 4,
};

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod made;
#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests;
