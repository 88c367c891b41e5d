//! A library loaded by `dlopen`, with types of its own: what its code allocates gets
//! the library's types, and its static and fields their names. Two libraries whose
//! types have the same names and lie differently in memory are not mixed up.

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

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::{Graph, scan};
use endler_snapshot::{BlockId, Evidence, Image};
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
