//! The births of every covered container, each with the names its blocks must
//! get. Names of user types come from `std::any::type_name`.

#![allow(
    clippy::vec_init_then_push,
    clippy::reserve_after_initialization,
    clippy::type_complexity,
    reason = "these are the births that are tested"
)]

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::recorder::{Record, blocks_of};

/// The blocks that a birth made, and the names they must get.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) blocks: Vec<Record>,
    /// Expected names, sorted.
    pub(crate) names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Page {
    pub(crate) id: u64,
    pub(crate) words: [u32; 6],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Leg {
    pub(crate) id: u64,
    pub(crate) words: [u32; 6],
}

#[derive(Clone, Debug)]
pub(crate) enum Event<T> {
    Clicked(T),
    Halt,
}

pub(crate) trait Rule {
    fn check(&self) -> usize;
}

impl Rule for Leg {
    fn check(&self) -> usize {
        self.words.len()
    }
}

impl Rule for Page {
    fn check(&self) -> usize {
        self.id as usize
    }
}

#[inline(never)]
pub(crate) fn page(id: u64) -> Page {
    Page {
        id: black_box(id),
        words: [id as u32; 6],
    }
}

#[inline(never)]
pub(crate) fn leg(id: u64) -> Leg {
    Leg {
        id: black_box(id),
        words: [id as u32; 6],
    }
}

/// The name of `T` by the tables' rules, from the compiler's own: std
/// containers short.
pub(crate) fn name<T: ?Sized>() -> String {
    let mut name = std::any::type_name::<T>().to_owned();
    for long in [
        "alloc::boxed::Box",
        "alloc::rc::Rc",
        "alloc::sync::Arc",
        "alloc::vec::Vec",
        "alloc::string::String",
        "alloc::collections::btree::map::BTreeMap",
        "std::collections::hash::map::HashMap",
    ] {
        let short = long.rsplit("::").next().unwrap();
        // `alloc::rc::Rc` must not hit a longer name.
        name = name.replace(&format!("{long}<"), &format!("{short}<"));
        if long.ends_with("String") {
            name = name.replace(long, short);
        }
    }
    name
}

fn of<T: ?Sized>(holder: &str) -> String {
    format!("{holder}<{}>", name::<T>())
}

/// The words of a text that the optimiser does not know.
fn text() -> &'static str {
    black_box("a text that is long enough")
}

macro_rules! cases {
    ($($what:literal: $make:expr => [$($name:expr),* $(,)?];)*) => {{
        let mut all = Vec::new();
        $({
            // The text keeps the optimiser from merging the closures of two
            // cases whose code is the same but for the types.
            let blocks = blocks_of(|| {
                black_box($what);
                $make
            });
            let mut names: Vec<String> = vec![$($name.into()),*];
            names.sort();
            all.push(Case { what: $what, blocks, names });
        })*
        all
    }};
}

pub(crate) fn vectors() -> Vec<Case> {
    let pages = vec![page(1), page(2), page(3)];
    cases! {
        "Vec::with_capacity": Vec::<Page>::with_capacity(black_box(3)) => [of::<Page>("Vec")];
        "Vec::push": { let mut v = Vec::new(); for i in 0..black_box(9) { v.push(page(i)); } v } => [of::<Page>("Vec")];
        "Vec::push, same size": { let mut v = Vec::new(); for i in 0..black_box(9) { v.push(leg(i)); } v } => [of::<Leg>("Vec")];
        "Vec::reserve": { let mut v: Vec<Leg> = Vec::new(); v.reserve(black_box(9)); v } => [of::<Leg>("Vec")];
        "Vec::reserve_exact": { let mut v: Vec<Leg> = Vec::new(); v.reserve_exact(black_box(9)); v } => [of::<Leg>("Vec")];
        "Vec::resize": { let mut v: Vec<u16> = Vec::new(); v.resize(black_box(90), 7); v } => ["Vec<u16>"];
        "vec![x; n]": vec![page(1); black_box(4)] => [of::<Page>("Vec")];
        "vec![0; n]": vec![0u32; black_box(40)] => ["Vec<u32>"];
        "vec![a, b]": vec![page(1), page(2)] => [of::<Page>("Vec")];
        "vec![u8 literal]": vec![black_box(1u8), 2, 3] => ["Vec<u8>"];
        "to_vec": pages.to_vec() => [of::<Page>("Vec")];
        "Vec::clone": pages.clone() => [of::<Page>("Vec")];
        "to_owned of a slice": pages[..].to_owned() => [of::<Page>("Vec")];
        "Vec::from(array)": Vec::from([page(1), page(2)]) => [of::<Page>("Vec")];
        "Vec::from(&[T])": Vec::from(&pages[..]) => [of::<Page>("Vec")];
        "collect of an exact iterator": (0..black_box(5)).map(page).collect::<Vec<_>>() => [of::<Page>("Vec")];
        "collect of a filter": (0..black_box(9)).filter(|i| i % 2 == 0).map(leg).collect::<Vec<_>>() => [of::<Leg>("Vec")];
        "collect of results": (0..black_box(9)).map(|i| if i < 50 { Ok(leg(i)) } else { Err(()) }).collect::<Result<Vec<_>, ()>>().unwrap() => [of::<Leg>("Vec")];
        "extend": { let mut v = Vec::new(); v.extend((0..black_box(9)).map(leg)); v } => [of::<Leg>("Vec")];
        "extend_from_slice": { let mut v = Vec::new(); v.extend_from_slice(&pages); v } => [of::<Page>("Vec")];
        "insert": { let mut v = Vec::new(); v.insert(0, page(black_box(1))); v } => [of::<Page>("Vec")];
        "splice": { let mut v: Vec<u32> = (0..black_box(9)).collect(); v.splice(2..4, 0..black_box(90)).for_each(drop); v } => ["Vec<u32>"];
        "append": { let mut v = Vec::new(); v.append(&mut pages.clone()); v } => [of::<Page>("Vec")];
        "split_off": { let mut v = pages.clone(); let w = v.split_off(1); (v, w) } => [of::<Page>("Vec"), of::<Page>("Vec")];
        "shrink_to_fit": { let mut v = pages.clone(); v.reserve(black_box(40)); v.shrink_to_fit(); v } => [of::<Page>("Vec")];
        "concat": [pages.clone(), pages.clone()].concat() => [of::<Page>("Vec")];
        "repeat": [1u16, 2, 3].repeat(black_box(9)) => ["Vec<u16>"];
        "Vec of Vec": vec![vec![page(1)], vec![page(2)]] => [of::<Vec<Page>>("Vec"), of::<Page>("Vec"), of::<Page>("Vec")];
        "clone of Vec of Vec": { let v = vec![vec![page(1)]]; let w = v.clone(); std::mem::forget(v); w } => [of::<Vec<Page>>("Vec"), of::<Page>("Vec"), of::<Vec<Page>>("Vec"), of::<Page>("Vec")];
        "Vec of Strings cloned": { let v = vec![text().to_owned()]; let w = v.clone(); std::mem::forget(v); w } => ["Vec<String>", "Vec<String>", "String", "String"];
        "Vec of tuples": { let mut v = Vec::new(); v.push((black_box(1u8), text().to_owned())); v } => ["Vec<(u8, String)>", "String"];
        "Vec of options": vec![Some(black_box(1u64)), None] => ["Vec<core::option::Option<u64>>"];
        "Vec of enums": vec![Event::Clicked(page(1)), Event::Halt] => [of::<Event<Page>>("Vec")];
        "Vec of dyn": { let mut v: Vec<Box<dyn Rule>> = Vec::new(); v.push(Box::new(page(1))); v } => [of::<Box<dyn Rule>>("Vec"), of::<Page>("Box")];
        "Vec of fn": vec![page as fn(u64) -> Page; black_box(2)] => [of::<fn(u64) -> Page>("Vec")];
        "Vec of references": pages.iter().collect::<Vec<_>>() => [of::<&Page>("Vec")];
        "chars": text().chars().collect::<Vec<char>>() => ["Vec<char>"];
        "sorted keys": { let mut v: Vec<u64> = pages.iter().map(|p| p.id).collect(); v.sort(); v } => ["Vec<u64>"];
        "unzip": pages.iter().map(|p| (p.id, p.clone())).unzip::<u64, Page, Vec<_>, Vec<_>>() => ["Vec<u64>", of::<Page>("Vec")];
        "nested generic": vec![HashMap::<u8, Option<Box<Page>>>::new(); black_box(2)] => [format!("Vec<HashMap<u8, core::option::Option<{}>>>", of::<Page>("Box"))];
        "Vec of dyn + Send": { let mut v: Vec<Box<dyn Rule + Send>> = Vec::new(); v.push(Box::new(page(1))); v } => ["Vec<Box<dyn truth::cases::Rule + core::marker::Send>>".to_owned(), of::<Page>("Box")];
        "Vec of dyn Fn": { let mut v: Vec<Box<dyn Fn(u8, &str) -> u64>> = Vec::new(); v.push(boxed_function()); v } => ["Vec<Box<dyn core::ops::function::Fn<(u8, &str), Output=u64>>>", "Box<truth::cases::boxed_function::{closure_env#0}>"];
        "Vec of arrays": vec![[page(1), page(2)]; black_box(2)] => [of::<[Page; 2]>("Vec")];
        "Vec of pointers": vec![&raw const pages[0]; black_box(2)] => [of::<*const Page>("Vec")];
        "Vec of mutable references": { let mut v = Vec::new(); v.push(Box::leak(Box::new(page(1)))); v } => [of::<&mut Page>("Vec"), of::<Page>("Box")];
        "Vec of const generics": { let r = Ring::<4, true> { items: [1; 4] }; black_box(r.sum()); vec![r; black_box(2)] } => [of::<Ring<4, true>>("Vec")];
        "Vec in a generic function": collected::<Leg>(&[leg(1), leg(2)]) => [of::<Leg>("Vec")];
        "Vec of Rc": { let mut v = Vec::new(); v.push(Rc::new(RefCell::new(page(1)))); v } => [of::<Rc<RefCell<Page>>>("Vec"), of::<RefCell<Page>>("Rc")];
        "flat_map": pages.iter().flat_map(|p| p.words).collect::<Vec<u32>>() => ["Vec<u32>"];
        "chunks": pages.chunks(2).map(<[Page]>::to_vec).collect::<Vec<_>>() => [of::<Vec<Page>>("Vec"), of::<Page>("Vec"), of::<Page>("Vec")];
        "split of a str": text().split(' ').collect::<Vec<_>>() => ["Vec<&str>"];
        "split into Strings": text().split(' ').take(2).map(str::to_owned).collect::<Vec<_>>() => ["Vec<String>", "String", "String"];
        "into_iter kept": pages.clone().into_iter() => [of::<Page>("Vec")];
    }
}

pub(crate) fn boxes() -> Vec<Case> {
    let pages = vec![page(1), page(2), page(3)];
    cases! {
        "Box::new": Box::new(page(1)) => [of::<Page>("Box")];
        "Box::new of an integer": Box::new(black_box(7u64)) => ["Box<u64>"];
        "Box::default": Box::<[u64; 9]>::default() => ["Box<[u64; 9]>"];
        "Box::from": Box::from(page(1)) => [of::<Page>("Box")];
        "Box::clone": { let b = Box::new(page(1)); let c = b.clone(); std::mem::forget(b); c } => [of::<Page>("Box"), of::<Page>("Box")];
        "Box::pin": Box::pin(page(1)) => [of::<Page>("Box")];
        "Box<array>": Box::new([page(1), page(2)]) => [of::<[Page; 2]>("Box")];
        "Box<dyn>": Box::new(page(1)) as Box<dyn Rule> => [of::<Page>("Box")];
        "Box<tuple>": Box::new((page(1), black_box(2u8))) => [of::<(Page, u8)>("Box")];
        "Box<[T]> of a slice": Box::<[Page]>::from(&pages[..]) => [of::<[Page]>("Box")];
        "Box<[T]> cloned": { let b: Box<[Page]> = pages.clone().into(); let c = b.clone(); std::mem::forget(b); c } => [of::<Page>("Vec"), of::<[Page]>("Box")];
        "Box<[T]> collected": (0..black_box(9)).filter(|i| i % 2 == 0).map(leg).collect::<Box<[_]>>() => [of::<[Leg]>("Box")];
        "into_boxed_slice, shrinking": { let mut v = Vec::with_capacity(black_box(9)); v.push(page(1)); v.into_boxed_slice() } => [of::<[Page]>("Box")];
        "Box<str>": Box::<str>::from(text()) => ["Box<str>"];
        "into_boxed_str, shrinking": { let mut s = String::with_capacity(black_box(90)); s.push_str(text()); s.into_boxed_str() } => ["Box<str>"];
        "Box of a closure": boxed_closure() => ["Box<truth::cases::boxed_closure::{closure_env#0}>"];
        "Rc::new": Rc::new(page(1)) => [of::<Page>("Rc")];
        "Rc::new_cyclic": Rc::new_cyclic(|_| page(1)) => [of::<Page>("Rc")];
        "Rc::from(Box)": Rc::<Page>::from(Box::new(page(1))) => [of::<Page>("Rc")];
        "Rc<RefCell>": Rc::new(RefCell::new(page(1))) => [of::<RefCell<Page>>("Rc")];
        "Rc<str>": Rc::<str>::from(text()) => ["Rc<str>"];
        "Rc<[T]> from Vec": Rc::<[Page]>::from(pages.clone()) => [of::<[Page]>("Rc")];
        "Rc<[T]> from a slice": Rc::<[Page]>::from(&pages[..]) => [of::<[Page]>("Rc")];
        "Box<dyn> used": { let b: Box<dyn Rule> = Box::new(leg(1)); black_box(b.check()); b } => [of::<Leg>("Box")];
        "Rc<dyn>": Rc::new(page(1)) as Rc<dyn Rule> => [of::<Page>("Rc")];
        "Rc::make_mut": { let mut a = Rc::new(page(1)); let b = a.clone(); Rc::make_mut(&mut a).id = 9; (a, b) } => [of::<Page>("Rc"), of::<Page>("Rc")];
        "Arc::new": Arc::new(page(1)) => [of::<Page>("Arc")];
        "Arc::new_cyclic": Arc::new_cyclic(|_| page(1)) => [of::<Page>("Arc")];
        "Arc::from(T)": Arc::from(page(1)) => [of::<Page>("Arc")];
        "Arc::from(Box)": Arc::<Page>::from(Box::new(page(1))) => [of::<Page>("Arc")];
        "Arc::from(Box<dyn>)": { let b: Box<dyn Rule> = Box::new(page(1)); Arc::<dyn Rule>::from(b) } => [of::<dyn Rule>("Arc")];
        "Arc<str>": Arc::<str>::from(text()) => ["Arc<str>"];
        "Arc<str> from String": Arc::<str>::from(text().to_owned()) => ["Arc<str>"];
        "Arc<[T]> from Vec": Arc::<[Page]>::from(pages.clone()) => [of::<[Page]>("Arc")];
        "Arc<[T]> collected": (0..black_box(5)).map(page).collect::<Arc<[_]>>() => [of::<[Page]>("Arc")];
        "Arc<[T]> collected, unknown length": (0..black_box(9)).filter(|i| i % 2 == 0).map(page).collect::<Arc<[_]>>() => [of::<[Page]>("Arc")];
        "Arc::pin": Arc::pin(page(1)) => [of::<Page>("Arc")];
        "Box of a future": Box::pin(fetched(black_box(4))) => ["Box<truth::cases::fetched::{async_fn_env#0}>"];
        "Arc<Mutex>": Arc::new(std::sync::Mutex::new(page(1))) => [of::<std::sync::Mutex<Page>>("Arc")];
        "Arc<Vec>": Arc::new(vec![page(1)]) => [of::<Vec<Page>>("Arc"), of::<Page>("Vec")];
        "Box::new_uninit": Box::<Page>::new_uninit() => [of::<Page>("Box")];
        "Box<[T]>::new_uninit_slice": Box::<[Page]>::new_uninit_slice(black_box(3)) => [of::<[Page]>("Box")];
        "Box<Path>": Box::<Path>::from(Path::new(text())) => ["Box<std::path::Path>"];
        "Arc<Path>": Arc::<Path>::from(Path::new(text())) => ["Arc<std::path::Path>"];
        "Arc<OsStr>": Arc::<std::ffi::OsStr>::from(std::ffi::OsStr::new(text())) => ["Arc<std::ffi::os_str::OsStr>"];
        "Arc<CStr>": Arc::<std::ffi::CStr>::from(c"a C text") => ["Arc<core::ffi::c_str::CStr>"];
        "Cow": Cow::from(text()).into_owned() => ["String"];
        "raw alloc": raw() => ["Raw in truth::cases::raw"];
    }
}

/// A type with const arguments.
#[derive(Clone, Debug)]
pub(crate) struct Ring<const N: usize, const WRAP: bool> {
    items: [u64; N],
}

impl<const N: usize, const WRAP: bool> Ring<N, WRAP> {
    fn sum(&self) -> u64 {
        self.items.iter().sum()
    }
}

#[inline(never)]
fn collected<T: Clone>(items: &[T]) -> Vec<T> {
    items.iter().rev().cloned().collect()
}

#[inline(never)]
fn boxed_function() -> Box<dyn Fn(u8, &str) -> u64> {
    let k = black_box(50u64);
    Box::new(move |x, s| k + u64::from(x) + s.len() as u64)
}

/// An async function whose state holds a `Page`.
async fn fetched(id: u64) -> u64 {
    let page = page(id);
    std::future::ready(()).await;
    page.id
}

/// A hasher that is not the default one.
type Plain = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

#[inline(never)]
fn boxed_closure() -> Box<dyn Fn(u64) -> u64> {
    let k = black_box(5u64);
    Box::new(move |x| x + k)
}

#[inline(never)]
fn raw() -> usize {
    let layout = std::alloc::Layout::from_size_align(black_box(333), 8).unwrap();
    // SAFETY: the size is not zero.
    unsafe { std::alloc::alloc(layout) as usize }
}

pub(crate) fn strings() -> Vec<Case> {
    let dir = black_box(Path::new("/tmp/a/directory"));
    cases! {
        "to_owned": text().to_owned() => ["String"];
        "to_string": text().to_string() => ["String"];
        "to_string of an integer": black_box(12345u64).to_string() => ["String"];
        "to_string of a float": black_box(1.5f64).to_string() => ["String"];
        "String::from": String::from(text()) => ["String"];
        "into": { let s: String = text().into(); s } => ["String"];
        "format!": format!("{} and {}", text(), black_box(5)) => ["String"];
        "format! of one": format!("{}", text()) => ["String"];
        "push_str": { let mut s = String::new(); s.push_str(text()); s } => ["String"];
        "push": { let mut s = String::new(); for _ in 0..black_box(9) { s.push('x'); } s } => ["String"];
        "+=": { let mut s = String::new(); s += text(); s += text(); s } => ["String"];
        "String::with_capacity": String::with_capacity(black_box(77)) => ["String"];
        "String::reserve": { let mut s = String::new(); s.reserve(black_box(77)); s } => ["String"];
        "from_utf8": String::from_utf8(text().as_bytes().to_vec()).unwrap() => ["Vec<u8>"];
        "from_utf8_lossy": String::from_utf8_lossy(black_box(b"a\xffbc")).into_owned() => ["String"];
        "clone": { let s = text().to_owned(); let t = s.clone(); std::mem::forget(s); t } => ["String", "String"];
        "join": [text(), text()].join(", ") => ["String"];
        "concat": [text(), text()].concat() => ["String"];
        "join of Strings": { let v = vec![text().to_owned()]; let s = v.join(","); std::mem::forget(v); s } => ["Vec<String>", "String", "String"];
        "collect of chars": text().chars().rev().collect::<String>() => ["String"];
        "collect of strs": [text(), text()].iter().copied().collect::<String>() => ["String"];
        "replace": text().replace('a', "bb") => ["String"];
        "to_lowercase": text().to_lowercase() => ["String"];
        "to_uppercase": text().to_uppercase() => ["String"];
        "to_ascii_uppercase": text().to_ascii_uppercase() => ["String"];
        "repeat": text().repeat(black_box(3)) => ["String"];
        "insert_str": { let mut s = String::new(); s.insert_str(0, text()); s } => ["String"];
        "write!": { use std::fmt::Write; let mut s = String::new(); write!(s, "{}", black_box(5)).unwrap(); s } => ["String"];
        "char to_string": black_box('x').to_string() => ["String"];
        "split_off": { let mut s = text().to_owned(); let t = s.split_off(3); (s, t) } => ["String", "String"];
        "to_string_lossy": Path::new(std::ffi::OsStr::new("a path")).join(text()).to_string_lossy().into_owned() => ["String"];
        "Path display to_string": dir.display().to_string() => ["String"];
        "read_to_string": std::fs::read_to_string("/proc/self/status").unwrap() => ["String"];
        "fs::read": std::fs::read("/proc/self/status").unwrap() => ["Vec<u8>"];
        "read_line": { use std::io::BufRead; let mut s = String::new(); std::io::Cursor::new(text()).read_line(&mut s).unwrap(); s } => ["String"];
        "env::var": std::env::var("PATH").unwrap() => ["String"];
        "current_dir": std::env::current_dir().unwrap() => ["PathBuf"];
        "lines": text().lines().map(String::from).collect::<Vec<_>>() => ["Vec<String>", "String"];
        "debug format": format!("{:?}", page(1)) => ["String"];
        "char escape": text().escape_debug().to_string() => ["String"];
        "trim to_owned": text().trim().to_owned() => ["String"];
        "String in a struct": Box::new((text().to_owned(), 5u8)) => ["Box<(String, u8)>", "String"];
        "String from chars extend": { let mut s = String::new(); s.extend(text().chars().filter(|c| *c != 'a')); s } => ["String"];
        "as bytes to_vec": text().as_bytes().to_vec() => ["Vec<u8>"];
        "bytes collected": text().bytes().collect::<Vec<u8>>() => ["Vec<u8>"];
        "vec of bytes pushed": { let mut v = Vec::new(); for i in 0..black_box(20) { v.push(i as u8); } v } => ["Vec<u8>"];
        "io::Write to Vec": { use std::io::Write; let mut v = Vec::new(); write!(v, "{}", text()).unwrap(); v } => ["Vec<u8>"];
        "CString::new": CString::new(text()).unwrap() => ["CString"];
        "CString of bytes": CString::new(text().as_bytes().to_vec()).unwrap() => ["CString"];
        "CString clone": { let c = CString::new(text()).unwrap(); let d = c.clone(); std::mem::forget(c); d } => ["CString", "CString"];
        "OsString::from": OsString::from(text()) => ["OsString"];
        "OsString::push": { let mut s = OsString::new(); s.push(text()); s } => ["OsString"];
        "OsStr::to_owned": std::ffi::OsStr::new(text()).to_owned() => ["OsString"];
        "PathBuf::from": PathBuf::from(text()) => ["PathBuf"];
        "Path::join": dir.join(text()) => ["PathBuf"];
        "PathBuf::push": { let mut p = PathBuf::new(); p.push(dir); p.push(text()); p } => ["PathBuf"];
        "Path::to_path_buf": dir.to_path_buf() => ["PathBuf"];
        "Path::with_extension": dir.with_extension("html") => ["PathBuf"];
        "PathBuf collected": dir.iter().collect::<PathBuf>() => ["PathBuf"];
        "PathBuf clone": { let p = dir.to_path_buf(); let q = p.clone(); std::mem::forget(p); q } => ["PathBuf", "PathBuf"];
    }
}

pub(crate) fn maps() -> Vec<Case> {
    cases! {
        "HashMap::insert": { let mut m = HashMap::new(); for i in 0..black_box(20) { m.insert(i, page(i)); } m } => [format!("HashMap<u64, {}>", name::<Page>())];
        "HashMap::with_capacity": HashMap::<String, Page>::with_capacity(black_box(9)) => [format!("HashMap<String, {}>", name::<Page>())];
        "HashMap::entry": { let mut m: HashMap<u64, Vec<Page>> = HashMap::new(); m.entry(1).or_default().push(page(1)); m } => [format!("HashMap<u64, {}>", name::<Vec<Page>>()), of::<Page>("Vec")];
        "HashMap collect": (0..black_box(9)).map(|i| (i, leg(i))).collect::<HashMap<_, _>>() => [format!("HashMap<u64, {}>", name::<Leg>())];
        "HashMap::from": HashMap::from([(black_box(1u8), page(1))]) => [format!("HashMap<u8, {}>", name::<Page>())];
        "HashMap clone": { let m = HashMap::from([(black_box(1u8), page(1))]); let n = m.clone(); std::mem::forget(m); n } => [format!("HashMap<u8, {}>", name::<Page>()), format!("HashMap<u8, {}>", name::<Page>())];
        "HashMap reserve": { let mut m: HashMap<u8, Leg> = HashMap::new(); m.reserve(black_box(50)); m } => [format!("HashMap<u8, {}>", name::<Leg>())];
        "HashMap extend": { let mut m = HashMap::new(); m.extend((0..black_box(9)).map(|i| (i, leg(i)))); m } => [format!("HashMap<u64, {}>", name::<Leg>())];
        "HashMap shrink": { let mut m = HashMap::new(); for i in 0..black_box(99) { m.insert(i, page(i)); } m.retain(|k, _| *k < 3); m.shrink_to_fit(); m } => [format!("HashMap<u64, {}>", name::<Page>())];
        "HashMap of Strings": { let mut m = HashMap::new(); m.insert(text().to_owned(), page(1)); m } => [format!("HashMap<String, {}>", name::<Page>()), "String".to_owned()];
        "HashMap, other hasher": { let mut m: HashMap<u64, Page, Plain> = HashMap::default(); for i in 0..black_box(20) { m.insert(i, page(i)); } m } => [format!("HashMap<u64, {}, core::hash::BuildHasherDefault<std::hash::random::DefaultHasher>>", name::<Page>())];
        "HashMap<K, ()>": { let mut m = HashMap::new(); for i in 0..black_box(20u64) { m.insert(i, ()); } m } => ["HashMap<u64, ()>"];
        "HashMap of maps": { let mut m: HashMap<u8, BTreeMap<u8, Page>> = HashMap::new(); m.entry(1).or_default().insert(2, page(1)); m } => [format!("HashMap<u8, BTreeMap<u8, {}>>", name::<Page>()), format!("BTreeMap<u8, {}>", name::<Page>())];
        "hashbrown's HashMap": { let mut m = hashbrown::HashMap::new(); for i in 0..black_box(20) { m.insert(i, page(i)); } m } => [format!("hashbrown::map::HashMap<u64, {}>", name::<Page>())];
        "hashbrown's HashSet": { let mut m = hashbrown::HashSet::new(); for i in 0..black_box(20) { m.insert(page(i)); } m } => [of::<Page>("hashbrown::set::HashSet")];
        "hashbrown's HashTable": { let mut t = hashbrown::HashTable::new(); for i in 0..black_box(20) { t.insert_unique(i, page(i), |p| p.id); } t } => [of::<Page>("hashbrown::table::HashTable")];
        "HashSet::insert": { let mut m = HashSet::new(); for i in 0..black_box(20) { m.insert(page(i)); } m } => [of::<Page>("HashSet")];
        "HashSet collect": (0..black_box(9)).map(page).collect::<HashSet<_>>() => [of::<Page>("HashSet")];
        "HashSet::with_capacity": HashSet::<u64>::with_capacity(black_box(9)) => ["HashSet<u64>"];
        "HashSet clone": { let m = HashSet::from([black_box(1u64)]); let n = m.clone(); std::mem::forget(m); n } => ["HashSet<u64>", "HashSet<u64>"];
        "HashSet of u64": { let mut m = HashSet::new(); for i in 0..black_box(20u64) { m.insert(i); } m } => ["HashSet<u64>"];
        "BTreeMap::insert": { let mut m = BTreeMap::new(); for i in 0..black_box(12) { m.insert(i, page(i)); } m } => [format!("BTreeMap<u64, {}>", name::<Page>()), format!("BTreeMap<u64, {}>", name::<Page>()), format!("BTreeMap<u64, {}>", name::<Page>())];
        "BTreeMap::entry": { let mut m: BTreeMap<u64, Leg> = BTreeMap::new(); m.entry(1).or_insert_with(|| leg(1)); m } => [format!("BTreeMap<u64, {}>", name::<Leg>())];
        "BTreeMap collect": (0..black_box(9)).map(|i| (i, leg(i))).collect::<BTreeMap<_, _>>() => [format!("BTreeMap<u64, {}>", name::<Leg>())];
        "BTreeMap clone": { let m = BTreeMap::from([(black_box(1u8), page(1))]); let n = m.clone(); std::mem::forget(m); n } => [format!("BTreeMap<u8, {}>", name::<Page>()), format!("BTreeMap<u8, {}>", name::<Page>())];
        "BTreeSet::insert": { let mut m = BTreeSet::new(); for i in 0..black_box(12) { m.insert(page(i)); } m } => [of::<Page>("BTreeSet"), of::<Page>("BTreeSet"), of::<Page>("BTreeSet")];
        "BTreeSet collect": (0..black_box(9)).map(page).collect::<BTreeSet<_>>() => [of::<Page>("BTreeSet")];
        "VecDeque::push_back": { let mut d = VecDeque::new(); for i in 0..black_box(9) { d.push_back(page(i)); } d } => [of::<Page>("VecDeque")];
        "VecDeque::push_front": { let mut d = VecDeque::new(); for i in 0..black_box(9) { d.push_front(leg(i)); } d } => [of::<Leg>("VecDeque")];
        "VecDeque::with_capacity": VecDeque::<Leg>::with_capacity(black_box(9)) => [of::<Leg>("VecDeque")];
        "VecDeque collect": (0..black_box(9)).map(leg).collect::<VecDeque<_>>() => [of::<Leg>("VecDeque")];
        "VecDeque extend": { let mut d = VecDeque::new(); d.extend((0..black_box(9)).map(leg)); d } => [of::<Leg>("VecDeque")];
        "VecDeque clone": { let d: VecDeque<u64> = (0..black_box(9)).collect(); let e = d.clone(); std::mem::forget(d); e } => ["VecDeque<u64>", "VecDeque<u64>"];
        "BinaryHeap::push": { let mut h = BinaryHeap::new(); for i in 0..black_box(9) { h.push(page(i)); } h } => [of::<Page>("BinaryHeap")];
        "BinaryHeap::with_capacity": BinaryHeap::<Leg>::with_capacity(black_box(9)) => [of::<Leg>("BinaryHeap")];
        "BinaryHeap collect": (0..black_box(9)).map(leg).collect::<BinaryHeap<_>>() => [of::<Leg>("BinaryHeap")];
        "LinkedList::push_back": { let mut l = LinkedList::new(); l.push_back(page(1)); l.push_front(page(2)); l } => [of::<Page>("LinkedList"), of::<Page>("LinkedList")];
        "LinkedList collect": (0..black_box(2)).map(leg).collect::<LinkedList<_>>() => [of::<Leg>("LinkedList"), of::<Leg>("LinkedList")];
    }
}
