//! A kernel that refuses to copy the process, or what the copy does first (a
//! seccomp filter, as in containers; an old kernel; no descriptor left): the
//! copy does without, or the work runs in the process itself and the image says so.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use endler_allocator::freeze::{self, Error, Keep, Options};
use endler_snapshot::Cut;
use support::filter::{Answer, refuse, refuse_copies};
use support::{Block, alone, image_and_cost, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

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

#[test]
fn in_place_a_heap_beyond_the_budget_is_refused_before_it_takes_memory() {
    alone(
        "in_place_a_heap_beyond_the_budget_is_refused_before_it_takes_memory",
        || {
            let blocks: Vec<Block> = (0..100_000).map(|_| Block::alloc(16, 8)).collect();
            refuse_copies();
            let with = |memory: u64| {
                let options = Options {
                    memory: Some(memory),
                    ..Options::default()
                };
                freeze::freeze(&options, &mut |image| Err(image.blocks.len().to_string()))
            };
            // Five columns of a block alone take 36 bytes.
            let over = with(3_600_000);
            assert!(
                matches!(over, Err(Error::Memory { budget: 3_600_000 })),
                "{over:?}"
            );
            let within = with(1 << 30);
            let Err(Error::Failed(count)) = &within else {
                panic!("{within:?}");
            };
            assert!(count.parse::<usize>().expect("a count") >= blocks.len());
        },
    );
}

#[test]
fn in_place_work_does_not_begin_after_the_deadline() {
    alone("in_place_work_does_not_begin_after_the_deadline", || {
        refuse_copies();
        let options = Options {
            deadline: Duration::from_nanos(1),
            ..Options::default()
        };
        let late = freeze::freeze(&options, &mut |_| Err("the work ran".into()));
        assert!(matches!(late, Err(Error::Deadline(_))), "{late:?}");
    });
}

/// What is open in the copy: each descriptor, and where it leads.
fn open_in_the_copy(keep: &[i32]) -> String {
    let options = Options {
        keep: Keep::these(keep),
        ..Options::default()
    };
    let listed = |_: &mut endler_snapshot::Image| {
        let entries = std::fs::read_dir("/proc/self/fd").map_err(|e| e.to_string())?;
        let mut open: Vec<String> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let leads = std::fs::read_link(&path).ok()?;
                // The listing's own.
                (!leads.ends_with("fd")).then(|| {
                    let number = path.file_name().unwrap_or_default().to_string_lossy();
                    format!("{number} {}", leads.display())
                })
            })
            .collect();
        open.sort();
        Err(open.join(";"))
    };
    match freeze::freeze(&options, &mut { listed }) {
        Err(Error::Failed(text)) => text,
        other => panic!("the work's answer is lost: {other:?}"),
    }
}

fn descriptors_are_closed_with(calls: &[(i64, Answer)]) {
    let files: Vec<std::fs::File> = (0..300)
        .map(|_| std::fs::File::open("/dev/zero").expect("opens"))
        .collect();
    refuse(calls);
    assert_eq!(open_in_the_copy(&[]), "0 /dev/null;1 /dev/null;2 /dev/null");
    for kept in [&[150][..], &[199, 0, 151, 150, 7]] {
        let kept: Vec<i32> = kept.iter().map(|n: &usize| files[*n].as_raw_fd()).collect();
        let mut expect: Vec<String> = kept.iter().map(|fd| format!("{fd} /dev/zero")).collect();
        expect.extend((0..3).map(|fd| format!("{fd} /dev/null")));
        expect.sort_unstable();
        assert_eq!(open_in_the_copy(&kept), expect.join(";"));
    }
    let open = |file: &std::fs::File| {
        // SAFETY: asks for a flag.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) >= 0 }
    };
    assert!(files.iter().all(open), "the host's own were closed");
    let (_, cost) = image_and_cost().expect("a snapshot");
    assert_eq!(cost.cut, Cut::Atomic);
}

#[test]
fn without_close_range_descriptors_are_closed_one_by_one() {
    alone(
        "without_close_range_descriptors_are_closed_one_by_one",
        || descriptors_are_closed_with(&[(libc::SYS_close_range, Answer::Error(libc::ENOSYS))]),
    );
}

#[test]
fn where_the_table_cannot_be_left_the_copy_gets_one_of_its_own() {
    alone(
        "where_the_table_cannot_be_left_the_copy_gets_one_of_its_own",
        || {
            descriptors_are_closed_with(&[
                (libc::SYS_close_range, Answer::Error(libc::EPERM)),
                (libc::SYS_unshare, Answer::Error(libc::EPERM)),
            ]);
        },
    );
}

#[test]
fn without_signals_by_pidfd_and_timers_the_deadline_holds() {
    alone(
        "without_signals_by_pidfd_and_timers_the_deadline_holds",
        || {
            refuse(&[
                (libc::SYS_pidfd_send_signal, Answer::Error(libc::ENOSYS)),
                (libc::SYS_timer_create, Answer::Error(libc::EPERM)),
            ]);
            let options = Options {
                deadline: Duration::from_millis(300),
                ..Options::default()
            };
            let mut seen = Vec::new();
            for _ in 0..3 {
                let late = freeze::freeze(&options, &mut |_| {
                    support::nap(100_000);
                    Ok(())
                });
                assert!(matches!(late, Err(Error::Deadline(_))), "{late:?}");
                seen.push(std::fs::read_dir("/proc/self/fd").expect("a list").count());
            }
            assert_eq!(seen[0], seen[2], "a descriptor stays open: {seen:?}");
        },
    );
}

#[test]
fn nothing_reads_other_processes_memory() {
    alone("nothing_reads_other_processes_memory", || {
        refuse(&[
            (libc::SYS_process_vm_readv, Answer::Kill),
            (libc::SYS_process_vm_writev, Answer::Kill),
            (libc::SYS_ptrace, Answer::Kill),
            (libc::SYS_pidfd_getfd, Answer::Kill),
        ]);
        let (_, cost) = image_and_cost().expect("a snapshot");
        assert_eq!(cost.cut, Cut::Atomic);
        refuse_copies();
        let (_, cost) = image_and_cost().expect("a snapshot in place");
        assert_eq!(cost.cut, Cut::Racing);
    });
}

#[test]
fn a_host_that_has_used_up_its_descriptors_is_copied() {
    alone("a_host_that_has_used_up_its_descriptors_is_copied", || {
        let limit = libc::rlimit {
            rlim_cur: 64,
            rlim_max: 64,
        };
        // SAFETY: sets this process's own limit.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/zero") {
            files.push(file);
        }
        let mut atomic = None;
        let cost = freeze::freeze(&Options::default(), &mut |image| {
            // The copy has room for files of its own.
            std::fs::File::open("/dev/zero").map_err(|e| e.to_string())?;
            atomic = Some(image.process.cut);
            Ok(())
        });
        let cost = cost.expect("a snapshot");
        assert_eq!(cost.cut, Cut::Atomic);
        assert_eq!(atomic, None, "the work ran in the copy");
    });
}
