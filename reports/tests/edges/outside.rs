//! Statics, thread-locals and stacks that hold blocks.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::{LazyLock, Mutex, OnceLock, RwLock};

use endler_reports::scan::{Graph, RootKind};
use endler_snapshot::Image;

use super::recorder::{Record, blocks_of};
use super::truth::at;

fn text(n: usize) -> String {
    format!("a static's text, long enough, {n}")
}

struct Cache {
    items: Vec<String>,
}

static QUEUE: Mutex<Vec<String>> = Mutex::new(Vec::new());
static NAMES: OnceLock<Vec<String>> = OnceLock::new();
static NEVER: OnceLock<Vec<String>> = OnceLock::new();
static LAZY: LazyLock<BTreeMap<u8, String>> = LazyLock::new(|| [(1, text(10))].into());
static CACHE: RwLock<Option<Cache>> = RwLock::new(None);
static LEAKED: OnceLock<&'static [String]> = OnceLock::new();

thread_local! {
    static SCRATCH: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static LATER: RefCell<HashMap<u8, String>> = RefCell::new(HashMap::new());
}

mod inner {
    pub(super) static DEEP: std::sync::Mutex<Option<Box<u64>>> = std::sync::Mutex::new(None);
}

fn counter() -> &'static Mutex<Vec<u32>> {
    static COUNTER: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    &COUNTER
}

/// The root edges there must be, and the edges between blocks.
pub(crate) struct Outside {
    pub(crate) blocks: Vec<Record>,
    roots: Vec<(&'static str, usize, &'static str)>,
    edges: Vec<(usize, usize, &'static str)>,
}

impl Outside {
    fn block(&self, address: usize) -> usize {
        let holds = |b: &&Record| b.address <= address && address < b.address + b.size;
        self.blocks.iter().find(holds).unwrap().address
    }

    fn root(&mut self, root: &'static str, address: usize, label: &'static str) -> usize {
        let block = self.block(address);
        self.roots.push((root, block, label));
        block
    }

    fn edge(&mut self, from: usize, to: usize, label: &'static str) {
        let to = self.block(to);
        self.edges.push((from, to, label));
    }
}

#[inline(never)]
fn fill() {
    QUEUE.lock().unwrap().extend([text(1), text(2)]);
    NAMES.set(vec![text(3)]).unwrap();
    assert_eq!(LAZY.len(), 1);
    *CACHE.write().unwrap() = Some(Cache {
        items: vec![text(4)],
    });
    LEAKED.set(vec![text(5)].leak()).unwrap();
    *inner::DEEP.lock().unwrap() = Some(Box::new(6));
    counter().lock().unwrap().push(7);
    SCRATCH.with_borrow_mut(|s| s.push(text(8)));
    LATER.with_borrow_mut(|m| m.insert(1, text(9)));
}

/// Fills the statics of this test.
pub(crate) fn outside() -> Outside {
    let mut o = Outside {
        blocks: blocks_of(fill),
        roots: Vec::new(),
        edges: Vec::new(),
    };
    let queue = QUEUE.lock().unwrap();
    let root = "static edges::outside::QUEUE";
    let buffer = o.root(root, at(queue.as_slice()), root);
    for one in queue.iter() {
        o.edge(buffer, at(one.as_str()), "static edges::outside::QUEUE[*]");
    }
    let names = NAMES.get().unwrap();
    let root = "static edges::outside::NAMES";
    let buffer = o.root(root, at(names.as_slice()), root);
    o.edge(
        buffer,
        at(names[0].as_str()),
        "static edges::outside::NAMES[*]",
    );
    let root = "static edges::outside::LAZY";
    let node = o.root(root, at(&LAZY[&1]), root);
    o.edge(
        node,
        at(LAZY[&1].as_str()),
        "static edges::outside::LAZY[*]",
    );
    let cache = CACHE.read().unwrap();
    let items = &cache.as_ref().unwrap().items;
    let label = "edges::outside::Cache.items";
    let buffer = o.root("static edges::outside::CACHE", at(items.as_slice()), label);
    o.edge(
        buffer,
        at(items[0].as_str()),
        "edges::outside::Cache.items[*]",
    );
    let leaked = LEAKED.get().unwrap();
    let root = "static edges::outside::LEAKED";
    let buffer = o.root(root, at(*leaked), root);
    o.edge(
        buffer,
        at(leaked[0].as_str()),
        "static edges::outside::LEAKED[*]",
    );
    let deep = inner::DEEP.lock().unwrap();
    let root = "static edges::outside::inner::DEEP";
    o.root(root, at(&**deep.as_ref().unwrap()), root);
    let root = "static edges::outside::counter::COUNTER";
    o.root(root, at(counter().lock().unwrap().as_slice()), root);
    SCRATCH.with_borrow(|s| {
        let root = "thread_local edges::outside::SCRATCH";
        let buffer = o.root(root, at(s.as_slice()), root);
        o.edge(
            buffer,
            at(s[0].as_str()),
            "thread_local edges::outside::SCRATCH[*]",
        );
    });
    LATER.with_borrow(|m| {
        let root = "thread_local edges::outside::LATER";
        let table = o.root(root, at(&m[&1]), root);
        o.edge(
            table,
            at(m[&1].as_str()),
            "thread_local edges::outside::LATER[*]",
        );
    });
    black_box(&NEVER);
    o
}

impl Outside {
    /// Compares with a scan.
    pub(crate) fn check(&self, image: &Image, graph: &Graph) {
        let address = |row: u32| image.blocks.addr[row as usize].0 as usize;
        let label = |row: u32| graph.labels[row as usize].as_str();
        let mine: Vec<usize> = self.blocks.iter().map(|b| b.address).collect();
        let mut roots = self.roots.clone();
        for edge in 0..graph.root_edges.len() {
            let root = &graph.roots[graph.root_edges.source[edge] as usize];
            let target = address(graph.root_edges.target[edge]);
            if root.kind == RootKind::Stack || !mine.contains(&target) {
                continue;
            }
            assert!(!graph.root_edges.is_guess(edge), "{root:?} {target:#x}");
            let found = (
                root.name.as_str(),
                target,
                label(graph.root_edges.label[edge]),
            );
            let Some(at) = roots.iter().position(|r| *r == found) else {
                panic!("{found:x?} is not one of {roots:x?}");
            };
            roots.remove(at);
        }
        assert_eq!(roots, [], "missing");
        let mut edges = self.edges.clone();
        for edge in 0..graph.edges.len() {
            let source = address(graph.edges.source[edge]);
            if !mine.contains(&source) || graph.edges.is_guess(edge) {
                continue;
            }
            let target = address(graph.edges.target[edge]);
            let found = (source, target, label(graph.edges.label[edge]));
            let Some(at) = edges.iter().position(|r| *r == found) else {
                panic!("{found:x?} is not one of {edges:x?}");
            };
            edges.remove(at);
        }
        assert_eq!(edges, [], "missing");
    }
}
