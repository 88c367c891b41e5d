//! Memory that only looks like pointers: numbers in a block of no type, a union, the
//! room behind a vector's last element, an array that is not filled, what a suspended
//! block captured. What follows from it is marked, outranks no field, and gives no
//! block that has a type another.

#![allow(
    dead_code,
    clippy::vec_box,
    reason = "these are the fields that are tested"
)]

use std::alloc::{Layout, alloc};
use std::hint::black_box;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Waker};

use endler_reports::graph::{Dominator, Dominators, Follow};
use endler_reports::holding::{Purpose, graph};
use endler_reports::partition::{By, Heap};
use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::refer;
use endler_snapshot::{EdgeKind, Image, RootKind};

use super::own_memory::Own;
use super::recorder::{self, Record, blocks_of};
use super::truth::at;

struct Page {
    title: String,
}

union Either {
    page: ManuallyDrop<Box<Page>>,
    number: u64,
}

struct Case {
    pages: Vec<Box<Page>>,
    moved: Option<Box<Page>>,
    is_page: Either,
    is_number: Either,
    slots: [MaybeUninit<Box<Page>>; 2],
}

static CASE: std::sync::Mutex<Option<Box<Case>>> = std::sync::Mutex::new(None);
static LINES: std::sync::Mutex<Option<Lines>> = std::sync::Mutex::new(None);
static NUMBERS: std::sync::Mutex<Option<Numbers>> = std::sync::Mutex::new(None);

/// A number, so that no field points to the block.
struct Numbers(usize);

/// A future that captured lines, and where they are: their buffer and the first.
struct Lines {
    future: Pin<Box<dyn Future<Output = usize> + Send>>,
    buffer: usize,
    first: usize,
}

/// The block may have moved them out of their slot before it was suspended.
fn lines() -> Lines {
    let lines: Vec<String> = (40..43).map(|n| page(n).title).collect();
    let (buffer, first) = (at(lines.as_slice()), at(lines[0].as_str()));
    let mut future: Pin<Box<dyn Future<Output = usize> + Send>> = Box::pin(async move {
        std::future::pending::<()>().await;
        black_box(&lines).len()
    });
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    Lines {
        future,
        buffer,
        first,
    }
}

fn page(n: usize) -> Box<Page> {
    Box::new(Page {
        title: format!("the title of a page, long enough for a block, {n}"),
    })
}

/// A block that no type says anything of, filled with addresses.
#[inline(never)]
fn raw(words: &[usize]) -> usize {
    let layout = Layout::array::<usize>(words.len()).unwrap();
    // SAFETY: the layout has a size.
    let block = unsafe { alloc(layout) }.cast::<usize>();
    for (i, word) in words.iter().enumerate() {
        // SAFETY: it is within the block, which is aligned for it.
        let place = unsafe { block.add(i) };
        // SAFETY: the same.
        unsafe { place.write(*word) };
    }
    black_box(block) as usize
}

/// The row of the block that holds an address.
fn row(image: &Image, address: usize) -> usize {
    let blocks = &image.blocks;
    let holds = |&i: &usize| {
        let start = blocks.addr[i].0 as usize;
        start <= address && address < start + blocks.size[i].0 as usize
    };
    (0..blocks.len()).find(holds).unwrap()
}

pub(crate) fn check() {
    let mut numbers = 0;
    let mut lonely = 0;
    let records: Vec<Record> = blocks_of(|| {
        let mut pages: Vec<Box<Page>> = (0..8).map(page).collect();
        // What it held stays behind its end.
        let moved = pages.pop();
        let alone = Box::leak(page(20));
        let only = at(alone);
        let targets: Vec<usize> = pages.iter().map(|page| at(&**page)).collect();
        lonely = only;
        let case = Box::new(Case {
            is_page: Either {
                page: ManuallyDrop::new(page(30)),
            },
            is_number: Either {
                number: targets[0] as u64,
            },
            slots: [MaybeUninit::new(page(31)), const { MaybeUninit::uninit() }],
            pages,
            moved,
        });
        let mut words = targets;
        words.push(only);
        words.push(at(&*case));
        numbers = raw(&words);
        *CASE.lock().unwrap() = Some(case);
        *LINES.lock().unwrap() = Some(lines());
        *NUMBERS.lock().unwrap() = Some(Numbers(numbers ^ 1));
    });
    let mut image = recorder::image(&records);
    let options = Options::default();
    resolve(&mut image, &options);
    if !super::is_described(&image) {
        return;
    }
    let before = image.resolution.clone().unwrap();
    refer(&mut image, &Own::new(), &options, &[]);
    let after = image.resolution.as_ref().unwrap();
    let references = image.references.as_ref().unwrap();
    let guard = CASE.lock().unwrap();
    let case = guard.as_deref().unwrap();
    let edges = &references.edges;
    let from = |source: usize| {
        let rows = (0..edges.len()).filter(move |&e| edges.source[e].index() == source);
        rows.map(|e| {
            let label = references.label(edges.label[e]);
            (edges.target[e].index(), label, edges.kind[e])
        })
        .collect::<Vec<_>>()
    };

    // The numbers: each is a guess without a name.
    let guesses = from(row(&image, numbers));
    assert_eq!(guesses.len(), 9, "{guesses:?}");
    for guess in &guesses {
        assert_eq!((guess.1, guess.2), ("", EdgeKind::Conservative));
    }
    // They take no page from its vector, in no view.
    let heap = Heap::new(&image);
    let owned = row(&image, at(case.pages.as_slice()));
    let retain = graph(heap, Purpose::Retain).unwrap();
    let dominators = Dominators::new(&retain, Follow::Retaining);
    let vias = heap.all().by(&By::parse("via").unwrap());
    let via = |block: usize| {
        let class = vias.rows().iter().find(|row| {
            let set = vias.find(&vias.name(row)).and_then(|at| vias.row(at));
            set.is_some_and(|set| set.iter().any(|b| b == block))
        });
        class.map_or_else(String::new, |row| vias.name(row).into_owned())
    };
    for page in &case.pages {
        let block = row(&image, at(&**page));
        let dominator = dominators.of(endler_reports::graph::NodeId(block as u32));
        let node = endler_reports::graph::NodeId(owned as u32);
        assert_eq!(dominator, Dominator::Node(node));
        // The union that holds the first one's address as a number says no more.
        assert_eq!(via(block), "edges::guesses::Case.pages[*]");
    }
    // What only a number points to can still be reached, as a guess.
    let alone = row(&image, lonely);
    let to_it = (0..edges.len()).filter(|&e| edges.target[e].index() == alone);
    let kinds: Vec<EdgeKind> = to_it.map(|e| edges.kind[e]).collect();
    assert_eq!(kinds, [EdgeKind::Conservative]);

    // The vector's buffer holds what is in it, and not what is behind.
    let buffer = from(owned);
    assert_eq!(buffer.len(), case.pages.len(), "{buffer:?}");
    let moved = row(&image, at(&**case.moved.as_ref().unwrap()));
    assert!(
        buffer
            .iter()
            .all(|edge| edge.0 != moved && edge.2 == EdgeKind::Owned)
    );

    // The union's members and the array's slots are guesses, the fields beside them
    // are not.
    let fields = from(row(&image, at(case)));
    for (target, label, kind) in &fields {
        let is_guess = label.contains("Either.") || label.contains(".slots[*]");
        // And say so.
        assert_eq!(label.ends_with(" (guess)"), is_guess, "{label}");
        let expect = match is_guess {
            true => EdgeKind::Conservative,
            false => EdgeKind::Owned,
        };
        assert_eq!(*kind, expect, "{label} to {target}");
    }
    let first = row(&image, at(&*case.pages[0]));
    // SAFETY: the field that was written.
    let in_union = row(&image, at(&***unsafe { &case.is_page.page }));
    for target in [first, in_union] {
        let named = fields.iter().find(|edge| edge.0 == target);
        assert_eq!(
            named.map(|edge| edge.1),
            Some("edges::guesses::Either.page (guess)")
        );
    }

    // What a guess owns is called after it, as a guess.
    let guard = LINES.lock().unwrap();
    let lines = guard.as_ref().unwrap();
    let captured = "edges::guesses::lines::{async_block_env#1}.lines";
    let future = row(&image, at(&*lines.future));
    let [buffer, first] = [lines.buffer, lines.first].map(|block| row(&image, block));
    for (source, target, label) in [
        (future, buffer, format!("{captured} (guess)")),
        (buffer, first, format!("{captured}[*] (guess)")),
    ] {
        let edges = from(source);
        let edge = edges.iter().find(|edge| edge.0 == target);
        let expect = (label.as_str(), EdgeKind::Conservative);
        assert_eq!(edge.map(|edge| (edge.1, edge.2)), Some(expect));
    }

    // Nothing got another type by a guess.
    for (block, evidence) in before.block_evidence.iter().enumerate() {
        let was = before.str(before.types[before.block_type[block].index()].name);
        let is = after.str(after.types[after.block_type[block].index()].name);
        assert_eq!(was, is, "{evidence:?}");
    }
    assert!(
        references
            .roots
            .iter()
            .all(|root| root.kind != RootKind::Stack)
    );
}
