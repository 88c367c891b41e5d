//! The kernel's own `clock_gettime`, found in the page that it maps into every
//! process.
//!
//! The C library's function of that name looks up nothing more; it passes the
//! call on, for 20 instructions of the 45 that a reading takes. So the hook asks the
//! kernel's function itself. It cannot be asked of the loader, which locks and
//! may allocate: the symbol is found as the loader would find it.
//!
//! Nothing is trusted that is not there: without the page (valgrind hides it),
//! the table or the symbol, the C library's function is used.
//!
//! Source: vdso(7); System V ABI, "Dynamic Section"; the GNU hash section as
//! glibc's loader reads it.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::ffi::CStr;

/// `clock_gettime` of the C library or of the kernel.
pub(crate) type ClockGettime =
    unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

/// An ELF file in memory, of which words are read.
struct Image {
    base: u64,
    /// What file addresses lack to runtime addresses.
    bias: u64,
}

impl Image {
    /// The `T` at `at`.
    fn read<T: Copy>(&self, at: u64) -> T {
        // SAFETY: the kernel maps the whole file; its own tables say where their
        // parts lie in it.
        unsafe { core::ptr::read_unaligned(at as *const T) }
    }

    /// The runtime address of an entry of the dynamic section, which may hold
    /// either kind of address.
    fn runtime(&self, address: u64) -> u64 {
        if address < self.base {
            address.wrapping_add(self.bias)
        } else {
            address
        }
    }
}

/// The kernel's function, if it is there.
pub(crate) fn clock_gettime() -> Option<ClockGettime> {
    // SAFETY: reads what the kernel gave the process.
    let base = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    if base == 0 {
        return None;
    }
    let at = find(base, c"__vdso_clock_gettime")?;
    // SAFETY: the kernel's function of this name has this signature.
    Some(unsafe { core::mem::transmute::<usize, ClockGettime>(at as usize) })
}

/// The runtime address of a function in the ELF file at `base`.
fn find(base: u64, name: &CStr) -> Option<u64> {
    const PROGRAM_HEADER: u64 = size_of::<libc::Elf64_Phdr>() as u64;
    let mut image = Image { base, bias: 0 };
    let header: libc::Elf64_Ehdr = image.read(base);
    if header.e_ident.get(..4) != Some(b"\x7fELF") {
        return None;
    }
    let (mut dynamic, mut loaded) = (0, false);
    for i in 0..u64::from(header.e_phnum) {
        let at = base
            .wrapping_add(header.e_phoff)
            .wrapping_add(i.wrapping_mul(PROGRAM_HEADER));
        let segment: libc::Elf64_Phdr = image.read(at);
        match segment.p_type {
            libc::PT_LOAD if !loaded => {
                loaded = true;
                image.bias = base
                    .wrapping_add(segment.p_offset)
                    .wrapping_sub(segment.p_vaddr);
            }
            libc::PT_DYNAMIC => dynamic = base.wrapping_add(segment.p_offset),
            _ => {}
        }
    }
    if dynamic == 0 || !loaded {
        return None;
    }
    let (mut symbols, mut strings, mut hash) = (0, 0, 0);
    // A dynamic section ends with a null entry; this one has some twenty.
    for i in 0..256u64 {
        let [tag, value]: [u64; 2] = image.read(dynamic.wrapping_add(i.wrapping_mul(16)));
        match tag {
            0 => break,
            DT_SYMTAB => symbols = image.runtime(value),
            DT_STRTAB => strings = image.runtime(value),
            DT_GNU_HASH => hash = image.runtime(value),
            _ => {}
        }
    }
    if symbols == 0 || strings == 0 || hash == 0 {
        return None;
    }
    let symbol: libc::Elf64_Sym = symbol(&image, symbols, strings, hash, name)?;
    (symbol.st_shndx != 0).then(|| image.bias.wrapping_add(symbol.st_value))
}

const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;

/// The symbol of a name, through the GNU hash section at `hash`.
fn symbol(
    image: &Image,
    symbols: u64,
    strings: u64,
    hash: u64,
    name: &CStr,
) -> Option<libc::Elf64_Sym> {
    let word = |at: u64, index: u32| -> u32 {
        image.read(at.wrapping_add(u64::from(index).wrapping_mul(4)))
    };
    let [buckets, first, blooms] = [word(hash, 0), word(hash, 1), word(hash, 2)];
    let table = hash
        .wrapping_add(16)
        .wrapping_add(u64::from(blooms).wrapping_mul(8));
    let chains = table.wrapping_add(u64::from(buckets).wrapping_mul(4));
    let wanted = name.to_bytes().iter().fold(5381u32, |hash, byte| {
        hash.wrapping_mul(33).wrapping_add(u32::from(*byte))
    });
    let mut index = word(table, wanted.checked_rem(buckets)?);
    if index < first {
        return None;
    }
    loop {
        let found = word(chains, index.wrapping_sub(first));
        if found | 1 == wanted | 1 {
            const SYMBOL: u64 = size_of::<libc::Elf64_Sym>() as u64;
            let symbol: libc::Elf64_Sym =
                image.read(symbols.wrapping_add(u64::from(index).wrapping_mul(SYMBOL)));
            let mut at = strings.wrapping_add(u64::from(symbol.st_name));
            let same = name.to_bytes_with_nul().iter().all(|byte| {
                let there: u8 = image.read(at);
                at = at.wrapping_add(1);
                there == *byte
            });
            if same {
                return Some(symbol);
            }
        }
        // The last of a chain is odd.
        if found & 1 != 0 {
            return None;
        }
        index = index.wrapping_add(1);
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    fn seconds(read: ClockGettime, clock: libc::clockid_t) -> libc::time_t {
        let mut time = libc::timespec {
            tv_sec: -1,
            tv_nsec: -1,
        };
        // SAFETY: writes one timespec.
        assert_eq!(unsafe { read(clock, &raw mut time) }, 0);
        assert!((0..1_000_000_000).contains(&time.tv_nsec));
        time.tv_sec
    }

    #[test]
    fn the_kernels_clock_is_the_c_librarys() {
        let Some(read) = clock_gettime() else {
            println!("not run: the kernel maps no page of its own here");
            return;
        };
        for clock in [libc::CLOCK_MONOTONIC_COARSE, libc::CLOCK_REALTIME] {
            let before = seconds(libc::clock_gettime, clock);
            let between = seconds(read, clock);
            let after = seconds(libc::clock_gettime, clock);
            assert!((before..=after).contains(&between));
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        // SAFETY: reads what the kernel gave the process.
        let base = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
        if base != 0 {
            assert_eq!(find(base, c"__vdso_no_such_function"), None);
            assert!(find(base, c"__vdso_clock_gettime").is_some());
        }
        let nothing = [0u8; 64];
        assert_eq!(find(nothing.as_ptr() as u64, c"__vdso_clock_gettime"), None);
    }
}
