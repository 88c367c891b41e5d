//! Structs, tuples, enums, generic types, and types of one name.

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

use super::truth::{Program, at, text};

struct Request {
    url: String,
    tags: Vec<String>,
    numbers: Vec<u32>,
    meta: Option<Box<Meta>>,
    empty: Vec<String>,
}

struct Meta {
    referer: String,
    parts: (String, u8, Box<u64>),
}

struct Leg(u8, String, Vec<u16>);

pub(crate) fn structs() -> Program {
    Program::new(
        "structs",
        || Request {
            url: text(0),
            tags: {
                let mut tags = Vec::with_capacity(8);
                tags.extend([text(1), text(2), text(3), text(4)]);
                // Stale slots behind the length.
                drop(tags.split_off(3));
                let moved = tags.pop();
                std::mem::forget(moved);
                tags
            },
            numbers: vec![1, 2, 3],
            meta: Some(Box::new(Meta {
                referer: text(5),
                parts: (text(6), 1, Box::new(7)),
            })),
            empty: Vec::new(),
        },
        |r, p| {
            p.holds(at(r), at(r.url.as_str()), "edges::shapes::Request.url");
            let tags = at(r.tags.as_slice());
            p.holds(at(r), tags, "edges::shapes::Request.tags");
            for tag in &r.tags {
                p.holds(tags, at(tag.as_str()), "edges::shapes::Request.tags[*]");
            }
            let numbers = at(r.numbers.as_slice());
            p.holds(at(r), numbers, "edges::shapes::Request.numbers");
            let meta = r.meta.as_deref().unwrap();
            p.holds(at(r), at(meta), "edges::shapes::Request.meta");
            let m = at(meta);
            p.holds(m, at(meta.referer.as_str()), "edges::shapes::Meta.referer");
            p.holds(m, at(meta.parts.0.as_str()), "edges::shapes::Meta.parts.0");
            p.holds(m, at(&*meta.parts.2), "edges::shapes::Meta.parts.2");
        },
    )
}

pub(crate) fn tuples() -> Program {
    Program::new(
        "tuples",
        || {
            vec![
                (Leg(1, text(1), vec![1]), text(2)),
                (Leg(2, text(3), vec![2]), text(4)),
            ]
        },
        |v: &Vec<(Leg, String)>, p| {
            let buffer = at(v.as_slice());
            // No struct of the user's owns the vector.
            p.holds(at(v), buffer, "");
            for (leg, name) in v {
                p.holds(buffer, at(name.as_str()), "");
                p.holds(buffer, at(leg.1.as_str()), "edges::shapes::Leg.1");
                p.holds(buffer, at(leg.2.as_slice()), "edges::shapes::Leg.2");
            }
        },
    )
}

enum Event {
    Clicked { target: String, x: u8 },
    Halt(Box<u64>),
    Nothing,
    Pair(String, String),
}

#[repr(u8)]
enum Tagged {
    Text(String) = 3,
    Number(u64) = 7,
    Both(String, Vec<u8>) = 200,
}

enum Only {
    One(String),
}

struct Events {
    all: Vec<Event>,
    tagged: Vec<Tagged>,
    only: Only,
    maybe: Option<String>,
    nothing: Option<Box<String>>,
    deep: Option<Option<Result<String, Box<u32>>>>,
    failed: Result<u8, Box<u32>>,
    cow: std::borrow::Cow<'static, str>,
    borrowed: std::borrow::Cow<'static, str>,
}

pub(crate) fn enums() -> Program {
    Program::new(
        "enums",
        || Events {
            all: vec![
                Event::Clicked {
                    target: text(1),
                    x: 1,
                },
                Event::Halt(Box::new(2)),
                Event::Nothing,
                Event::Pair(text(3), text(4)),
            ],
            tagged: vec![
                Tagged::Text(text(5)),
                Tagged::Number(6),
                Tagged::Both(text(7), vec![8; 30]),
            ],
            only: Only::One(text(9)),
            maybe: Some(text(10)),
            nothing: None,
            deep: Some(Some(Err(Box::new(11)))),
            failed: Err(Box::new(12)),
            cow: text(13).into(),
            borrowed: "borrowed".into(),
        },
        |e, p| {
            let of = |rest: &str| format!("edges::shapes::{rest}");
            let all = at(e.all.as_slice());
            p.holds(at(e), all, &of("Events.all"));
            for event in &e.all {
                match event {
                    Event::Clicked { target, .. } => {
                        p.holds(all, at(target.as_str()), &of("Event::Clicked.target"));
                    }
                    Event::Halt(number) => p.holds(all, at(&**number), &of("Event::Halt.0")),
                    Event::Nothing => {}
                    Event::Pair(a, b) => {
                        p.holds(all, at(a.as_str()), &of("Event::Pair.0"));
                        p.holds(all, at(b.as_str()), &of("Event::Pair.1"));
                    }
                }
            }
            let tagged = at(e.tagged.as_slice());
            p.holds(at(e), tagged, &of("Events.tagged"));
            for one in &e.tagged {
                match one {
                    Tagged::Text(text) => p.holds(tagged, at(text.as_str()), &of("Tagged::Text.0")),
                    Tagged::Number(_) => {}
                    Tagged::Both(text, bytes) => {
                        p.holds(tagged, at(text.as_str()), &of("Tagged::Both.0"));
                        p.holds(tagged, at(bytes.as_slice()), &of("Tagged::Both.1"));
                    }
                }
            }
            let Only::One(text) = &e.only;
            p.holds(at(e), at(text.as_str()), &of("Only::One.0"));
            p.holds(at(e), at(e.maybe.as_deref().unwrap()), &of("Events.maybe"));
            let Some(Some(Err(deep))) = &e.deep else {
                panic!();
            };
            p.holds(at(e), at(&**deep), &of("Events.deep"));
            p.holds(
                at(e),
                at(&**e.failed.as_ref().unwrap_err()),
                &of("Events.failed"),
            );
            p.holds(at(e), at(&*e.cow), &of("Events.cow"));
        },
    )
}

struct Generic<T> {
    items: Vec<T>,
}

mod deep {
    pub(super) struct Slot<K, V> {
        pub(super) pair: Option<Box<(K, V)>>,
    }
}

pub(crate) fn generics() -> Program {
    Program::new(
        "generics",
        || Generic {
            items: vec![deep::Slot {
                pair: Some(Box::new((text(1), vec![Box::new(1u8)]))),
            }],
        },
        |g: &Generic<deep::Slot<String, Vec<Box<u8>>>>, p| {
            let slot = "edges::shapes::deep::Slot<String, Vec<Box<u8>>>";
            let items = at(g.items.as_slice());
            p.holds(
                at(g),
                items,
                &format!("edges::shapes::Generic<{slot}>.items"),
            );
            let pair = g.items[0].pair.as_deref().unwrap();
            p.holds(items, at(pair), &format!("{slot}.pair"));
            p.holds(at(pair), at(pair.0.as_str()), &format!("{slot}.pair.0"));
            let v = at(pair.1.as_slice());
            p.holds(at(pair), v, &format!("{slot}.pair.1"));
            p.holds(v, at(&*pair.1[0]), &format!("{slot}.pair.1[*]"));
        },
    )
}

struct Twins {
    hidden: [usize; 2],
    all: Vec<Box<dyn Text>>,
}

trait Text {
    fn texts(&self) -> Vec<(usize, usize, &'static str)>;
}

/// Two types of one name and size that lie differently in memory.
pub(crate) fn twins() -> Program {
    fn one() -> Box<dyn Text> {
        struct Twin {
            name: String,
            number: [u64; 2],
        }
        impl Text for Twin {
            fn texts(&self) -> Vec<(usize, usize, &'static str)> {
                assert_eq!(size_of_val(self), 40);
                black_box(self.number);
                vec![(at(self), at(self.name.as_str()), "name")]
            }
        }
        Box::new(Twin {
            name: text(1),
            number: [2; 2],
        })
    }
    let two = || -> [Box<dyn Text>; 2] {
        let second: Box<dyn Text> = {
            struct Twin {
                number: u64,
                lent: &'static str,
                other: Box<[u8]>,
            }
            impl Text for Twin {
                fn texts(&self) -> Vec<(usize, usize, &'static str)> {
                    assert_eq!(size_of_val(self), 40);
                    black_box((self.number, self.lent));
                    vec![(at(self), at(&*self.other), "other")]
                }
            }
            Box::new(Twin {
                number: 1,
                lent: "static",
                other: vec![1; 33].into(),
            })
        };
        let third: Box<dyn Text> = {
            struct Twin {
                first: Option<Box<u64>>,
                text: String,
                number: u64,
            }
            impl Text for Twin {
                fn texts(&self) -> Vec<(usize, usize, &'static str)> {
                    assert_eq!(size_of_val(self), 40);
                    black_box(self.number);
                    let first = self.first.as_deref().unwrap();
                    vec![
                        (at(self), at(first), "first"),
                        (at(self), at(self.text.as_str()), "text"),
                    ]
                }
            }
            Box::new(Twin {
                first: Some(Box::new(4)),
                text: text(5),
                number: 1,
            })
        };
        [second, third]
    };
    Program::new(
        "two types of one name",
        || {
            let [second, third] = two();
            // Nothing that can be seen holds these, so only their name is known,
            // and that is not enough.
            let hide = |b: Box<dyn Text>| at(Box::leak(b)).rotate_left(7);
            Twins {
                hidden: two().map(hide),
                all: vec![one(), second, third],
            }
        },
        |t, p| {
            let all = at(t.all.as_slice());
            p.holds(at(t), all, "edges::shapes::Twins.all");
            for (i, one) in t.all.iter().enumerate() {
                let owner = match i {
                    0 => "edges::shapes::twins::one::Twin",
                    _ => "edges::shapes::twins::{closure#0}::Twin",
                };
                for (n, (holder, target, field)) in one.texts().into_iter().enumerate() {
                    if n == 0 {
                        p.holds(all, holder, "edges::shapes::Twins.all[*]");
                    }
                    p.holds(holder, target, &format!("{owner}.{field}"));
                }
            }
        },
    )
}
