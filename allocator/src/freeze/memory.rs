//! The frozen process's memory, and where its threads' stacks stand in it.
//!
//! In the copy nothing runs but the one thread that asks, so its mappings are
//! what `/proc/self/maps` says, and anonymous memory is read as it is. A mapped
//! file may have become shorter than its mapping, and touching what is gone ends
//! a process: so the kernel reads files for us (`process_vm_readv` of
//! ourselves), which refuses instead; where a filter forbids that call, through
//! `/proc/self/mem`. Without a copy it reads everything: any
//! other thread may unmap what was there a moment ago.
//!
//! Source: proc(5), process_vm_readv(2), mmap(2) on SIGBUS.

use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

use endler_snapshot::{Addr, Cut, Image, Memory, ThreadId, Unreadable};

use super::notes::Note;
use crate::freeze_types::{Frozen, ThreadStack};
use crate::hook::Recorder;
use crate::os::{self, Read};

/// A readable part of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    /// Memory of no file, which cannot become shorter.
    anonymous: bool,
}

/// This process's own memory, read with care.
pub(super) struct OwnMemory {
    mappings: Vec<Mapping>,
    /// The mapping that was read last: blocks come in address order.
    last: Cell<usize>,
    pid: u32,
    /// Opened when the kernel first refuses the call.
    file: OnceCell<Option<File>>,
}

impl OwnMemory {
    /// As it is now. In the copy it stays so.
    pub(super) fn now(cut: Cut) -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let mut mappings: Vec<Mapping> = maps.lines().filter_map(mapping).collect();
        if cut == Cut::Racing {
            mappings.iter_mut().for_each(|m| m.anonymous = false);
        }
        OwnMemory {
            mappings,
            last: Cell::new(0),
            pid: os::process_id(),
            file: OnceCell::new(),
        }
    }

    /// The mapping that holds `at`.
    fn find(&self, at: u64) -> Option<Mapping> {
        let holds = |m: &&Mapping| m.start <= at && at < m.end;
        if let Some(last) = self.mappings.get(self.last.get()).filter(holds) {
            return Some(*last);
        }
        let behind = self.mappings.partition_point(|m| m.start <= at);
        let place = behind.checked_sub(1)?;
        self.last.set(place);
        self.mappings.get(place).filter(holds).copied()
    }

    /// The mappings from the one that holds `at` on that follow each other
    /// without a gap and are read alike; their end.
    fn reach(&self, at: u64, end: u64) -> Option<Mapping> {
        let mut first = self.find(at)?;
        while first.end < end {
            let next = self.find(first.end)?;
            first.anonymous &= next.anonymous;
            first.end = next.end;
        }
        Some(first)
    }
}

/// A line of `/proc/self/maps`, if that memory can be read.
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let access = fields.next()?;
    let inode = fields.nth(2)?;
    let name = fields.next().unwrap_or("");
    // The kernel's own pages ([vvar], [vdso]) hold no pointers of the program's.
    let kernels = name.starts_with("[v");
    (access.starts_with('r') && !kernels).then_some(())?;
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        anonymous: inode == "0",
    })
}

impl Memory for OwnMemory {
    fn read(&self, at: Addr, into: &mut [u8]) -> Result<(), Unreadable> {
        let end = at.0.checked_add(into.len() as u64).ok_or(Unreadable)?;
        if into.is_empty() {
            return Ok(());
        }
        if self.reach(at.0, end).ok_or(Unreadable)?.anonymous {
            // SAFETY: in the copy, the only place where a mapping is told to be
            // anonymous, no thread changes memory or mappings; these cover the range.
            unsafe { os::copy_out(at.0, into) };
            return Ok(());
        }
        match os::read_process(self.pid, at.0, into) {
            Read::Done => Ok(()),
            Read::Absent => Err(Unreadable),
            Read::Refused => {
                let file = self.file.get_or_init(|| File::open("/proc/self/mem").ok());
                let file = file.as_ref().ok_or(Unreadable)?;
                file.read_exact_at(into, at.0).map_err(|_| Unreadable)
            }
        }
    }
}

/// The memory of an image's process, and its threads' stacks.
pub(super) fn frozen<'a>(
    recorder: &Recorder,
    image: &Image,
    memory: &'a OwnMemory,
    notes: &[Note],
) -> Frozen<'a> {
    let own = os::thread_id();
    let stacks: Vec<(u32, u64, u64)> = recorder.rows.iter().map(|row| row.stack()).collect();
    // A thread is also there under its tags.
    let rows = (0u16..).zip(&image.threads);
    let living = rows.filter(|(_, t)| t.alive && t.tag.is_none());
    let threads = living.filter(|(_, thread)| thread.tid != own);
    let threads = threads.filter_map(|(number, thread)| {
        let row = stacks.iter().find(|(tid, ..)| *tid == thread.tid);
        let known = row.map(|(_, end, _)| *end).filter(|end| *end != 0);
        let waits_at = thread.stack_pointer.map(|sp| sp.0);
        // A coroutine's stack is not the thread's own.
        let inside = known
            .and_then(|end| memory.find(end.wrapping_sub(1)))
            .filter(|m| waits_at.is_none_or(|sp| m.start <= sp && sp < m.end));
        let (start, end) = match (inside, known) {
            (Some(mapping), Some(end)) => (waits_at.unwrap_or(mapping.start), end),
            _ => (waits_at?, memory.find(waits_at?)?.end),
        };
        let note = notes.iter().find(|note| note.tid == thread.tid);
        Some(ThreadStack {
            thread: ThreadId(number),
            stack_pointer: Addr(start),
            stack_end: Addr(end),
            instruction_pointer: note.and_then(|note| note.instruction_pointer.map(Addr)),
            registers: note.map_or_else(Vec::new, |note| note.arguments.clone()),
            thread_pointer: row.map(|(.., block)| Addr(*block)).filter(|b| b.0 != 0),
        })
    });
    Frozen {
        memory,
        threads: threads.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernels_table() {
        let anonymous = "7f1000000000-7f1000001000 rw-p 00000000 00:00 0 ";
        let found = mapping(anonymous).expect("readable");
        assert_eq!(
            (found.start, found.end),
            (0x7f10_0000_0000, 0x7f10_0000_1000)
        );
        assert!(found.anonymous);
        let file = "55d0-55e0 r--p 00001000 08:01 131 /usr/bin/x y";
        assert!(!mapping(file).expect("readable").anonymous);
        let refused = [
            "7f1000000000-7f1000001000 ---p 00000000 00:00 0 ",
            "7ffd0-7ffd4 r--p 00000000 00:00 0 [vvar]",
            "nonsense",
            "",
        ];
        for line in refused {
            assert_eq!(mapping(line), None, "{line}");
        }
    }

    #[test]
    fn memory_is_read_as_it_is_or_refused() {
        let bytes: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        let at = bytes.as_ptr() as u64;
        for cut in [Cut::Atomic, Cut::Racing] {
            let memory = OwnMemory::now(cut);
            let mut into = vec![0; bytes.len()];
            assert_eq!(memory.read(Addr(at), &mut into), Ok(()), "{cut:?}");
            assert!(into == bytes, "{cut:?}");
            // A constant lies in the file of this program.
            let text: &'static str = "memory of a file";
            let mut into = [0; 16];
            let here = Addr(text.as_ptr() as u64);
            assert_eq!(memory.read(here, &mut into), Ok(()));
            assert_eq!(&into, text.as_bytes());
            for bad in [0, 8, u64::MAX - 4, 1 << 63] {
                assert_eq!(
                    memory.read(Addr(bad), &mut into),
                    Err(Unreadable),
                    "{bad:x}"
                );
            }
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_refused() {
        use std::os::fd::AsRawFd;
        let path = std::env::temp_dir().join(format!("endler-shorter-{}", std::process::id()));
        std::fs::write(&path, [7; 8192]).expect("a file");
        let file = std::fs::File::options().read(true).write(true).open(&path);
        let file = file.expect("the file");
        let (none, read) = (std::ptr::null_mut(), libc::PROT_READ);
        // SAFETY: a new mapping of an open file.
        let at = unsafe { libc::mmap(none, 8192, read, libc::MAP_PRIVATE, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED);
        let memory = OwnMemory::now(Cut::Atomic);
        file.set_len(0).expect("made shorter");
        std::fs::remove_file(&path).expect("removed");
        let mut into = [0; 64];
        assert_eq!(memory.read(Addr(at as u64), &mut into), Err(Unreadable));
    }
}
