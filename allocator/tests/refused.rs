//! A kernel that refuses to copy the process (a seccomp filter): the work runs
//! in the process itself, and the image says so.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use endler_allocator::freeze::{self, Error, Options};
use endler_snapshot::Cut;
use support::{Block, alone, image_and_cost, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// From here on `clone` makes threads only, in this process.
fn refuse_copies() {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let op = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // struct seccomp_data: nr at 0, the low half of the first argument at 16.
    let mut program = [
        op(LOAD, 0, 0, 0),
        // glibc then makes its threads with clone.
        op(EQUAL, 0, 1, libc::SYS_clone3 as u32),
        op(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        op(EQUAL, 0, 3, libc::SYS_clone as u32),
        op(LOAD, 0, 0, 16),
        op(ANY_BIT, 1, 0, libc::CLONE_THREAD as u32),
        op(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        op(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: this process gains no privileges from here on.
    let failed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(failed, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: a program of the given length.
    let failed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter, 0, 0) };
    assert_eq!(failed, 0, "no filter: {}", std::io::Error::last_os_error());
    // SAFETY: a child that were made would end at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    assert_eq!(child, -1, "the filter refuses nothing");
}

#[test]
fn the_work_runs_in_place_and_the_blocks_are_right() {
    alone("the_work_runs_in_place_and_the_blocks_are_right", || {
        let blocks: Vec<Block> = (1..5000).map(|size| Block::alloc(size, 8)).collect();
        let (copied, cost) = image_and_cost().expect("a snapshot");
        assert_eq!((cost.cut, copied.process.cut), (Cut::Atomic, Cut::Atomic));
        refuse_copies();
        let (placed, cost) = image_and_cost().expect("a snapshot all the same");
        assert_eq!((cost.cut, placed.process.cut), (Cut::Racing, Cut::Racing));
        assert_eq!((cost.objects, cost.held.0), (placed.blocks.len() as u64, 0));
        for block in &blocks {
            let row = live(&placed, block.addr()).expect("it lives");
            assert_eq!((row.addr, row.size), block.row());
            assert_eq!(
                Some(row),
                live(&copied, block.addr()),
                "with the same identity"
            );
        }
    });
}

#[test]
fn blocks_that_stay_are_right_while_others_come_and_go() {
    alone(
        "blocks_that_stay_are_right_while_others_come_and_go",
        || {
            let blocks: Vec<Block> = (1..3000).map(|size| Block::alloc(size, 8)).collect();
            refuse_copies();
            static STOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
            let churn = || {
                let mut random = support::Random(5);
                while !STOP.load(std::sync::atomic::Ordering::Relaxed) {
                    let mut block = Block::alloc(1 + random.below(5000), 8);
                    for _ in 0..random.below(3) {
                        block = block.realloc(1 + random.below(50_000)).expect("memory");
                    }
                    block.free();
                }
            };
            let threads = [std::thread::spawn(churn), std::thread::spawn(churn)];
            for _ in 0..20 {
                let (placed, _) = image_and_cost().expect("a snapshot");
                for block in &blocks {
                    let row = live(&placed, block.addr()).expect("it lives");
                    assert_eq!((row.addr, row.size), block.row());
                }
            }
            STOP.store(true, std::sync::atomic::Ordering::Relaxed);
            threads
                .into_iter()
                .for_each(|thread| thread.join().expect("ends"));
        },
    );
}

#[test]
fn errors_and_panics_of_the_work_are_errors_in_place_too() {
    alone(
        "errors_and_panics_of_the_work_are_errors_in_place_too",
        || {
            refuse_copies();
            let failed = freeze::freeze(&Options::default(), &mut |_| Err("no room".into()));
            assert!(
                matches!(&failed, Err(Error::Failed(why)) if why == "no room"),
                "{failed:?}"
            );
            let work: &mut freeze::Work<'_> = &mut |_| panic!("the work fails");
            let result = catch_unwind(AssertUnwindSafe(|| {
                freeze::freeze(&Options::default(), work)
            }));
            let result = result.expect("a panic would end the profiler's thread for good");
            assert!(
                matches!(&result, Err(Error::Died(_) | Error::Failed(_))),
                "{result:?}"
            );
        },
    );
}
