//! A recording allocator for tests: the return addresses of each live block,
//! taken with the `backtrace` crate, and an `Image` made of them by hand.
//! Nothing of endler's own allocator is used, so that a fault there cannot
//! hide one in the resolver.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use endler_snapshot::{
    Addr, Bytes, Context, ContextId, Frame, FrameId, FrameKind, Image, Module, ModuleId, Phase,
    PhaseId, Serial, StackId, StackTrie, Thread, ThreadId, Tick, Totals,
};

/// The depth that the profiler keeps by default, and room for the frames of
/// this recorder.
const DEPTH: usize = 48;

/// A live block.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) address: usize,
    pub(crate) size: usize,
    /// Return addresses, innermost first.
    pub(crate) stack: Vec<usize>,
}

pub(crate) struct Recorder;

thread_local! {
    /// Whether this thread's allocations are recorded now.
    static ON: Cell<bool> = const { Cell::new(false) };
}

static LIVE: Mutex<BTreeMap<usize, Record>> = Mutex::new(BTreeMap::new());

/// Held while a test records.
static ONE: Mutex<()> = Mutex::new(());

/// Runs `f` with recording switched to `on` on this thread.
fn with<R>(on: bool, f: impl FnOnce() -> R) -> R {
    let before = ON.replace(on);
    let result = f();
    ON.set(before);
    result
}

fn insert(address: *mut u8, size: usize) {
    if address.is_null() || !ON.get() {
        return;
    }
    with(false, || {
        let mut stack = Vec::new();
        // SAFETY: no symbol is resolved, so the crate's lock is not needed:
        // the unwinder itself is thread-safe.
        unsafe {
            backtrace::trace_unsynchronized(|frame| {
                stack.push(frame.ip() as usize);
                stack.len() < DEPTH
            });
        }
        let address = address as usize;
        let record = Record {
            address,
            size,
            stack,
        };
        LIVE.lock().unwrap().insert(address, record);
    });
}

fn remove(address: *mut u8) {
    // Also what another case or thread frees must go.
    with(false, || {
        LIVE.lock().unwrap().remove(&(address as usize));
    });
}

// SAFETY: every call is forwarded to `System` unchanged; the recording neither
// reads nor writes the blocks.
unsafe impl GlobalAlloc for Recorder {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let address = unsafe { System.alloc(layout) };
        insert(address, layout.size());
        address
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let address = unsafe { System.alloc_zeroed(layout) };
        insert(address, layout.size());
        address
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let was_live = ON.get();
        if was_live {
            remove(old);
        }
        // SAFETY: the caller's promises are passed on.
        let address = unsafe { System.realloc(old, layout, size) };
        insert(address, size);
        address
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if ON.get() {
            remove(address);
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(address, layout) }
    }
}

/// Runs `make` and gives the blocks it made that still live. What it returns
/// is leaked, so that they go on living.
#[inline(never)]
pub(crate) fn blocks_of<T>(make: impl FnOnce() -> T) -> Vec<Record> {
    // Tests of one program run at the same time; a failed one poisons nothing.
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let value = with(true, make);
    std::mem::forget(std::hint::black_box(value));
    let live = std::mem::take(&mut *LIVE.lock().unwrap());
    live.into_values().collect()
}

/// An image that holds `records` as its blocks, with the modules of this
/// process.
pub(crate) fn image(records: &[Record]) -> Image {
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by_key(|r| r.address);
    let mut image = Image {
        modules: modules(),
        threads: vec![Thread::default()],
        phases: vec![Phase::default()],
        stacks: StackTrie {
            parent: vec![StackId(0)],
            frame: vec![FrameId(0)],
        },
        ..Image::default()
    };
    image.process.exe = image.modules[0].path.clone();
    let mut frames = BTreeMap::new();
    let mut nodes = BTreeMap::new();
    for (row, record) in records.iter().enumerate() {
        let mut node = StackId(0);
        for &address in record.stack.iter().rev() {
            let frame = *frames.entry(address).or_insert_with(|| {
                let at = Addr(address as u64);
                let module = image
                    .modules
                    .iter()
                    .position(|m| m.start <= at && at < m.end);
                image.frames.push(Frame {
                    address: at,
                    kind: FrameKind::Call,
                    module: module.map(|m| ModuleId(m as u32)),
                });
                FrameId(image.frames.len() as u32 - 1)
            });
            node = *nodes.entry((node, frame)).or_insert_with(|| {
                image.stacks.parent.push(node);
                image.stacks.frame.push(frame);
                StackId(image.stacks.parent.len() as u32 - 1)
            });
        }
        image.contexts.push(Context {
            stack: node,
            ..Context::default()
        });
        image.totals.push(Totals::default());
        image.blocks.addr.push(Addr(record.address as u64));
        image.blocks.size.push(Bytes(record.size as u64));
        image.blocks.context.push(ContextId(row as u32));
        image.blocks.born.push(Tick(0));
        image.blocks.serial.push(Serial(row as u64));
        image.blocks.thread.push(ThreadId(0));
        image.blocks.phase.push(PhaseId(0));
    }
    image.check_invariants().unwrap();
    image
}

/// The loaded ELF files of this process; the executable first.
pub(crate) fn modules() -> Vec<Module> {
    extern "C" fn each(
        info: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        data: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader passes a valid record for the time of the call.
        let info = unsafe { &*info };
        // SAFETY: `data` is the vector that `modules` passes below.
        let modules = unsafe { &mut *data.cast::<Vec<Module>>() };
        // SAFETY: the loader's name is a C string, empty for the executable.
        let name = unsafe { std::ffi::CStr::from_ptr(info.dlpi_name) };
        let mut module = Module {
            path: name.to_string_lossy().into_owned(),
            bias: info.dlpi_addr,
            start: Addr(u64::MAX),
            ..Module::default()
        };
        if modules.is_empty() {
            module.path = std::env::current_exe().unwrap().display().to_string();
        }
        // SAFETY: the loader gives the array and its length.
        let headers =
            unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize) };
        for header in headers {
            let start = info.dlpi_addr + header.p_vaddr;
            if header.p_type == libc::PT_LOAD {
                module.start = module.start.min(Addr(start));
                module.end = module.end.max(Addr(start + header.p_memsz));
            } else if header.p_type == libc::PT_NOTE {
                // SAFETY: a note segment of a loaded file is mapped whole.
                let notes = unsafe {
                    std::slice::from_raw_parts(start as *const u8, header.p_memsz as usize)
                };
                module.build_id.extend(build_id(notes));
            }
        }
        modules.push(module);
        0
    }
    let mut modules: Vec<Module> = Vec::new();
    // SAFETY: `each` reads its arguments only during the call.
    unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut modules).cast()) };
    modules
}

/// The GNU build id (note type 3, name `GNU`) among notes.
fn build_id(mut notes: &[u8]) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    while notes.len() >= 12 {
        let (name, size, kind) = (word(notes, 0), word(notes, 4), word(notes, 8));
        let data = 12 + name.next_multiple_of(4);
        if kind == 3 && notes[12..].starts_with(b"GNU\0") {
            return notes[data..data + size].to_vec();
        }
        notes = notes.get(data + size.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Vec::new()
}
