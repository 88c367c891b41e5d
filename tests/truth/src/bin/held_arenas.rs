//! Arenas, memory that is asked for by layout, and C: what no container made is
//! raw and called by the function that asked; what Rust's allocator never saw must
//! not be in the snapshot.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::ffi::c_void;
use std::hint::black_box;
use std::process::ExitCode;
use std::ptr::NonNull;

use book::{Book, Name};
use bumpalo::Bump;
use typed_arena::Arena;

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug)]
struct Leaf {
    at: (u32, u32),
    weight: f64,
}

struct Tree<'a> {
    leaf: Leaf,
    children: std::cell::RefCell<Vec<&'a Tree<'a>>>,
}

/// Chunks that the arena asks for by layout.
fn bumped(book: &mut Book) -> impl Sized + use<> {
    let bump: &'static Bump = Box::leak(Box::new(Bump::new()));
    // Its least alignment is a default argument that is shown.
    book.block(bump, size_of::<Bump>(), "Box<bumpalo::Bump<1>>");
    let mut leaves = Vec::new();
    for n in 0..700u32 {
        let leaf = bump.alloc(Leaf {
            at: (n, n + 1),
            weight: f64::from(n),
        });
        let text = bump.alloc_str("a text in the arena");
        let list = bump.alloc_slice_fill_copy(n as usize % 20 + 1, n);
        for inside in [
            &raw const *leaf as *const u8,
            text.as_ptr(),
            list.as_ptr().cast(),
        ] {
            chunk(book, inside);
        }
        leaves.push(&*leaf);
    }
    let mut grown = bumpalo::collections::Vec::new_in(bump);
    grown.extend((0..900u64).map(|n| n * 3));
    chunk(book, grown.as_ptr().cast());
    let boxed = bumpalo::boxed::Box::new_in([7u16; 300], bump);
    chunk(book, boxed.as_ptr().cast());
    book.vec(&leaves);
    (leaves, grown.len(), boxed[0])
}

fn chunk(book: &mut Book, inside: *const u8) {
    book.around(
        inside,
        Name::written("Raw in bumpalo::*").or("Raw in held_arenas::bumped"),
    );
}

fn typed(book: &mut Book) -> impl Sized + use<> {
    let arena: &'static Arena<Tree<'static>> = Box::leak(Box::new(Arena::new()));
    book.block(
        arena,
        size_of_val(arena),
        Name::of::<Box<Arena<Tree<'static>>>>(),
    );
    let mut last: Vec<&'static Tree<'static>> = Vec::new();
    for n in 0..500u32 {
        let children = if n % 8 == 7 {
            last.drain(1..).collect()
        } else {
            Vec::new()
        };
        let tree = &*arena.alloc(Tree {
            leaf: Leaf {
                at: (n, 0),
                weight: 0.5,
            },
            children: children.into(),
        });
        book.around(tree, Name::of::<Vec<Tree<'static>>>());
        book.vec(&*tree.children.borrow());
        last.push(tree);
    }
    book.vec(&last);
    let numbers: &'static Arena<u64> = Box::leak(Box::new(Arena::with_capacity(128)));
    book.block(numbers, size_of_val(numbers), Name::of::<Box<Arena<u64>>>());
    for part in 0..6 {
        let slice = numbers.alloc_extend((0..100).map(|n| n + part));
        book.around(slice.as_ptr(), Name::of::<Vec<u64>>());
    }
    last
}

/// A buffer of the program's own making.
struct Buffer {
    start: NonNull<u8>,
    layout: Layout,
}

fn take_buffer(bytes: usize) -> Buffer {
    let layout = Layout::from_size_align(bytes, 64).expect("a layout");
    // SAFETY: the layout has a size.
    let start = unsafe { alloc(layout) };
    let start = NonNull::new(start).expect("memory");
    Buffer { start, layout }
}

fn take_zeroed(bytes: usize) -> Buffer {
    let layout = Layout::array::<u64>(bytes / 8).expect("a layout");
    // SAFETY: the layout has a size.
    let start = unsafe { alloc_zeroed(layout) };
    let start = NonNull::new(start).expect("memory");
    Buffer { start, layout }
}

fn grow_buffer(buffer: &mut Buffer, bytes: usize) {
    // SAFETY: it was made with this layout, and the new size is none of the edge cases.
    let start = unsafe { realloc(buffer.start.as_ptr(), buffer.layout, bytes) };
    buffer.start = NonNull::new(start).expect("memory");
    buffer.layout = Layout::from_size_align(bytes, buffer.layout.align()).expect("a layout");
}

fn raw(book: &mut Book) -> Vec<Buffer> {
    let mut all = Vec::new();
    for n in 1..80usize {
        let buffer = take_buffer(n * 24);
        book.block(
            buffer.start.as_ptr(),
            n * 24,
            "Raw in held_arenas::take_buffer",
        );
        all.push(buffer);
        let buffer = take_zeroed(n * 16);
        book.block(
            buffer.start.as_ptr(),
            n * 16,
            "Raw in held_arenas::take_zeroed",
        );
        all.push(buffer);
        let mut buffer = take_buffer(n * 8);
        grow_buffer(&mut buffer, n * 40);
        book.block(
            buffer.start.as_ptr(),
            n * 40,
            "Raw in held_arenas::grow_buffer",
        );
        all.push(buffer);
    }
    book.vec(&all);
    all
}

#[repr(C)]
struct Ring {
    opaque: [u8; 0],
}

#[repr(C)]
struct Table {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn ring_new(take: extern "C" fn(usize) -> *mut c_void) -> *mut Ring;
    fn ring_push(ring: *mut Ring, value: u64);
    fn ring_at(ring: *const Ring, position: usize) -> *const c_void;
    fn ring_node_bytes() -> usize;
    fn table_new(length: usize) -> *mut Table;
    fn table_cells(table: *const Table) -> *const c_void;
    fn table_sum(table: *const Table) -> u64;
}

/// What the C library calls for memory.
extern "C" fn take_for_c(bytes: usize) -> *mut c_void {
    let layout = Layout::from_size_align(bytes, 16).expect("a layout");
    // SAFETY: C asks for no empty block.
    unsafe { alloc(layout) }.cast()
}

fn in_c(book: &mut Book) -> (*mut Ring, Vec<*mut Table>, u64) {
    let name = "Raw in held_arenas::take_for_c";
    // SAFETY: the library keeps the function and nothing else.
    let ring = unsafe { ring_new(take_for_c) };
    book.block(ring, 24, name);
    // SAFETY: it has no arguments.
    let bytes = unsafe { ring_node_bytes() };
    for value in 0..300 {
        // SAFETY: the ring was just made.
        unsafe { ring_push(ring, value) };
        // SAFETY: the ring has a first node now.
        let node = unsafe { ring_at(ring, 0) };
        book.block(node, bytes, name);
    }
    let mut tables = Vec::new();
    let mut sum = 0u64;
    for length in 100..150 {
        // SAFETY: any length will do.
        let table = unsafe { table_new(length) };
        book.absent(table);
        // SAFETY: the table was just made.
        book.absent(unsafe { table_cells(table) });
        // SAFETY: the table was just made.
        sum = sum.wrapping_add(unsafe { table_sum(table) });
        tables.push(table);
    }
    book.vec(&tables);
    (ring, tables, sum)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_arenas").held_out();
    let kept = (bumped(&mut book), typed(&mut book), in_c(&mut book));
    let raw = raw(&mut book);
    let code = book.compare();
    drop(black_box(kept));
    for buffer in raw {
        // SAFETY: it was made with this layout.
        unsafe { dealloc(buffer.start.as_ptr(), buffer.layout) };
    }
    code
}
