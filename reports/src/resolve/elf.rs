//! The parts of an ELF file that the resolver reads: its build id, its DWARF
//! sections (decompressed where they are compressed) and its symbols.
//!
//! Sources: System V ABI (ELF), `object`'s reader, which checks every bound.

use std::borrow::Cow;

use gimli::{EndianSlice, LittleEndian};
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{
    Endianness, Object, ObjectSection, ObjectSymbol, ObjectSymbolTable, RelocationFlags,
    RelocationTarget, SymbolKind,
};

/// DWARF bytes, borrowed from the mapped file or from a decompressed section.
pub(crate) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// A section larger than this is not decompressed, nor one that claims to be more
/// than so many times what the file has of it: a hostile header could claim any size.
const MAX_DECOMPRESSED: u64 = 4 << 30;
/// Debug information shrinks to a half or a fifth; no more than 1032 times is deflate's most.
const MAX_RATIO: u64 = 1032;

/// The thread-local segment of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TlsSegment {
    pub(crate) size: u64,
    pub(crate) align: u64,
}

impl TlsSegment {
    /// Where the executable's copy begins in the thread with this thread
    /// pointer: the segment's end, aligned, is the pointer (x86-64, variant 2).
    pub(crate) fn start(self, pointer: u64) -> Option<u64> {
        let whole = self.size.checked_next_multiple_of(self.align.max(1))?;
        pointer.checked_sub(whole)
    }
}

/// What the loader writes of a library's thread-locals into its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsRelocation {
    /// The library's number.
    Number,
    /// How far from the thread pointer the byte `of` of the segment lies.
    Distance { of: u64 },
}

/// A parsed 64-bit little-endian ELF file.
pub(crate) struct Elf<'a>(ElfFile64<'a, Endianness>);

impl<'a> Elf<'a> {
    /// Reads the headers of `bytes`; none if it is not such a file.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Elf<'a>> {
        let file = ElfFile64::<Endianness>::parse(bytes).ok()?;
        (file.endianness() == object::Endianness::Little).then_some(Elf(file))
    }

    /// The GNU build id; empty if there is none.
    pub(crate) fn build_id(&self) -> &'a [u8] {
        self.0.build_id().ok().flatten().unwrap_or(&[])
    }

    /// Whether the file carries DWARF at all.
    pub(crate) fn has_dwarf(&self) -> bool {
        self.0
            .section_by_name(".debug_info")
            .is_some_and(|s| s.size() > 0)
    }

    /// Whether there is a section of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.section_by_name(name).is_some()
    }

    /// All DWARF sections; an absent or unreadable one is empty.
    pub(crate) fn dwarf(&self) -> gimli::DwarfSections<Cow<'a, [u8]>> {
        let load = |id: gimli::SectionId| -> Result<Cow<'a, [u8]>, gimli::Error> {
            Ok(self.section(id.name()).unwrap_or(Cow::Borrowed(&[])))
        };
        gimli::DwarfSections::load(load).unwrap_or_default()
    }

    fn section(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let data = self.0.section_by_name(name)?.compressed_data().ok()?;
        let stored = data.data.len() as u64;
        let most = MAX_DECOMPRESSED.min(stored.saturating_mul(MAX_RATIO));
        if data.uncompressed_size > most {
            return None;
        }
        data.decompress().ok()
    }

    /// File address and bytes of a section that is in the file as it is.
    pub(crate) fn plain(&self, name: &str) -> Option<(u64, &'a [u8])> {
        let section = self.0.section_by_name(name)?;
        let data = section.data().ok().filter(|d| !d.is_empty())?;
        Some((section.address(), data))
    }

    /// File address and size in memory of each writable segment.
    pub(crate) fn writable(&self) -> Vec<(u64, u64)> {
        let endian = self.0.endian();
        let headers = self.0.elf_program_headers().iter();
        headers
            .filter(|h| h.p_type(endian) == object::elf::PT_LOAD)
            .filter(|h| h.p_flags(endian).contains(object::elf::PF_W))
            .map(|h| (h.p_vaddr(endian), h.p_memsz(endian)))
            .collect()
    }

    /// Calls `each` with the file address (of thread-locals the offset), size
    /// and name of every symbol of a kind.
    pub(crate) fn data(&self, kind: SymbolKind, mut each: impl FnMut(u64, u64, &'a str)) {
        for symbol in self.0.symbols() {
            // `is_definition` knows nothing of thread-locals.
            if symbol.kind() == kind
                && !symbol.is_undefined()
                && let Ok(name) = symbol.name()
            {
                each(symbol.address(), symbol.size(), name);
            }
        }
    }

    /// The segment that each thread has a copy of.
    pub(crate) fn tls(&self) -> Option<TlsSegment> {
        let endian = self.0.endian();
        let headers = self.0.elf_program_headers().iter();
        let mut tls = headers.filter(|h| h.p_type(endian) == object::elf::PT_TLS);
        tls.next().map(|h| TlsSegment {
            size: h.p_memsz(endian),
            align: h.p_align(endian),
        })
    }

    /// Where in the file's memory the loader says how it has placed the thread-locals
    /// of this file.
    pub(crate) fn tls_relocation(&self) -> Option<(u64, TlsRelocation)> {
        let symbols = self.0.dynamic_symbol_table();
        self.0.dynamic_relocations()?.find_map(|(at, relocation)| {
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                return None;
            };
            let is_number = r_type == object::elf::R_X86_64_DTPMOD64;
            if !is_number && r_type != object::elf::R_X86_64_TPOFF64 {
                return None;
            }
            let offset = match relocation.target() {
                RelocationTarget::Absolute => 0,
                // One of another file says where that has its own.
                RelocationTarget::Symbol(index) => {
                    let symbol = symbols.as_ref()?.symbol_by_index(index).ok()?;
                    Some(symbol.address()).filter(|_| !symbol.is_undefined())?
                }
                _ => return None,
            };
            let of = offset.wrapping_add_signed(relocation.addend());
            Some((
                at,
                match is_number {
                    true => TlsRelocation::Number,
                    false => TlsRelocation::Distance { of },
                },
            ))
        })
    }

    /// Calls `each` with the file address, size and name of every function
    /// symbol, from the symbol table and the dynamic one.
    pub(crate) fn functions(&self, mut each: impl FnMut(u64, u64, &'a str)) {
        for symbol in self.0.symbols().chain(self.0.dynamic_symbols()) {
            if symbol.kind() == SymbolKind::Text
                && symbol.is_definition()
                && let Ok(name) = symbol.name()
            {
                each(symbol.address(), symbol.size(), name);
            }
        }
    }
}
