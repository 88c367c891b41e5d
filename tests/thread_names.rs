//! std keeps the handle of a thread in memory of the system's allocator, which is no
//! block: what the handle holds, the thread's name, is held all the same.
#![allow(missing_docs)]

use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use endler::reports::holding::leaks;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

const THREADS: usize = 12;

struct Pool {
    #[allow(dead_code, reason = "only held")]
    workers: Vec<JoinHandle<()>>,
}

#[test]
fn a_thread_s_name_is_held_by_its_handle() {
    let over = Arc::new(Barrier::new(THREADS + 1));
    let worker = |n: usize| {
        let over = over.clone();
        let work = move || {
            over.wait();
        };
        let name = format!("worker-{n}");
        Builder::new().name(name).spawn(work).expect("a thread")
    };
    let pool = Box::new(Pool {
        workers: (0..THREADS).map(worker).collect(),
    });
    let snapshot = endler::snapshot().expect("a snapshot");
    let types = snapshot.tables();
    assert!(types.contains("CString"), "{types}");
    let found = leaks(&[snapshot.heap()]).expect("a snapshot with references");
    let names = found.rows.iter().filter(|row| row.name == "CString");
    // The harness keeps the handle of this very thread in code that comes without types.
    let lost: u64 = names.map(|row| row.count).sum();
    assert!(lost <= 1, "{found:#?}");
    over.wait();
    drop(pool);
}
