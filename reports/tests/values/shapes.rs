//! Values of many shapes.

#![allow(
    dead_code,
    clippy::box_collection,
    clippy::redundant_allocation,
    clippy::rc_buffer,
    clippy::vec_box,
    reason = "these are the values that are shown"
)]

use std::borrow::Cow;
use std::cell::{Cell, LazyCell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::num::{NonZeroU32, Wrapping};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock};
use std::time::Duration;

use super::{Case, debug, says};

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) depth: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) referer: Option<Box<Request>>,
    pub(crate) priority: i32,
}

pub(crate) fn request() -> Request {
    Request {
        url: "http://books.test/catalogue/1?q=\"two\"\n".to_owned(),
        depth: 3,
        headers: vec![
            ("Accept".to_owned(), "*/*".to_owned()),
            ("Host".to_owned(), "books.test".to_owned()),
        ],
        referer: Some(Box::new(Request {
            url: "http://books.test/".to_owned(),
            depth: 2,
            headers: Vec::new(),
            referer: None,
            priority: -1,
        })),
        priority: i32::MIN,
    }
}

#[derive(Debug)]
struct Numbers(
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
);

#[derive(Debug)]
struct Unit;

#[derive(Debug)]
struct Newtype(u64);

#[derive(Debug)]
struct Generic<T> {
    inner: T,
    mark: std::marker::PhantomData<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Color {
    Red,
    Green = 7,
    Blue = 200,
}

#[derive(Clone, Copy, Debug)]
#[repr(i16)]
enum Signed {
    Below = -5,
    Above = 5,
}

#[derive(Debug)]
enum Event {
    Clicked { target: String, x: u8 },
    Halt(Box<u64>),
    Nothing,
    Pair(String, u32),
}

#[derive(Debug)]
enum Only {
    One(u32),
}

#[derive(Debug)]
struct Deep(Box<Level>);

#[derive(Debug)]
struct Level {
    number: u8,
    below: Option<Box<Level>>,
}

fn levels(number: u8) -> Level {
    Level {
        number,
        below: (number > 0).then(|| Box::new(levels(number - 1))),
    }
}

trait Spider: std::fmt::Debug {
    fn name(&self) -> String;
}

#[derive(Debug)]
struct Books {
    site: String,
    pages: u32,
}

impl Spider for Books {
    fn name(&self) -> String {
        format!("{self:?}")
    }
}

union Either {
    number: u64,
    bytes: [u8; 8],
}

struct Lent {
    name: &'static str,
    list: &'static [u16],
    one: &'static Color,
}

struct Node {
    name: String,
    next: RefCell<Option<Rc<Node>>>,
}

/// A loop of two.
fn looped() -> Rc<Node> {
    let node = |name: &str| {
        Rc::new(Node {
            name: name.to_owned(),
            next: RefCell::new(None),
        })
    };
    let (one, two) = (node("one"), node("two"));
    *one.next.borrow_mut() = Some(two.clone());
    *two.next.borrow_mut() = Some(one.clone());
    one
}

fn twice(number: u32) -> u32 {
    number * 2
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = numbers();
    cases.extend(texts());
    cases.extend(structures());
    cases.extend(enums());
    cases.extend(pointers());
    cases.extend(containers());
    cases.extend(wrappers());
    cases
}

fn numbers() -> Vec<Case> {
    vec![
        debug("integers", || {
            Numbers(
                -8,
                i16::MIN,
                -32,
                i64::MIN,
                i128::MIN + 1,
                -1,
                255,
                16,
                32,
                u64::MAX,
                u128::MAX - 2,
                usize::MAX,
            )
        }),
        debug("floats", || {
            (1.5f32, -0.0f64, f64::NAN, f32::INFINITY, 1e300f64)
        }),
        debug("bools", || [true, false, true]),
        debug("chars", || ('a', '\n', 'é', '\u{10FFFF}', '\'')),
        debug("one number", || 42u64),
        debug("one-tuple", || (5u8,)),
        debug("unit inside", || (1u8, ())),
    ]
}

fn texts() -> Vec<Case> {
    vec![
        debug("String", || "a \"quoted\"\ttext, é".to_owned()),
        debug("empty String", || {
            (String::new(), String::with_capacity(10))
        }),
        says(
            "long String",
            || "é".repeat(5000),
            |_| format!("\"{}\"… (10000 bytes)", "é".repeat(200)),
        ),
        says(
            "ASCII of 201",
            || "x".repeat(201),
            |_| format!("\"{}\"… (201 bytes)", "x".repeat(200)),
        ),
        debug("text of 200", || "y".repeat(200)),
        debug("&str", || ("static text", "")),
        debug("Box<str>", || Generic {
            inner: String::from("boxed").into_boxed_str(),
            mark: std::marker::PhantomData,
        }),
        debug("Rc<str>, Arc<str>", || {
            (Rc::<str>::from("counted text"), Arc::<str>::from("shared"))
        }),
        debug("Cow", || {
            (
                Cow::Borrowed("borrowed"),
                Cow::<'static, str>::Owned("owned".to_owned()),
            )
        }),
        debug("PathBuf", || {
            (PathBuf::from("/tmp/a b"), OsString::from("os"))
        }),
        debug("CString", || CString::new("with zero").unwrap()),
    ]
}

fn structures() -> Vec<Case> {
    vec![
        debug("struct", request),
        debug("unit struct", || (Unit, Newtype(7))),
        debug("generic struct", || Generic {
            inner: vec![Newtype(1), Newtype(2)],
            mark: std::marker::PhantomData,
        }),
        debug("tuple", || (1u8, "two".to_owned(), (3u16, 4.5f32))),
        debug("array", || ([[1u8, 2], [3, 4], [5, 6]], 7u8)),
        says(
            "long array",
            || [7u16; 20],
            |_| "[7, 7, 7, 7, 7, 7, 7, 7, … 12 more]".to_owned(),
        ),
        debug("empty array", || ([0u8; 0], 1u8)),
        says(
            "deep",
            || Deep(Box::new(levels(9))),
            |_| {
                "Deep(Level { number: 9, below: Some(Level { number: 8, below: Some(Level { \
                 number: 7, below: Some(Level { number: 6, below: Some(Level { … }) }) }) }) })"
                    .to_owned()
            },
        ),
        says(
            "closure",
            || {
                let (a, b) = (5u32, "kept".to_owned());
                move || a as usize + b.len()
            },
            |_| "{closure_env#0} { a: 5, b: \"kept\" }".to_owned(),
        ),
    ]
}

fn enums() -> Vec<Case> {
    vec![
        debug("C-like", || [Color::Red, Color::Green, Color::Blue]),
        debug("signed C-like", || (Signed::Below, Signed::Above)),
        debug("ordering", || {
            (std::cmp::Ordering::Less, std::cmp::Ordering::Greater)
        }),
        debug("variants", || {
            vec![
                Event::Clicked {
                    target: "here".to_owned(),
                    x: 9,
                },
                Event::Halt(Box::new(99)),
                Event::Nothing,
                Event::Pair("a".to_owned(), 2),
            ]
        }),
        debug("one variant", || Only::One(1)),
        debug("options", || {
            (
                Some(5u8),
                None::<u8>,
                Some("text".to_owned()),
                None::<String>,
                Some(Box::new(1u16)),
                None::<Box<u16>>,
                Some(Some(true)),
                Some(None::<bool>),
            )
        }),
        debug("results", || {
            (
                Ok::<u32, String>(1),
                Err::<u32, String>("bad".to_owned()),
                Ok::<String, Box<u8>>("fine".to_owned()),
            )
        }),
        debug("option of C-like", || (Some(Color::Blue), None::<Color>)),
    ]
}

fn pointers() -> Vec<Case> {
    vec![
        debug("boxes", || {
            (Box::new(1u8), Box::new(Box::new("in".to_owned())))
        }),
        debug("Rc and Arc", || (Rc::new(5u16), Arc::new(request()))),
        debug("slices", || {
            let boxed: Box<[u32]> = vec![1, 2, 3].into();
            let counted: Rc<[u16]> = Rc::from([4u16, 5]);
            let shared: Arc<[String]> = Arc::from(["a".to_owned()]);
            (boxed, counted, shared)
        }),
        debug("empty slices", || {
            (Box::<[u32]>::default(), Vec::<String>::new())
        }),
        says(
            "references",
            || Lent {
                name: "lent",
                list: &[1, 2, 3],
                one: &Color::Green,
            },
            |l| {
                format!(
                    "Lent {{ name: {:?}, list: {:?}, one: {:?} }}",
                    l.name, l.list, l.one
                )
            },
        ),
        says(
            "raw pointers",
            || (std::ptr::null::<u8>(), 0x1234 as *mut String),
            |_| "(0x0, 0x1234)".to_owned(),
        ),
        says(
            "function",
            || (twice as fn(u32) -> u32, 1u8),
            |f| format!("({:#x}, 1)", f.0 as usize),
        ),
        says(
            "dyn",
            || {
                let books: Box<dyn Spider> = Box::new(Books {
                    site: "books.test".to_owned(),
                    pages: 7,
                });
                let counted: Rc<dyn Spider> = Rc::new(Books {
                    site: "rc.test".to_owned(),
                    pages: 8,
                });
                (books, counted)
            },
            |(a, b)| format!("({}, {})", a.name(), b.name()),
        ),
        says(
            "Weak",
            || {
                let strong = Rc::new(1u8);
                (Rc::downgrade(&strong), strong)
            },
            |_| "((Weak), 1)".to_owned(),
        ),
        says("a loop", looped, |_| {
            "Node { name: \"one\", next: RefCell { value: Some(Node { name: \"two\", next: \
             RefCell { value: Some(Node { … }) } }) } }"
                .to_owned()
        }),
    ]
}

fn containers() -> Vec<Case> {
    vec![
        debug("Vec", || vec![1u32, 2, 3]),
        says(
            "long Vec",
            || (0..100u32).collect::<Vec<_>>(),
            |_| "[0, 1, 2, 3, 4, 5, 6, 7, … 92 more]".to_owned(),
        ),
        debug("Vec with room", || {
            let mut v = Vec::with_capacity(50);
            v.extend(["a".to_owned(), "b".to_owned()]);
            v
        }),
        debug("Vec of units", || (vec![(), (), ()], 1u8)),
        debug("VecDeque", || {
            let mut ring: VecDeque<u16> = VecDeque::with_capacity(4);
            ring.extend([1, 2, 3, 4]);
            ring.pop_front();
            ring.pop_front();
            ring.extend([5, 6]);
            ring
        }),
        debug("HashMap of one", || {
            HashMap::from([("key".to_owned(), 5u32)])
        }),
        says(
            "HashMap",
            || (0..500u32).map(|n| (n, n * n)).collect::<HashMap<_, _>>(),
            |map| {
                let first: Vec<_> = map
                    .iter()
                    .take(8)
                    .map(|(k, v)| format!("{k}: {v}"))
                    .collect();
                format!("{{{}, … 492 more}}", first.join(", "))
            },
        ),
        debug("empty HashMap", || (HashMap::<u8, String>::new(), 1u8)),
        debug("HashSet", || HashSet::from(["one".to_owned()])),
        debug("BTreeMap", || {
            BTreeMap::from([(1u8, "a".to_owned()), (2, "b".to_owned())])
        }),
        says(
            "large BTreeMap",
            || (0..900u32).map(|n| (n, n + 1)).collect::<BTreeMap<_, _>>(),
            |_| "{0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, … 892 more}".to_owned(),
        ),
        debug("BTreeSet", || BTreeSet::from([Color::Red, Color::Blue])),
        debug("empty BTreeMap", || (BTreeMap::<u8, u8>::new(), 1u8)),
        debug("LinkedList", || LinkedList::from([1u8, 2, 3])),
        debug("BinaryHeap", || BinaryHeap::from([1u8, 9, 3])),
        says(
            "IntoIter",
            || {
                let mut rest = vec![1u16, 2, 3, 4].into_iter();
                rest.next();
                rest
            },
            |_| "[2, 3, 4]".to_owned(),
        ),
    ]
}

fn wrappers() -> Vec<Case> {
    vec![
        debug("cells", || (Cell::new(5u8), RefCell::new("in".to_owned()))),
        says(
            "locks",
            || (Mutex::new(5u8), RwLock::new(request().headers)),
            |_| {
                "(Mutex { data: 5, poisoned: false }, RwLock { data: [(\"Accept\", \"*/*\"), \
                 (\"Host\", \"books.test\")], poisoned: false })"
                    .to_owned()
            },
        ),
        debug("filled once", || {
            let empty = OnceLock::<Request>::new();
            (OnceLock::from(request().headers), empty, 1u8)
        }),
        debug("cells filled once", || {
            (OnceCell::from(5u16), OnceCell::<String>::new(), 1u8)
        }),
        debug("lazy", || {
            let asked = LazyLock::new(|| "made".to_owned());
            assert_eq!(*asked, "made");
            let number = 7u32;
            let never = LazyLock::new(move || number);
            (asked, never, 1u8)
        }),
        debug("lazy cells", || {
            let asked = LazyCell::new(|| vec![1u8, 2]);
            assert_eq!(asked.len(), 2);
            (asked, LazyCell::new(|| 7u32), 1u8)
        }),
        debug("atomics", || {
            (
                AtomicU64::new(u64::MAX),
                AtomicBool::new(true),
                AtomicU16::new(3),
            )
        }),
        debug("non-zero", || {
            (NonZeroU32::new(9), NonZeroU32::new(0), Wrapping(4u8))
        }),
        debug("Duration", || (Duration::from_millis(1500), Duration::ZERO)),
        debug("Pin", || Box::pin(17u8)),
        says(
            "union",
            || (Either { number: 5 }, 1u8),
            |_| "(<8 bytes>, 1)".to_owned(),
        ),
        says(
            "MaybeUninit",
            || (std::mem::MaybeUninit::<u32>::uninit(), 1u8),
            |_| "(<4 bytes>, 1)".to_owned(),
        ),
        debug("range", || std::ops::Bound::Included(5u8)),
    ]
}
