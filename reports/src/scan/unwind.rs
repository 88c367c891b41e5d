//! Where the frames of a stopped thread stand on its stack.
//!
//! Of a thread that waits the stack pointer is known for certain, and where it
//! runs, but no other register. The unwind rules of `.eh_frame` lead on from
//! there. A frame whose rule needs the frame pointer, which is not known, ends the
//! chain. Such a function says in its first instructions how large its frame is, and
//! so where it was called from ([`Unwinder::frame_size`]); where it does not, the walk
//! looks above it for a return address that follows a call of this very function, and
//! goes on from there if a frame pointer is saved below it, or if the rules lead from
//! there to the thread's first frame. Where there is none, or where not even the instruction is known, the
//! rest of the stack has no names: a return address that merely lies there may be
//! left over from a call that is long over, and would name the wrong function.
//!
//! Source: DWARF 5 section 6.4, the x86-64 System V ABI, the LSB's
//! `.eh_frame_hdr`.

use endler_snapshot::{Addr, Image, Memory, Module};
use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, ParsedEhFrameHdr,
    RegisterRule, UnwindContext, UnwindSection, X86_64,
};

use super::ThreadSpan;
use crate::layout::files::Source;
use crate::resolve::elf::{Elf, Reader};
use crate::resolve::mapped::Mapped;

/// The most frames of one stack.
const MAX_FRAMES: usize = 10_000;

/// A frame: where the return address into it stands, and what is known of its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) slot: u64,
    pub(super) address: u64,
    /// Its canonical frame address: where the stack stood before it was called.
    pub(super) cfa: Option<u64>,
    /// The frame pointer register while it runs.
    pub(super) rbp: Option<u64>,
}

impl Frame {
    fn new(slot: u64, address: u64) -> Frame {
        Frame {
            slot,
            address,
            cfa: None,
            rbp: None,
        }
    }
}

/// The files of the loaded modules, for those that have one.
pub(super) fn maps(image: &Image, sources: &[Source<'_>]) -> Vec<Option<Mapped>> {
    let open = |(position, module): (usize, &Module)| {
        if module.path.starts_with('[') || sources.iter().any(|s| s.module == position) {
            return None;
        }
        let map = Mapped::open(module.path.as_ref()).ok()?;
        let same = Elf::parse(&map)?.build_id() == module.build_id.as_slice();
        same.then_some(map)
    };
    image.modules.iter().enumerate().map(open).collect()
}

/// The unwind rules of one module.
struct Rules<'a> {
    module: &'a Module,
    header: ParsedEhFrameHdr<Reader<'a>>,
    frames: EhFrame<Reader<'a>>,
    bases: BaseAddresses,
}

/// What a rule says about the caller's frame.
struct Rule {
    /// First address of the function, at run time.
    function: u64,
    cfa: Option<u64>,
    /// Whether the frame is the thread's first.
    outermost: bool,
    rbp: RbpRule,
}

enum RbpRule {
    Same,
    At(i64),
    Unknown,
}

/// The unwind rules of all modules.
pub(super) struct Unwinder<'a> {
    memory: &'a dyn Memory,
    modules: Vec<Rules<'a>>,
}

impl<'a> Unwinder<'a> {
    pub(super) fn new(
        image: &'a Image,
        memory: &'a dyn Memory,
        elfs: &[Option<&Elf<'a>>],
    ) -> Unwinder<'a> {
        let mut modules = Vec::new();
        for (module, elf) in image.modules.iter().zip(elfs) {
            modules.extend(elf.and_then(|elf| Rules::new(module, elf)));
        }
        Unwinder { memory, modules }
    }

    fn rule(&self, pc: u64, sp: u64, rbp: Option<u64>) -> Option<Rule> {
        let at = Addr(pc);
        let module = self
            .modules
            .iter()
            .find(|m| m.module.start <= at && at < m.module.end)?;
        module.rule(pc.wrapping_sub(module.module.bias), sp, rbp)
    }

    fn word(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.memory.read(Addr(at), &mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    /// Whether an address follows a call, and if so, of which function where
    /// the instruction says.
    fn call_before(&self, address: u64) -> Option<Option<u64>> {
        let at = Addr(address);
        let known = |m: &Rules<'_>| m.module.start <= at && at < m.module.end;
        if !self.modules.iter().any(known) {
            return None;
        }
        let mut code = [0; 7];
        self.memory
            .read(Addr(address.checked_sub(7)?), &mut code)
            .ok()?;
        // call rel32
        if let [_, _, 0xe8, rest @ ..] = code {
            let offset = i64::from(i32::from_le_bytes(rest));
            return Some(Some(address.wrapping_add_signed(offset)));
        }
        // call [rip + disp32]: through the table of what the loader bound.
        if let [_, 0xff, 0x15, rest @ ..] = code {
            let offset = i64::from(i32::from_le_bytes(rest));
            return Some(self.word(address.wrapping_add_signed(offset)));
        }
        // call r/m64: opcode ff /2, two to seven bytes long.
        let is_call = [0usize, 1, 3, 4, 5].iter().any(|&from| {
            let part = (code.get(from), code.get(from + 1));
            matches!(part, (Some(0xff), Some(modrm)) if modrm & 0x38 == 0x10)
        });
        is_call.then_some(None)
    }

    /// The frames of a thread, innermost first.
    pub(super) fn frames(&self, span: &ThreadSpan) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut at = span.stack_pointer.0.next_multiple_of(8);
        // The function whose caller is looked for.
        let mut callee: Option<u64> = None;
        if let Some(address) = span.instruction_pointer {
            // As if it had just returned there.
            let first = Frame::new(span.stack_pointer.0.wrapping_sub(8), address.0);
            let chain = self.chain(first, None, span.stack_end.0);
            at = chain.frames.last().map_or(at, |f| f.slot.wrapping_add(8));
            callee = chain.function;
            frames.extend(chain.frames);
            if chain.ended {
                return frames;
            }
        }
        while let Some(next) = self.by_frame_size(callee, frames.last_mut(), span.stack_end.0) {
            let chain = self.chain(next.0, Some(next.1), span.stack_end.0);
            at = chain.frames.last().map_or(at, |f| f.slot.wrapping_add(8));
            callee = chain.function;
            frames.extend(chain.frames);
            if chain.ended || frames.len() >= MAX_FRAMES {
                return frames;
            }
        }
        while callee.is_some() && at < span.stack_end.0 && frames.len() < MAX_FRAMES {
            let Some(address) = self.word(at) else {
                break;
            };
            let call = self.call_before(address);
            // Anything else may be left over from a call that is long over.
            let fits =
                matches!((call, callee), (Some(Some(target)), Some(callee)) if target == callee);
            if !fits {
                at += 8;
                continue;
            }
            // The callee saved its caller's register there, whatever that keeps in it.
            let rbp = self.word(at.wrapping_sub(8));
            let chain = self.chain(Frame::new(at, address), rbp, span.stack_end.0);
            if !chain.ended && !self.saves_a_frame(at, span.stack_end.0) {
                at += 8;
                continue;
            }
            at = chain.frames.last().map_or(at, |f| f.slot) + 8;
            callee = chain.function;
            frames.extend(chain.frames);
            if chain.ended {
                break;
            }
        }
        frames
    }

    /// The frame that called `function`, whose frame is the `last` one, and the frame
    /// pointer there: by the size of the function's frame.
    fn by_frame_size(
        &self,
        function: Option<u64>,
        last: Option<&mut Frame>,
        stack_end: u64,
    ) -> Option<(Frame, u64)> {
        let (last, function) = (last?, function?);
        let size = self.frame_size(function)?;
        let own = last.slot.checked_add(8)?.checked_add(size)?;
        let slot = own.checked_add(8)?;
        if slot >= stack_end {
            return None;
        }
        let address = self.word(slot)?;
        // A frame that is larger than it says has something else there.
        if self
            .call_before(address)?
            .is_some_and(|target| target != function)
        {
            return None;
        }
        // Where it saved its caller's frame pointer.
        let rbp = self.word(own)?;
        (last.cfa, last.rbp) = (Some(slot + 8), Some(own));
        Some((Frame::new(slot, address), rbp))
    }

    /// Bytes between the stack pointer and the frame pointer while a function runs that
    /// begins as compilers have them: `push rbp; mov rbp, rsp`, pushes, `sub rsp, n`. None
    /// if it takes more than that: it rounds the stack pointer down, or touches pages.
    fn frame_size(&self, function: u64) -> Option<u64> {
        let mut code = [0; 48];
        self.memory.read(Addr(function), &mut code).ok()?;
        let code = code
            .strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa])
            .unwrap_or(&code);
        let mut rest = code.strip_prefix(&[0x55, 0x48, 0x89, 0xe5])?;
        let mut size = 0u64;
        // push r8 to r15, push rax to rdi
        while let [0x41, 0x50..=0x57, behind @ ..] | [0x50..=0x57, behind @ ..] = rest {
            (size, rest) = (size + 8, behind);
        }
        // sub rsp, n
        (size, rest) = match rest {
            [0x48, 0x83, 0xec, n, behind @ ..] if *n < 0x80 => (size + u64::from(*n), behind),
            [0x48, 0x81, 0xec, a, b, c, d, behind @ ..] => {
                let n = u32::from_le_bytes([*a, *b, *c, *d]);
                (size + u64::from(n), behind)
            }
            _ => (size, rest),
        };
        // At a call the stack pointer is a multiple of 16, as the frame pointer is.
        (size.is_multiple_of(16) && !takes_more(rest)).then_some(size)
    }

    /// Whether the word below a return address can be the caller's frame pointer:
    /// the callee is one whose frame is found by its own, which it saves there.
    fn saves_a_frame(&self, slot: u64, stack_end: u64) -> bool {
        let saved = self.word(slot.wrapping_sub(8));
        saved.is_some_and(|rbp| rbp > slot && rbp < stack_end && rbp.is_multiple_of(8))
    }

    /// Follows the rules from one return address on; `rbp` is the frame pointer there.
    fn chain(&self, first: Frame, mut rbp: Option<u64>, stack_end: u64) -> Chain {
        let mut chain = Chain {
            frames: vec![first],
            function: None,
            ended: false,
        };
        let mut here = first;
        while chain.frames.len() < MAX_FRAMES {
            let sp = here.slot.wrapping_add(8);
            chain.function = None;
            let Some(rule) = self.rule(here.address.wrapping_sub(1), sp, rbp) else {
                return chain;
            };
            chain.function = Some(rule.function);
            let cfa = rule.cfa.filter(|&cfa| cfa > sp && cfa <= stack_end);
            if let Some(frame) = chain.frames.last_mut() {
                (frame.cfa, frame.rbp) = (cfa, rbp);
            }
            if rule.outermost {
                chain.ended = true;
                return chain;
            }
            let Some(cfa) = cfa else {
                return chain;
            };
            rbp = match rule.rbp {
                RbpRule::Same => rbp,
                RbpRule::At(offset) => self.word(cfa.wrapping_add_signed(offset)),
                RbpRule::Unknown => None,
            };
            let slot = cfa - 8;
            match self.word(slot) {
                Some(0) => {
                    chain.ended = true;
                    return chain;
                }
                Some(address) if self.call_before(address).is_some() => {
                    here = Frame::new(slot, address);
                    chain.frames.push(here);
                }
                _ => return chain,
            }
        }
        chain
    }
}

/// Whether an instruction rounds the stack pointer down (`and rsp, n`), or touches pages
/// below it (`mov qword ptr [rsp], 0`, `lea r11, [rsp - n]`): how far it goes cannot be
/// told then.
fn takes_more(code: &[u8]) -> bool {
    let rounds = matches!(code, [0x48, 0x83 | 0x81, 0xe4, ..]);
    let touches = matches!(
        code,
        [0x48, 0xc7, 0x04, 0x24, ..] | [0x4c, 0x8d, 0x9c, 0x24, ..]
    );
    rounds || touches
}

/// Frames that the rules led through.
struct Chain {
    frames: Vec<Frame>,
    /// First address of the last frame's function.
    function: Option<u64>,
    /// Whether that is the thread's first.
    ended: bool,
}

impl<'a> Rules<'a> {
    fn new(module: &'a Module, elf: &Elf<'a>) -> Option<Rules<'a>> {
        let (header_at, header) = elf.plain(".eh_frame_hdr")?;
        let (frames_at, frames) = elf.plain(".eh_frame")?;
        let bases = BaseAddresses::default()
            .set_eh_frame_hdr(header_at)
            .set_eh_frame(frames_at);
        let mut frames = EhFrame::from(EndianSlice::new(frames, LittleEndian));
        frames.set_address_size(8);
        let header = EhFrameHdr::from(EndianSlice::new(header, LittleEndian))
            .parse(&bases, 8)
            .ok()?;
        Some(Rules {
            module,
            header,
            frames,
            bases,
        })
    }

    /// The rule at a file address.
    fn rule(&self, pc: u64, sp: u64, rbp: Option<u64>) -> Option<Rule> {
        let table = self.header.table()?;
        let fde = table
            .fde_for_address(&self.frames, &self.bases, pc, EhFrame::cie_from_offset)
            .ok()?;
        let mut context = UnwindContext::new();
        let row = fde
            .unwind_info_for_address(&self.frames, &self.bases, &mut context, pc)
            .ok()?;
        let cfa = match *row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                let base = match register {
                    X86_64::RSP => Some(sp),
                    X86_64::RBP => rbp,
                    _ => None,
                };
                base.and_then(|b| b.checked_add_signed(offset))
            }
            CfaRule::Expression(_) => None,
        };
        Some(Rule {
            function: fde.initial_address().wrapping_add(self.module.bias),
            cfa,
            outermost: matches!(row.register(X86_64::RA), Some(RegisterRule::Undefined)),
            rbp: match row.register(X86_64::RBP) {
                None | Some(RegisterRule::SameValue) => RbpRule::Same,
                Some(RegisterRule::Offset(offset)) => RbpRule::At(offset),
                _ => RbpRule::Unknown,
            },
        })
    }
}
