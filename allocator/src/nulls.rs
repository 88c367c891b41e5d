//! Who is told when the inner allocator gives null.

use std::sync::OnceLock;

static FUNCTION: OnceLock<fn()> = OnceLock::new();

/// Has `function` called, from the next time on, when a request is refused while
/// something is recorded; the request still gives null. The first function stays.
///
/// It runs inside the allocation: it must not allocate, lock, panic or take long.
pub fn on_null(function: fn()) {
    let _ = FUNCTION.set(function);
}

/// A request was refused.
#[cold]
#[inline(never)]
pub(crate) fn refused() {
    if let Some(function) = FUNCTION.get() {
        function();
    }
}
