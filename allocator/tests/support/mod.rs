//! What the hazard tests share: this process's image, blocks of a chosen
//! layout, memory that a copy of the process shares, and each case once more
//! in a process of its own.

pub(crate) mod c_code;
pub(crate) mod churn;
pub(crate) mod filter;
pub(crate) mod full_speed;
pub(crate) mod inner;
pub(crate) mod memory_group;
pub(crate) mod oracle;
pub(crate) mod sites;

use std::alloc::Layout;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use endler_allocator::freeze::{self, Cost, Error, Keep, Options};
use endler_snapshot::{Addr, Image, format};

/// The variable by which a case knows that it runs in its own process.
const ALONE: &str = "ENDLER_TEST_ALONE";
/// No case needs longer; the alarm's default action ends the process.
const LIMIT_SECONDS: u32 = 120;

/// Runs `body` in a process of its own: this test binary once more, with this
/// case alone. `test` is the case's name as the harness knows it.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    alone_in_mode(test, None, body);
}

/// As [`alone`], with a value for `ENDLER`.
pub(crate) fn alone_in_mode(test: &str, endler: Option<&str>, body: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        // SAFETY: sets this process's own alarm clock.
        unsafe { libc::alarm(LIMIT_SECONDS) };
        return body();
    }
    let out = again(test, endler);
    assert!(
        out.status.success(),
        "{test}: {}\n{}",
        out.status,
        text(&out)
    );
    let ran = String::from_utf8_lossy(&out.stdout).contains("1 passed");
    assert!(ran, "no case is called {test}:\n{}", text(&out));
}

/// This test binary once more, with the case `test` alone.
pub(crate) fn again(test: &str, endler: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .env_remove("ENDLER");
    if let Some(value) = endler {
        command.env("ENDLER", value);
    }
    command.output().expect("the test binary runs once more")
}

/// Whether this is the process that [`again`] started.
pub(crate) fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// For a case whose threads wait for one another: none is left waiting.
pub(crate) fn panics_end_the_process() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tell(info);
        std::process::exit(101);
    }));
}

/// Both streams of a process, for a failure's message.
pub(crate) fn text(out: &Output) -> String {
    let lossy = String::from_utf8_lossy;
    format!("{}\n{}", lossy(&out.stdout), lossy(&out.stderr))
}

/// The image of this process, read back in it; its invariants hold.
pub(crate) fn image() -> Image {
    image_and_cost().expect("a snapshot").0
}

pub(crate) fn image_and_cost() -> Result<(Image, Cost), Error> {
    let _pause = endler_allocator::pause();
    // SAFETY: the name is a C string; makes a descriptor.
    let fd = unsafe { libc::memfd_create(c"image".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(
        fd >= 0,
        "no memory file: {}",
        std::io::Error::last_os_error()
    );
    // SAFETY: the descriptor was just made and is nobody else's.
    let mut file = unsafe { std::fs::File::from_raw_fd(fd) };
    let options = Options {
        keep: Keep::these(&[file.as_raw_fd()]),
        ..Options::default()
    };
    let cost = freeze::freeze(&options, &mut |image| {
        image.check_invariants()?;
        let mut bytes = Vec::new();
        format::write(image, &mut bytes).map_err(|e| e.to_string())?;
        file.write_all(&bytes).map_err(|e| e.to_string())
    })?;
    file.seek(SeekFrom::Start(0)).expect("rewinds");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("reads");
    let image = format::read(&bytes).expect("a whole image");
    Ok((image, cost))
}

/// A row of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) addr: u64,
    pub(crate) size: u64,
    pub(crate) serial: u64,
    pub(crate) born: u32,
    pub(crate) context: u32,
    pub(crate) thread: String,
    pub(crate) phase: String,
}

/// The block that starts at `addr`.
pub(crate) fn live(image: &Image, addr: u64) -> Option<Live> {
    image
        .blocks
        .addr
        .binary_search(&Addr(addr))
        .ok()
        .map(|row| at_row(image, row))
}

/// The blocks that were born in a phase, in the order of their addresses. Those
/// of the harness, whose thread goes on beside the case's, are left out.
pub(crate) fn born_in(image: &Image, phase: &str) -> Vec<Live> {
    // SAFETY: asks for a number.
    let own = unsafe { libc::gettid() };
    let is_harness =
        |live: &Live| live.thread == "main" && own.cast_unsigned() != std::process::id();
    let rows = (0..image.blocks.len()).map(|row| at_row(image, row));
    rows.filter(|live| live.phase == phase && !is_harness(live))
        .collect()
}

fn at_row(image: &Image, row: usize) -> Live {
    let blocks = &image.blocks;
    Live {
        addr: blocks.addr[row].0,
        size: blocks.size[row].0,
        serial: blocks.serial[row].0,
        born: blocks.born[row].0,
        context: blocks.context[row].0,
        thread: image.threads[blocks.thread[row].index()].name.clone(),
        phase: image.phases[blocks.phase[row].index()].name.clone(),
    }
}

/// A block of the global allocator that knows what it was asked as. It is not
/// freed when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) at: *mut u8,
    pub(crate) layout: Layout,
}

// SAFETY: a block is owned by whoever holds it, as a `Box` is.
unsafe impl Send for Block {}
// SAFETY: a shared block gives out its address only, as a `&Box` does.
unsafe impl Sync for Block {}

impl Block {
    #[inline(always)]
    pub(crate) fn alloc(size: usize, align: usize) -> Block {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        // SAFETY: the size is not zero in these tests.
        let at = unsafe { std::alloc::alloc(layout) };
        Block {
            at: std::hint::black_box(at),
            layout,
        }
    }

    #[inline(always)]
    pub(crate) fn alloc_zeroed(size: usize, align: usize) -> Block {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        // SAFETY: the size is not zero in these tests.
        let at = unsafe { std::alloc::alloc_zeroed(layout) };
        Block {
            at: std::hint::black_box(at),
            layout,
        }
    }

    /// The block after a realloc, or none if that was refused.
    #[inline(always)]
    pub(crate) fn realloc(self, size: usize) -> Option<Block> {
        // SAFETY: the block is live with this layout, and the size is not zero.
        let at = unsafe { std::alloc::realloc(self.at, self.layout, size) };
        let layout = Layout::from_size_align(size, self.layout.align()).expect("a layout");
        (!std::hint::black_box(at).is_null()).then_some(Block { at, layout })
    }

    #[inline(always)]
    pub(crate) fn free(self) {
        // SAFETY: the block is live with this layout.
        unsafe { std::alloc::dealloc(std::hint::black_box(self.at), self.layout) };
    }

    pub(crate) fn addr(self) -> u64 {
        self.at as u64
    }

    /// What the image should say of it.
    pub(crate) fn row(self) -> (u64, u64) {
        (self.addr(), self.layout.size() as u64)
    }

    /// Writes a mark into the first and the last byte.
    pub(crate) fn mark(self, mark: u8) {
        // SAFETY: the first byte of a live block.
        unsafe { self.at.write(mark) };
        // SAFETY: the last byte of a live block.
        unsafe { self.at.wrapping_add(self.layout.size() - 1).write(mark) };
    }

    pub(crate) fn first_byte(self) -> u8 {
        // SAFETY: the first byte of a live block.
        unsafe { self.at.read() }
    }

    pub(crate) fn last_byte(self) -> u8 {
        // SAFETY: the last byte of a live block.
        unsafe { self.at.wrapping_add(self.layout.size() - 1).read() }
    }
}

/// Numbers that this process shares with every copy that is made of it.
pub(crate) struct SharedNumbers(*mut [AtomicU32; 16]);

// SAFETY: it points to atomics that stay mapped for ever.
unsafe impl Send for SharedNumbers {}
// SAFETY: as above.
unsafe impl Sync for SharedNumbers {}

impl SharedNumbers {
    pub(crate) fn new() -> Self {
        let (prot, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a fresh mapping.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        SharedNumbers(at.cast())
    }

    fn number(&self, at: usize) -> &AtomicU32 {
        // SAFETY: the page stays mapped, and zeroed atomics are valid.
        let numbers = unsafe { &*self.0 };
        &numbers[at]
    }

    pub(crate) fn get(&self, at: usize) -> u32 {
        self.number(at).load(Ordering::SeqCst)
    }

    pub(crate) fn add(&self, at: usize) {
        self.number(at).fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until a number is not zero.
    pub(crate) fn wait(&self, at: usize) {
        while self.get(at) == 0 {
            nap(1);
        }
    }
}

/// Sleeps without allocating.
pub(crate) fn nap(millis: u64) {
    std::thread::sleep(std::time::Duration::from_millis(millis));
}

/// A sequence of numbers that looks random and is the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
}
