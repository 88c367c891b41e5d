//! Which loaded ELF file an address lies in, asked without the loader's lock.
//!
//! glibc 2.35 and later answer `_dl_find_object` without waiting; where it is
//! missing, a list taken at the start and before each snapshot stands in. What
//! is found is kept as a [`Record`] with its build id and path, so that
//! frames of a file that was unloaded since can still be named.
//!
//! **Generations.** When a walk finds another file at the addresses of a known
//! one, or none, the old record ends, the generation rises and the rule cache is
//! cleared. Contexts carry the generation of their walk, so an address never
//! gets a rule or a name of other code that stood there at another time.
//!
//! Files that were loaded at the program's start stay. Any other may go, so a
//! walk through it asks whether it still stands ([`RuleCache::ask`]), and is
//! not remembered; its return addresses are on the stack, so it cannot go while
//! the walk lasts. A program that does not hold this code itself, but loads it,
//! may unload whatever else it had loaded before: then only the program and
//! the file of this code stay.
//!
//! Invariant: of records that overlap, each ends before the next begins:
//! `last_generation < first_generation`, and the generation is at least that of
//! each record's beginning. A thread that finds a record ended, but the generation
//! not yet risen, raises it.
//!
//! Source: glibc manual, "Dynamic Linker Introspection"; System V ABI, notes.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::AtomicU32;

use super::cache::RuleCache;
use super::identity::{build_id, contents};
use crate::os;
use crate::shadow::install;
use crate::sync::{AtomicPtr, Ordering};

/// Files that can be remembered, loaded ones and unloaded ones.
const MAX_RECORDS: usize = 4096;
const MAX_PATH: usize = 1000;
const LOADED: u32 = u32::MAX;

/// A loaded file, as far as unwinding needs it.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    pub(super) start: u64,
    end: u64,
    /// Runtime address of `.eh_frame_hdr`.
    pub(crate) eh_frame_hdr: u64,
    /// Whether it is never unloaded.
    pub(crate) stays: bool,
    /// Whether a record of it stands; not when there are too many.
    pub(crate) known: bool,
}

impl Object {
    /// A file that a test has made.
    #[cfg(test)]
    pub(super) fn of(range: core::ops::Range<u64>, eh_frame_hdr: u64) -> Self {
        Object {
            start: range.start,
            end: range.end,
            eh_frame_hdr,
            stays: true,
            known: false,
        }
    }

    /// The bytes of `.eh_frame_hdr` and what follows it.
    pub(crate) fn eh_frame_hdr(&self) -> Option<&[u8]> {
        self.bytes_from(self.eh_frame_hdr)
    }

    pub(crate) fn holds(&self, addr: u64) -> bool {
        (self.start..self.end).contains(&addr)
    }

    /// The file's mapped bytes from `at` to its end, if `at` lies in it.
    pub(crate) fn bytes_from(&self, at: u64) -> Option<&[u8]> {
        if !self.holds(at) {
            return None;
        }
        let len = self.end.wrapping_sub(at) as usize;
        // SAFETY: the loader keeps `start..end` mapped while code of the file
        // is on the stack, and .eh_frame_hdr and .eh_frame lie in one readable
        // segment; the readers stop at the entries' own lengths within it.
        Some(unsafe { core::slice::from_raw_parts(at as *const u8, len) })
    }
}

/// What is remembered of a file.
#[repr(C)]
pub(crate) struct Record {
    ready: AtomicU32,
    last_generation: AtomicU32,
    first_generation: u32,
    build_id_len: u32,
    stays: bool,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) bias: u64,
    eh_frame_hdr: u64,
    build_id: [u8; 32],
    /// Of files without a build id: [`contents`].
    contents: u64,
    path_len: u32,
    path: [u8; MAX_PATH],
}

impl Record {
    pub(crate) fn build_id(&self) -> &[u8] {
        self.build_id
            .get(..self.build_id_len as usize)
            .unwrap_or(&[])
    }

    pub(crate) fn path(&self) -> &[u8] {
        self.path.get(..self.path_len as usize).unwrap_or(&[])
    }

    fn is_loaded(&self) -> bool {
        self.last_generation.load(Ordering::Acquire) == LOADED
    }

    /// Whether `addr` was in this file at `generation`.
    pub(crate) fn held(&self, addr: u64, generation: u32) -> bool {
        (self.start..self.end).contains(&addr)
            && self.first_generation <= generation
            && generation <= self.last_generation.load(Ordering::Acquire)
    }
}

type Records = [Record; MAX_RECORDS];

/// All files seen.
pub(crate) struct Objects {
    records: AtomicPtr<Records>,
    count: AtomicU32,
    generation: AtomicU32,
    /// 1 if a walk has met code of no file since the generation rose last.
    nameless: AtomicU32,
}

/// `struct dl_find_object` of glibc on x86-64.
#[repr(C)]
struct Found {
    flags: u64,
    map_start: *const c_void,
    map_end: *const c_void,
    link_map: *const LinkMap,
    eh_frame: *const c_void,
    reserved: [u64; 7],
}

/// The public head of glibc's and musl's `struct link_map`.
#[repr(C)]
struct LinkMap {
    bias: u64,
    name: *const c_char,
}

core::arch::global_asm!(".weak _dl_find_object");

type FindObject = unsafe extern "C" fn(*const c_void, *mut Found) -> c_int;

/// glibc's `_dl_find_object`, where this C library has it.
fn find_object() -> Option<FindObject> {
    let at: usize;
    // SAFETY: reads the linker-made slot of a weak symbol: its address or 0.
    unsafe {
        core::arch::asm!(
            "mov {}, qword ptr [rip + _dl_find_object@GOTPCREL]",
            out(reg) at,
            options(nostack, readonly, preserves_flags),
        );
    }
    if at == 0 {
        return None;
    }
    // SAFETY: the symbol, where it stands, is the function of that type.
    Some(unsafe { core::mem::transmute::<usize, FindObject>(at) })
}

impl Objects {
    pub(crate) const fn new() -> Self {
        Objects {
            records: AtomicPtr::new(core::ptr::null_mut()),
            count: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            nameless: AtomicU32::new(0),
        }
    }

    /// Rises when a file is found to have been replaced by another.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The file that holds `lookup`.
    pub(crate) fn find(&self, lookup: u64, cache: &RuleCache) -> Option<Object> {
        let Some(find_object) = find_object() else {
            return self.find_listed(lookup);
        };
        let mut found = Found {
            flags: 0,
            map_start: core::ptr::null(),
            map_end: core::ptr::null(),
            link_map: core::ptr::null(),
            eh_frame: core::ptr::null(),
            reserved: [0; 7],
        };
        // SAFETY: writes `found` only; waits for nothing and takes no lock.
        if unsafe { find_object(lookup as *const c_void, &raw mut found) } != 0 {
            self.forget(lookup, cache);
            return None;
        }
        let mut object = Object {
            start: found.map_start as u64,
            // The loader's own end is not rounded; `refresh` rounds, and both must
            // name one file alike.
            end: (found.map_end as u64).wrapping_add(4095) & !4095,
            eh_frame_hdr: found.eh_frame as u64,
            stays: false,
            known: false,
        };
        let (bias, name) = if found.link_map.is_null() {
            (0, core::ptr::null())
        } else {
            // SAFETY: the link map of a loaded file stands while its code runs.
            let map = unsafe { &*found.link_map };
            (map.bias, map.name)
        };
        self.remember(&mut object, bias, name, cache);
        Some(object)
    }

    fn find_listed(&self, lookup: u64) -> Option<Object> {
        let generation = self.generation();
        let record = self.iter().find(|r| r.held(lookup, generation))?;
        Some(Object {
            start: record.start,
            end: record.end,
            eh_frame_hdr: record.eh_frame_hdr,
            stays: record.stays,
            known: true,
        })
    }

    /// The records that are complete.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        let records = self.records.load(Ordering::Acquire);
        let count = (self.count.load(Ordering::Acquire) as usize).min(MAX_RECORDS);
        let all: &[Record] = if records.is_null() {
            &[]
        } else {
            // SAFETY: once set, the table stays mapped; a record is written
            // before it is marked ready and, but for its atomics, never after.
            let records: &Records = unsafe { &*records };
            records.get(..count).unwrap_or(&[])
        };
        all.iter().filter(|r| r.ready.load(Ordering::Acquire) == 1)
    }

    /// Ends a record, if nobody has, and raises the generation beyond it: the
    /// first generation of what stands there now.
    fn end(&self, record: &Record) -> u32 {
        let (now, order) = (self.generation(), Ordering::AcqRel);
        let ended =
            match record
                .last_generation
                .compare_exchange(LOADED, now, order, Ordering::Acquire)
            {
                Ok(_) => now,
                Err(before) => before,
            };
        let next = ended.wrapping_add(1);
        self.generation.fetch_max(next, order);
        next
    }

    /// No file holds `lookup`: one that did has gone.
    #[cold]
    fn forget(&self, lookup: u64, cache: &RuleCache) {
        self.nameless.store(1, Ordering::Relaxed);
        let held = |r: &&Record| r.is_loaded() && (r.start..r.end).contains(&lookup);
        for record in self.iter().filter(held) {
            self.end(record);
            cache.clear();
        }
    }

    fn remember(&self, object: &mut Object, bias: u64, name: *const c_char, cache: &RuleCache) {
        let (build_id, build_id_len) = build_id(object, bias);
        let id = build_id.get(..build_id_len as usize).unwrap_or(&[]);
        let contents = if id.is_empty() { contents(object) } else { 0 };
        let mut first_generation = 0;
        for record in self.iter() {
            if record.start >= object.end || object.start >= record.end {
                continue;
            }
            let same = (record.start, record.end) == (object.start, object.end)
                && record.build_id() == id
                && record.contents == contents;
            if same && record.is_loaded() {
                (object.stays, object.known) = (record.stays, true);
                return;
            }
            first_generation = first_generation.max(self.end(record));
        }
        // Nor does it name what stood there when no file did.
        if self.nameless.swap(0, Ordering::Relaxed) == 1 {
            let next = self.generation().wrapping_add(1);
            self.generation.fetch_max(next, Ordering::AcqRel);
            first_generation = next;
        }
        if first_generation > 0 {
            // Before the record is there, by which others know the file.
            cache.clear();
        }
        let Some(records) = install(&self.records) else {
            return;
        };
        let at = self.count.fetch_add(1, Ordering::AcqRel) as usize;
        if at >= MAX_RECORDS {
            self.count.store(MAX_RECORDS as u32, Ordering::Release);
            return;
        }
        // SAFETY: `at` is below the table's length.
        let record = unsafe { records.cast::<Record>().add(at) };
        // SAFETY: `at` was given to this call alone and readers wait for
        // `ready`, so the record is ours to write.
        let record = unsafe { &mut *record };
        record.first_generation = first_generation;
        record.stays = object.stays;
        record.contents = contents;
        record.last_generation = AtomicU32::new(LOADED);
        record.start = object.start;
        record.end = object.end;
        record.bias = bias;
        record.eh_frame_hdr = object.eh_frame_hdr;
        record.build_id = build_id;
        record.build_id_len = build_id_len;
        record.path_len = copy_path(name, &mut record.path);
        record.ready.store(1, Ordering::Release);
        object.known = true;
    }

    /// [`Objects::refresh`] at the program's start: what is loaded now stays.
    pub(crate) fn begin(&self, cache: &RuleCache) {
        self.take_list(cache, Some(Start::Begun));
    }

    /// Takes the loader's list. Takes the loader's lock: for the profiler's own
    /// thread and the process's start, never for the hook.
    pub(crate) fn refresh(&self, cache: &RuleCache) {
        self.take_list(cache, None);
    }

    fn take_list(&self, cache: &RuleCache, start: Option<Start>) {
        struct Walk<'a>(&'a Objects, &'a RuleCache, Option<Start>);
        unsafe extern "C" fn each(
            info: *mut libc::dl_phdr_info,
            _: usize,
            data: *mut c_void,
        ) -> c_int {
            // SAFETY: `data` is the `Walk` passed below.
            let walk = unsafe { &mut *data.cast::<Walk<'_>>() };
            // SAFETY: the loader passes a valid description.
            let info = unsafe { &*info };
            let (mut start, mut end, mut hdr) = (u64::MAX, 0u64, 0u64);
            for i in 0..usize::from(info.dlpi_phnum) {
                // SAFETY: the loader gives `dlpi_phnum` headers.
                let ph = unsafe { &*info.dlpi_phdr.wrapping_add(i) };
                let at = info.dlpi_addr.wrapping_add(ph.p_vaddr);
                match ph.p_type {
                    libc::PT_LOAD => {
                        start = start.min(at & !4095);
                        end = end.max(at.wrapping_add(ph.p_memsz));
                    }
                    libc::PT_GNU_EH_FRAME => hdr = at,
                    _ => {}
                }
            }
            if end > start && hdr != 0 {
                let end = end.wrapping_add(4095) & !4095;
                let mut object = Object {
                    start,
                    end,
                    eh_frame_hdr: hdr,
                    stays: false,
                    known: false,
                };
                let has_this = object.holds(each as *const () as u64);
                object.stays = match walk.2 {
                    None => false,
                    Some(Start::Begun) => true,
                    Some(Start::AllStay) => true,
                    Some(Start::OthersMayGo) => has_this,
                };
                // The program itself comes first.
                walk.2 = walk.2.map(|start| match start {
                    Start::Begun if has_this => Start::AllStay,
                    Start::Begun => Start::OthersMayGo,
                    known => known,
                });
                walk.0
                    .remember(&mut object, info.dlpi_addr, info.dlpi_name, walk.1);
            }
            0
        }
        let mut walk = Walk(self, cache, start);
        // SAFETY: the callback matches, and `walk` outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut walk).cast()) };
    }
}

/// Which files stay, as the list tells at the program's start.
#[derive(Clone, Copy)]
enum Start {
    /// The program itself is next: it stays.
    Begun,
    /// The program holds this code: what it was started with stays.
    AllStay,
    /// It has loaded this code, and whatever else.
    OthersMayGo,
}

fn copy_path(name: *const c_char, into: &mut [u8; MAX_PATH]) -> u32 {
    let name = if name.is_null() {
        &[][..]
    } else {
        // SAFETY: the loader's names are C strings that stand while the file is loaded.
        unsafe { CStr::from_ptr(name) }.to_bytes()
    };
    if name.is_empty() {
        // The main program's name is empty in the loader's list.
        return executable(into);
    }
    let mut len = 0u32;
    for (to, from) in into.iter_mut().zip(name) {
        *to = *from;
        len = len.wrapping_add(1);
    }
    len
}

/// The path of the running executable; its length, 0 if it cannot be read.
pub(crate) fn executable(into: &mut [u8]) -> u32 {
    let path = c"/proc/self/exe".as_ptr() as u64;
    let args = [
        libc::AT_FDCWD as i64 as u64,
        path,
        into.as_mut_ptr() as u64,
        into.len() as u64,
        0,
        0,
    ];
    // SAFETY: writes at most `into.len()` bytes into `into`.
    let len = unsafe { os::syscall(libc::SYS_readlinkat, args) };
    u32::try_from(len).unwrap_or(0)
}
