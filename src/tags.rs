//! Tags: which part of the program allocates, said by the program.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use endler_allocator::{Kept, Scope, Tag};

/// A tag's scope, which ends when this is dropped. It is of the thread that opened it.
#[must_use = "the tag's scope ends when this is dropped"]
pub struct TagGuard {
    _scope: Scope,
}

impl fmt::Debug for TagGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagGuard")
    }
}

/// Blocks that this thread allocates until the guard is dropped bear the tag `name`:
/// `bytag` shows them.
///
/// Scopes nest, and the innermost counts; when it is dropped the former is back. Guards
/// may be dropped in any order. A realloc keeps the tag of the block, as it keeps its
/// age. The empty name is no tag: in such a scope blocks have none.
///
/// A guard that is held across an `.await` stays with the thread and not with the
/// future; [`tagged`] is for futures.
///
/// Costs nothing where no tag is set, and no allocation more where one is. Of a name
/// 256 bytes are kept, of names 65,534, of threads under a tag some 49,000; what is more
/// counts as `(later tags)`, and reports say how often. Names are kept for ever, so they
/// are for kinds of work and not for each request. Totals (`report --totals`) are not
/// kept by tag.
///
/// ```
/// let guard = endler::tag("spider=books");
/// let page = String::from("…");
/// drop(guard);
/// # let _ = page;
/// ```
pub fn tag(name: impl AsRef<str>) -> TagGuard {
    TagGuard {
        _scope: Tag::new(name.as_ref()).enter(),
    }
}

/// A future that sets a tag wherever it runs: at each poll, on whichever thread, and
/// while it is dropped. The tag has ended, for `bytagstate` and `outlived`, when the
/// last of its futures is dropped.
///
/// What the future spawns is not tagged by it: give `spawn` a tagged future too.
///
/// ```
/// # async fn crawl() {}
/// let future = endler::tagged("spider=books", async { crawl().await });
/// # drop(future);
/// ```
pub fn tagged<F: Future>(name: impl AsRef<str>, future: F) -> Tagged<F> {
    let tag = Tag::new(name.as_ref());
    Tagged {
        tag,
        _kept: tag.keep(),
        future: ManuallyDrop::new(future),
    }
}

/// The future of [`tagged`].
#[must_use = "futures do nothing unless they are polled"]
pub struct Tagged<F> {
    tag: Tag,
    _kept: Kept,
    /// Dropped by `drop` alone, under the tag; pinned with the whole.
    future: ManuallyDrop<F>,
}

impl<F: Future> Future for Tagged<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _scope = self.tag.enter();
        // SAFETY: the future is pinned with `self`: it is moved nowhere, `drop` drops it
        // in place, `Tagged` is `Unpin` only where `F` is, and it is not packed.
        let future = unsafe { self.map_unchecked_mut(|this| &mut *this.future) };
        future.poll(cx)
    }
}

impl<F> Drop for Tagged<F> {
    fn drop(&mut self) {
        let _scope = self.tag.enter();
        // SAFETY: dropped here alone, in its place, and not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.future) };
    }
}

impl<F> fmt::Debug for Tagged<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tagged")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only while a tagged future may go where its future may.
    fn _goes_between_threads(future: impl Future<Output = ()> + Send + Sync + 'static) {
        fn takes<T: Send + Sync + 'static>(_: T) {}
        takes(tagged("a", future));
    }

    /// A guard is of one thread: with two ways to be `Send` this would not compile.
    #[test]
    fn a_guard_stays_on_its_thread() {
        trait Ambiguous<A> {
            fn of_one_thread() {}
        }
        struct Sent;
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + Send> Ambiguous<Sent> for T {}
        <TagGuard as Ambiguous<_>>::of_one_thread();
    }
}
