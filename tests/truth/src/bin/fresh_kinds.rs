//! Many types of one layout through the same generic code: identifiers, amounts and
//! handles as newtypes, one repository, one pager, one pool, one column for all.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::hint::black_box;
use std::marker::PhantomData;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

/// What an identifier can do.
trait Id: Copy + Debug + Eq + Hash + Ord + 'static {
    fn new(n: u64) -> Self;
}

macro_rules! ids {
    ($($name:ident),*) => {$(
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        struct $name(u64);

        impl Id for $name {
            fn new(n: u64) -> Self {
                $name(n)
            }
        }
    )*};
}

ids!(UserId, OrderId, TankId, FishId, InvoiceId, SessionId);

/// Records of one layout too.
macro_rules! records {
    ($($name:ident of $id:ty),*) => {$(
        #[derive(Clone, Debug)]
        struct $name {
            id: $id,
            name: String,
            values: Vec<$id>,
        }

        impl Record for $name {
            type Id = $id;

            fn make(n: u64) -> Self {
                $name {
                    id: <$id>::new(n),
                    name: format!("{} {n}", stringify!($name)),
                    values: (0..n % 5).map(<$id>::new).collect(),
                }
            }

            fn id(&self) -> $id {
                self.id
            }

            fn register(&self, book: &mut Book) {
                book.string(&self.name).vec(&self.values);
            }
        }
    )*};
}

trait Record: Clone + Debug {
    type Id: Id;
    fn make(n: u64) -> Self;
    fn id(&self) -> Self::Id;
    fn register(&self, book: &mut Book);
}

records!(User of UserId, Order of OrderId, Tank of TankId, Fish of FishId, Invoice of InvoiceId);

/// A repository with an index and a log of changes.
struct Repository<R: Record> {
    rows: BTreeMap<R::Id, Box<R>>,
    by_name: HashMap<String, R::Id>,
    changed: HashSet<R::Id>,
    log: Vec<Change<R>>,
    cache: VecDeque<Arc<R>>,
}

#[derive(Clone, Debug)]
enum Change<R: Record> {
    Added(R::Id),
    Renamed { id: R::Id, from: String },
    Removed(Box<R>),
}

impl<R: Record> Repository<R> {
    fn filled(many: u64) -> Self {
        let mut repository = Repository {
            rows: BTreeMap::new(),
            by_name: HashMap::new(),
            changed: HashSet::new(),
            log: Vec::new(),
            cache: VecDeque::with_capacity(8),
        };
        for n in 0..many {
            repository.add(R::make(n * 17 % 257), n);
        }
        for n in (0..many).step_by(6) {
            repository.remove(R::Id::new(n));
        }
        repository
    }

    fn add(&mut self, row: R, n: u64) {
        let id = row.id();
        if self.cache.len() == 8 {
            self.cache.pop_front();
        }
        self.cache.push_back(Arc::new(row.clone()));
        self.by_name.insert(format!("key {n}"), id);
        self.changed.insert(id);
        self.log.push(Change::Added(id));
        if let Some(old) = self.rows.insert(id, Box::new(row)) {
            self.log.push(Change::Removed(old));
        }
    }

    fn remove(&mut self, id: R::Id) {
        if let Some(old) = self.rows.remove(&id) {
            self.log.push(Change::Removed(old));
            let from = format!("{id:?}");
            self.log.push(Change::Renamed { id, from });
        }
    }

    fn register(&self, book: &mut Book) {
        book.around_each(self.rows.keys(), Name::of::<BTreeMap<R::Id, Box<R>>>())
            .hash_map(&self.by_name)
            .strings(self.by_name.keys())
            .hash_set(&self.changed)
            .vec(&self.log)
            .deque(&self.cache);
        for row in self.rows.values() {
            book.boxed(row);
            row.register(book);
        }
        for change in &self.log {
            match change {
                Change::Added(_) => {}
                Change::Renamed { from, .. } => _ = book.string(from),
                Change::Removed(row) => {
                    book.boxed(row);
                    row.register(book);
                }
            }
        }
        for row in &self.cache {
            book.arc(row);
            row.register(book);
        }
    }
}

fn repositories(book: &mut Book) -> impl Sized + use<> {
    let users = Repository::<User>::filled(70);
    let orders = Repository::<Order>::filled(60);
    let tanks = Repository::<Tank>::filled(50);
    let fish = Repository::<Fish>::filled(64);
    let invoices = Repository::<Invoice>::filled(40);
    users.register(book);
    orders.register(book);
    tanks.register(book);
    fish.register(book);
    invoices.register(book);
    (users, orders, tanks, fish, invoices)
}

/// Cuts a list into pages.
fn pages<T: Clone>(all: &[T], size: usize) -> Vec<Vec<T>> {
    all.chunks(size).map(|page| page.to_vec()).collect()
}

fn numbered<I: Id>(many: u64) -> Vec<I> {
    let mut all = Vec::new();
    for n in 0..many {
        all.push(I::new(n));
    }
    all
}

fn unique<I: Id>(all: &[I]) -> Vec<I> {
    let seen: HashSet<I> = all.iter().copied().collect();
    let mut seen: Vec<I> = seen.into_iter().collect();
    seen.sort_unstable();
    seen
}

fn pairs<A: Id, B: Id>(a: &[A], b: &[B]) -> HashMap<A, Vec<B>> {
    let mut pairs: HashMap<A, Vec<B>> = HashMap::new();
    for (n, one) in b.iter().enumerate() {
        pairs.entry(a[n % a.len()]).or_default().push(*one);
    }
    pairs
}

fn of_ids<A: Id, B: Id>(book: &mut Book, many: u64) -> impl Sized + use<A, B> {
    let a = numbered::<A>(many);
    let b = numbered::<B>(many * 2);
    let pages = pages(&a, 12);
    let unique = unique(&b[..many as usize]);
    let pairs = pairs(&a[..20], &b);
    let shared: Arc<[A]> = a.as_slice().into();
    let boxed: Vec<Box<A>> = a.iter().take(25).map(|&one| Box::new(one)).collect();
    let optional: Vec<Option<B>> = b.iter().map(|&one| Some(one)).collect();
    let boxed_slice = b.clone().into_boxed_slice();
    let renamed: Vec<B> = a.clone().into_iter().zip(&b).map(|(_, &two)| two).collect();
    book.vec(&a).vec(&b).vec(&pages).vecs(&pages).vec(&unique);
    book.hash_map(&pairs).vecs(pairs.values()).arc(&shared);
    book.vec(&boxed).vec(&optional);
    for one in &boxed {
        book.boxed(one);
    }
    let names = Name::of::<Box<[B]>>().was(Name::of::<Vec<B>>());
    book.boxed_as(&boxed_slice, names);
    let names = Name::of::<Vec<B>>().was(Name::of::<Vec<A>>());
    book.vec_as(&renamed, names);
    (
        a,
        b,
        pages,
        unique,
        pairs,
        shared,
        boxed,
        optional,
        boxed_slice,
        renamed,
    )
}

fn identifiers(book: &mut Book) -> impl Sized + use<> {
    (
        of_ids::<UserId, OrderId>(book, 90),
        of_ids::<TankId, FishId>(book, 80),
        of_ids::<InvoiceId, SessionId>(book, 75),
        of_ids::<OrderId, UserId>(book, 60),
        of_ids::<SessionId, SessionId>(book, 85),
    )
}

/// Amounts of different units.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Amount<Unit>(f64, PhantomData<Unit>);

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Litres;
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Grams;
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Degrees;

/// A column of a table, in runs.
#[derive(Clone, Debug)]
struct Column<T> {
    name: Rc<str>,
    runs: Vec<Box<[T]>>,
    last: Vec<T>,
    nulls: Vec<bool>,
}

impl<T: Clone> Column<T> {
    fn new(name: &str) -> Self {
        Column {
            name: name.into(),
            runs: Vec::new(),
            last: Vec::with_capacity(32),
            nulls: Vec::new(),
        }
    }

    fn push(&mut self, value: Option<T>) {
        self.nulls.push(value.is_none());
        let Some(value) = value else { return };
        self.last.push(value);
        if self.last.len() == 32 {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(32));
            self.runs.push(full.into());
        }
    }

    fn register(&self, book: &mut Book) {
        let was = Name::of::<Rc<[u8]>>();
        book.rc_as(&self.name, Name::of::<Rc<str>>().was(was))
            .vec(&self.runs)
            .vec(&self.last)
            .vec(&self.nulls);
        for run in &self.runs {
            book.boxed_as(run, Name::of::<Box<[T]>>().was(Name::of::<Vec<T>>()));
        }
    }
}

fn amounts<Unit: Clone>(book: &mut Book, name: &str, many: u32) -> Column<Amount<Unit>> {
    let mut column = Column::new(name);
    for n in 0..many {
        let amount = Amount(f64::from(n) / 3.0, PhantomData);
        column.push((n % 7 > 0).then_some(amount));
    }
    column.register(book);
    column
}

fn columns(book: &mut Book) -> impl Sized + use<> {
    let litres = amounts::<Litres>(book, "volume", 300);
    let grams = amounts::<Grams>(book, "weight", 280);
    let degrees = amounts::<Degrees>(book, "warmth", 350);
    let mut texts: Column<&'static str> = Column::new("texts");
    let mut shared: Column<Arc<[u16]>> = Column::new("shared");
    let mut bytes: Column<[u8; 8]> = Column::new("bytes");
    for n in 0..120u16 {
        texts.push((n % 3 > 0).then_some("text"));
        let list: Arc<[u16]> = (0..n % 9 + 1).collect();
        book.arc(&list);
        shared.push(Some(list));
        bytes.push(Some([n as u8; 8]));
    }
    texts.register(book);
    shared.register(book);
    bytes.register(book);
    (litres, grams, degrees, texts, shared, bytes)
}

/// Buffers that are used again.
#[derive(Default)]
struct Pool<T> {
    free: Vec<Vec<T>>,
    taken: usize,
}

impl<T: Clone + Default> Pool<T> {
    fn take(&mut self, size: usize) -> Vec<T> {
        self.taken += 1;
        let mut buffer = self.free.pop().unwrap_or_default();
        buffer.resize(size, T::default());
        buffer
    }

    fn give(&mut self, mut buffer: Vec<T>) {
        buffer.clear();
        self.taken -= 1;
        self.free.push(buffer);
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Red(u32);
#[derive(Clone, Copy, Debug, Default)]
struct Green(u32);
#[derive(Clone, Copy, Debug, Default)]
struct Sample(i32);
#[derive(Clone, Copy, Debug, Default)]
struct Frame(f32);

fn pooled<T: Clone + Default>(book: &mut Book, size: usize) -> impl Sized + use<T> {
    let mut pool: Pool<T> = Pool::default();
    let mut held: Vec<Vec<T>> = Vec::new();
    for n in 0..60 {
        held.push(pool.take(size + n));
        if n % 4 == 0 {
            let first = held.remove(0);
            pool.give(first);
        }
        if n % 9 == 0 {
            held.extend((0..3).map(|_| pool.take(size)));
            held.drain(..2).for_each(|one| pool.give(one));
        }
    }
    book.vec(&held).vecs(&held).vec(&pool.free).vecs(&pool.free);
    (pool, held)
}

fn pools(book: &mut Book) -> impl Sized + use<> {
    (
        pooled::<Red>(book, 20),
        pooled::<Green>(book, 25),
        pooled::<Sample>(book, 30),
        pooled::<Frame>(book, 22),
        pooled::<u32>(book, 24),
    )
}

/// A handle that remembers what it is for.
struct Handle<T> {
    at: usize,
    of: PhantomData<fn() -> T>,
}

struct Registry<T> {
    values: Vec<Rc<T>>,
    handles: BTreeMap<String, Handle<T>>,
    waiting: Vec<(Handle<T>, Box<T>)>,
}

fn registry<T>(book: &mut Book, make: impl Fn(usize) -> T) -> Registry<T> {
    let mut registry = Registry {
        values: Vec::new(),
        handles: BTreeMap::new(),
        waiting: Vec::with_capacity(10),
    };
    for n in 0..40 {
        let handle = || Handle {
            at: n,
            of: PhantomData,
        };
        registry.values.push(Rc::new(make(n)));
        registry.handles.insert(format!("value {n}"), handle());
        if n % 4 == 0 {
            registry.waiting.push((handle(), Box::new(make(n))));
        }
    }
    book.vec(&registry.values).vec(&registry.waiting);
    let name = Name::of::<BTreeMap<String, Handle<T>>>();
    book.around_each(registry.handles.keys(), name)
        .strings(registry.handles.keys());
    for one in &registry.values {
        book.rc(one);
    }
    for (_, one) in &registry.waiting {
        book.boxed(one);
    }
    registry
}

fn registries(book: &mut Book) -> impl Sized + use<> {
    let red = registry(book, |n| Red(n as u32));
    let green = registry(book, |n| Green(n as u32));
    let users = registry(book, |n| UserId(n as u64));
    let orders = registry(book, |n| OrderId(n as u64));
    let pairs = registry(book, |n| (UserId(n as u64), OrderId(1)));
    let swapped = registry(book, |n| (OrderId(n as u64), UserId(1)));
    let amounts = registry(book, |n| Amount::<Grams>(n as f64, PhantomData));
    let other = registry(book, |n| Amount::<Litres>(n as f64, PhantomData));
    (red, green, users, orders, pairs, swapped, amounts, other)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_kinds").fresh();
    let kept = (
        repositories(&mut book),
        identifiers(&mut book),
        columns(&mut book),
        pools(&mut book),
        registries(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
