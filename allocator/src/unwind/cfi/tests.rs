//! Every row of every FDE of this binary and of the C library: the packed rule
//! against gimli's own row, which is found by reading the section from its
//! beginning, and told as addresses on a stack that has known registers.

use gimli::{CieOrFde, UnwindSection};

use super::super::cache::RuleCache;
use super::super::objects::Objects;
use super::*;

/// More room than any function needs.
struct Roomy;

impl UnwindContextStorage<usize> for Roomy {
    type Rules = [(Register, RegisterRule<usize>); 64];
    type Stack = [UnwindTableRow<usize, Self>; 16];
}

const SP: u64 = 0x10_0000;
const BP: u64 = 0x20_0000;
/// What a word holds, for those that are read.
fn word(at: u64) -> u64 {
    at + 0x100_0000
}

/// CFA, where the return address lies, and the caller's bp.
type Caller = (u64, u64, u64);

/// By the rule's documentation.
fn by_rule(rule: Rule) -> Option<Caller> {
    let saved_at = |cfa: u64, saved: u32| match saved {
        0 => BP,
        saved => word(cfa - u64::from(saved)),
    };
    let (cfa, bp) = match rule {
        Rule::Sp { offset, saved } => {
            let cfa = SP + u64::from(offset);
            (cfa, saved_at(cfa, saved))
        }
        Rule::Bp { offset, saved } => {
            let cfa = BP + u64::from(offset);
            (cfa, saved_at(cfa, saved))
        }
        Rule::DerefBp { offset } => (word(BP - u64::from(offset)), word(BP)),
        Rule::Signal | Rule::End | Rule::Stuck | Rule::Ask => return None,
    };
    Some((cfa, cfa - 8, bp))
}

/// The operations that the C library and linkers use.
fn evaluate(
    e: gimli::UnwindExpression<usize>,
    frames: &EhFrame<Slice<'_>>,
    ip: u64,
) -> Option<u64> {
    let mut operations = e.get(frames).ok()?.operations(FRAME_ENCODING);
    let mut stack = Vec::new();
    while let Some(operation) = operations.next().ok()? {
        let value = match operation {
            Operation::RegisterOffset {
                register, offset, ..
            } => match register {
                X86_64::RSP => SP.wrapping_add_signed(offset),
                X86_64::RBP => BP.wrapping_add_signed(offset),
                X86_64::RA => ip.wrapping_add_signed(offset),
                _ => return None,
            },
            Operation::Deref { size: 8, .. } => word(stack.pop()?),
            Operation::UnsignedConstant { value } => value,
            _ => {
                let (second, first): (u64, u64) = (stack.pop()?, stack.pop()?);
                match operation {
                    Operation::And => first & second,
                    Operation::Ge => u64::from(first as i64 >= second as i64),
                    Operation::Shl => first << second,
                    Operation::Plus => first + second,
                    _ => return None,
                }
            }
        };
        stack.push(value);
    }
    stack.pop()
}

/// By gimli's row; none for what the forms of [`Rule`] are not meant to hold.
fn by_row(
    row: &UnwindTableRow<usize, Roomy>,
    frames: &EhFrame<Slice<'_>>,
    ip: u64,
) -> Option<Caller> {
    let cfa = match *row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => match register {
            X86_64::RSP => SP.wrapping_add_signed(offset),
            X86_64::RBP => BP.wrapping_add_signed(offset),
            _ => return None,
        },
        CfaRule::Expression(e) => evaluate(e, frames, ip)?,
    };
    let ip_at = match row.register(X86_64::RA) {
        Some(RegisterRule::Offset(offset)) => cfa.wrapping_add_signed(offset),
        _ => return None,
    };
    let bp = match row.register(X86_64::RBP) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => BP,
        Some(RegisterRule::Offset(offset)) => word(cfa.wrapping_add_signed(offset)),
        Some(RegisterRule::Expression(e)) => word(evaluate(e, frames, ip)?),
        _ => return None,
    };
    Some((cfa, ip_at, bp))
}

#[derive(Default, Debug)]
struct Compared {
    rows: usize,
    equal: usize,
    ends: usize,
    signals: usize,
    stuck: usize,
}

fn compare(object: &Object) -> Compared {
    let header_at = object.eh_frame_hdr;
    let bases = BaseAddresses::default().set_eh_frame_hdr(header_at);
    let header = object.eh_frame_hdr().expect("a header");
    let parsed = EhFrameHdr::new(header, NativeEndian)
        .parse(&bases, 8)
        .expect("it parses");
    let gimli::Pointer::Direct(frames_at) = parsed.eh_frame_ptr() else {
        panic!("an indirect section");
    };
    let bytes = object.bytes_from(frames_at).expect("it is mapped");
    let frames: EhFrame<Slice<'_>> = EhFrame::new(bytes, NativeEndian);
    let bases = bases.set_eh_frame(frames_at);
    let mut context = UnwindContext::<usize, Roomy>::new_in();
    let mut compared = Compared::default();
    let mut entries = frames.entries(&bases);
    while let Some(entry) = entries.next().expect("it parses") {
        let CieOrFde::Fde(fde) = entry else { continue };
        let fde = fde.parse(EhFrame::cie_from_offset).expect("it parses");
        if fde.len() == 0 || fde.initial_address() == 0 {
            continue;
        }
        let mut rows = fde.rows(&frames, &bases, &mut context).expect("it parses");
        while let Some(row) = rows.next_row().expect("it parses") {
            let (start, end) = (row.start_address(), row.end_address());
            if start >= end {
                continue;
            }
            compared.rows += 1;
            let lookups = [start, start.midpoint(end - 1), end - 1];
            for (i, lookup) in lookups.into_iter().enumerate() {
                let got = rule(lookup, object);
                assert_eq!(Rule::unpack(got.pack()), got, "{lookup:#x} does not fit");
                let expect = by_row(row, &frames, lookup);
                match got {
                    Rule::Signal => assert!(fde.is_signal_trampoline()),
                    Rule::End => assert_eq!(
                        row.register(X86_64::RA),
                        Some(RegisterRule::Undefined),
                        "{lookup:#x}"
                    ),
                    Rule::Stuck => {}
                    _ => assert_eq!(by_rule(got), expect, "{lookup:#x} {got:?} {row:?}"),
                }
                if i == 0 {
                    match got {
                        Rule::Signal => compared.signals += 1,
                        Rule::End => compared.ends += 1,
                        Rule::Stuck => compared.stuck += 1,
                        _ => compared.equal += 1,
                    }
                }
            }
        }
    }
    compared
}

#[test]
fn every_rule_of_this_binary_and_of_the_c_library_is_gimlis_row() {
    let (cache, objects) = (RuleCache::new(), Objects::new());
    objects.refresh(&cache);
    let here = every_rule_of_this_binary_and_of_the_c_library_is_gimlis_row as *const () as u64;
    for (name, within) in [
        ("binary", here),
        ("libc", libc::getppid as *const () as u64),
    ] {
        let object = objects.find(within, &cache).expect("it is loaded");
        let compared = compare(&object);
        println!("{name}: {compared:?}");
        assert!(compared.equal > 1000, "{name}: {compared:?}");
        // Lazy binding's stubs, and what hand-written assembly says.
        assert!(compared.stuck * 200 < compared.rows, "{name}: {compared:?}");
    }
}
