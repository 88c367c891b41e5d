//! The rules that look beyond the stack's names: the block's size, how deep the
//! stack was cut, and what raw memory holds.

#[path = "truth/recorder.rs"]
mod recorder;

use std::alloc::{Layout, alloc};
use std::hint::black_box;

use endler_reports::resolve::{Options, resolve};
use endler_snapshot::{BlockId, Bytes, DebugLevel, Evidence, Image, StackEnd, StackId};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

#[derive(Clone)]
struct Page {
    _words: [u64; 5],
}

fn page() -> Page {
    Page {
        _words: black_box([1; 5]),
    }
}

/// Name, holder, held type and evidence of an image's only block.
fn only(image: &mut Image) -> (String, String, String, Evidence) {
    resolve(image, &Options::default());
    image.check_invariants().unwrap();
    let resolution = image.resolution.as_ref().unwrap();
    let row = resolution.type_of(BlockId(0));
    let text = |id| resolution.str(id).to_owned();
    (
        text(row.name),
        text(row.holder),
        text(row.held),
        resolution.block_evidence[0],
    )
}

fn level(image: &Image) -> DebugLevel {
    image.resolution.as_ref().unwrap().modules[0].level
}

#[test]
fn a_size_that_does_not_fit_is_not_believed() {
    let blocks = recorder::blocks_of(|| Box::new(page()));
    let mut image = recorder::image(&blocks);
    assert_eq!(only(&mut image).0, "Box<truth_rules::Page>");
    image.blocks.size[0] = Bytes(41);
    let (name, holder, held, evidence) = only(&mut image);
    if level(&image) == DebugLevel::Full {
        assert!(name.starts_with("unknown in truth_rules::"), "{name}");
        assert_eq!((holder.as_str(), held.as_str()), ("unknown", ""));
        assert_eq!(evidence, Evidence::Unknown);
    } else {
        // Without types there are no sizes to compare with.
        assert_eq!(evidence, Evidence::Stack);
    }
}

#[test]
fn holder_and_held_type() {
    let mut image = recorder::image(&recorder::blocks_of(|| vec![page(); black_box(3)]));
    let (name, holder, held, evidence) = only(&mut image);
    assert_eq!(name, "Vec<truth_rules::Page>");
    assert_eq!(
        (holder.as_str(), held.as_str()),
        ("Vec", "truth_rules::Page")
    );
    assert!(matches!(evidence, Evidence::Stack | Evidence::Merged));
}

/// The innermost frames alone: as many as still show the growing vector, but
/// not who grew it.
#[test]
fn a_stack_that_was_cut_in_a_container() {
    let grown = || {
        let mut pages = Vec::new();
        for _ in 0..black_box(9) {
            pages.push(page());
        }
        pages
    };
    let mut image = recorder::image(&recorder::blocks_of(grown));
    assert_eq!(only(&mut image).0, "Vec<truth_rules::Page>");
    let resolution = image.resolution.take().unwrap();
    let frames: Vec<_> = image.stacks.frames(image.contexts[0].stack).collect();
    let is_user = |f: &&endler_snapshot::FrameId| {
        let mut lines = resolution.lines_of(**f).iter();
        lines.any(|l| resolution.str(l.function).contains("a_stack_that_was_cut"))
    };
    let kept = frames.iter().position(|f| is_user(&f)).unwrap();
    // The stack again, without the user's frames.
    image.stacks.parent.truncate(1);
    image.stacks.frame.truncate(1);
    for &frame in frames[..kept].iter().rev() {
        let parent = StackId(image.stacks.parent.len() as u32 - 1);
        image.stacks.parent.push(parent);
        image.stacks.frame.push(frame);
    }
    image.contexts[0].stack = StackId(image.stacks.parent.len() as u32 - 1);
    image.contexts[0].end = StackEnd::Truncated;
    let (name, _, _, evidence) = only(&mut image);
    assert!(name.starts_with("unknown in "), "{name}");
    assert_eq!(evidence, Evidence::Unknown);
}

/// A block of a list that allocates for itself.
struct Chunk<T> {
    _next: *mut Chunk<T>,
    _items: [T; 4],
}

impl<T> Chunk<T> {
    #[inline(never)]
    fn allocate(&self) -> *mut Chunk<T> {
        // SAFETY: the layout is that of a type that is not empty.
        unsafe { alloc(Layout::new::<Chunk<T>>()).cast() }
    }
}

#[test]
fn raw_memory_of_a_methods_own_type() {
    let first = Chunk {
        _next: std::ptr::null_mut(),
        _items: black_box([1u64; 4]),
    };
    let mut image = recorder::image(&recorder::blocks_of(|| first.allocate() as usize));
    let (name, holder, held, evidence) = only(&mut image);
    assert_eq!(holder, "Raw");
    assert_eq!(evidence, Evidence::Stack);
    if level(&image) == DebugLevel::Full {
        assert_eq!(name, "Raw in truth_rules::Chunk::allocate<u64>");
        assert_eq!(held, "truth_rules::Chunk<u64>");
    } else {
        assert!(name.starts_with("Raw in truth_rules::"), "{name}");
        assert_eq!(held, "");
    }
}

/// Optimised, both arms share one call of the allocator, and it has no line.
#[inline(never)]
fn two_arms(first: Option<&str>) -> String {
    match first {
        Some(at) => at.to_owned(),
        None => String::from(black_box("nothing")),
    }
}

/// What the optimiser hides is never told as a fact.
#[test]
fn a_call_that_was_merged_is_a_guess_at_most() {
    let merged = || two_arms(black_box(Some("a text")));
    let mut image = recorder::image(&recorder::blocks_of(merged));
    let (name, _, _, evidence) = only(&mut image);
    println!("{name}, {evidence:?}");
    let certain = !matches!(evidence, Evidence::Neighbour | Evidence::Unknown);
    assert!(name == "String" || !certain, "{name}, {evidence:?}");
}
