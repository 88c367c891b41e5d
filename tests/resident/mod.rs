//! Processes that know where their memory is, for any inner allocator.
//!
//! Each case is a process of its own: it plants what it wants to be found, takes
//! snapshots, and compares what the account says with what it knows itself: its own
//! reading of smaps, the addresses of its own blocks.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::vec_box,
    reason = "a block of its own for each value is what is planted"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use endler::reports::fragmentation::{Account, Cause, Line, Verdict, account, verdict};
use endler::reports::load;
use endler::reports::partition::Heap;
use endler_snapshot::{Image, MappingKind};

use crate::process::{self, Folder};

/// Runs `case` in a process of its own, which the test harness is not.
pub(crate) fn alone(test: &str, case: impl FnOnce(&Taken)) {
    if process::role().is_some() {
        process::not_for_ever();
        let folder = Folder::new(&format!("fragmentation-{test}"));
        case(&Taken { folder });
        println!("the case has run");
        return;
    }
    let output = process::finish(process::start(&mut process::again(test, "alone")));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("the case has run"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Where a case's snapshots are.
pub(crate) struct Taken {
    folder: Folder,
}

impl Taken {
    /// Takes a snapshot, and holds what it says against this process's own reading of
    /// smaps just before and just after.
    pub(crate) fn snapshot(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.endler"));
        let before = own_rss();
        endler::snapshot_to(&path).expect("a snapshot");
        let after = own_rss();
        let image = load(&path).expect("it is whole");
        let account = account(Heap::new(&image));
        let all: u64 = Line::ALL.iter().map(|line| account.line(*line)).sum();
        assert_eq!(all, account.rss());
        assert_eq!(all, image.residency.rss().0, "the lines sum to smaps");
        let (least, most) = (before.min(after), before.max(after));
        assert!(
            all >= least - least / 100 && all <= most + most / 100,
            "{all} in the account, {before} and {after} in smaps"
        );
        for line in Line::ALL {
            println!("{name}: {:>12} {}", account.line(line), line.name());
        }
        println!("{name}: {:?}", image.residency.inner);
        path
    }
}

/// Images of snapshots, in order.
pub(crate) fn images(paths: &[PathBuf]) -> Vec<Image> {
    let images = paths.iter().map(|path| load(path).expect("it is whole"));
    images.collect()
}

/// Accounts and the verdict on them.
pub(crate) fn judged(images: &[Image]) -> (Vec<Account<'_>>, Verdict) {
    let accounts: Vec<_> = images.iter().map(|i| account(Heap::new(i))).collect();
    let verdict = verdict(&accounts).expect("there are two");
    println!("{verdict}");
    (accounts, verdict)
}

/// The sum of all `Rss` lines that this process reads of itself.
pub(crate) fn own_rss() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
    let lines = text.lines().filter_map(|line| line.strip_prefix("Rss:"));
    let kib = lines.map(|rest| rest.trim().trim_end_matches(" kB").trim());
    kib.map(|kib| kib.parse::<u64>().expect("a number") * 1024)
        .sum()
}

/// Resident bytes by a mapping's first address, as this process reads them of itself.
fn own_mappings() -> BTreeMap<u64, u64> {
    let text = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
    let mut all = BTreeMap::new();
    let mut start = 0;
    for line in text.lines() {
        let first = line.split('-').next().unwrap_or_default();
        if let Some(rest) = line.strip_prefix("Rss:") {
            let kib = rest.trim().trim_end_matches(" kB").trim();
            all.insert(start, kib.parse::<u64>().expect("a number") * 1024);
        } else if line.contains('-') && !line.starts_with(char::is_uppercase) {
            start = u64::from_str_radix(first, 16).expect("an address");
        }
    }
    all
}

pub(crate) struct Pinner([u64; 8]);
pub(crate) struct Filler([u64; 8]);

#[inline(never)]
fn filler(n: u64) -> Box<Filler> {
    Box::new(Filler([n; 8]))
}

#[inline(never)]
fn pinner(n: u64) -> Box<Pinner> {
    Box::new(Pinner([n; 8]))
}

/// One in so many blocks stays.
const EVERY: u64 = 64;
pub(crate) const PINNERS: u64 = 4000;

/// What holds the blocks that stay.
pub(crate) struct Keeper {
    pinners: Vec<Box<Pinner>>,
}

/// Makes many blocks and drops all but one in [`EVERY`].
pub(crate) fn plant() -> Box<Keeper> {
    let mut pinners = Vec::with_capacity(PINNERS as usize);
    let mut fillers = Vec::with_capacity((PINNERS * EVERY) as usize);
    for n in 0..PINNERS {
        fillers.extend((1..EVERY).map(filler));
        pinners.push(pinner(n));
    }
    assert!(fillers.iter().all(|filler| filler.0[7] > 0));
    Box::new(Keeper { pinners })
}

/// Pages on which a pinner stands.
pub(crate) fn pages_of(pinners: &[Box<Pinner>]) -> BTreeSet<u64> {
    let ends = pinners.iter().flat_map(|pinner| {
        let at = std::ptr::from_ref::<Pinner>(pinner) as u64;
        [at / 4096, (at + 63) / 4096]
    });
    ends.collect()
}

/// The planted blocks are named, with their number and what would return.
pub(crate) fn pinners_are_named(taken: &Taken) {
    let first = taken.snapshot("before");
    let pinners = plant();
    let second = taken.snapshot("after");
    let pages = pages_of(&pinners.pinners).len() as u64;
    let images = images(&[first, second]);
    let (accounts, verdict) = judged(&images);
    let pins = &accounts[1].pins;
    let row = pins.rows.first().expect("there are pinners");
    assert!(
        row.names[0].ends_with("resident::Pinner>") && row.names[0].starts_with("Box<"),
        "{row:?}"
    );
    assert!(row.names[1].contains("resident::pinner at "), "{row:?}");
    assert!(row.names[1].contains("tests/resident/mod.rs:"), "{row:?}");
    assert!(
        row.names[2].ends_with("resident::Keeper.pinners[*]"),
        "{row:?}"
    );
    println!("{row:?}, {pages} pages by the program's own count");
    // A few stand on a page with a block of the test harness, or at the edge of
    // what is still in use.
    assert!(near(row.count, PINNERS, 50), "{row:?}");
    assert!(near(row.size, PINNERS * 64, 50), "{row:?}");
    assert!(near(row.pages, pages, 50), "{row:?}");
    assert!(near(row.returns, pages * 4096, 50), "{row:?}");
    assert_eq!(verdict.cause, Cause::Fragmentation);
    let says = verdict.to_string();
    assert!(says.contains("resident::Pinner>`"), "{says}");
    let bucket = accounts[1].occupancy.pages[1] - accounts[0].occupancy.pages[1];
    assert!(near(bucket, pages, 50), "{bucket} pages of a tenth or less");
    // Before, the same pages were not there.
    let before = accounts[0].pins.rows.iter();
    assert!(before.clone().all(|row| !row.names[0].contains("Pinner")));
    assert!(accounts[0].pins.pages < pages / 4);
    drop(pinners);
}

/// Whether two numbers differ by one in `part` of the second at most.
pub(crate) fn near(a: u64, b: u64, part: u64) -> bool {
    a.abs_diff(b) <= b / part
}

pub(crate) struct Leaked([u64; 25]);

#[inline(never)]
fn leak(into: &mut Vec<Box<Leaked>>) {
    into.extend((0..40_000).map(|n| Box::new(Leaked([n; 25]))));
}

pub(crate) fn a_leak_is_a_leak(taken: &Taken) {
    let mut kept = Vec::with_capacity(80_000);
    let first = taken.snapshot("first");
    leak(&mut kept);
    let second = taken.snapshot("second");
    leak(&mut kept);
    let third = taken.snapshot("third");
    let images = images(&[first, second, third]);
    let (_, verdict) = judged(&images);
    assert_eq!(verdict.cause, Cause::Live);
    let says = verdict.to_string();
    assert!(
        says.contains("resident::Leaked>` grew by 80,000 blocks"),
        "{says}"
    );
    assert!(says.contains("It grew at each of the 2 steps."), "{says}");
    assert!(near(verdict.live.unsigned_abs(), 80_000 * 200, 50));
    assert_eq!(kept.last().map(|last| last.0[3]), Some(39_999));
}

pub(crate) struct Entry([u64; 8]);

#[inline(never)]
fn entry(n: u64) -> Box<Entry> {
    Box::new(Entry([n; 8]))
}

/// A cache whose entries are replaced while requests are in flight: as many before
/// as after, on more pages.
pub(crate) fn a_cache_of_steady_size_is_fragmentation(taken: &Taken) {
    let mut cache: Vec<Box<Entry>> = (0..4000).map(entry).collect();
    let mut flight: Vec<Box<Filler>> = Vec::with_capacity(4000 * 100);
    let first = taken.snapshot("first");
    for (n, place) in cache.iter_mut().enumerate() {
        flight.extend((1..100).map(filler));
        *place = entry(n as u64);
    }
    flight.clear();
    let second = taken.snapshot("second");
    let images = images(&[first, second]);
    let (accounts, verdict) = judged(&images);
    assert_eq!(verdict.cause, Cause::Fragmentation);
    let says = verdict.to_string();
    assert!(says.contains("resident::Entry>`"), "{says}");
    assert!(verdict.live.unsigned_abs() < 64 << 10, "{}", verdict.live);
    assert!(verdict.part > 8 << 20, "{verdict:?}");
    let [before, after] = [0, 1].map(|i| accounts[i].requested);
    assert!(near(before, after, 50), "steady: {before} {after}");
    assert_eq!(cache.iter().map(|e| e.0[0]).sum::<u64>(), 3999 * 4000 / 2);
}

/// Pages that nobody asked Rust's allocator for.
pub(crate) struct Mapped(*mut u8, usize);

impl Mapped {
    /// Touched pages just below or above a mapping that holds one of `blocks`, so that the
    /// kernel joins the two; whether it did. Where others lie there it cannot.
    fn joined_to(blocks: &[u64], bytes: usize) -> (Self, bool) {
        for block in blocks {
            let (start, end) = mapping_of(*block);
            let (below, above) = (start - bytes as u64, end + bytes as u64);
            for extra in [0, libc::MAP_NORESERVE] {
                for at in [below, end] {
                    let fixed = libc::MAP_FIXED_NOREPLACE | extra;
                    let Some(mapped) = Mapped::at(at, bytes, fixed) else {
                        continue;
                    };
                    let now = mapping_of(*block);
                    if now.0 == below || now.1 == above {
                        mapped.touch();
                        return (mapped, true);
                    }
                }
            }
        }
        let mapped = Mapped::at(0, bytes, 0).expect("there is room");
        mapped.touch();
        (mapped, false)
    }

    fn at(at: u64, bytes: usize, more: i32) -> Option<Self> {
        let (prot, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | more,
        );
        let at = at as *mut libc::c_void;
        // SAFETY: a fresh mapping; it replaces none.
        let at = unsafe { libc::mmap(at, bytes, prot, flags, -1, 0) };
        (at != libc::MAP_FAILED).then_some(Mapped(at.cast(), bytes))
    }

    fn touch(&self) {
        // SAFETY: the mapping is this value's, so long.
        unsafe { std::ptr::write_bytes(self.0, 1, self.1) };
    }
}

/// The mapping that holds an address: first byte and one past the last.
fn mapping_of(addr: u64) -> (u64, u64) {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
    let mut all = maps.lines().filter_map(|line| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some((number(start)?, number(end)?))
    });
    let found = all.find(|(start, end)| (*start..*end).contains(&addr));
    found.expect("it is mapped")
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's.
        unsafe { libc::munmap(self.0.cast(), self.1) };
    }
}

/// A map of another's, joined to a mapping of the allocator's if that can be. The line
/// may be wrong by one part in `part` then.
pub(crate) fn a_map_is_outside_the_heap(taken: &Taken, part: u64) {
    // So large that they lie where there is room beside them; touched in part.
    let large = |_| {
        let mut block = Vec::<u8>::with_capacity(256 << 20);
        block.resize(2 << 20, 1);
        block
    };
    let large: Vec<Vec<u8>> = (0..4).map(large).collect();
    let small: Vec<Box<Entry>> = (0..4000).map(entry).collect();
    let first = taken.snapshot("first");
    let bytes = 48 << 20;
    let blocks: Vec<u64> = large.iter().map(|block| block.as_ptr() as u64).collect();
    let (mapped, joined) = match part {
        0 => (Mapped::at(0, bytes, 0).expect("there is room"), false),
        _ => Mapped::joined_to(&blocks, bytes),
    };
    mapped.touch();
    if !joined {
        println!("not run here: memory of others in a mapping of the allocator's");
    }
    let second = taken.snapshot("second");
    let images = images(&[first, second]);
    let (accounts, verdict) = judged(&images);
    assert_eq!(verdict.cause, Cause::Outside);
    let says = verdict.to_string();
    assert!(
        says.contains("most of it anonymous maps of others"),
        "{says}"
    );
    let [before, after] = [0, 1].map(|i| accounts[i].line(Line::Anonymous));
    // What mimalloc keeps for itself beside its blocks (2 MiB) is another's at one
    // snapshot and its own at the next.
    let part = if joined { part } else { 20 };
    assert!(near(after - before, bytes as u64, part), "{before} {after}");
    let live = large.iter().map(|block| block.len() as u64).sum::<u64>();
    assert!(accounts[1].line(Line::Live) >= live + small.len() as u64 * 64);
    drop(mapped);
}

/// A thread that has used much of its stack.
pub(crate) fn a_deep_stack_is_outside_the_heap(taken: &Taken) {
    use std::sync::mpsc::channel;
    let first = taken.snapshot("first");
    let (deep, reached) = channel();
    let (release, released) = channel::<()>();
    let thread = std::thread::Builder::new()
        .stack_size(32 << 20)
        .spawn(move || {
            let mut room = [0u8; 24 << 20];
            room.fill(1);
            std::hint::black_box(&mut room);
            deep.send(room.len()).expect("told");
            let _ = released.recv();
        })
        .expect("a thread");
    let bytes = reached.recv().expect("it is deep") as u64;
    let second = taken.snapshot("second");
    let images = images(&[first, second]);
    let (accounts, verdict) = judged(&images);
    assert_eq!(verdict.cause, Cause::Outside);
    let says = verdict.to_string();
    assert!(says.contains("most of it stacks"), "{says}");
    let [before, after] = [0, 1].map(|i| accounts[i].line(Line::Stacks));
    assert!(near(after - before, bytes, 50), "{before} {after}");
    drop(release);
    thread.join().expect("ends");
}

/// Two snapshots, and whether the second reads the process as it reads itself.
fn two_of_one_state(taken: &Taken) -> (Vec<Image>, bool) {
    let first = taken.snapshot("first");
    let before = own_mappings();
    let second = taken.snapshot("second");
    let images = images(&[first, second]);
    // Mapping by mapping, but for the profiler's own pages, which the second snapshot
    // touches.
    let mappings = images[1].residency.mappings.iter();
    let (mut compared, mut differ) = (0, 0);
    for mapping in mappings.filter(|m| m.kind != MappingKind::Own) {
        if let Some(rss) = before.get(&mapping.start.0) {
            compared += 1;
            differ += rss.abs_diff(mapping.rss.0);
        }
    }
    println!("{compared} mappings differ by {differ} bytes");
    assert!(compared > 20, "{compared} mappings compared");
    let same = differ < images[1].residency.rss().0 / 100;
    (images, same)
}

/// Two snapshots between which nothing happens.
pub(crate) fn nothing_grows(taken: &Taken) {
    // The first one brings code and buffers of this test itself into memory.
    taken.snapshot("zeroth");
    // mimalloc gives pages back by the clock: where that comes between, it is done again.
    let mut tries = (0..5).map(|_| two_of_one_state(taken));
    let same = tries.find(|(_, same)| *same);
    let (images, _) = same.expect("once in five it is as the process reads itself");
    let (accounts, verdict) = judged(&images);
    assert_eq!(verdict.cause, Cause::Steady);
    assert!(
        verdict
            .to_string()
            .starts_with("Nothing grew: live bytes +")
    );
    // What the profiler counts of its own pages is what smaps shows of them, with
    // its thread's stack and what it touched between the two readings.
    let own = accounts[1].line(Line::Own);
    let counted = images[1].figures.own.0;
    assert!(own.abs_diff(counted) < 256 << 10, "{own} {counted}");
    assert!(
        accounts[1].line(Line::Files) > 1 << 20,
        "at least the program"
    );
}

/// A file that the case may show to the command.
pub(crate) fn named(paths: &[PathBuf]) -> Vec<&Path> {
    paths.iter().map(PathBuf::as_path).collect()
}
