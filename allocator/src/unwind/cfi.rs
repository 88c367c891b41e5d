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
    RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow, X86_64,
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
    let at = table.lookup(lookup, &bases).ok()?;
    let offset = table.pointer_to_offset(at).ok()?;
    let fde = frames
        .fde_from_offset(&bases, offset, EhFrame::cie_from_offset)
        .ok()?;
    if !fde.contains(lookup) {
        return None;
    }
    if fde.is_signal_trampoline() {
        return Some(Rule::Signal);
    }
    let mut context = UnwindContext::<usize, OnStack>::new_in();
    let row = fde
        .unwind_info_for_address(&frames, &bases, &mut context, lookup)
        .ok()?;
    from_row(row, &frames)
}

fn from_row(row: &UnwindTableRow<usize, OnStack>, frames: &EhFrame<Slice<'_>>) -> Option<Rule> {
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
        // GCC's realigned stacks: cfa = [rbp - offset], rbp saved at [rbp].
        CfaRule::Expression(expression) => {
            let breg = |e: gimli::UnwindExpression<usize>, deref: bool| -> Option<i64> {
                let mut operations = e.get(frames).ok()?.operations(FRAME_ENCODING);
                let offset = match operations.next().ok()?? {
                    Operation::RegisterOffset {
                        register: X86_64::RBP,
                        offset,
                        ..
                    } => offset,
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
            };
            let at = breg(expression, true)?;
            let Some(RegisterRule::Expression(saved_at)) = bp else {
                return None;
            };
            if breg(saved_at, false)? != 0 || at >= 0 {
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
