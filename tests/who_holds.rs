//! Cycles of `Rc` and `Arc`, and their counts, in a process that knows them: each
//! cycle is called by the field that closes it, and a count that was forgotten is
//! told, with no other one beside it. And the ways that hold a block that two statics hold.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use endler::reports::graph::PathCount;
use endler::reports::holding::{
    CountRow, CycleRow, Holding, LeakTable, Mismatch, fold_owners, leaks, ways_to,
};
use endler::reports::partition::Heap;
use endler_snapshot::{BlockId, Image};

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

struct Node {
    #[allow(dead_code, reason = "only held")]
    name: String,
    parent: RefCell<Option<Rc<Node>>>,
    children: RefCell<Vec<Rc<Node>>>,
}

struct Branch {
    up: Mutex<Option<Arc<Branch>>>,
    #[allow(dead_code, reason = "only held")]
    down: Mutex<Option<Arc<Branch>>>,
}

struct Asset {
    #[allow(dead_code, reason = "only held")]
    pixels: Vec<u8>,
}

/// Two fields that share one list: what lies in it has two names and one pointer.
struct Album {
    #[allow(dead_code, reason = "only held")]
    list: Arc<Mutex<Vec<Arc<Asset>>>>,
    #[allow(dead_code, reason = "only held")]
    again: Arc<Mutex<Vec<Arc<Asset>>>>,
}

static BRANCHES: Mutex<Vec<Arc<Branch>>> = Mutex::new(Vec::new());
static ASSETS: Mutex<Vec<Arc<Asset>>> = Mutex::new(Vec::new());
static WATCHERS: Mutex<Vec<Weak<Asset>>> = Mutex::new(Vec::new());
static ALBUM: Mutex<Option<Album>> = Mutex::new(None);

const TREES: usize = 10;
const CHILDREN: usize = 3;
const HELD: usize = 4;
const SHARED: usize = 20;
const FORGOTTEN: usize = 7;
const FORGOTTEN_WEAK: usize = 5;

/// Runs on a stack that ends with it, so that no word of it is found later.
fn apart(plant: fn()) {
    std::thread::spawn(plant).join().expect("it plants");
}

fn node() -> Rc<Node> {
    Rc::new(Node {
        name: "a name of a node".into(),
        parent: RefCell::default(),
        children: RefCell::default(),
    })
}

fn cycles() {
    let roots: Vec<Rc<Node>> = (0..TREES).map(|_| node()).collect();
    let heads = |_| {
        Arc::new(Branch {
            up: Mutex::default(),
            down: Mutex::default(),
        })
    };
    let heads: Vec<Arc<Branch>> = (0..HELD).map(heads).collect();
    // What is older is the one that the other leads back to.
    std::thread::sleep(Duration::from_millis(50));
    for root in &roots {
        for _ in 0..CHILDREN {
            let child = node();
            *child.parent.borrow_mut() = Some(root.clone());
            root.children.borrow_mut().push(child);
        }
    }
    for head in &heads {
        let tail = Arc::new(Branch {
            up: Mutex::new(Some(head.clone())),
            down: Mutex::default(),
        });
        *head.down.lock().expect("nobody panicked") = Some(tail.clone());
        assert!(tail.up.lock().is_ok_and(|up| up.is_some()));
    }
    *BRANCHES.lock().expect("nobody panicked") = heads;
    // No cycle: the way up ends.
    let top = node();
    top.children.borrow_mut().push(node());
    std::mem::forget(top);
}

fn counts() {
    let asset = |n: usize| {
        Arc::new(Asset {
            pixels: vec![7; 100 + n],
        })
    };
    let mut assets: Vec<Arc<Asset>> = (0..SHARED).map(asset).collect();
    for (n, asset) in assets.iter().enumerate() {
        match n {
            n if n < FORGOTTEN => std::mem::forget(asset.clone()),
            ..10 => {}
            10..15 => std::mem::forget(Arc::downgrade(asset)),
            _ => {
                let watcher = Arc::downgrade(asset);
                WATCHERS.lock().expect("nobody panicked").push(watcher);
            }
        }
    }
    std::mem::forget(assets[0].clone());
    let list = Arc::new(Mutex::new(assets[8..12].to_vec()));
    *ALBUM.lock().expect("nobody panicked") = Some(Album {
        again: list.clone(),
        list,
    });
    // One that only a watcher knows of, and one that only a watcher keeps.
    let forgotten = asset(SHARED);
    let gone = asset(SHARED + 1);
    for asset in [&forgotten, &gone] {
        let watcher = Arc::downgrade(asset);
        WATCHERS.lock().expect("nobody panicked").push(watcher);
    }
    std::mem::forget(forgotten);
    drop(gone);
    assets.extend_from_within(15..18);
    *ASSETS.lock().expect("nobody panicked") = assets;
}

fn look(snapshot: &endler::Snapshot) -> LeakTable {
    leaks(&[Heap::new(snapshot.image())]).expect("references")
}

#[test]
fn what_is_counted() {
    apart(cycles);
    apart(counts);
    let snapshot = endler::snapshot().expect("a snapshot");
    let table = look(&snapshot);

    let mine = |row: &&CycleRow| row.name.contains("who_holds::");
    let cycles: Vec<&CycleRow> = table.cycles.rows.iter().filter(mine).collect();
    let [lost, held] = cycles[..] else {
        panic!("{:#?}", table.cycles);
    };
    assert_eq!(lost.closing, "who_holds::Node.parent");
    assert_eq!(lost.name, "Rc<who_holds::Node>");
    // The root, its children, and the buffer between.
    let blocks = (TREES * (CHILDREN + 2)) as u64;
    assert_eq!(
        (lost.is_lost, lost.count, lost.blocks),
        (true, TREES as u64, blocks)
    );
    assert_eq!(held.closing, "who_holds::Branch.up");
    assert_eq!(
        (held.is_lost, held.count, held.blocks),
        (false, HELD as u64, 2 * HELD as u64)
    );

    let mine = |row: &&CountRow| row.name.contains("who_holds::");
    let counts = table.counts.as_ref().expect("an atomic copy");
    let rows = counts.rows.iter().filter(mine);
    let mut rows: Vec<_> = rows
        .map(|row| (row.mismatch, row.name.as_str(), row.count, row.by))
        .collect();
    rows.sort_unstable();
    let (asset, node) = ("Arc<who_holds::Asset>", "Rc<who_holds::Node>");
    // One of the seven twice, and that which only a watcher knows of.
    let forgotten = FORGOTTEN as u64 + 1;
    assert_eq!(
        rows,
        [
            (Mismatch::Lost, asset, forgotten, forgotten + 1),
            (Mismatch::Lost, node, 1, 1),
            (Mismatch::LostWeak, asset, 5, FORGOTTEN_WEAK as u64),
        ]
    );

    // Each count is as the program's own, and so are the pointers.
    let image = snapshot.image();
    let references = image.references.as_ref().expect("references");
    let assets = ASSETS.lock().expect("nobody panicked");
    for asset in assets.iter() {
        let value = (&raw const **asset) as u64;
        let count = references.counts.iter().find(|count| {
            let at = image.blocks.addr[count.block.index()].0;
            at <= value && value < at + image.blocks.size[count.block.index()].0
        });
        let count = count.expect("it is counted");
        assert_eq!(count.strong, Arc::strong_count(asset) as u64);
        assert_eq!(count.weak, Arc::weak_count(asset) as u64 + 1);
    }
}

struct Page {
    text: String,
}

struct Cache {
    pages: Vec<Arc<Page>>,
}

struct Index {
    #[allow(dead_code, reason = "only held")]
    by_id: HashMap<u64, Arc<Page>>,
}

static CACHE: Mutex<Option<Cache>> = Mutex::new(None);
static INDEX: Mutex<Option<Index>> = Mutex::new(None);

const TEXT: usize = 1234;

/// A page that two statics hold, by a vector and by a map.
fn pages() {
    let page = |n: u64| {
        let text = String::with_capacity(TEXT + n as usize);
        (n, Arc::new(Page { text }))
    };
    let by_id: HashMap<u64, Arc<Page>> = (0..3).map(page).collect();
    let pages = vec![by_id[&1].clone()];
    *CACHE.lock().expect("nobody panicked") = Some(Cache { pages });
    *INDEX.lock().expect("nobody panicked") = Some(Index { by_id });
}

#[test]
fn each_way_that_holds_a_block_is_told() {
    apart(pages);
    let snapshot = endler::snapshot().expect("a snapshot");
    let image = snapshot.image();
    let cache = CACHE.lock().expect("nobody panicked");
    let page = &cache.as_ref().expect("it was planted").pages[0];
    let value = Arc::as_ptr(page) as u64;
    let (addr, size) = (&image.blocks.addr, &image.blocks.size);
    let holds = |&at: &usize| addr[at].0 <= value && value < addr[at].0 + size[at].0;
    let block = (0..addr.len()).find(holds).expect("it is recorded");

    let holding = Holding::new(Heap::new(image)).expect("references");
    let found = ways_to(&holding, BlockId(block as u32), 10);
    assert_eq!(found.shortest, PathCount::Exact(2));
    assert!(found.is_all);
    let mut ways: Vec<_> = found
        .ways
        .iter()
        .map(|way| {
            let last = way.steps.last().expect("a step");
            assert_eq!((way.steps.len(), last.1), (2, BlockId(block as u32)));
            (way.root.as_str(), last.0.as_str())
        })
        .collect();
    ways.sort_unstable();
    assert_eq!(
        ways,
        [
            ("static who_holds::CACHE", "who_holds::Cache.pages[*]"),
            ("static who_holds::INDEX", "who_holds::Index.by_id[*]"),
        ]
    );

    // Folded, the page's text is counted to the page, and is no block any more.
    let folded = fold_owners(image);
    let sizes = |image: &Image, at: u64| {
        let blocks = image.blocks.addr.iter().zip(&image.blocks.size);
        let mut found = blocks.filter(|(addr, _)| addr.0 == at);
        found.next().map(|(_, size)| size.0)
    };
    let text = page.text.as_ptr() as u64;
    assert_eq!(sizes(image, text), Some(page.text.capacity() as u64));
    assert_eq!(sizes(&folded, text), None);
    let own = addr[block].0;
    let both = size[block].0 + page.text.capacity() as u64;
    assert_eq!(sizes(&folded, own), Some(both));
}
