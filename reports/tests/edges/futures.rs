//! Async functions and blocks, suspended and not begun.

#![allow(
    dead_code,
    clippy::box_collection,
    clippy::redundant_allocation,
    clippy::rc_buffer,
    clippy::type_complexity,
    clippy::vec_box,
    reason = "these are the fields that are tested"
)]

use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::task::Waker;

use super::truth::{Program, at, text, words};

struct Fetch {
    future: Pin<Box<dyn Future<Output = usize>>>,
    fresh: Pin<Box<dyn Future<Output = usize>>>,
}

/// Where the async functions say that their variables point to.
static TOLD: [AtomicUsize; 6] = [const { AtomicUsize::new(0) }; 6];

fn tell(slot: usize, address: usize) {
    TOLD[slot].store(address, Relaxed);
}

fn told(slot: usize) -> usize {
    TOLD[slot].load(Relaxed)
}

async fn inner(depth: Vec<String>) -> usize {
    tell(0, at(depth.as_slice()));
    tell(1, at(depth[0].as_str()));
    std::future::pending::<()>().await;
    black_box(&depth).len()
}

async fn outer(url: String, given_away: String) -> usize {
    let response = url.repeat(2);
    tell(2, at(response.as_str()));
    tell(3, at(url.as_str()));
    // Its slot keeps a stale copy: the block lives on, and is not ours.
    std::mem::forget(given_away);
    let boxed = Box::new(7u64);
    let borrowed = &response;
    tell(4, at(&*boxed));
    let count = inner(vec![text(3)]).await;
    let zeros = black_box(boxed).trailing_zeros() as usize;
    black_box(borrowed).len() + black_box(&url).len() + count + zeros
}

pub(crate) fn futures() -> Program {
    Program::new(
        "async",
        || {
            let mut future: Pin<Box<dyn Future<Output = usize>>> =
                Box::pin(outer(text(1), text(2)));
            let mut context = Context::from_waker(Waker::noop());
            assert!(future.as_mut().poll(&mut context).is_pending());
            // A block: the future not yet begun, its captures inside.
            let (name, kept) = (text(4), text(5));
            tell(5, at(kept.as_str()));
            let fresh = async move { black_box(name).len() + black_box(kept).len() };
            Fetch {
                future,
                fresh: Box::pin(fresh),
            }
        },
        |f, p| {
            let env = at(&*f.future);
            p.holds(at(f), env, "edges::futures::Fetch.future");
            let name = "edges::futures::outer::{async_fn_env#0}";
            p.holds(env, told(2), &format!("{name}.response"));
            p.holds(env, told(3), &format!("{name}.url"));
            p.holds(env, told(4), &format!("{name}.boxed"));
            p.holds(env, env, &format!("{name}.borrowed"));
            let depth = "edges::futures::inner::{async_fn_env#0}.depth";
            p.holds(env, told(0), depth);
            p.holds(told(0), told(1), &format!("{depth}[*]"));
            let fresh = at(&*f.fresh);
            p.holds(at(f), fresh, "edges::futures::Fetch.fresh");
            let name = "edges::futures::futures::{closure#0}::{async_block_env#0}";
            p.holds(fresh, told(5), &format!("{name}.kept"));
            let inside = words(fresh, 6);
            let addresses = p.blocks.iter().map(|b| b.address);
            let other = addresses
                .into_iter()
                .find(|a| *a != told(5) && inside.contains(a));
            p.holds(fresh, other.unwrap(), &format!("{name}.name"));
        },
    )
}
