//! Trait objects of several types behind one field, closures that capture, sinks that are
//! shared, values of any type.

#![allow(dead_code, reason = "fields are there to be pointers")]

use std::any::Any;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use book::{Edges, Source};

#[global_allocator]
static HEAP: book::Heap = book::heap();

mod rules {
    use super::*;

    pub trait Rule {
        fn holds(&self, word: &str) -> bool;
        /// Writes down its own fields and those of the rules below it.
        fn register(&self, book: &mut Edges);
    }

    pub struct Named {
        pub name: String,
    }
    pub struct Both(pub Box<dyn Rule>, pub Box<dyn Rule>);
    pub struct Not {
        pub inner: Rc<dyn Rule>,
        pub why: Option<String>,
    }
    pub struct Listed {
        pub words: HashSet<String>,
        pub fallback: Option<Box<dyn Rule>>,
    }
    pub struct Never;
    pub struct Cached<R: ?Sized> {
        pub answers: RefCell<HashMap<String, bool>>,
        pub rule: Box<R>,
    }

    impl Rule for Named {
        fn holds(&self, word: &str) -> bool {
            self.name == word
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Named.name", &self.name).complete(self);
        }
    }
    impl Rule for Both {
        fn holds(&self, word: &str) -> bool {
            self.0.holds(word) && self.1.holds(word)
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Both.0", &self.0)
                .field("~rules::Both.1", &self.1)
                .complete(self);
            self.0.register(book);
            self.1.register(book);
        }
    }
    impl Rule for Not {
        fn holds(&self, word: &str) -> bool {
            !self.inner.holds(word)
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Not.inner", &self.inner)
                .field("~rules::Not.why", &self.why)
                .complete(self);
            self.inner.register(book);
        }
    }
    impl Rule for Listed {
        fn holds(&self, word: &str) -> bool {
            self.words.contains(word)
        }
        fn register(&self, book: &mut Edges) {
            book.field("~rules::Listed.words", &self.words)
                .each("~rules::Listed.words[*]", &self.words)
                .field("~rules::Listed.fallback", &self.fallback)
                .complete(self)
                .whole(&self.words);
            if let Some(fallback) = &self.fallback {
                fallback.register(book);
            }
        }
    }
    impl Rule for Never {
        fn holds(&self, _: &str) -> bool {
            false
        }
        fn register(&self, _: &mut Edges) {}
    }
    impl Rule for Cached<Named> {
        fn holds(&self, word: &str) -> bool {
            let answer = self.rule.holds(word);
            self.answers.borrow_mut().insert(word.to_owned(), answer);
            answer
        }
        fn register(&self, book: &mut Edges) {
            const ANSWERS: &str = "~rules::Cached<~rules::Named>.answers";
            const KEYS: &str = "~rules::Cached<~rules::Named>.answers.keys()";
            book.field(ANSWERS, &self.answers)
                .each(KEYS, self.answers.borrow().keys())
                .field("~rules::Cached<~rules::Named>.rule", &self.rule)
                .complete(self)
                .whole(&self.answers);
            self.rule.register(book);
        }
    }
}

use rules::{Both, Cached, Listed, Named, Never, Not, Rule};

fn named(n: u32) -> Named {
    Named {
        name: format!("named {n}"),
    }
}

fn rule(n: u32) -> Box<dyn Rule> {
    match n % 6 {
        0 => Box::new(named(n)),
        1 => Box::new(Both(rule(n / 2), rule(n / 3))),
        2 => Box::new(Not {
            inner: match n % 4 {
                0 => Rc::new(named(n)),
                _ => Rc::new(Both(Box::new(Never), rule(n / 5))),
            },
            why: (n % 3 == 0).then(|| format!("why {n}")),
        }),
        3 => Box::new(Listed {
            words: (0..n % 9 + 1).map(|m| format!("word {m}")).collect(),
            fallback: (n % 2 == 0).then(|| rule(n / 2)),
        }),
        4 => Box::new(Never),
        _ => {
            let cached = Cached {
                answers: RefCell::default(),
                rule: Box::new(named(n)),
            };
            for m in 0..n % 5 {
                black_box(cached.holds(&format!("asked {m}")));
            }
            Box::new(cached)
        }
    }
}

struct Limit {
    text: String,
    most: usize,
}

type Hook = Box<dyn Fn(&str) -> bool>;

fn word_hook(book: &mut Edges, words: Vec<String>, limit: &Rc<Limit>) -> Hook {
    let limit = limit.clone();
    let (to_words, to_limit) = (words.as_ptr(), Rc::as_ptr(&limit));
    book.each("~word_hook::{closure_env#0}.words[*]", &words)
        .complete(to_words);
    let hook: Hook =
        Box::new(move |word| word.len() < limit.most || words.iter().any(|w| w == word));
    let env = &raw const *hook;
    book.edge(
        Source::around(env),
        "~word_hook::{closure_env#0}.words",
        to_words,
    )
    .edge(
        Source::around(env),
        "~word_hook::{closure_env#0}.limit",
        to_limit,
    )
    .complete(env);
    hook
}

fn shared_hook(book: &mut Edges, text: Arc<str>, found: Option<Box<[u16]>>) -> Hook {
    let (to_text, to_found) = (Arc::as_ptr(&text), found.as_deref().map(|f| f.as_ptr()));
    let hook: Hook = Box::new(move |word| {
        word == &*text || found.as_ref().is_some_and(|f| f.len() > word.len())
    });
    let env = &raw const *hook;
    book.edge(
        Source::around(env),
        "~shared_hook::{closure_env#1}.text",
        to_text,
    )
    .complete(env);
    if let Some(found) = to_found {
        book.edge(
            Source::around(env),
            "~shared_hook::{closure_env#1}.found",
            found,
        );
    }
    hook
}

/// doubt: whether the type arguments of a generic function stand behind its closure.
fn generic_hook<T: AsRef<str> + 'static>(book: &mut Edges, value: Box<T>, label: &str) -> Hook {
    let to_value = &raw const *value;
    let hook: Hook = Box::new(move |word| word == (*value).as_ref());
    let env = &raw const *hook;
    book.edge(Source::around(env), label, to_value)
        .complete(env);
    hook
}

fn chained_hook(book: &mut Edges, first: Hook, second: Hook) -> Hook {
    let (to_first, to_second) = (&raw const *first, &raw const *second);
    let hook: Hook = Box::new(move |word| first(word) || second(word));
    let env = &raw const *hook;
    book.edge(
        Source::around(env),
        "~chained_hook::{closure_env#0}.first",
        to_first,
    )
    .edge(
        Source::around(env),
        "~chained_hook::{closure_env#0}.second",
        to_second,
    )
    .complete(env);
    hook
}

trait Sink: Send + Sync {
    fn put(&self, line: String);
    fn register(&self, book: &mut Edges);
}

struct Memory {
    lines: Mutex<Vec<String>>,
}
struct Tee(Arc<dyn Sink>, Arc<dyn Sink>);

impl Sink for Memory {
    fn put(&self, line: String) {
        self.lines.lock().expect("nobody panicked").push(line);
    }
    fn register(&self, book: &mut Edges) {
        book.field("~Memory.lines", &self.lines)
            .whole(&self.lines)
            .complete(self);
        let lines = self.lines.lock().expect("nobody panicked");
        book.each("~Memory.lines[*]", &*lines);
    }
}
impl Sink for Tee {
    fn put(&self, line: String) {
        self.0.put(line.clone());
        self.1.put(line);
    }
    fn register(&self, book: &mut Edges) {
        book.field("~Tee.0", &self.0)
            .field("~Tee.1", &self.1)
            .complete(self);
        self.0.register(book);
        self.1.register(book);
    }
}

struct Engine {
    rules: Vec<Box<dyn Rule>>,
    hooks: Vec<Hook>,
    sinks: Vec<Arc<dyn Sink>>,
    any: Vec<Box<dyn Any>>,
    last: Option<Rc<dyn Rule>>,
}

fn engine(book: &mut Edges) -> Box<Engine> {
    let limit = Rc::new(Limit {
        text: "the limit".to_owned(),
        most: 3,
    });
    book.field("~Limit.text", &limit.text).complete(&*limit);
    let mut hooks = Vec::new();
    for n in 0..36u32 {
        let words = (0..n % 5 + 1).map(|m| format!("word {m} of {n}")).collect();
        let hook = match n % 4 {
            0 => word_hook(book, words, &limit),
            1 => {
                let found = (n % 3 == 0).then(|| vec![7; 9].into_boxed_slice());
                shared_hook(book, words[0].as_str().into(), found)
            }
            2 if n % 8 == 2 => {
                let label = "~generic_hook::{closure_env#0}<String>.value";
                generic_hook(book, Box::new(words[0].clone()), label)
            }
            2 => {
                let label = "~generic_hook::{closure_env#0}<Arc<str>>.value";
                generic_hook(book, Box::new(Arc::<str>::from("shared")), label)
            }
            _ => {
                let first = word_hook(book, words, &limit);
                let second = shared_hook(book, format!("second {n}").into(), None);
                chained_hook(book, first, second)
            }
        };
        hooks.push(hook);
    }
    let memory: Vec<Arc<dyn Sink>> = (0..5)
        .map(|_| -> Arc<dyn Sink> {
            Arc::new(Memory {
                lines: Mutex::default(),
            })
        })
        .collect();
    let mut sinks = memory.clone();
    for n in 0..6 {
        let tee = Tee(memory[n % 5].clone(), sinks[(n * 3) % sinks.len()].clone());
        tee.put(format!("line {n}"));
        sinks.push(Arc::new(tee));
    }
    let mut any: Vec<Box<dyn Any>> = Vec::new();
    for n in 0..12u32 {
        any.push(match n % 3 {
            0 => Box::new(format!("any {n}")),
            1 => Box::new(named(n)),
            _ => Box::new((n, vec![n; 3])),
        });
    }
    let engine = Box::new(Engine {
        rules: (0..70).map(rule).collect(),
        hooks,
        sinks,
        any,
        last: Some(Rc::new(Both(rule(60), rule(61)))),
    });
    book.complete(&*engine)
        .field("~Engine.rules", &engine.rules)
        .each("~Engine.rules[*]", &engine.rules)
        .whole(&engine.rules)
        .field("~Engine.hooks", &engine.hooks)
        .each("~Engine.hooks[*]", &engine.hooks)
        .whole(&engine.hooks)
        .field("~Engine.sinks", &engine.sinks)
        .each("~Engine.sinks[*]", &engine.sinks)
        .whole(&engine.sinks)
        .field("~Engine.any", &engine.any)
        .each("~Engine.any[*]", &engine.any)
        .whole(&engine.any)
        .wholes(&engine.any)
        .field("~Engine.last", &engine.last);
    for rule in &engine.rules {
        rule.register(book);
    }
    if let Some(last) = &engine.last {
        last.register(book);
    }
    for sink in &engine.sinks {
        sink.register(book);
    }
    // doubt: what lies behind `dyn` and has no owner of its own has that of the field.
    for any in &engine.any {
        if let Some(text) = any.downcast_ref::<String>() {
            book.field("~Engine.any[*]", text);
        } else if let Some(named) = any.downcast_ref::<Named>() {
            named.register(book);
        } else if let Some((_, list)) = any.downcast_ref::<(u32, Vec<u32>)>() {
            book.field("~Engine.any[*].1", list);
        }
    }
    engine
}

fn main() -> ExitCode {
    let mut book = Edges::new("held_webs_rules");
    let kept = engine(&mut book);
    let code = book.compare();
    drop(black_box(kept));
    code
}
