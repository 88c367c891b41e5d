//! The copy's descriptors: none of the host's, at once.
//!
//! A connection that the host closes must be closed for its peer, whatever the
//! copy does meanwhile. So the copy is made with the host's own table
//! (`CLONE_FILES`): while the clone runs, which holds the host for long, nobody
//! has a second reference to any file. The copy's first act is to leave that
//! table for an empty one, by one call of `close_range`.
//!
//! ```text
//!  close_range(UNSHARE)          an empty table of its own
//!  refused: unshare, then        a table of its own, emptied one by one
//!    /proc/self/fd
//!  that refused as well          nothing may be closed here: the copy gives up, and
//!                                the next is made with a table of its own
//! ```
//!
//! Source: close_range(2), clone(2), getdents64(2).

use crate::freeze_types::Keep;
use crate::os;

/// Whose table of descriptors a new copy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// The host's: what is closed in it is closed in the host.
    Hosts,
    /// Its own, with all that was open in the host.
    Own,
}

/// The table is still the host's, and cannot be left.
#[derive(Debug)]
pub(super) struct StillShared;

/// In the copy: closes every descriptor but `keep`, in a table of its own, and
/// opens standard streams that lead nowhere.
pub(super) fn close_all(keep: Keep, table: Table) -> Result<(), StillShared> {
    if !close_ranges(keep.numbers(), table) {
        if table == Table::Hosts {
            let flags = libc::CLONE_FILES as u64;
            // SAFETY: gives this process a table of its own; changes no descriptor.
            let refused = unsafe { os::syscall(libc::SYS_unshare, [flags, 0, 0, 0, 0, 0]) };
            if refused != 0 {
                return Err(StillShared);
            }
        }
        close_one_by_one(keep.numbers());
    }
    for _ in 0..3 {
        // So that no file of the copy gets their numbers.
        open(c"/dev/null", libc::O_RDWR);
    }
    Ok(())
}

/// By `close_range`; whether the kernel has it and lets us. `keep` is in order.
fn close_ranges(keep: &[u32], table: Table) -> bool {
    let range = |from: u64, to: u64, flags: u64| {
        // SAFETY: closes in the copy's own table, which UNSHARE makes first.
        unsafe { os::syscall(libc::SYS_close_range, [from, to, flags, 0, 0, 0]) }
    };
    let flags = match table {
        Table::Hosts => u64::from(libc::CLOSE_RANGE_UNSHARE),
        Table::Own => 0,
    };
    // Above first: the new table gets only what lies below.
    let above = keep.last().map_or(0, |fd| u64::from(*fd) + 1);
    if range(above, u64::from(u32::MAX), flags) != 0 {
        return false;
    }
    let mut from = 0;
    for fd in keep.iter().map(|fd| u64::from(*fd)) {
        if let Some(below) = fd.checked_sub(1).filter(|below| *below >= from) {
            range(from, below, 0);
        }
        from = fd + 1;
    }
    true
}

fn close_one_by_one(keep: &[u32]) {
    let kept = |fd: u64| keep.iter().any(|kept| u64::from(*kept) == fd);
    let close_other = |fd: u64, listing: Option<u64>| {
        if !kept(fd) && Some(fd) != listing {
            close(fd);
        }
    };
    // Room for the listing, if the host has used up its descriptors.
    close_other(0, None);
    close_other(1, None);
    let flags = libc::O_RDONLY | libc::O_DIRECTORY;
    let Some(listing) = open(c"/proc/self/fd", flags) else {
        return (0..1 << 16).for_each(|fd| close_other(fd, None));
    };
    let mut entries = Entries([0; 2048]);
    loop {
        let (into, len) = (entries.0.as_mut_ptr() as u64, entries.0.len() as u64);
        // SAFETY: writes at most `len` bytes into `entries`.
        let got = unsafe { os::syscall(libc::SYS_getdents64, [listing, into, len, 0, 0, 0]) };
        let Some(filled) = usize::try_from(got)
            .ok()
            .filter(|n| *n > 0)
            .and_then(|n| entries.0.get(..n))
        else {
            break;
        };
        numbers(filled, &mut |fd| close_other(fd, Some(listing)));
    }
    close(listing);
}

#[repr(align(8))]
struct Entries([u8; 2048]);

/// The names that are numbers in what `getdents64` gave: records of an inode
/// and an offset (8 bytes each), the record's length (2), a kind (1), and the
/// name with a null at its end.
fn numbers(mut records: &[u8], each: &mut dyn FnMut(u64)) {
    while let Some(len) = records.get(16..18) {
        let len = usize::from(u16::from_ne_bytes([len[0], len[1]]));
        let name = records.get(19..len).unwrap_or_default();
        let text = name.split(|b| *b == 0).next().unwrap_or_default();
        if let Some(number) = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()) {
            each(number);
        }
        let Some(rest) = records.get(len.max(19)..) else {
            return;
        };
        records = rest;
    }
}

fn open(path: &std::ffi::CStr, flags: i32) -> Option<u64> {
    let at = libc::AT_FDCWD as i64 as u64;
    let args = [at, path.as_ptr() as u64, flags as u64, 0, 0, 0];
    // SAFETY: the path is a C string; makes a descriptor in the copy's table.
    let fd = unsafe { os::syscall(libc::SYS_openat, args) };
    u64::try_from(fd).ok()
}

fn close(fd: u64) {
    // SAFETY: the copy's own table, and nothing in the copy uses what the host
    // had open but by `keep`.
    unsafe { os::syscall(libc::SYS_close, [fd, 0, 0, 0, 0, 0]) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_directory_give_its_numbers() {
        let mut records = Vec::new();
        for name in [".", "..", "0", "17", "4294967295", "x1"] {
            let len = (19 + name.len() + 1).next_multiple_of(8);
            let mut record = vec![7u8; 16];
            record.extend((len as u16).to_ne_bytes());
            record.push(10);
            record.extend(name.as_bytes());
            record.resize(len, 0);
            records.extend(record);
        }
        let mut found = Vec::new();
        numbers(&records, &mut |n| found.push(n));
        assert_eq!(found, [0, 17, 4_294_967_295]);
        for cut in 0..records.len() {
            numbers(&records[..cut], &mut |_| ());
        }
    }
}
