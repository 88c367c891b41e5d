//! Every recorded stack equals what the `backtrace` crate says, frame for frame.
//!
//! The global allocator here wraps endler's: after each allocation it asks
//! `backtrace` for the same stack and keeps it beside the block's address. At
//! the end the blocks that still live are compared with the snapshot. The
//! programs are published crates and std at work, on several threads.
#![allow(missing_docs)]
// The boxes are the blocks that are looked for.
#![allow(clippy::vec_box)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::sync::Mutex;

use endler_snapshot::Addr;

struct Oracle;

static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();
/// Address of a block, and the frames outside [`alloc_and_trace`].
static STACKS: Mutex<Option<HashMap<u64, Vec<u64>>>> = Mutex::new(None);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

#[inline(never)]
fn alloc_and_trace(layout: Layout) -> *mut u8 {
    // SAFETY: the caller's contract.
    let block = unsafe { HEAP.alloc(layout) };
    if INSIDE.replace(true) {
        return block;
    }
    let own = alloc_and_trace as *const () as *mut c_void;
    let mut outside = false;
    let mut frames = Vec::new();
    // SAFETY: one thread's own stack; the crate's cache is not used by a trace.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            // Where a thread's first function has no caller, `backtrace` says 0.
            if outside && !frame.ip().is_null() {
                frames.push(frame.ip() as u64);
            }
            outside |= frame.symbol_address() == own;
            true
        });
    }
    if let Some(stacks) = STACKS.lock().expect("not poisoned").as_mut() {
        stacks.insert(block as u64, frames);
    }
    INSIDE.set(false);
    block
}

// SAFETY: forwards to endler's allocator.
unsafe impl GlobalAlloc for Oracle {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        std::hint::black_box(alloc_and_trace(std::hint::black_box(layout)))
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { HEAP.dealloc(block, layout) }
        if !INSIDE.replace(true) {
            if let Some(stacks) = STACKS.lock().expect("not poisoned").as_mut() {
                stacks.remove(&(block as u64));
            }
            INSIDE.set(false);
        }
    }
}

#[global_allocator]
static ORACLE: Oracle = Oracle;

/// C code (libc's qsort) between Rust frames.
extern "C" fn compare(a: *const c_void, b: *const c_void) -> i32 {
    KEPT.with(|kept| kept.borrow_mut().push(Box::new(7u64)));
    // SAFETY: qsort passes pointers into the array of u32.
    let a = unsafe { *a.cast::<u32>() };
    // SAFETY: as above.
    let b = unsafe { *b.cast::<u32>() };
    a.cmp(&b) as i32
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<Box<u64>>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn recurse(depth: u32, into: &mut Vec<Box<u32>>) {
    into.push(Box::new(depth));
    if depth > 0 {
        recurse(std::hint::black_box(depth - 1), into);
    }
    into.push(Box::new(depth));
}

/// A tree of JSON, a compiled regex, a map, boxes made in closures, in deep
/// recursion, under catch_unwind, and below C code; all still alive.
fn work(seed: u64) -> Box<dyn std::any::Any + Send> {
    let text = format!(
        "{{\"a\": [1, 2, {{\"b\": \"{}\"}}], \"c\": {{\"d\": [[[\"deep\"]]], \"e\": null}}}}",
        "x".repeat((seed % 90) as usize)
    );
    let json: serde_json::Value = serde_json::from_str(&text).expect("valid");
    let regex = regex::Regex::new(r"(?i)\b(\w+)@(\w+)\.(com|org|net)\b").expect("valid");
    let found = regex.is_match("someone@example.org");
    let map: BTreeMap<u64, String> = (0..50).map(|i| (i * seed, format!("{i}"))).collect();
    let mut boxes = Vec::new();
    recurse(60, &mut boxes);
    let caught = std::panic::catch_unwind(|| Box::new([seed; 9])).expect("no panic");
    let mut sorted: Vec<String> = map.values().cloned().collect();
    sorted.sort_by_cached_key(|s| s.chars().rev().collect::<String>());
    let mut numbers = [5u32, 3, 9, 1, 7];
    // SAFETY: the array, its length, the element size and a comparison for it.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 5, 4, Some(compare)) };
    let kept: Vec<Box<u64>> = KEPT.with(|kept| kept.borrow_mut().drain(..).collect());
    Box::new((json, regex, found, map, boxes, caught, sorted, kept))
}

#[test]
fn stacks_equal_those_of_the_backtrace_crate() {
    INSIDE.set(true);
    *STACKS.lock().expect("not poisoned") = Some(HashMap::new());
    INSIDE.set(false);
    let here: Vec<_> = (0..5).map(work).collect();
    let threads: Vec<_> = (0..4)
        .map(|n| std::thread::spawn(move || (0..5).map(|i| work(n * 100 + i)).collect::<Vec<_>>()))
        .collect();
    let there: Vec<_> = threads
        .into_iter()
        .map(|t| t.join().expect("works"))
        .collect();

    INSIDE.set(true);
    let stacks = STACKS
        .lock()
        .expect("not poisoned")
        .take()
        .expect("set above");
    let mut report = String::new();
    let (mut equal, mut truncated, mut wrong) = (0u32, 0u32, 0u32);
    let outcome = endler_allocator::freeze::freeze(&Default::default(), &mut |image| {
        image.check_invariants()?;
        for (addr, expect) in &stacks {
            let Ok(block) = image.blocks.addr.binary_search(&Addr(*addr)) else {
                continue;
            };
            let context = image.contexts[image.blocks.context[block].index()];
            let ours: Vec<u64> = image
                .stacks
                .frames(context.stack)
                .map(|f| image.frames[f.index()].address.0)
                .collect();
            // Frames inside the wrapper come first and are not compared.
            let Some(skip) = expect
                .first()
                .and_then(|f| ours.iter().position(|o| o == f))
            else {
                wrong += 1;
                report = format!("{ours:x?} does not meet {expect:x?}");
                continue;
            };
            let ours = &ours[skip..];
            let whole = context.end == endler_snapshot::StackEnd::Complete;
            truncated += u32::from(!whole);
            if whole && ours == expect
                || !whole && expect.starts_with(ours) && skip + ours.len() == 32
            {
                equal += 1;
            } else {
                wrong += 1;
                report = format!("{:?} {ours:x?} is not {expect:x?}", context.end);
            }
        }
        Err(format!(
            "{equal} equal ({truncated} of them cut at the depth limit), {wrong} wrong; {report}"
        ))
    });
    let outcome = outcome
        .expect_err("the result is told as a message")
        .to_string();
    println!("{outcome}");
    assert!(outcome.contains(" 0 wrong;"), "{outcome}");
    let equal: u32 = outcome
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a count");
    assert!(equal > 5000, "only {equal} stacks were compared");
    assert!(
        !outcome.contains("(0 of them cut"),
        "no deep stack was compared"
    );
    drop((here, there));
}
