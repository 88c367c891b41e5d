//! Panics through code that allocates and frees: while unwinding, in a drop
//! while unwinding, and in the panic hook. (`panic = "abort"`: `tests/aborts.rs`
//! of the workspace.)
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use support::{Block, alone, born_in};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

thread_local! {
    /// What lives, by the program's own books.
    static HELD: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

fn hold(block: Block) {
    let _pause = endler_allocator::pause();
    HELD.with(|held| held.borrow_mut().push(block));
}

/// Allocates, reallocates and frees when it is dropped.
struct Drops(Block);

impl Drop for Drops {
    fn drop(&mut self) {
        let freed = Block::alloc_zeroed(77, 8);
        hold(Block::alloc(33, 8).realloc(99).expect("memory"));
        self.0.free();
        freed.free();
    }
}

/// Panics in its drop, and catches it there.
struct PanicsInside;

impl Drop for PanicsInside {
    fn drop(&mut self) {
        let inner = catch_unwind(|| deep(3));
        drop(inner.expect_err("it panics"));
    }
}

#[inline(never)]
fn deep(depth: u32) -> usize {
    let drops = Drops(Block::alloc(50 + depth as usize, 8));
    let sum = match depth {
        0 => panic!("as planned, {}", drops.0.layout.size()),
        _ => deep(depth - 1),
    };
    std::hint::black_box(sum) + drops.0.layout.size()
}

#[test]
fn drops_and_hooks_allocate_while_a_panic_unwinds() {
    alone("drops_and_hooks_allocate_while_a_panic_unwinds", || {
        std::panic::set_hook(Box::new(|info| {
            let said = info.to_string();
            assert!(said.contains("as planned"));
            hold(Block::alloc(1000 + said.len(), 8));
        }));
        endler_allocator::enter_phase("panics");
        for _ in 0..20 {
            let outer = catch_unwind(AssertUnwindSafe(|| {
                let _inside = PanicsInside;
                deep(5)
            }));
            drop(outer.expect_err("it panics"));
        }
        let _pause = endler_allocator::pause();
        drop(std::panic::take_hook());
        let image = support::image();
        let rows: Vec<_> = born_in(&image, "panics")
            .iter()
            .map(|row| (row.addr, row.size))
            .collect();
        let mut expect: Vec<_> = HELD.with(|held| held.borrow().iter().map(|b| b.row()).collect());
        expect.sort_unstable();
        // Six frames outside and four inside, and the hook for both.
        assert_eq!(expect.len(), 20 * (6 + 4 + 2));
        assert_eq!(rows, expect);
        assert_eq!(image.figures.lost, 0);
    });
}
