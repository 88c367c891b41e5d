//! What statics, thread-locals and other threads' stacks hold is not lost; the same
//! values beside them are.

use endler_holding::{Meter, end, lost, plant};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::mem::forget;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

#[global_allocator]
static HEAP: endler::Heap<Meter> = endler::Heap::wrapping(Meter);

type Map = HashMap<String, Arc<Vec<String>>>;

static MAP: OnceLock<Map> = OnceLock::new();
static TREE: RwLock<BTreeMap<u32, Box<dyn Fn() -> usize + Send + Sync>>> =
    RwLock::new(BTreeMap::new());
static QUEUE: Mutex<Vec<Arc<Vec<String>>>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: RefCell<Map> = RefCell::new(HashMap::new());
}

fn map(rows: u32) -> Map {
    let row = |i: u32| (i.to_string(), Arc::new(vec!["a value".to_owned(); 3]));
    (0..rows).map(row).collect()
}

fn actions(rows: u32) -> BTreeMap<u32, Box<dyn Fn() -> usize + Send + Sync>> {
    let action = |i: u32| {
        let text = i.to_string();
        (
            i,
            Box::new(move || text.len()) as Box<dyn Fn() -> usize + Send + Sync>,
        )
    };
    (0..rows).map(action).collect()
}

fn statics() {
    MAP.get_or_init(|| map(200));
    *TREE.write().expect("nobody panicked") = actions(200);
    let values = map(100).into_values();
    QUEUE.lock().expect("nobody panicked").extend(values);
}

fn waits(ready: Sender<()>, go: Receiver<()>) {
    let here = map(200);
    OWN.with_borrow_mut(|own| *own = map(200));
    ready.send(()).expect("main waits");
    let _ = go.recv();
    drop(here);
}

fn main() {
    plant(statics);
    plant(|| {
        lost(|| forget(map(400)));
        lost(|| forget(actions(400)));
        // Freed with its thread.
        OWN.with_borrow_mut(|own| *own = map(50));
    });
    OWN.with_borrow_mut(|own| *own = map(100));
    let (ready, is_ready) = channel();
    let (go, wait) = channel();
    let thread = std::thread::spawn(|| waits(ready, wait));
    is_ready.recv().expect("it is ready");
    end();
    drop(go);
    thread.join().expect("it ends");
}
