//! One unwind rule, packed beside the address it belongs to into 64 bits.
//!
//! For a frame with return address `ip`, stack pointer `sp` (just after that
//! return) and frame pointer `bp`, a rule gives the caller's:
//!
//! ```text
//!   Sp    cfa = sp + offset              ip' = [cfa - 8]   sp' = cfa
//!   Bp    cfa = bp + offset              bp' = [cfa - saved] or bp if saved = 0
//!   DerefBp  cfa = [bp + offset]         (GCC's realigned stacks)
//!   Signal   the interrupted registers stand in the ucontext at sp
//!   End      the thread's first frame
//!   Stuck    none that a walk can follow
//!   Ask      one that may not be kept here, or does not fit: read anew
//! ```
//!
//! ```text
//!  63                                  34 33     31 30               11 10         0
//!  tag (30 bits of the mixed address)    kind      offset / 8          saved / 8
//! ```
//!
//! The address is not stored but mixed by a bijection on 47 bits, of which 17
//! index the table and 30 stand in the tag: index and tag together are the
//! address, so a hit is exact.
//!
//! Source: the x86-64 psABI and the CFI that LLVM and GCC write; framehop's
//! rule cache showed that these few forms cover nearly all frames.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// How a frame's caller is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// `cfa = sp + offset`; the caller's bp lies at `cfa - saved` (0: unchanged).
    Sp { offset: u32, saved: u32 },
    /// `cfa = bp + offset`; the caller's bp lies at `cfa - saved` (0: unchanged).
    Bp { offset: u32, saved: u32 },
    /// `cfa = [bp - offset]`; the caller's bp is `[bp]`.
    DerefBp { offset: u32 },
    /// A signal frame: registers in the ucontext at sp.
    Signal,
    /// The outermost frame.
    End,
    /// No usable rule.
    Stuck,
    /// The rule must be asked for each time ([`super::cache::RuleCache::ask`]).
    Ask,
}

const ADDRESS_MASK: u64 = (1 << 47) - 1;
/// Odd, so multiplication is a bijection modulo 2^47.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const INDEX_BITS: u32 = 17;
/// Rules in the cache's table.
pub(crate) const TABLE_LEN: usize = 1 << INDEX_BITS;

/// Where an address stands in the table, and the tag that makes it exact.
#[inline(always)]
pub(crate) fn place(ip: u64) -> (usize, u64) {
    let mixed = ip.wrapping_mul(MIX) & ADDRESS_MASK;
    ((mixed >> (47 - INDEX_BITS)) as usize, mixed << 34)
}

impl Rule {
    /// The rule's 34 bits, or `Ask`'s where a number does not fit.
    pub(crate) fn pack(self) -> u64 {
        let fields = |kind: u64, offset: u32, saved: u32| {
            let fits =
                offset & 7 == 0 && saved & 7 == 0 && offset >> 3 < 1 << 20 && saved >> 3 < 1 << 11;
            if fits {
                kind << 31 | u64::from(offset >> 3) << 11 | u64::from(saved >> 3)
            } else {
                7 << 31
            }
        };
        match self {
            Rule::Sp { offset, saved } => fields(1, offset, saved),
            Rule::Bp { offset, saved } => fields(2, offset, saved),
            Rule::DerefBp { offset } => fields(3, offset, 0),
            Rule::Signal => 4 << 31,
            Rule::End => 5 << 31,
            Rule::Stuck => 6 << 31,
            Rule::Ask => 7 << 31,
        }
    }

    /// The inverse of [`Rule::pack`]; the tag is ignored.
    #[inline(always)]
    pub(crate) fn unpack(word: u64) -> Self {
        let offset = ((word >> 11) as u32 & 0xf_ffff) << 3;
        let saved = (word as u32 & 0x7ff) << 3;
        match word >> 31 & 7 {
            1 => Rule::Sp { offset, saved },
            2 => Rule::Bp { offset, saved },
            3 => Rule::DerefBp { offset },
            4 => Rule::Signal,
            5 => Rule::End,
            7 => Rule::Ask,
            _ => Rule::Stuck,
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn rules_survive_packing() {
        let rules = [
            Rule::Sp {
                offset: 8,
                saved: 0,
            },
            Rule::Sp {
                offset: 0x7f_fff8,
                saved: 0x3ff8,
            },
            Rule::Bp {
                offset: 16,
                saved: 16,
            },
            Rule::DerefBp { offset: 8 },
            Rule::Signal,
            Rule::End,
            Rule::Stuck,
            Rule::Ask,
        ];
        for rule in rules {
            let (_, tag) = place(0x7fff_1234_5678);
            assert_eq!(Rule::unpack(tag | rule.pack()), rule);
            assert_eq!(rule.pack() >> 34, 0, "{rule:?} leaves its 34 bits");
        }
    }

    #[test]
    fn what_does_not_fit_is_asked_for_and_not_something_else() {
        for rule in [
            Rule::Sp {
                offset: 12,
                saved: 0,
            },
            Rule::Sp {
                offset: 1 << 23,
                saved: 0,
            },
            Rule::Bp {
                offset: 16,
                saved: 1 << 14,
            },
        ] {
            assert_eq!(Rule::unpack(rule.pack()), Rule::Ask);
        }
    }

    #[test]
    fn index_and_tag_are_the_address() {
        let mut seen = std::collections::HashSet::new();
        let step = if cfg!(miri) { 251 } else { 1 };
        let ranges =
            (0x5555_5555_0000u64..0x5555_5557_0000).chain(0x7fff_f7f0_0000..0x7fff_f7f1_0000);
        for ip in ranges.step_by(step) {
            assert!(seen.insert(place(ip)), "{ip:#x} shares its place");
        }
    }
}
