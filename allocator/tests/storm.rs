//! A storm of signals, from a timer and from another thread, whose handler
//! allocates, reallocates and frees while two threads do: the books equal the
//! image, and what could not be recorded is counted.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use support::{Block, Random, alone, image};

const ARENA: usize = 512 << 20;

#[repr(align(4096))]
struct Bytes(UnsafeCell<[u8; ARENA]>);
// SAFETY: every byte is given to one caller.
unsafe impl Sync for Bytes {}
static BYTES: Bytes = Bytes(UnsafeCell::new([0; ARENA]));
static USED: AtomicUsize = AtomicUsize::new(0);

/// Cuts blocks from an arena and never uses one again; safe in signal handlers.
struct Arena;

// SAFETY: every block is cut from the arena once, which is zeroed.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        let used = USED.fetch_add(size + align - 1, Ordering::Relaxed);
        let at = used.next_multiple_of(align);
        if at + size > ARENA {
            return std::ptr::null_mut();
        }
        BYTES.0.get().cast::<u8>().wrapping_add(at)
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: endler_allocator::Heap<Arena> = endler_allocator::Heap::wrapping(Arena);

/// Requests of threads and handlers, and signals handled.
static REQUESTS: AtomicU64 = AtomicU64::new(0);
static HANDLED: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

fn granted(block: Block) -> Block {
    assert!(!block.at.is_null());
    REQUESTS.fetch_add(1, Ordering::Relaxed);
    block
}

fn regrown(block: Block, size: usize) -> Block {
    granted(block.realloc(size).expect("room"))
}

const RING: usize = 16;
thread_local! {
    /// The handler's blocks on this thread.
    static BLOCKS: [Cell<Option<Block>>; RING] = const { [const { Cell::new(None) }; RING] };
    static TURN: Cell<usize> = const { Cell::new(0) };
    /// Whether the handler may run here.
    static WORKS: Cell<bool> = const { Cell::new(false) };
}

extern "C" fn handler(_: i32) {
    if !WORKS.get() {
        return;
    }
    HANDLED.fetch_add(1, Ordering::Relaxed);
    let turn = TURN.replace(TURN.get() + 2);
    BLOCKS.with(|blocks| {
        let (grown, replaced) = (&blocks[turn % RING], &blocks[(turn + 1) % RING]);
        let size = 1 + turn % 50;
        grown.set(Some(match grown.get() {
            Some(block) => regrown(block, size),
            None => granted(Block::alloc(size, 8)),
        }));
        replaced.get().into_iter().for_each(Block::free);
        replaced.set(Some(granted(Block::alloc_zeroed(size, 16))));
    });
}

fn install(signal: i32) {
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler takes the signal's number.
    let failed = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

/// Random moves; gives what is held at the end, the handler's included.
fn work(seed: u64, moves: usize) -> Vec<Block> {
    const HELD: usize = 400;
    let (mut held, mut random) = {
        let _pause = endler_allocator::pause();
        (Vec::with_capacity(HELD + RING), Random(seed))
    };
    WORKS.set(true);
    for _ in 0..moves {
        let (size, full) = (1 + random.below(60), held.len() == HELD);
        match random.below(3) {
            0 if !full => held.push(granted(Block::alloc(size, 1 << random.below(5)))),
            1 if !held.is_empty() => {
                let at = random.below(held.len());
                held[at] = regrown(held[at], size);
            }
            _ if !held.is_empty() => held.swap_remove(random.below(held.len())).free(),
            _ => {}
        }
    }
    WORKS.set(false);
    BLOCKS.with(|blocks| held.extend(blocks.iter().filter_map(Cell::get)));
    held
}

#[test]
fn handlers_allocate_while_two_threads_do() {
    alone("handlers_allocate_while_two_threads_do", || {
        let _pause = endler_allocator::pause();
        let before = image();
        let ended = |image: &endler_snapshot::Image| -> u64 {
            let ended: u64 = image.totals.iter().map(|t| t.freed + t.moved).sum();
            ended + image.blocks.len() as u64 + image.figures.lost
        };
        install(libc::SIGUSR1);
        install(libc::SIGPROF);
        let every = libc::timeval {
            tv_sec: 0,
            tv_usec: 100,
        };
        let timer = libc::itimerval {
            it_interval: every,
            it_value: every,
        };
        // SAFETY: starts a timer of processor time, for whoever runs.
        let failed =
            unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()) };
        assert_eq!(failed, 0);
        let ids = Mutex::new(Vec::new());
        let held: Vec<Block> = std::thread::scope(|scope| {
            let threads = [1, 2].map(|seed| {
                let ids = &ids;
                scope.spawn(move || {
                    {
                        let _pause = endler_allocator::pause();
                        // SAFETY: names this thread.
                        ids.lock()
                            .expect("not poisoned")
                            .push(unsafe { libc::pthread_self() });
                    }
                    let held = work(seed, 150_000);
                    // Until nobody sends any more: the id must stand.
                    while !STOP.load(Ordering::Relaxed) {
                        support::nap(1);
                    }
                    held
                })
            });
            // This thread sends as fast as it can, to each in turn.
            let sent = (0..20_000).take_while(|turn| {
                let id = ids.lock().expect("not poisoned").get(turn % 2).copied();
                if let Some(id) = id {
                    // SAFETY: the thread waits for `STOP`.
                    unsafe { libc::pthread_kill(id, libc::SIGUSR1) };
                }
                std::thread::sleep(std::time::Duration::from_micros(20));
                threads.iter().any(|t| !t.is_finished())
            });
            assert!(sent.count() > 100);
            STOP.store(true, Ordering::Relaxed);
            threads
                .into_iter()
                .flat_map(|t| t.join().expect("ends"))
                .collect()
        });
        let none = libc::itimerval {
            it_interval: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
            it_value: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
        };
        // SAFETY: stops the timer.
        unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const none, std::ptr::null_mut()) };

        let (after, handled) = (image(), HANDLED.load(Ordering::Relaxed));
        assert!(handled > 1000, "{handled} signals");
        let book: std::collections::HashMap<u64, u64> = held.iter().map(|b| b.row()).collect();
        let old: std::collections::HashSet<u64> = before.blocks.addr.iter().map(|a| a.0).collect();
        let rows = after.blocks.addr.iter().zip(&after.blocks.size);
        let new = rows.filter(|(addr, _)| !old.contains(&addr.0));
        let ours = |(addr, size): &(&endler_snapshot::Addr, &endler_snapshot::Bytes)| {
            book.get(&addr.0) == Some(&size.0)
        };
        let (found, ghosts): (Vec<_>, Vec<_>) = new.partition(ours);
        // The threads' own, which std makes and frees.
        assert!(ghosts.len() < 20, "{ghosts:?}");
        let lost = after.figures.lost - before.figures.lost;
        println!(
            "{handled} handled, {lost} of {} lost",
            REQUESTS.load(Ordering::Relaxed)
        );
        assert!(
            found.len() as u64 + lost >= book.len() as u64,
            "{} of {}, {lost} lost",
            found.len(),
            book.len()
        );
        assert!(lost < 2 * handled, "{lost} lost, {handled} signals");
        let requests = REQUESTS.load(Ordering::Relaxed);
        let counted = ended(&after) - ended(&before);
        assert!(
            (requests..requests + 100).contains(&counted),
            "{counted} of {requests}"
        );
    });
}
