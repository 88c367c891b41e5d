//! Operations one after the other on a thread of their own, for a tool that
//! counts instructions: the difference of two runs, one with twice the count,
//! is free of the start.

use std::hint::black_box;
use std::str::FromStr;

/// What is done.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A block of 64 bytes is allocated and freed.
    Alloc,
    /// A block is grown by realloc and shrunk again, within its size class.
    Realloc,
}

/// How the call stack of an operation differs from the one before.
#[derive(Clone, Copy)]
pub(crate) enum Stack {
    /// In nothing.
    Same,
    /// In its innermost frames: two functions in turn, called from one place.
    Innermost,
    /// In all frames up to the thread's closure.
    Whole,
}

impl FromStr for Kind {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "alloc" => Ok(Kind::Alloc),
            "realloc" => Ok(Kind::Realloc),
            _ => Err(()),
        }
    }
}

impl FromStr for Stack {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "same" => Ok(Stack::Same),
            "innermost" => Ok(Stack::Innermost),
            "whole" => Ok(Stack::Whole),
            _ => Err(()),
        }
    }
}

/// Does `count` pairs of operations, `depth` frames below the thread's closure.
pub(crate) fn run(kind: Kind, stack: Stack, depth: u32, count: u64) {
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Its capacity is 48 bytes; up to 56 glibc leaves it where it is.
            let mut text: Vec<u8> = Vec::with_capacity(48);
            let mut pair = |turn: u64| match kind {
                Kind::Alloc if turn.is_multiple_of(2) => one(turn),
                Kind::Alloc => other(turn),
                Kind::Realloc => grow_and_shrink(&mut text),
            };
            match stack {
                Stack::Same => {
                    below(depth, &mut || (0..count).for_each(|_| pair(0)));
                }
                Stack::Innermost => {
                    below(depth, &mut || (0..count).for_each(&mut pair));
                }
                Stack::Whole => {
                    for turn in 0..count {
                        if turn.is_multiple_of(2) {
                            below(depth, &mut || pair(turn));
                        } else {
                            below_too(depth, &mut || pair(turn));
                        }
                    }
                }
            }
        });
    });
}

#[inline(never)]
fn one(turn: u64) {
    black_box(Box::new([turn; 8]));
}

#[inline(never)]
fn other(turn: u64) {
    black_box(Box::new([!turn; 8]));
}

#[inline(never)]
fn grow_and_shrink(text: &mut Vec<u8>) {
    text.reserve_exact(56);
    black_box(&mut *text).shrink_to(48);
    black_box(text);
}

#[inline(never)]
fn below(depth: u32, bottom: &mut dyn FnMut()) -> u32 {
    if depth > 0 {
        return black_box(below(depth - 1, bottom)) + 1;
    }
    bottom();
    0
}

/// [`below`] with frames of its own.
#[inline(never)]
fn below_too(depth: u32, bottom: &mut dyn FnMut()) -> u32 {
    if depth > 0 {
        return black_box(below_too(depth - 1, bottom)) + 2;
    }
    bottom();
    0
}
