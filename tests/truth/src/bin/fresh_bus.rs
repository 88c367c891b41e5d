//! An event bus: listeners as boxed closures and trait objects, plugins by name,
//! resources by type, weak subscribers, filters in chains, a history.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Debug;
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, OnceLock};

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug)]
enum Event {
    Opened { name: String, at: u64 },
    Measured(u16, Vec<f32>),
    Closed(Option<Box<Reason>>),
    Tick,
}

#[derive(Clone, Debug, PartialEq)]
struct Reason {
    code: i32,
    text: String,
    chain: Vec<&'static str>,
}

fn event(n: u64) -> Event {
    match n % 4 {
        0 => Event::Opened {
            name: format!("connection {n}"),
            at: n,
        },
        1 => Event::Measured(n as u16, vec![n as f32 / 3.0; n as usize % 12 + 1]),
        2 => Event::Closed((n % 8 == 2).then(|| {
            Box::new(Reason {
                code: n as i32,
                text: ["closed by", "peer", &n.to_string()].join(" "),
                chain: vec!["net", "tcp", "reset"],
            })
        })),
        _ => Event::Tick,
    }
}

fn register(book: &mut Book, event: &Event) {
    match event {
        Event::Opened { name, .. } => _ = book.string(name),
        Event::Measured(_, values) => _ = book.vec(values),
        Event::Closed(Some(reason)) => {
            book.boxed(reason).string(&reason.text);
            let literal = Name::of::<Box<[&str; 3]>>();
            book.vec_as(&reason.chain, Name::of::<Vec<&str>>().was(literal));
        }
        Event::Closed(None) | Event::Tick => {}
    }
}

type Listener = Box<dyn FnMut(&Event) -> bool>;

#[derive(Default)]
struct Bus {
    listeners: HashMap<&'static str, Vec<(u32, Listener)>>,
    history: VecDeque<Rc<Event>>,
    next: u32,
}

impl Bus {
    fn on<F>(&mut self, topic: &'static str, listener: F) -> u32
    where
        F: FnMut(&Event) -> bool + 'static,
    {
        self.next += 1;
        let listeners = self.listeners.entry(topic).or_default();
        listeners.push((self.next, Box::new(listener)));
        self.next
    }

    fn off(&mut self, id: u32) {
        for listeners in self.listeners.values_mut() {
            listeners.retain(|one| one.0 != id);
        }
    }

    fn send(&mut self, topic: &str, event: Event) -> usize {
        let event = Rc::new(event);
        if self.history.len() == 100 {
            self.history.pop_front();
        }
        self.history.push_back(event.clone());
        let listeners = self.listeners.get_mut(topic).into_iter().flatten();
        listeners.map(|one| usize::from((one.1)(&event))).sum()
    }
}

fn counts(bus: &mut Bus, into: Rc<Cell<u64>>) -> u32 {
    bus.on("all", move |_| {
        into.set(into.get() + 1);
        true
    })
}

fn collects(bus: &mut Bus, from: u16, into: Rc<RefCell<Vec<f32>>>) -> u32 {
    bus.on("measures", move |event| match event {
        Event::Measured(id, values) if *id >= from => {
            into.borrow_mut().extend_from_slice(values);
            true
        }
        _ => false,
    })
}

fn names(bus: &mut Bus, prefix: String) -> u32 {
    let mut seen: Vec<String> = Vec::with_capacity(8);
    bus.on("all", move |event| {
        if let Event::Opened { name, .. } = event
            && name.starts_with(&prefix)
            && seen.len() < 8
        {
            seen.push(name.clone());
            return true;
        }
        false
    })
}

fn bus(book: &mut Book) -> impl Sized + use<> {
    let mut bus = Bus::default();
    let counter = Rc::new(Cell::new(0u64));
    let values: Vec<Rc<RefCell<Vec<f32>>>> = (0..30).map(|_| Rc::default()).collect();
    let mut kinds: HashMap<u32, &'static str> = HashMap::new();
    let mut prefixes = 0;
    for n in 0..60u16 {
        let id = counts(&mut bus, counter.clone());
        kinds.insert(id, "Box<fresh_bus::counts::{closure_env#0}>");
        let id = collects(&mut bus, n * 3, values[usize::from(n) % 30].clone());
        kinds.insert(id, "Box<fresh_bus::collects::{closure_env#0}>");
        let prefix = format!("connection {}", n % 9 + 1);
        book.string(&prefix);
        prefixes += 1;
        let mark = book.mark();
        let id = names(&mut bus, prefix);
        // The listener's own list has eight strings' room.
        book.since_of(mark, 8 * 24, Name::of::<Vec<String>>());
        kinds.insert(id, "Box<fresh_bus::names::{closure_env#0}>");
        if n % 5 == 4 {
            bus.off(id - 2);
        }
    }
    // What the listeners keep of the names they saw.
    let mark = book.mark();
    let mut handled = 0;
    for n in 0..400 {
        let topic = if n % 3 == 0 { "measures" } else { "all" };
        handled += bus.send(topic, event(n * 7 % 401));
    }
    for one in &values {
        book.rc(one).vec(&*one.borrow());
    }
    for one in &bus.history {
        book.rc(one);
        register(book, one);
    }
    book.vec(&values)
        .rc(&counter)
        .hash_map(&bus.listeners)
        .deque(&bus.history)
        .hash_map(&kinds);
    book.since(mark, Name::of::<String>());
    for listeners in bus.listeners.values() {
        book.vec(listeners);
        for (id, listener) in listeners {
            book.boxed_as(listener, kinds[id]);
        }
    }
    (bus, counter, values, kinds, handled, prefixes)
}

trait Plugin: Debug {
    fn name(&self) -> &str;
    fn handle(&mut self, event: &Event) -> Option<Event>;
    fn register(&self, book: &mut Book);
}

#[derive(Debug, Default)]
struct Average {
    sums: BTreeMap<u16, (f64, usize)>,
}

#[derive(Debug)]
struct Audit {
    file: String,
    lines: Vec<String>,
}

#[derive(Debug)]
struct Filter<P> {
    inner: P,
    below: u64,
}

#[derive(Debug)]
struct Chain {
    name: Box<str>,
    parts: Vec<Box<dyn Plugin>>,
}

impl Plugin for Average {
    fn name(&self) -> &str {
        "average"
    }

    fn handle(&mut self, event: &Event) -> Option<Event> {
        let Event::Measured(id, values) = event else {
            return None;
        };
        let sum = self.sums.entry(*id).or_default();
        sum.0 += values.iter().map(|&value| f64::from(value)).sum::<f64>();
        sum.1 += values.len();
        Some(Event::Measured(*id, vec![(sum.0 / sum.1 as f64) as f32]))
    }

    fn register(&self, book: &mut Book) {
        book.btree_map(&self.sums);
    }
}

impl Plugin for Audit {
    fn name(&self) -> &str {
        &self.file
    }

    fn handle(&mut self, event: &Event) -> Option<Event> {
        self.lines.push(format!("{event:?}"));
        None
    }

    fn register(&self, book: &mut Book) {
        book.string(&self.file)
            .vec(&self.lines)
            .strings(&self.lines);
    }
}

impl<P: Plugin> Plugin for Filter<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn handle(&mut self, event: &Event) -> Option<Event> {
        match event {
            Event::Opened { at, .. } if *at >= self.below => None,
            _ => self.inner.handle(event),
        }
    }

    fn register(&self, book: &mut Book) {
        self.inner.register(book);
    }
}

impl Plugin for Chain {
    fn name(&self) -> &str {
        &self.name
    }

    fn handle(&mut self, event: &Event) -> Option<Event> {
        let mut last = None;
        for part in &mut self.parts {
            last = part.handle(last.as_ref().unwrap_or(event)).or(last);
        }
        last
    }

    fn register(&self, book: &mut Book) {
        book.boxed_as(&self.name, Name::of::<Box<str>>().was(Name::of::<String>()))
            .vec(&self.parts);
        self.parts.iter().for_each(|part| part.register(book));
    }
}

fn audit(n: usize) -> Audit {
    Audit {
        file: format!("audit-{n}.log"),
        lines: Vec::new(),
    }
}

/// Boxes of known types, one after the other.
fn plugin(book: &mut Book, n: usize) -> Box<dyn Plugin> {
    match n % 4 {
        0 => {
            let one = Box::<Average>::default();
            book.boxed(&one);
            one
        }
        1 => {
            let one = Box::new(audit(n));
            book.boxed(&one);
            one
        }
        2 => {
            let inner = audit(n);
            let one = Box::new(Filter {
                inner,
                below: n as u64,
            });
            book.boxed(&one);
            one
        }
        _ => {
            let parts = (0..3).map(|m| plugin(book, n / 4 * 4 + m)).collect();
            let name = format!("chain {n}").into_boxed_str();
            let inner = Chain { name, parts };
            let one = Box::new(Filter { inner, below: 50 });
            book.boxed(&one);
            one
        }
    }
}

fn plugins(book: &mut Book) -> impl Sized + use<> {
    let mut by_name: BTreeMap<String, Box<dyn Plugin>> = BTreeMap::new();
    for n in 0..60 {
        let one = plugin(book, n);
        by_name.insert(format!("{} no {n}", one.name()), one);
    }
    let mut answers: Vec<Event> = Vec::new();
    for n in 0..30 {
        let event = event(n);
        answers.extend(by_name.values_mut().filter_map(|one| one.handle(&event)));
    }
    book.btree_map(&by_name)
        .strings(by_name.keys())
        .vec(&answers);
    by_name.values().for_each(|one| one.register(book));
    for answer in &answers {
        if let Event::Measured(_, values) = answer {
            let literal = Name::of::<Box<[f32; 1]>>();
            book.vec_as(values, Name::of::<Vec<f32>>().was(literal));
        }
    }
    (by_name, answers)
}

/// One value of each type.
#[derive(Default)]
struct Resources {
    by_type: HashMap<TypeId, Box<dyn Any + Send>>,
}

impl Resources {
    fn insert<T: Any + Send>(&mut self, value: T) -> Option<Box<T>> {
        let old = self.by_type.insert(TypeId::of::<T>(), Box::new(value))?;
        old.downcast().ok()
    }

    fn get_mut<T: Any>(&mut self) -> Option<&mut T> {
        self.by_type.get_mut(&TypeId::of::<T>())?.downcast_mut()
    }

    fn register<T: Any>(&self, book: &mut Book) {
        let found = self.by_type.get(&TypeId::of::<T>());
        book.boxed_as(found.expect("it was put in"), Name::of::<Box<T>>());
    }
}

#[derive(Debug)]
struct Limits([u32; 6]);

#[derive(Debug)]
struct Names(Vec<String>);

fn resources(book: &mut Book) -> impl Sized + use<> {
    let mut all: Vec<Resources> = Vec::new();
    let mut replaced: Vec<Option<Box<Limits>>> = Vec::new();
    for n in 0..50u32 {
        let mut one = Resources::default();
        one.insert(Limits([n; 6]));
        one.insert(Names(
            (0..n % 5 + 1).map(|m| format!("resource {m}")).collect(),
        ));
        one.insert(HashMap::from([(n, "n"), (n + 1, "next")]));
        one.insert::<Option<Arc<str>>>(None);
        one.insert(Mutex::new(vec![n; 10]));
        replaced.push(one.insert(Limits([n + 1; 6])));
        if let Some(names) = one.get_mut::<Names>() {
            names.0.truncate(3);
            book.vec(&names.0).strings(&names.0);
        }
        let table = one.get_mut::<HashMap<u32, &'static str>>();
        book.hash_map(table.expect("it was put in"));
        let list = one.get_mut::<Mutex<Vec<u32>>>().expect("it was put in");
        book.vec(list.get_mut().expect("nobody panicked"));
        one.register::<Limits>(book);
        one.register::<Names>(book);
        one.register::<HashMap<u32, &'static str>>(book);
        one.register::<Option<Arc<str>>>(book);
        one.register::<Mutex<Vec<u32>>>(book);
        book.hash_map(&one.by_type);
        all.push(one);
    }
    book.vec(&all).vec(&replaced);
    for one in replaced.iter().flatten() {
        book.boxed(one);
    }
    (all, replaced)
}

trait Observer {
    fn notice(&self, n: u32);
}

struct Screen {
    shown: RefCell<String>,
}

struct Meter {
    total: Cell<u64>,
    peaks: RefCell<Vec<u32>>,
}

impl Observer for Screen {
    fn notice(&self, n: u32) {
        let mut shown = self.shown.borrow_mut();
        shown.clear();
        shown.push_str("value: ");
        shown.push_str(&n.to_string());
    }
}

impl Observer for Meter {
    fn notice(&self, n: u32) {
        self.total.set(self.total.get() + u64::from(n));
        if n.is_multiple_of(3) {
            self.peaks.borrow_mut().push(n);
        }
    }
}

struct Subject {
    observers: RefCell<Vec<Weak<dyn Observer>>>,
}

impl Subject {
    fn set(&self, n: u32) {
        self.observers
            .borrow_mut()
            .retain(|one| one.upgrade().map(|one| one.notice(n)).is_some());
    }
}

static SUBJECTS: OnceLock<Mutex<Vec<String>>> = OnceLock::new();

fn observers(book: &mut Book) -> impl Sized + use<> {
    let subject = Rc::new(Subject {
        observers: RefCell::new(Vec::new()),
    });
    let mut screens = Vec::new();
    let mut meters = Vec::new();
    for n in 0..60 {
        let screen = Rc::new(Screen {
            shown: RefCell::new(String::new()),
        });
        let meter = Rc::new(Meter {
            total: Cell::new(0),
            peaks: RefCell::new(vec![]),
        });
        let as_observer: Rc<dyn Observer> = screen.clone();
        subject
            .observers
            .borrow_mut()
            .push(Rc::downgrade(&as_observer));
        let as_observer: Rc<dyn Observer> = meter.clone();
        subject
            .observers
            .borrow_mut()
            .push(Rc::downgrade(&as_observer));
        if n % 3 > 0 {
            screens.push(screen);
        }
        meters.push(meter);
    }
    (0..100).for_each(|n| subject.set(n * n));
    let names = SUBJECTS.get_or_init(Mutex::default);
    let mut names = names.lock().expect("nobody panicked");
    names.extend((0..40).map(|n| format!("subject {n}")));
    book.vec(&names).strings(names.iter());
    book.rc(&subject)
        .vec(&*subject.observers.borrow())
        .vec(&screens)
        .vec(&meters);
    for one in &screens {
        book.rc(one).string(&one.shown.borrow());
    }
    for one in &meters {
        book.rc(one).vec(&*one.peaks.borrow());
    }
    (subject, screens, meters)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_bus").fresh();
    let kept = (
        bus(&mut book),
        plugins(&mut book),
        resources(&mut book),
        observers(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
