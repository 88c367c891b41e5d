//! What tells a loaded file from another one that stood at its addresses: its
//! GNU build id, or what it holds.
//!
//! Source: System V ABI, notes.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::objects::Object;

/// Of a file without a build id, what tells it from another one of its size: a
/// hash of what its headers and the head of its unwind tables hold.
pub(super) fn contents(object: &Object) -> u64 {
    let part = |at: u64| {
        let bytes = object.bytes_from(at).unwrap_or(&[]);
        // Not beyond the page: the next one may be no part of the segment.
        let in_page = 4096u64.wrapping_sub(at & 4095) as usize;
        bytes.get(..in_page.min(1024)).unwrap_or(bytes)
    };
    let parts = [part(object.start), part(object.eh_frame_hdr)];
    let words = parts.iter().flat_map(|bytes| bytes.as_chunks::<8>().0);
    words.fold(1, |hash: u64, word| {
        (hash ^ u64::from_le_bytes(*word))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    })
}

/// The GNU build id from the file's mapped notes.
pub(super) fn build_id(object: &Object, bias: u64) -> ([u8; 32], u32) {
    let mut id = [0u8; 32];
    let len = find_build_id(object, bias).map_or(0, |found| {
        let len = found.len().min(32);
        for (to, from) in id.iter_mut().zip(found) {
            *to = *from;
        }
        len
    });
    (id, len as u32)
}

fn find_build_id(object: &Object, bias: u64) -> Option<&[u8]> {
    let file = object.bytes_from(object.start)?;
    let u16_at = |b: &[u8], at: usize| {
        b.get(at..at.wrapping_add(2))?
            .try_into()
            .ok()
            .map(u16::from_le_bytes)
    };
    let u32_at = |b: &[u8], at: usize| {
        b.get(at..at.wrapping_add(4))?
            .try_into()
            .ok()
            .map(u32::from_le_bytes)
    };
    let u64_at = |b: &[u8], at: usize| {
        b.get(at..at.wrapping_add(8))?
            .try_into()
            .ok()
            .map(u64::from_le_bytes)
    };
    if !file.starts_with(b"\x7fELF") {
        return None;
    }
    let headers = u64_at(file, 32)? as usize;
    let size = usize::from(u16_at(file, 54)?);
    for i in 0..usize::from(u16_at(file, 56)?).min(64) {
        let at = headers.wrapping_add(i.wrapping_mul(size));
        if u32_at(file, at)? != libc::PT_NOTE {
            continue;
        }
        let start = bias.wrapping_add(u64_at(file, at.wrapping_add(16))?);
        let len = u64_at(file, at.wrapping_add(40))? as usize;
        let mut notes = object.bytes_from(start)?.get(..len)?;
        while let (Some(name), Some(desc), Some(kind)) =
            (u32_at(notes, 0), u32_at(notes, 4), u32_at(notes, 8))
        {
            let name_end = 12usize.wrapping_add((name as usize).wrapping_add(3) & !3);
            let desc_end = name_end.wrapping_add(desc as usize);
            if kind == 3 && notes.get(12..16) == Some(b"GNU\0") {
                return notes.get(name_end..desc_end);
            }
            notes = notes.get(desc_end.wrapping_add(3) & !3..)?;
        }
    }
    None
}
