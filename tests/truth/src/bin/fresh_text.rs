//! A text pipeline: log lines and tables are split, cleaned, counted, grouped,
//! sorted and written out again, into each of std's containers.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::fmt::{self, Display, Write};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

const HOSTS: [&str; 5] = ["alpha", "beta", "gamma", "delta", "epsilon"];
const PATHS: [&str; 6] = [
    "/",
    "/fish",
    "/fish/guppy",
    "/tanks",
    "/img/a.png",
    "/api/v1/list",
];

#[derive(Clone, Debug, PartialEq)]
struct Line {
    at: u64,
    host: String,
    path: PathBuf,
    status: u16,
    agent: Option<Rc<str>>,
    fields: Vec<(String, f32)>,
}

fn source() -> String {
    let mut text = String::new();
    for n in 0..360usize {
        let (host, path) = (HOSTS[n * 7 % 5], PATHS[n * 11 % 6]);
        let status = [200, 200, 304, 404, 500][n % 5];
        writeln!(
            text,
            "{} {host} {path} {status} \"agent/{} (x11)\" time={}.5 size={}",
            1_700_000_000 + n * 13,
            n % 4,
            n % 90,
            n * 17 % 5000
        )
        .expect("it fits");
    }
    text
}

fn line(text: &str) -> Option<Line> {
    let (head, rest) = text.split_once(" \"")?;
    let (agent, tail) = rest.split_once("\" ")?;
    let mut parts = head.split_ascii_whitespace();
    Some(Line {
        at: parts.next()?.parse().ok()?,
        host: parts.next()?.to_owned(),
        path: Path::new("/var/www").join(parts.next()?.trim_start_matches('/')),
        status: parts.next()?.parse().ok()?,
        agent: (!agent.contains("/0")).then(|| Rc::from(agent)),
        fields: tail
            .split(' ')
            .filter_map(|pair| pair.split_once('='))
            .filter_map(|(key, value)| Some((key.to_string(), value.parse().ok()?)))
            .collect(),
    })
}

fn path(book: &mut Book, one: &PathBuf) {
    book.path_as(one, Name::of::<PathBuf>().was(Name::of::<OsString>()));
}

fn parsed(book: &mut Book) -> (String, Vec<Line>) {
    let text = source();
    let lines: Vec<Line> = text.lines().filter_map(line).collect();
    book.string(&text).vec(&lines);
    for one in &lines {
        book.string(&one.host)
            .vec(&one.fields)
            .strings(one.fields.iter().map(|field| &field.0));
        path(book, &one.path);
        if let Some(agent) = &one.agent {
            book.rc_as(agent, Name::of::<Rc<str>>().was(Name::of::<Rc<[u8]>>()));
        }
    }
    (text, lines)
}

fn grouped(book: &mut Book, text: &str, lines: &[Line]) -> impl Sized + use<> {
    let mut by_host: HashMap<String, Vec<u64>> = HashMap::new();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for one in lines {
        by_host.entry(one.host.clone()).or_default().push(one.at);
        *statuses.entry(one.status).or_insert(0) += 1;
    }
    let hosts: BTreeSet<String> = lines.iter().map(|one| one.host.to_uppercase()).collect();
    let paths: HashSet<PathBuf> = lines.iter().map(|one| one.path.clone()).collect();
    let slow: HashMap<(u16, char), f32> = lines
        .iter()
        .flat_map(|one| {
            let first = one.host.chars().next();
            let times = one.fields.iter().filter(|field| field.0 == "time");
            first
                .into_iter()
                .zip(times)
                .map(move |(c, field)| ((one.status, c), field.1))
        })
        .collect();
    let words: BTreeMap<String, Vec<usize>> = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| word.len() > 2)
        .enumerate()
        .fold(BTreeMap::new(), |mut map, (at, word)| {
            map.entry(word.to_string())
                .or_insert_with(Vec::new)
                .push(at);
            map
        });
    let lengths: Vec<(usize, Vec<&'static str>)> = [2usize, 4, 5, 7]
        .into_iter()
        .map(|n| {
            (
                n,
                HOSTS.into_iter().filter(|host| host.len() <= n).collect(),
            )
        })
        .collect();
    let first_of: HashMap<Box<str>, Arc<Line>> = lines
        .iter()
        .rev()
        .map(|one| (one.host.as_str().into(), Arc::new(one.clone())))
        .collect();
    book.hash_map(&by_host)
        .strings(by_host.keys())
        .vecs(by_host.values())
        .btree_map(&statuses)
        .btree_set(&hosts)
        .strings(&hosts)
        .hash_set(&paths)
        .hash_map(&slow)
        .btree_map(&words)
        .strings(words.keys())
        .vecs(words.values())
        .vec(&lengths)
        .vecs(lengths.iter().map(|one| &one.1))
        .hash_map(&first_of);
    paths.iter().for_each(|one| path(book, one));
    for (host, one) in &first_of {
        let names = Name::of::<Box<str>>().was(Name::of::<Box<[u8]>>());
        book.boxed_as(host, names)
            .arc(one)
            .string(&one.host)
            .vec(&one.fields);
        book.strings(one.fields.iter().map(|field| &field.0));
        path(book, &one.path);
    }
    (
        by_host, statuses, hosts, paths, slow, words, lengths, first_of,
    )
}

/// The ways into a string.
fn written(book: &mut Book, lines: &[Line]) -> impl Sized + use<> {
    let mut strings: Vec<String> = Vec::with_capacity(1000);
    for (n, one) in lines.iter().enumerate().take(120) {
        strings.push(format!("{}:{} {:?}", one.host, one.status, one.agent));
        strings.push(one.at.to_string());
        strings.push(one.path.display().to_string());
        strings.push(one.path.to_string_lossy().replace('/', "::"));
        strings.push(one.host.chars().rev().collect());
        strings.push(
            HOSTS
                .iter()
                .map(|host| host.to_string())
                .collect::<Vec<_>>()
                .join(","),
        );
        strings.push(HOSTS.iter().skip(n % 4).copied().collect());
        strings.push("=-".repeat(n % 20 + 1) + ">");
        let mut csv = String::new();
        for (key, value) in &one.fields {
            if !csv.is_empty() {
                csv += ";";
            }
            _ = write!(csv, "{key}={value:.2}");
        }
        strings.push(csv);
        let mut cut = one.host.repeat(3);
        cut.truncate(one.host.len() * 2);
        cut.insert_str(1, "--");
        cut.retain(|c| c != 'a');
        strings.push(cut);
        let mut tail = strings[strings.len() - 2].clone();
        let end = tail.split_off(tail.len() / 2);
        tail.extend(end.chars().filter(char::is_ascii_digit));
        strings.push(tail);
        strings.push(end);
        strings.push(Table(&one.fields).to_string());
        strings.push(one.host.bytes().map(|byte| format!("{byte:02x}")).collect());
        let mut copy = String::from("old");
        copy.clone_from(&strings[n]);
        copy.shrink_to_fit();
        strings.push(copy);
    }
    book.vec(&strings).strings(&strings);
    let all = strings.concat();
    let lines: Vec<&str> = HOSTS.iter().flat_map(|host| host.split('a')).collect();
    let lossy: Vec<Cow<'static, str>> = [&b"good"[..], b"b\xffd", b"fine", b"\xf0\x28 no"]
        .into_iter()
        .cycle()
        .take(60)
        .map(String::from_utf8_lossy)
        .collect();
    for one in &lossy {
        if let Cow::Owned(one) = one {
            book.string(one);
        }
    }
    let utf16: Vec<u16> = all.encode_utf16().take(700).collect();
    let back = String::from_utf16_lossy(&utf16);
    let upper: Box<str> = all
        .chars()
        .take(300)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let shared: Arc<str> = strings
        .iter()
        .take(5)
        .map(String::as_str)
        .collect::<String>()
        .into();
    book.string(&all)
        .vec(&lines)
        .vec(&lossy)
        .vec(&utf16)
        .string(&back)
        .boxed_as(&upper, Name::of::<Box<str>>().was(Name::of::<String>()))
        .arc_as(&shared, Name::of::<Arc<str>>().was(Name::of::<Arc<[u8]>>()));
    (strings, all, lines, lossy, utf16, back, upper, shared)
}

/// Written by its own `Display`.
struct Table<'a>(&'a [(String, f32)]);

impl Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.0 {
            write!(f, "|{key:<8}|{value:>10.3}|")?;
        }
        Ok(())
    }
}

/// The ways into the other containers.
fn collected(book: &mut Book, lines: &[Line]) -> impl Sized + use<> {
    let deque: VecDeque<(u64, u16)> = lines.iter().map(|one| (one.at, one.status)).collect();
    let names = Name::of::<VecDeque<(u64, u16)>>().was(Name::of::<Vec<(u64, u16)>>());
    book.deque_as(&deque, names);
    let mut window: VecDeque<f32> = VecDeque::with_capacity(16);
    for one in lines {
        if window.len() == 16 {
            window.pop_front();
        }
        window.push_back(one.fields[0].1);
    }
    let late = deque.clone().split_off(200);
    let heap: BinaryHeap<(Reverse<u64>, String)> = lines
        .iter()
        .map(|one| (Reverse(one.at), one.host.clone()))
        .collect();
    let was = Name::of::<Vec<(Reverse<u64>, String)>>();
    book.binary_heap_as(
        &heap,
        Name::of::<BinaryHeap<(Reverse<u64>, String)>>().was(was),
    );
    book.strings(heap.iter().map(|one| &one.1));
    let mut top: BinaryHeap<(u16, u64)> = BinaryHeap::new();
    top.extend(lines.iter().map(|one| (one.status, one.at)));
    while top.len() > 100 {
        top.pop();
    }
    let list: LinkedList<&'static str> = HOSTS.into_iter().chain(PATHS).collect();
    let boxed: Box<[(u64, bool)]> = lines.iter().map(|one| (one.at, one.status < 400)).collect();
    let was = Name::of::<Vec<(u64, bool)>>();
    book.boxed_as(&boxed, Name::of::<Box<[(u64, bool)]>>().was(was));
    let arc: Arc<[u16]> = lines.iter().map(|one| one.status).collect();
    let filtered: Rc<[u64]> = lines
        .iter()
        .filter(|one| one.status == 200)
        .map(|one| one.at)
        .collect();
    let from_vec: Arc<[String]> = lines
        .iter()
        .map(|one| one.host.clone())
        .collect::<Vec<_>>()
        .into();
    let rcs: Vec<Rc<str>> = lines.iter().filter_map(|one| one.agent.clone()).collect();
    let all: Result<Vec<u16>, String> = lines
        .iter()
        .map(|one| match one.status {
            0 => Err(format!("no status at {}", one.at)),
            status => Ok(status),
        })
        .collect();
    let sum: Option<Vec<u64>> = lines.iter().map(|one| one.at.checked_mul(3)).collect();
    let (even, odd): (Vec<u64>, Vec<u64>) =
        lines.iter().map(|one| one.at).partition(|at| at % 2 == 0);
    let (hosts, sizes): (HashSet<String>, Vec<f32>) = lines
        .iter()
        .map(|one| (one.host.clone(), one.fields[1].1))
        .unzip();
    book.deque(&window)
        .deque(&late)
        .binary_heap(&top)
        .list(&list)
        .arc(&arc)
        .rc(&filtered)
        .arc(&from_vec)
        .strings(from_vec.iter())
        .vec(&rcs)
        .vec(&even)
        .vec(&odd)
        .hash_set(&hosts)
        .strings(&hosts)
        .vec(&sizes);
    let all = all.expect("all have one");
    let sum = sum.expect("none is too large");
    book.vec(&all).vec(&sum);
    (
        (deque, window, late, heap, top, list, boxed),
        (arc, filtered, from_vec, rcs, all, sum),
        (even, odd, hosts, sizes),
    )
}

/// What lists go through.
fn reshaped(book: &mut Book, lines: &[Line]) -> impl Sized + use<> {
    let mut sorted = lines.to_vec();
    sorted.sort_by(|a, b| a.host.cmp(&b.host).then_with(|| b.at.cmp(&a.at)));
    sorted.dedup_by(|a, b| a.host == b.host && a.path == b.path);
    let recent: Vec<Line> = sorted.drain(..sorted.len() / 4).collect();
    let mut rest = sorted.split_off(sorted.len() / 2);
    rest.retain(|one| one.status != 404);
    rest.truncate(60);
    rest.shrink_to_fit();
    let hosts: Vec<String> = rest.clone().into_iter().map(|one| one.host).collect();
    let statuses: Vec<u16> = rest.iter().map(|one| one.status).collect();
    let mut doubled = statuses.repeat(3);
    doubled.extend_from_slice(&statuses[..10]);
    doubled.extend(&statuses);
    let chunks: Vec<Vec<u16>> = doubled
        .chunks(9)
        .map(|chunk| chunk.iter().rev().copied().collect())
        .collect();
    let windows: Vec<[u16; 3]> = doubled.windows(3).map(|w| [w[0], w[1], w[2]]).collect();
    let flat = chunks.concat();
    let joined = chunks.join(&0);
    let mut moved = Vec::with_capacity(40);
    let mut from = hosts.clone();
    moved.append(&mut from);
    from.extend(["one", "two"].map(String::from));
    from.resize(12, "filled".to_owned());
    let taken = std::mem::take(&mut from);
    from.reserve(7);
    let replaced = std::mem::replace(&mut moved, vec![String::new(); 33]);
    let evens: Vec<String> = taken.iter().step_by(2).cloned().collect();
    let filtered: Vec<String> = replaced.into_iter().filter(|host| host.len() > 4).collect();
    for list in [&recent, &rest, &sorted] {
        book.vec(list);
        for one in list {
            book.string(&one.host).vec(&one.fields);
            book.strings(one.fields.iter().map(|field| &field.0));
            path(book, &one.path);
        }
    }
    // Lines are larger than strings, and both are of one alignment.
    let names = Name::of::<Vec<String>>().was(Name::of::<Vec<Line>>());
    book.vec_as(&hosts, names).strings(&hosts);
    book.vec(&statuses)
        .vec(&doubled)
        .vec(&chunks)
        .vecs(&chunks)
        .vec(&windows)
        .vec(&flat)
        .vec(&joined)
        .vec(&moved)
        .vec(&from)
        .vec(&taken)
        .strings(&taken)
        .vec(&evens)
        .strings(&evens)
        .vec(&filtered)
        .strings(&filtered);
    (
        (
            sorted, recent, rest, hosts, statuses, doubled, chunks, windows,
        ),
        (flat, joined, moved, from, taken, evens, filtered),
    )
}

/// Where the lines go: names of files and folders.
fn placed(book: &mut Book, lines: &[Line]) -> impl Sized + use<> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut names: Vec<OsString> = Vec::new();
    for (n, one) in lines.iter().enumerate().take(90) {
        let mut file = PathBuf::from("/out");
        file.push(&one.host);
        file.push(format!("{:03}", n / 10));
        files.push(file.join("lines").with_extension("csv"));
        file.set_file_name("index.html");
        files.push(file);
        if let Some(stem) = one.path.file_stem() {
            let mut name = stem.to_os_string();
            name.push(".");
            name.push(&one.host);
            names.push(name);
        }
        files.extend(one.path.strip_prefix("/var").map(Path::to_path_buf));
        files.extend(one.path.parent().map(|parent| parent.join("..")));
    }
    let components: Vec<Vec<OsString>> = files
        .iter()
        .take(50)
        .map(|file| {
            file.components()
                .map(|part| part.as_os_str().to_owned())
                .collect()
        })
        .collect();
    let shared: Vec<Arc<Path>> = files
        .iter()
        .take(40)
        .map(|file| file.as_path().into())
        .collect();
    for one in &shared {
        let names = Name::of::<Arc<Path>>()
            .was(Name::of::<Arc<[u8]>>())
            .was(Name::of::<Arc<std::ffi::OsStr>>());
        book.arc_as(one, names);
    }
    files.iter().for_each(|one| path(book, one));
    book.vec(&files)
        .vec(&names)
        .vec(&components)
        .vecs(&components)
        .vec(&shared);
    for one in names.iter().chain(components.iter().flatten()) {
        book.os_string(one);
    }
    (files, names, components, shared)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_text").fresh();
    let (text, lines) = parsed(&mut book);
    let kept = (
        grouped(&mut book, &text, &lines),
        written(&mut book, &lines),
        collected(&mut book, &lines),
        reshaped(&mut book, &lines),
        placed(&mut book, &lines),
    );
    let code = book.compare();
    drop(black_box((text, lines, kept)));
    code
}
