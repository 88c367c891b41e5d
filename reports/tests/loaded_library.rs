//! A library loaded by `dlopen`, with types of its own: what its code allocates gets
//! the library's types, and its static and fields their names. Two libraries whose
//! types have the same names and lie differently in memory are not mixed up. What a library's
//! thread-local holds is held by it in each thread, however the loader has placed it.

#[path = "support/own_memory.rs"]
mod own_memory;
#[path = "truth/recorder.rs"]
mod recorder;

use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::{Graph, RootKind, ThreadSpan, scan};
use endler_snapshot::{Addr, BlockId, Evidence, Image, ThreadId};
use own_memory::Own;

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

/// How many orders a library makes; even ones have a note.
const MANY: u64 = 40;

extern "C" fn take(size: usize, align: usize) -> *mut u8 {
    let layout = Layout::from_size_align(size, align).unwrap();
    // SAFETY: nobody asks an allocator for no bytes.
    std::hint::black_box(unsafe { alloc(layout) })
}

extern "C" fn give(address: *mut u8, size: usize, align: usize) {
    let layout = Layout::from_size_align(size, align).unwrap();
    // SAFETY: the library gives back what it took, with its layout.
    unsafe { dealloc(address, layout) }
}

/// Builds the library with more of rustc's arguments: `--cfg=second` is the one whose
/// orders lie otherwise.
fn build(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let out = folder.join(format!("{name}.so"));
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2024", "--crate-type", "cdylib"])
        .args(["--crate-name", "library", "-C", "debuginfo=2"])
        .args(arguments)
        .arg("-o")
        .arg(&out)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/loaded_library/library.rs"
        ));
    assert!(rustc.status().unwrap().success(), "{rustc:?}");
    out
}

/// Loads it for good.
fn load(path: &Path) -> *mut libc::c_void {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the library's constructors are Rust's own.
    let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "{path:?} is not loaded");
    library
}

fn function(library: *mut libc::c_void, name: &std::ffi::CStr) -> *mut libc::c_void {
    // SAFETY: the library stays loaded.
    let found = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?} is not there");
    found
}

/// Lets the library make its orders; its blocks.
fn fill(library: *mut libc::c_void) -> Vec<recorder::Record> {
    type Start =
        extern "C" fn(extern "C" fn(usize, usize) -> *mut u8, extern "C" fn(*mut u8, usize, usize));
    let start = function(library, c"start");
    // SAFETY: the library's function of this name has this type.
    let start = unsafe { std::mem::transmute::<*mut libc::c_void, Start>(start) };
    start(take, give);
    let fill = function(library, c"fill");
    // SAFETY: the same.
    let fill = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn(u64)>(fill) };
    recorder::blocks_of(|| fill(MANY))
}

/// How many blocks have each name, with the field that points to them.
fn counted(image: &Image, graph: &Graph) -> BTreeMap<(String, String), u64> {
    let resolution = image.resolution.as_ref().unwrap();
    let mut vias = vec![Vec::new(); image.blocks.len()];
    for edges in [&graph.edges, &graph.root_edges] {
        for edge in 0..edges.len() {
            let label = &graph.labels[edges.label[edge] as usize];
            vias[edges.target[edge] as usize].push(label.clone());
        }
    }
    let mut all = BTreeMap::new();
    for (block, mut via) in vias.into_iter().enumerate() {
        let row = resolution.type_of(BlockId(block as u32));
        assert_ne!(resolution.block_evidence[block], Evidence::Unknown);
        via.sort();
        via.dedup();
        let name = resolution.str(row.name).to_owned();
        *all.entry((name, via.join(", "))).or_default() += 1;
    }
    all
}

#[test]
fn blocks_of_a_loaded_library_have_its_types() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loaded_library");
    std::fs::create_dir_all(&folder).unwrap();
    let libraries = [
        load(&build(&folder, "first", &[])),
        load(&build(&folder, "second", &["--cfg=second"])),
    ];
    let mut records = fill(libraries[0]);
    records.extend(fill(libraries[1]));
    // Two libraries, each of which made so many.
    check(&records, 2);
}

/// The units proper lie in `LIBRARY.dwp`, or in object files.
#[test]
fn debug_information_may_lie_elsewhere() {
    for kind in ["packed", "unpacked"] {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(kind);
        std::fs::create_dir_all(&folder).unwrap();
        let split = format!("split-debuginfo={kind}");
        let library = load(&build(&folder, "library", &["-C", &split]));
        check(&fill(library), 1);
    }
}

/// The blocks of so many libraries have their types and the fields that hold them.
fn check(records: &[recorder::Record], libraries: u64) {
    let mut image = recorder::image(records);
    let options = Options::default();
    assert_eq!(resolve(&mut image, &options), []);
    let memory = Own::new();
    let graph = scan(&image, &memory, &options, &[]);
    let found = counted(&image, &graph);
    let all = libraries * MANY;
    let expected = [
        ("Box<library::Order>", "library::Book.orders[*]", all),
        ("String", "library::Order.buyer", all),
        ("Box<library::Note>", "library::Order.notes", all / 2),
        ("Vec<library::Note>", "library::Book.totals[*]", all),
        (
            "Vec<Box<library::Order>>",
            "library::Book.orders",
            libraries,
        ),
        (
            "HashMap<u64, Vec<library::Note>>",
            "library::Book.totals",
            libraries,
        ),
    ];
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(name, via, many)| ((name.to_owned(), via.to_owned()), many))
        .collect();
    assert_eq!(found, expected);
}

/// A thread that keeps something in a thread-local, and stays until it is told.
struct Keeper {
    end: Sender<()>,
    thread: JoinHandle<()>,
    pointer: Addr,
    blocks: Vec<recorder::Record>,
}

impl Keeper {
    fn new(keep: impl FnOnce() + Send + 'static) -> Keeper {
        let (said, hears): (Sender<_>, Receiver<_>) = channel();
        let (end, ends) = channel();
        let thread = std::thread::spawn(move || {
            let blocks = recorder::blocks_of(keep);
            // SAFETY: it has no preconditions; glibc's handle is the thread pointer.
            let pointer = Addr(unsafe { libc::pthread_self() } as u64);
            said.send((pointer, blocks)).unwrap();
            ends.recv().unwrap();
        });
        let (pointer, blocks) = hears.recv().unwrap();
        Keeper {
            end,
            thread,
            pointer,
            blocks,
        }
    }

    fn end(self) {
        self.end.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// For each edge from a thread-local: the thread, the name of the root, its label, and whether
/// it is a guess.
fn held(keepers: &[Keeper]) -> Vec<(u16, String, String, bool)> {
    let records = keepers
        .iter()
        .flat_map(|keeper| keeper.blocks.iter().cloned());
    let mut image = recorder::image(&records.collect::<Vec<_>>());
    let options = Options::default();
    assert_eq!(resolve(&mut image, &options), []);
    let span = |(number, keeper): (u16, &Keeper)| ThreadSpan {
        thread: ThreadId(number),
        thread_pointer: Some(keeper.pointer),
        ..ThreadSpan::default()
    };
    let spans: Vec<_> = (0..).zip(keepers).map(span).collect();
    let graph = scan(&image, &Own::new(), &options, &spans);
    let edges = &graph.root_edges;
    let mut held: Vec<_> = (0..edges.len())
        .filter_map(|edge| {
            let root = &graph.roots[edges.source[edge] as usize];
            let label = graph.labels[edges.label[edge] as usize].clone();
            let thread = root.thread.filter(|_| root.kind == RootKind::ThreadLocal)?;
            Some((thread.0, root.name.clone(), label, edges.is_guess(edge)))
        })
        .collect();
    held.sort();
    held
}

#[test]
fn a_librarys_thread_locals_are_those_of_each_thread() {
    type Keep = extern "C" fn(u64);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thread_locals");
    std::fs::create_dir_all(&folder).unwrap();
    let library = load(&build(&folder, "library", &[]));
    fill(library);
    let keep = function(library, c"keep");
    // SAFETY: the library's function of this name has this type.
    let keep = unsafe { std::mem::transmute::<*mut libc::c_void, Keep>(keep) };
    let keepers = [3, 5].map(|many| Keeper::new(move || keep(many)));
    let root = "thread_local library::DRAWER".to_owned();
    let held_by = |thread| (thread, root.clone(), root.clone(), false);
    assert_eq!(held(&keepers), [held_by(0), held_by(1)]);
    keepers.into_iter().for_each(Keeper::end);
}

/// C code, which nothing describes: one that the loader places near the thread pointer, and one that
/// each thread gets when it asks.
#[test]
fn thread_locals_of_c_are_found_wherever_they_lie() {
    const SOURCE: &str = "
        static __thread void *kept;
        void keep(void *it) { kept = it; }
    ";
    type Keep = extern "C" fn(*mut libc::c_void);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thread_locals_of_c");
    std::fs::create_dir_all(&folder).unwrap();
    let source = folder.join("keep.c");
    std::fs::write(&source, SOURCE).unwrap();
    for model in ["initial-exec", "local-dynamic"] {
        let out = folder.join(format!("{model}.so"));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", &format!("-ftls-model={model}"), "-o"])
            .arg(&out)
            .arg(&source);
        assert!(cc.status().unwrap().success(), "{cc:?}");
        let keep = function(load(&out), c"keep");
        // SAFETY: the library's function of this name has this type.
        let keep = unsafe { std::mem::transmute::<*mut libc::c_void, Keep>(keep) };
        let leak = move || keep(Box::into_raw(Box::new([7u8; 40])).cast());
        let keepers = [(); 2].map(|()| Keeper::new(leak));
        let root = "thread_local kept".to_owned();
        let held_by = |thread| (thread, root.clone(), root.clone(), true);
        assert_eq!(held(&keepers), [held_by(0), held_by(1)], "{model}");
        keepers.into_iter().for_each(Keeper::end);
    }
}
