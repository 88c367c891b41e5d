//! What the copy of the process may not do to its host, and what the host may
//! not do to the copy.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Error as IoError, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use endler_allocator::freeze::{self, Cost, Error, Keep, Options};
use endler_snapshot::Image;
use support::{Block, SharedNumbers, alone, image, nap};

static LOCKED: AtomicBool = AtomicBool::new(false);

/// The system allocator behind one lock that spins for ever.
struct Locked;

impl Locked {
    fn with<T>(body: impl FnOnce() -> T) -> T {
        let mut tries = 0u32;
        while LOCKED.swap(true, Ordering::Acquire) {
            tries += 1;
            if tries.is_multiple_of(1000) {
                std::thread::yield_now();
            }
        }
        let result = body();
        LOCKED.store(false, Ordering::Release);
        result
    }
}

// SAFETY: every request goes to the system allocator as it is.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        Locked::with(|| unsafe { System.alloc(layout) })
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        Locked::with(|| unsafe { System.dealloc(block, layout) });
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        Locked::with(|| unsafe { System.alloc_zeroed(layout) })
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract.
        Locked::with(|| unsafe { System.realloc(block, layout, size) })
    }
}

#[global_allocator]
static HEAP: endler_allocator::Heap<Locked> = endler_allocator::Heap::wrapping(Locked);

/// Numbers that the host and its copies share. Each case gives them meanings.
static NUMBERS: LazyLock<SharedNumbers> = LazyLock::new(SharedNumbers::new);

/// Waits for a while in the copy; the first number says that it has begun, the
/// second that it is over.
fn work_for(millis: u64) -> Result<(), String> {
    NUMBERS.add(0);
    nap(millis);
    NUMBERS.add(1);
    Ok(())
}

fn frozen(mut work: impl FnMut(&mut Image) -> Result<(), String>) -> Result<Cost, Error> {
    freeze::freeze(&Options::default(), &mut work)
}

/// What the work says in the copy.
fn told(options: &Options, mut work: impl FnMut() -> String) -> String {
    match freeze::freeze(options, &mut |_| Err(work())) {
        Err(Error::Failed(text)) => text,
        other => panic!("the work's answer is lost: {other:?}"),
    }
}

/// The host is as well as before: another snapshot succeeds and knows its blocks.
fn host_goes_on() {
    let block = Block::alloc(77, 8);
    let after = image();
    let row = support::live(&after, block.addr()).expect("it lives");
    assert_eq!(row.size, 77);
    block.free();
    assert_eq!(children(), Err(libc::ECHILD), "no copy is left behind");
}

/// A child of any kind, asked for without waiting.
fn children() -> Result<i32, i32> {
    waited(libc::WNOHANG | libc::__WALL)
}

fn waited(flags: i32) -> Result<i32, i32> {
    // SAFETY: asks after children; no status is wanted.
    let got = unsafe { libc::waitpid(-1, std::ptr::null_mut(), flags) };
    if got < 0 {
        Err(IoError::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        Ok(got)
    }
}

fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: zeroed is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler has the one-argument form.
    let failed = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

#[test]
fn the_host_sees_no_child_and_no_sigchld() {
    alone("the_host_sees_no_child_and_no_sigchld", || {
        extern "C" fn count(_: i32) {
            NUMBERS.add(5);
        }
        LazyLock::force(&NUMBERS);
        handle(libc::SIGCHLD, count);
        let freezer = std::thread::spawn(|| frozen(|_| work_for(300)));
        NUMBERS.wait(0);
        let mut asked = 0;
        while !freezer.is_finished() {
            assert_eq!(waited(libc::WNOHANG), Err(libc::ECHILD));
            assert_eq!(waited(0), Err(libc::ECHILD), "and nobody waits for it");
            asked += 1;
            nap(1);
        }
        freezer.join().expect("ends").expect("a snapshot");
        assert!(asked > 20 && NUMBERS.get(1) == 1);
        assert_eq!(NUMBERS.get(5), 0, "SIGCHLD was delivered");
        // That the counter counts: a child of the usual kind.
        std::process::Command::new("true").status().expect("runs");
        assert_eq!(NUMBERS.get(5), 1);
    });
}

#[test]
fn atfork_handlers_do_not_run() {
    alone("atfork_handlers_do_not_run", || {
        extern "C" fn prepare() {
            NUMBERS.add(5);
        }
        extern "C" fn parent() {
            NUMBERS.add(6);
        }
        extern "C" fn child() {
            NUMBERS.add(7);
        }
        LazyLock::force(&NUMBERS);
        // SAFETY: registers three functions that only count.
        unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        frozen(|_| work_for(1)).expect("a snapshot");
        assert_eq!([5, 6, 7].map(|n| NUMBERS.get(n)), [0, 0, 0]);
        // SAFETY: the child ends at once.
        if unsafe { libc::fork() } == 0 {
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        assert_eq!(waited(0).map(|pid| pid > 0), Ok(true));
        assert_eq!([5, 6, 7].map(|n| NUMBERS.get(n)), [1, 1, 1], "they count");
    });
}

#[test]
fn exit_functions_do_not_run() {
    alone("exit_functions_do_not_run", || {
        extern "C" fn count() {
            NUMBERS.add(5);
        }
        LazyLock::force(&NUMBERS);
        // SAFETY: registers a function that only counts.
        unsafe { libc::atexit(count) };
        frozen(|_| work_for(1)).expect("a snapshot");
        assert_eq!(told(&Options::default(), || "an error".into()), "an error");
        assert_eq!(NUMBERS.get(5), 0);
    });
}

#[test]
fn a_panic_of_the_work_is_an_error_and_not_the_hosts_hook() {
    alone(
        "a_panic_of_the_work_is_an_error_and_not_the_hosts_hook",
        || {
            LazyLock::force(&NUMBERS);
            std::panic::set_hook(Box::new(|_| NUMBERS.add(5)));
            let died = frozen(|_| panic!("the work fails on {}", 42));
            let message = match died {
                Err(Error::Died(message)) => message,
                other => panic!("it did not die: {other:?}"),
            };
            assert!(message.contains("the work fails on 42"), "{message}");
            assert_eq!(NUMBERS.get(5), 0, "the host's hook ran in the copy");
            let caught = std::panic::catch_unwind(|| panic!("the host's own"));
            assert!(
                caught.is_err() && NUMBERS.get(5) == 1,
                "the host's hook is in place"
            );
            host_goes_on();
        },
    );
}

#[test]
fn a_fault_of_the_work_is_an_error() {
    alone("a_fault_of_the_work_is_an_error", || {
        extern "C" fn count(_: i32) {
            NUMBERS.add(5);
        }
        LazyLock::force(&NUMBERS);
        handle(libc::SIGSEGV, count);
        handle(libc::SIGABRT, count);
        let died = frozen(|_| {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: a fresh mapping that nobody may read.
            let at =
                unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0) };
            // SAFETY: not readable: the fault is wanted, and ends this copy only.
            let byte = unsafe { at.cast::<u8>().read_volatile() };
            Err(format!("read {byte}"))
        });
        let message = format!("{died:?}");
        assert!(matches!(died, Err(Error::Died(_))), "{message}");
        assert!(message.contains(&libc::SIGSEGV.to_string()), "{message}");
        assert_eq!(NUMBERS.get(5), 0, "the host's handlers ran in the copy");
        host_goes_on();
    });
}

/// What `poll` says of a descriptor within `millis`.
fn polled(fd: i32, millis: i32) -> i16 {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one descriptor.
    unsafe { libc::poll(&raw mut poll, 1, millis) };
    poll.revents
}

#[test]
fn descriptors_of_the_host_are_closed_at_once() {
    alone("descriptors_of_the_host_are_closed_at_once", || {
        LazyLock::force(&NUMBERS);
        let (reader, writer): (PipeReader, PipeWriter) = std::io::pipe().expect("a pipe");
        let freezer = std::thread::spawn(|| frozen(|_| work_for(3000)));
        NUMBERS.wait(0);
        assert_eq!(polled(reader.as_raw_fd(), 0), 0, "the host has it open");
        drop(writer);
        assert_eq!(
            polled(reader.as_raw_fd(), 1000),
            libc::POLLHUP,
            "the copy has it open"
        );
        assert_eq!(NUMBERS.get(1), 0, "while the copy works");
        freezer.join().expect("ends").expect("a snapshot");
    });
}

/// The open descriptors of this process below 1,000, and where they lead.
fn descriptors() -> String {
    // SAFETY: asks for a flag.
    let open = (0..1000).filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0);
    let leads = |fd: i32| std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("a link");
    open.map(|fd| format!("{fd} {};", leads(fd).display()))
        .collect()
}

#[test]
fn the_copy_keeps_the_one_descriptor_that_it_is_told_to() {
    alone(
        "the_copy_keeps_the_one_descriptor_that_it_is_told_to",
        || {
            let nowhere = "0 /dev/null;1 /dev/null;2 /dev/null;";
            assert_eq!(told(&Options::default(), descriptors), nowhere);
            let files: Vec<std::fs::File> = (0..20)
                .map(|_| std::fs::File::open("/dev/zero").expect("opens"))
                .collect();
            let kept: OwnedFd = files[11].try_clone().expect("clones").into();
            let options = Options {
                keep: Keep::these(&[kept.as_raw_fd()]),
                ..Options::default()
            };
            let expect = format!("{nowhere}{} /dev/zero;", kept.as_raw_fd());
            assert_eq!(told(&options, descriptors), expect);
        },
    );
}

#[test]
fn the_copy_is_modest() {
    alone("the_copy_is_modest", || {
        let text = told(&Options::default(), || {
            let mut core = libc::rlimit {
                rlim_cur: 1,
                rlim_max: 1,
            };
            // SAFETY: writes one limit.
            unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut core) };
            // SAFETY: asks for this process's priority.
            let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
            let victim = std::fs::read_to_string("/proc/self/oom_score_adj").expect("reads");
            // SAFETY: asks for a flag.
            let dumps = unsafe { libc::prctl(libc::PR_GET_DUMPABLE) };
            let core = format!("core {} piped {dumps}", core.rlim_cur);
            format!("{core} nice {nice} oom {}", victim.trim())
        });
        assert_eq!(text, "core 0 piped 0 nice 5 oom 1000");
        let own = std::fs::read_to_string("/proc/self/oom_score_adj").expect("reads");
        assert_ne!(own.trim(), "1000", "and the host is as it was");
    });
}

#[test]
fn the_deadline_ends_a_copy_that_sleeps_or_loops() {
    alone("the_deadline_ends_a_copy_that_sleeps_or_loops", || {
        let deadline = Duration::from_millis(300);
        let options = Options {
            deadline,
            ..Options::default()
        };
        let sleeps: &mut freeze::Work<'_> = &mut |_| work_for(100_000);
        let loops: &mut freeze::Work<'_> = &mut |_| {
            loop {
                std::hint::spin_loop();
            }
        };
        for work in [sleeps, loops] {
            let started = Instant::now();
            let late = freeze::freeze(&options, work);
            assert!(
                matches!(late, Err(Error::Deadline(d)) if d == deadline),
                "{late:?}"
            );
            assert!(started.elapsed() >= deadline && started.elapsed() < deadline * 20);
            host_goes_on();
        }
    });
}

/// Takes memory in large and in small pieces until there is none.
fn hungry(_: &mut Image) -> Result<(), String> {
    let mut held = Vec::new();
    for size in (1..).map(|n| 1 + n * 7919 % 100_000) {
        held.push(vec![1u8; size]);
        if held.len() > 1_000_000 {
            break;
        }
    }
    Err(format!("{} blocks were given", held.len()))
}

#[test]
fn a_copy_beyond_its_memory_is_an_error() {
    alone("a_copy_beyond_its_memory_is_an_error", || {
        let budget = 32 << 20;
        let options = Options {
            memory: Some(budget),
            ..Options::default()
        };
        for _ in 0..3 {
            let over = freeze::freeze(&options, &mut hungry);
            assert!(
                matches!(over, Err(Error::Memory { budget: b }) if b == budget),
                "{over:?}"
            );
            host_goes_on();
        }
        let within = freeze::freeze(&options, &mut |_| Ok(())).expect("32 MiB are enough");
        assert!(
            within.memory > 0 && within.memory <= budget,
            "{}",
            within.memory
        );
    });
}

#[test]
fn a_budget_that_suffices_for_nothing_is_the_same_error() {
    alone(
        "a_budget_that_suffices_for_nothing_is_the_same_error",
        || {
            for budget in [0, 4096, 1 << 20, 4 << 20] {
                let options = Options {
                    memory: Some(budget),
                    ..Options::default()
                };
                let over = freeze::freeze(&options, &mut hungry);
                assert!(
                    matches!(over, Err(Error::Memory { budget: b }) if b == budget),
                    "{over:?}"
                );
            }
            host_goes_on();
        },
    );
}

#[test]
fn signals_to_the_process_group_are_the_hosts() {
    alone("signals_to_the_process_group_are_the_hosts", || {
        static HOST: AtomicU64 = AtomicU64::new(0);
        extern "C" fn count(_: i32) {
            let host = u64::from(std::process::id()) == HOST.load(Ordering::Relaxed);
            NUMBERS.add(if host { 5 } else { 6 });
        }
        LazyLock::force(&NUMBERS);
        HOST.store(u64::from(std::process::id()), Ordering::Relaxed);
        let signals = [
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGUSR1,
            libc::SIGPIPE,
        ];
        for signal in signals {
            handle(signal, count);
        }
        // SAFETY: a process group of this process's own.
        unsafe { libc::setpgid(0, 0) };
        let freezer = std::thread::spawn(|| frozen(|_| work_for(300)));
        NUMBERS.wait(0);
        for signal in signals {
            // SAFETY: signals this process group, all of which is ours.
            unsafe { libc::kill(0, signal) };
        }
        freezer
            .join()
            .expect("ends")
            .expect("a snapshot, undisturbed");
        assert_eq!(NUMBERS.get(1), 1, "the copy went on to its end");
        assert_eq!(
            NUMBERS.get(5),
            signals.len() as u32,
            "the host's handlers ran in the host"
        );
        assert_eq!(NUMBERS.get(6), 0, "they ran in the copy");
    });
}

/// Grows, shrinks and frees blocks of all kinds; `host` was made by the host.
fn use_memory(host: &mut Vec<u64>, freed: &mut Option<Vec<u8>>) -> Result<(), String> {
    let check = |right: bool, what: &str| if right { Ok(()) } else { Err(what.to_owned()) };
    let mut small = Vec::new();
    for i in 0..200_000u64 {
        small.push(Box::new(i));
    }
    check(small.iter().zip(0..).all(|(a, b)| **a == b), "small blocks")?;
    let mut large = vec![7u8; 8 << 20];
    large.resize(20 << 20, 8);
    check(
        large[0] == 7 && large[20 << 20 >> 1] == 8,
        "a large block that grew",
    )?;
    large.truncate(9 << 20);
    large.shrink_to_fit();
    check(
        large.iter().map(|b| u64::from(*b)).sum::<u64>() == (7 * 8 + 8) << 20,
        "that shrank",
    )?;
    drop((small, large));
    for size in [1, 100, 5000, 3 << 20] {
        for align in [1, 64, 4096, 2 << 20] {
            let block = Block::alloc(size, align);
            check(block.addr().is_multiple_of(align as u64), "aligned blocks")?;
            block.mark(1);
            block.free();
            let zeroed = Block::alloc_zeroed(size, align);
            check(
                (zeroed.first_byte(), zeroed.last_byte()) == (0, 0),
                "a block used before",
            )?;
            zeroed.free();
        }
    }
    let before = host.len() as u64;
    host.extend(before..100_000);
    check(
        host.iter().zip(0..).all(|(a, b)| *a == b),
        "the host's block, grown in the copy",
    )?;
    let taken = freed.take().ok_or("the host's block is there")?;
    check(taken == [3; 1000], "the host's block")?;
    drop(taken);
    Ok(())
}

#[test]
fn the_copy_allocates_while_another_thread_holds_the_inner_lock() {
    alone(
        "the_copy_allocates_while_another_thread_holds_the_inner_lock",
        || {
            let mut host: Vec<u64> = (0..1000).collect();
            let mut freed = Some(vec![3u8; 1000]);
            static STOP: AtomicBool = AtomicBool::new(false);
            // Held nearly all the time, with gaps in which the host's own requests
            // come through; so it is held at most copies, and in them for ever.
            let holder = std::thread::spawn(|| {
                while !STOP.load(Ordering::Relaxed) {
                    Locked::with(|| std::thread::sleep(Duration::from_micros(200)));
                    (0..300).for_each(|_| std::hint::spin_loop());
                }
            });
            let options = Options {
                deadline: Duration::from_secs(20),
                ..Options::default()
            };
            let mut held_at_the_copy = 0;
            for _ in 0..100 {
                let answer = told(&options, || {
                    if !LOCKED.load(Ordering::Relaxed) {
                        return "free".into();
                    }
                    match use_memory(&mut host, &mut freed) {
                        Ok(()) => "held".into(),
                        Err(what) => format!("wrong: {what}"),
                    }
                });
                assert!(answer == "free" || answer == "held", "{answer}");
                held_at_the_copy += u32::from(answer == "held");
                if held_at_the_copy == 3 {
                    break;
                }
            }
            STOP.store(true, Ordering::Relaxed);
            holder.join().expect("ends");
            assert_eq!(held_at_the_copy, 3, "the case did not arise");
            assert_eq!(host.len(), 1000, "the host's own block is as it was");
            assert_eq!(
                freed,
                Some(vec![3; 1000]),
                "and so is the one that the copy freed"
            );
            host_goes_on();
        },
    );
}
