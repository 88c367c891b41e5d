//! Strings of every make: formatted, joined, replaced, read, decoded, cut into
//! words, and the strings of the C and OS worlds.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::borrow::Cow;
use std::ffi::{CString, OsStr, OsString};
use std::fmt::Write;
use std::hint::black_box;
use std::io::{BufRead, Cursor};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

const POEM: &str = "Guppies swim\nbelow the green duckweed,\nand the pike waits;\nstill";

#[derive(Clone)]
struct Label {
    short: Box<str>,
    long: Cow<'static, str>,
}

fn made(book: &mut Book) -> impl Sized + use<> {
    let mut all: Vec<String> = Vec::new();
    for n in 0..400u32 {
        all.push(format!("fish number {n:05} of {}", n * n));
        all.push((f64::from(n) * 1.5).to_string());
        all.push(POEM.replace("pike", if n % 2 == 0 { "heron" } else { "cat" }));
        all.push(POEM[..n as usize % 40 + 6].to_uppercase());
        all.push("Straße".to_lowercase());
        all.push(
            POEM.chars()
                .filter(|c| c.is_alphabetic())
                .take(30)
                .collect(),
        );
        all.push(String::from_iter(["a", "pond", "for", "two"]));
        all.push(POEM.lines().map(|line| &line[..4]).collect::<String>());
        all.push(POEM.split(' ').rev().collect::<Vec<_>>().join("/"));
        all.push(["one", "two", "three"].concat());
        all.push("ab".repeat(n as usize % 50 + 1));
        all.push(String::from_utf8_lossy(b"bad \xff byte").into_owned());
        all.push(POEM.escape_debug().to_string());
        all.push(char::from_u32(0x61 + n % 26).expect("a letter").to_string());
        let mut written = String::new();
        write!(written, "{n:>8}|{:<8}|", n + 1).expect("it fits");
        all.push(written + "and more that makes it grow");
    }
    book.vec(&all).strings(&all);
    all
}

fn read(book: &mut Book) -> impl Sized + use<> {
    let pages: Vec<String> = (1..60)
        .map(|n| std::io::read_to_string(POEM.repeat(n).as_bytes()).expect("it is UTF-8"))
        .collect();
    for page in &pages {
        book.string_as(page, Name::of::<String>().was(Name::of::<Vec<u8>>()));
    }
    let owned: Vec<String> = pages[9].lines().map(str::to_owned).collect();
    let read: Vec<String> = Cursor::new(&pages[30])
        .lines()
        .map_while(Result::ok)
        .collect();
    for line in &read {
        book.string_as(line, Name::of::<String>().was(Name::of::<Vec<u8>>()));
    }
    let fields: Vec<Vec<String>> = pages[20]
        .lines()
        .map(|line| line.split_whitespace().map(String::from).collect())
        .collect();
    book.vec(&pages).vec(&owned).strings(&owned).vec(&read);
    book.vec(&fields)
        .vecs(&fields)
        .strings(fields.iter().flatten());
    (pages, owned, read, fields)
}

fn moved(book: &mut Book) -> impl Sized + use<> {
    let mut strings = Vec::new();
    let mut bytes = Vec::new();
    for n in 0..150u8 {
        let raw: Vec<u8> = (b'a'..=b'z').cycle().take(usize::from(n) + 9).collect();
        let string = String::from_utf8(raw).expect("letters");
        book.string_as(&string, Name::of::<String>().was(Name::of::<Vec<u8>>()));
        strings.push(string);
        let back = format!("{n} goes back to bytes").into_bytes();
        book.vec_as(&back, Name::of::<Vec<u8>>().was(Name::of::<String>()));
        bytes.push(back);
    }
    book.vec(&strings).vec(&bytes);
    (strings, bytes)
}

fn shared(book: &mut Book) -> impl Sized + use<> {
    let labels: Vec<Label> = (0..200)
        .map(|n| Label {
            short: POEM[..n % 30 + 5].into(),
            long: if n % 2 == 0 {
                Cow::Borrowed("short")
            } else {
                Cow::Owned(format!("long label {n}"))
            },
        })
        .collect();
    for label in &labels {
        let was = Name::of::<Box<[u8]>>();
        book.boxed_as(&label.short, Name::of::<Box<str>>().was(was));
        if let Cow::Owned(long) = &label.long {
            book.string(long);
        }
    }
    let again = labels.clone();
    for label in &again {
        let was = Name::of::<Box<[u8]>>();
        book.boxed_as(&label.short, Name::of::<Box<str>>().was(was));
        if let Cow::Owned(long) = &label.long {
            book.string(long);
        }
    }
    let full: Box<str> = String::from("of a full string").into_boxed_str();
    book.boxed_as(&full, Name::of::<Box<str>>().was(Name::of::<String>()));
    let arcs: Vec<Arc<str>> = POEM.split(' ').map(Arc::from).collect();
    let rcs: Vec<Rc<str>> = (0..100)
        .map(|n| Rc::from(format!("{n} is shared")))
        .collect();
    for one in &arcs {
        book.arc_as(one, Name::of::<Arc<str>>().was(Name::of::<Arc<[u8]>>()));
    }
    for one in &rcs {
        book.rc_as(one, Name::of::<Rc<str>>().was(Name::of::<Rc<[u8]>>()));
    }
    book.vec(&labels).vec(&again).vec(&arcs).vec(&rcs);
    (labels, again, full, arcs, rcs)
}

fn foreign(book: &mut Book) -> impl Sized + use<> {
    let c: Vec<CString> = (0..120)
        .map(|n| CString::new(format!("for C, number {n}")).expect("no zero byte"))
        .collect();
    for one in &c {
        // The bytes are the formatted string's, grown by one for the zero.
        let bytes = one.as_bytes_with_nul();
        let names = Name::of::<CString>().was(Name::of::<Vec<u8>>());
        book.block(bytes.as_ptr(), bytes.len(), names);
    }
    let literal = c"written in the source".to_owned();
    let bytes = literal.as_bytes_with_nul();
    let names = Name::of::<CString>().was(Name::of::<Box<[u8]>>());
    book.block(bytes.as_ptr(), bytes.len(), names);

    let mut os: Vec<OsString> = Vec::new();
    let mut paths: Vec<PathBuf> = Vec::new();
    for n in 0..120 {
        let mut one = OsString::from("name");
        one.push(format!("-{n}"));
        os.push(one);
        os.push(OsStr::new("borrowed until now").to_owned());
        paths.push(
            Path::new("/srv/ponds")
                .join(format!("pond-{n}"))
                .join("fish.toml"),
        );
        paths.push(paths[0].with_extension("json"));
        paths.push(["usr", "share", "endler"].iter().collect());
        let mut pushed = PathBuf::new();
        pushed.push("var");
        pushed.push("lib");
        paths.push(pushed);
    }
    for one in &os {
        book.os_string(one);
    }
    for one in &paths {
        book.path_as(one, Name::of::<PathBuf>().was(Name::of::<OsString>()));
    }
    let from_string = PathBuf::from(format!("{}/made/of/a/string", 7));
    book.path_as(
        &from_string,
        Name::of::<PathBuf>().was(Name::of::<String>()),
    );
    book.vec(&c).vec(&os).vec(&paths);
    (c, literal, os, paths, from_string)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_texts").held_out();
    let kept = (
        made(&mut book),
        read(&mut book),
        moved(&mut book),
        shared(&mut book),
        foreign(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
