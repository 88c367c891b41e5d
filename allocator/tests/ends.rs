//! How a copy can end, and that the host is told which it was.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::sync::LazyLock;
use std::time::Duration;

use endler_allocator::freeze::{self, Cost, Error, Options};
use endler_snapshot::Image;
use support::{Block, SharedNumbers, alone, image, nap};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// Numbers that the host and its copies share: 0 the copy's work has begun, 1 it
/// is over, 2 its process.
static NUMBERS: LazyLock<SharedNumbers> = LazyLock::new(SharedNumbers::new);

fn frozen(mut work: impl FnMut(&mut Image) -> Result<(), String>) -> Result<Cost, Error> {
    freeze::freeze(&Options::default(), &mut work)
}

/// The host is as well as before: another snapshot succeeds, and no child is left.
fn host_goes_on() {
    let block = Block::alloc(77, 8);
    let after = image();
    let row = support::live(&after, block.addr()).expect("it lives");
    assert_eq!(row.size, 77);
    block.free();
    // SAFETY: asks after children; no status is wanted.
    let got = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
    assert_eq!(got, -1, "a copy is left behind");
}

fn died(result: &Result<Cost, Error>) -> &str {
    match result {
        Err(Error::Died(how)) => how,
        other => panic!("it did not die: {other:?}"),
    }
}

#[test]
fn an_abort_is_not_called_a_want_of_memory() {
    alone("an_abort_is_not_called_a_want_of_memory", || {
        // SAFETY: ends the copy.
        let at_once = frozen(|_| unsafe { libc::abort() });
        assert!(died(&at_once).contains("signal 6"), "{at_once:?}");
        host_goes_on();
    });
}

#[test]
fn memory_that_the_kernel_refuses_is_not_called_the_budget() {
    alone(
        "memory_that_the_kernel_refuses_is_not_called_the_budget",
        || {
            let refused = frozen(|_| {
                let limit = libc::rlimit {
                    rlim_cur: 1 << 20,
                    rlim_max: 1 << 20,
                };
                // SAFETY: the copy's own limit.
                unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
                let held: Vec<Vec<u8>> = (0..1000).map(|_| vec![1u8; 1 << 20]).collect();
                Err(format!("{} MiB were given", held.len()))
            });
            assert!(
                matches!(refused, Err(Error::Refused { taken }) if taken > 0),
                "{refused:?}"
            );
            host_goes_on();
        },
    );
}

#[test]
fn alarms_and_faults_sent_to_the_process_group_are_not_the_copys() {
    alone(
        "alarms_and_faults_sent_to_the_process_group_are_not_the_copys",
        || {
            LazyLock::force(&NUMBERS);
            // SAFETY: a process group of this process's own.
            unsafe { libc::setpgid(0, 0) };
            let signals = [
                libc::SIGALRM,
                libc::SIGVTALRM,
                libc::SIGPROF,
                libc::SIGABRT,
                libc::SIGQUIT,
                libc::SIGXCPU,
                libc::SIGTSTP,
            ];
            for signal in signals {
                // SAFETY: the host does not want it.
                unsafe { libc::signal(signal, libc::SIG_IGN) };
            }
            let freezer = std::thread::spawn(|| {
                frozen(|_| {
                    NUMBERS.add(0);
                    nap(300);
                    NUMBERS.add(1);
                    Ok(())
                })
            });
            NUMBERS.wait(0);
            for signal in signals {
                // SAFETY: signals this process group, all of which is ours.
                unsafe { libc::kill(0, signal) };
            }
            let done = freezer.join().expect("ends");
            assert!(done.is_ok(), "{done:?}");
            assert_eq!(NUMBERS.get(1), 1, "the copy went on to its end");
        },
    );
}

#[test]
fn a_stopped_copy_is_ended_at_the_deadline() {
    alone("a_stopped_copy_is_ended_at_the_deadline", || {
        let options = Options {
            deadline: Duration::from_millis(500),
            ..Options::default()
        };
        let late = freeze::freeze(&options, &mut |_| {
            // SAFETY: stops the copy.
            unsafe { libc::raise(libc::SIGSTOP) };
            Ok(())
        });
        let Err(error @ Error::Deadline(_)) = &late else {
            panic!("{late:?}");
        };
        assert!(error.to_string().contains("not ready"), "{error}");
        host_goes_on();
    });
}

#[test]
fn a_copy_that_someone_kills_says_so() {
    alone("a_copy_that_someone_kills_says_so", || {
        // SAFETY: ends the copy.
        let killed = frozen(|_| match unsafe { libc::raise(libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err("not killed".into()),
        });
        assert!(died(&killed).contains("signal 9"), "{killed:?}");
        host_goes_on();
    });
}

#[test]
fn a_host_that_reaps_every_child_does_not_lose_the_result() {
    alone(
        "a_host_that_reaps_every_child_does_not_lose_the_result",
        || {
            LazyLock::force(&NUMBERS);
            let reaper = std::thread::spawn(|| {
                let mut reaped = 0;
                while reaped < 5 {
                    // SAFETY: takes any child, of any kind.
                    let got = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) };
                    reaped += u32::from(got > 0);
                    if got < 0 {
                        nap(1);
                    }
                }
            });
            let mut done = 0;
            while !reaper.is_finished() {
                let result = frozen(|_| {
                    nap(50);
                    Ok(())
                });
                assert!(result.is_ok(), "{result:?}");
                done += 1;
            }
            assert!(done >= 5, "{done} snapshots");
            reaper.join().expect("ends");
        },
    );
}

#[test]
fn a_host_that_ignores_its_children_does_not_lose_the_result() {
    alone(
        "a_host_that_ignores_its_children_does_not_lose_the_result",
        || {
            // The kernel then reaps children by itself.
            // SAFETY: sets this process's own action.
            unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
            frozen(|_| Ok(())).expect("a snapshot");
            let failed = frozen(|_| Err("the work's answer".into()));
            assert!(
                matches!(&failed, Err(Error::Failed(why)) if why == "the work's answer"),
                "{failed:?}"
            );
            // SAFETY: ends the copy.
            let aborted = frozen(|_| unsafe { libc::abort() });
            assert!(died(&aborted).contains("signal 6"), "{aborted:?}");
            host_goes_on();
        },
    );
}

#[test]
fn a_panic_hook_that_runs_at_the_copy_costs_a_second_try_only() {
    alone(
        "a_panic_hook_that_runs_at_the_copy_costs_a_second_try_only",
        || {
            LazyLock::force(&NUMBERS);
            std::panic::set_hook(Box::new(|_| {
                NUMBERS.add(5);
                NUMBERS.wait(6);
            }));
            let panicking = std::thread::spawn(|| panic!("with the hook's lock held"));
            NUMBERS.wait(5);
            let release = std::thread::spawn(|| {
                // The first copy is made meanwhile; whenever that is, a copy that
                // was made in time of the lock never gets ready.
                nap(1000);
                NUMBERS.add(6);
            });
            let result = frozen(|_| {
                NUMBERS.add(0);
                Ok(())
            });
            assert!(result.is_ok(), "{result:?}");
            assert_eq!(NUMBERS.get(0), 1);
            assert_eq!(
                NUMBERS.get(6),
                1,
                "no copy was ready while the lock was held"
            );
            assert!(panicking.join().is_err());
            release.join().expect("ends");
        },
    );
}

#[test]
fn a_copy_outlives_its_host_and_finishes() {
    alone("a_copy_outlives_its_host_and_finishes", || {
        LazyLock::force(&NUMBERS);
        // SAFETY: the child snapshots itself and is killed meanwhile.
        let host = unsafe { libc::fork() };
        if host == 0 {
            let _ = frozen(|_| {
                NUMBERS.add(0);
                nap(300);
                NUMBERS.add(1);
                Ok(())
            });
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        NUMBERS.wait(0);
        // SAFETY: our own child.
        unsafe { libc::kill(host, libc::SIGKILL) };
        // SAFETY: as above.
        unsafe { libc::waitpid(host, std::ptr::null_mut(), 0) };
        assert_eq!(NUMBERS.get(1), 0, "the host ended first");
        NUMBERS.wait(1);
    });
}

#[test]
fn a_copy_whose_host_is_gone_ends_by_itself() {
    alone("a_copy_whose_host_is_gone_ends_by_itself", || {
        LazyLock::force(&NUMBERS);
        // The orphan becomes this process's child.
        // SAFETY: changes this process alone.
        unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
        // SAFETY: the child snapshots itself and is killed meanwhile.
        let host = unsafe { libc::fork() };
        if host == 0 {
            let options = Options {
                deadline: Duration::from_millis(1),
                ..Options::default()
            };
            // So that the host itself does not end the copy.
            support::filter::refuse(&[(
                libc::SYS_pidfd_send_signal,
                support::filter::Answer::Error(libc::ESRCH),
            )]);
            let _ = freeze::freeze(&options, &mut |_| {
                NUMBERS.add(0);
                loop {
                    nap(1000);
                }
            });
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        NUMBERS.wait(0);
        // SAFETY: our own child.
        unsafe { libc::kill(host, libc::SIGKILL) };
        // SAFETY: as above.
        unsafe { libc::waitpid(host, std::ptr::null_mut(), 0) };
        let mut status = 0;
        // SAFETY: waits for the orphan, of the kind that has no exit signal.
        let orphan = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
        assert!(orphan > 0, "the copy was not this process's to wait for");
        assert!(
            libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL,
            "status {status:#x}"
        );
    });
}
