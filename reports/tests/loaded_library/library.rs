//! A library that is loaded while the program runs, with types and a static of its
//! own. Its allocator is the program's, through two functions that it is given.
//!
//! Built by `loaded_library.rs`, once as it is and once with `--cfg second`: then
//! `Order` is of the same name and size and lies otherwise in memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

type Take = extern "C" fn(usize, usize) -> *mut u8;
type Give = extern "C" fn(*mut u8, usize, usize);

static PROGRAM: OnceLock<(Take, Give)> = OnceLock::new();

struct Program;

// SAFETY: both functions are the program's allocator, and so is the system's.
unsafe impl GlobalAlloc for Program {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match PROGRAM.get() {
            Some((take, _)) => take(layout.size(), layout.align()),
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        match PROGRAM.get() {
            Some((_, give)) => give(address, layout.size(), layout.align()),
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.dealloc(address, layout) },
        }
    }
}

#[global_allocator]
static HEAP: Program = Program;

/// Both have the same fields in the order that is written.
#[cfg(not(second))]
#[repr(C)]
pub struct Order {
    pub number: u64,
    pub buyer: String,
    pub notes: Option<Box<Note>>,
}

#[cfg(second)]
#[repr(C)]
pub struct Order {
    pub notes: Option<Box<Note>>,
    pub buyer: String,
    pub number: u64,
}

pub struct Note {
    pub text: [u8; 96],
}

pub struct Book {
    pub orders: Vec<Box<Order>>,
    pub totals: HashMap<u64, Vec<Note>>,
}

pub static BOOK: Mutex<Option<Book>> = Mutex::new(None);

#[unsafe(no_mangle)]
pub extern "C" fn start(take: Take, give: Give) {
    PROGRAM.get_or_init(|| (take, give));
}

#[inline(never)]
fn order(number: u64) -> Box<Order> {
    Box::new(Order {
        number,
        buyer: format!("a buyer whose name is long enough, {number}"),
        notes: (number % 2 == 0).then(|| Box::new(Note { text: [7; 96] })),
    })
}

/// Makes so many orders, and as many totals with a note each.
#[unsafe(no_mangle)]
pub extern "C" fn fill(many: u64) {
    let mut book = Book {
        orders: Vec::with_capacity(many as usize),
        totals: HashMap::with_capacity(many as usize),
    };
    for number in 0..many {
        book.orders.push(order(number));
        let mut notes = Vec::with_capacity(1);
        notes.push(Note { text: [9; 96] });
        book.totals.insert(number, notes);
    }
    *BOOK.lock().unwrap() = Some(book);
}

thread_local! {
    static DRAWER: RefCell<Vec<Box<Note>>> = const { RefCell::new(Vec::new()) };
}

/// Puts so many notes where this thread alone has them.
#[unsafe(no_mangle)]
pub extern "C" fn keep(many: u64) {
    DRAWER.with_borrow_mut(|drawer| {
        drawer.reserve_exact(many as usize);
        for _ in 0..many {
            drawer.push(Box::new(Note { text: [8; 96] }));
        }
    });
}
