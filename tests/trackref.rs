//! Tracked objects: the table to the letter, the oldest, all of them, by type and
//! by name; what threads register and drop; and what is left when all are gone.

#![allow(missing_docs)]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use endler::trackref::{
    LiveRefs, ObjectRef, Source, Tracked, get_oldest, get_oldest_named, iter_all, iter_all_named,
    live_refs, live_refs_ignoring,
};

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// The registry is the process's: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Request {
    number: u64,
    _body: Box<[u8]>,
}

#[derive(Debug, PartialEq)]
struct HtmlResponse(String);

struct BookSpider;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Item {
    title: String,
    counted: ObjectRef<Item>,
}

fn request(number: u64) -> Tracked<Request> {
    Tracked::new(Request {
        number,
        _body: Box::new([7; 40]),
    })
}

fn rows(table: &LiveRefs) -> Vec<(&str, u64)> {
    let rows = table.rows().iter();
    rows.map(|row| (row.name.as_str(), row.count)).collect()
}

#[test]
fn the_table_is_trackrefs_to_the_letter() {
    let _alone = alone();
    assert_eq!(live_refs().to_string(), "Live References\n\n");
    let requests: Vec<_> = (0..3456).map(request).collect();
    let response = Tracked::new(HtmlResponse("http://books.test/".into()));
    let items = vec![Item::default(); 2];
    let spider = Tracked::new(BookSpider);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1100) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let late = Tracked::new(HtmlResponse("http://books.test/2".into()));
    let table = live_refs();
    let seconds = table.rows()[0].oldest.as_secs();
    assert!(seconds >= 1, "{table}");
    let expect = format!(
        "Live References\n\n\
         BookSpider                          1   oldest: {seconds}s ago\n\
         HtmlResponse                        2   oldest: {seconds}s ago\n\
         Item                                2   oldest: {seconds}s ago\n\
         Request                          3456   oldest: {seconds}s ago\n"
    );
    assert_eq!(table.to_string(), expect);
    // The age is the oldest's, and whole seconds are rounded down.
    drop(response);
    let ignoring = live_refs_ignoring(&["*Spider", "Re?uest", "trackref::It*"]);
    assert_eq!(
        ignoring.to_string(),
        "Live References\n\nHtmlResponse                        1   oldest: 0s ago\n"
    );
    assert_eq!(
        live_refs_ignoring(&["*"]).to_string(),
        "Live References\n\n"
    );
    drop((requests, items, spider, late));
    assert_eq!(live_refs().to_string(), "Live References\n\n");
}

mod other {
    pub(super) struct Request;
    pub(super) mod request {
        pub(in super::super) struct Item;
    }
}

#[test]
fn two_types_of_one_name_have_as_much_path_as_tells_them_apart() {
    let _alone = alone();
    let mine = request(1);
    let others = Tracked::new(other::Request);
    let items = (Item::default(), Tracked::new(other::request::Item));
    let text = live_refs().to_string();
    let names: Vec<&str> = text
        .lines()
        .skip(2)
        .map(|line| line[..30].trim_end())
        .collect();
    assert_eq!(
        names,
        [
            "other::Request",
            "request::Item",
            "trackref::Item",
            "trackref::Request"
        ]
    );
    // The rows themselves have whole names.
    let table = live_refs();
    assert_eq!(rows(&table)[0].0, "trackref::Item");
    drop((mine, others, items));
}

#[test]
fn the_oldest_is_the_next_when_the_oldest_is_gone() {
    let _alone = alone();
    assert!(get_oldest::<Request>().is_none());
    let mut requests: Vec<_> = (0..100).map(request).collect();
    // A vacant place that is used again does not make its object the oldest.
    drop(requests.remove(0));
    requests.push(request(100));
    for expect in 1..=100 {
        let oldest = get_oldest::<Request>().expect("one is alive");
        assert_eq!(oldest.number, expect);
        assert!(Tracked::ptr_eq(&oldest, &requests[0]));
        let left: Vec<u64> = iter_all::<Request>().map(|r| r.number).collect();
        assert_eq!(left, (expect..=100).collect::<Vec<_>>());
        requests.remove(0);
        // The handle that was handed back keeps it alive and registered.
        assert_eq!(get_oldest::<Request>().map(|r| r.number), Some(expect));
    }
    assert!(get_oldest::<Request>().is_none());
    assert_eq!(iter_all::<Request>().count(), 0);
}

#[test]
fn by_name_whole_or_without_its_path() {
    let _alone = alone();
    let first = Tracked::new(HtmlResponse("http://a.test/".into()));
    let second = first.clone();
    let item = Item::default();
    assert_eq!(format!("{first:?}"), "HtmlResponse(\"http://a.test/\")");
    for name in ["HtmlResponse", "trackref::HtmlResponse"] {
        let object = get_oldest_named(name).expect("found by name");
        assert_eq!(object.type_name(), "trackref::HtmlResponse");
        assert_eq!(object.address(), std::ptr::from_ref(&*first).addr());
        assert_eq!(object.size(), size_of::<HtmlResponse>());
        assert!(object.clone().downcast::<Request>().is_none());
        let back = object.downcast::<HtmlResponse>().expect("its type");
        assert!(Tracked::ptr_eq(&back, &second));
    }
    assert_eq!(iter_all_named("HtmlResponse").count(), 1);
    for name in [
        "",
        "Response",
        "Html",
        "trackref",
        "trackref::Item",
        "Request",
    ] {
        assert!(get_oldest_named(name).is_none(), "{name}");
        assert_eq!(iter_all_named(name).count(), 0, "{name}");
    }
    // Generic types by their name with arguments.
    let listed = Tracked::new(Some(7_u8));
    let object = get_oldest_named("Option<u8>").expect("found");
    assert_eq!(object.address(), std::ptr::from_ref(&*listed).addr());
    drop((first, second, item));
}

#[test]
fn a_counting_field_changes_nothing_else() {
    let _alone = alone();
    let one = Item::default();
    let two = one.clone();
    assert_eq!(
        (one == two, one.cmp(&two)),
        (true, std::cmp::Ordering::Equal)
    );
    let mut set = std::collections::HashSet::from([one]);
    assert!(!set.insert(two));
    assert_eq!(rows(&live_refs()), [("trackref::Item", 1)]);
}

/// Objects whose drop makes and drops others, and a list that is asked meanwhile.
struct Chain(#[allow(dead_code)] Option<Tracked<Chain>>);

impl Drop for Chain {
    fn drop(&mut self) {
        drop(request(0));
        assert!(get_oldest::<Chain>().is_none_or(|c| c.0.is_none() || c.0.is_some()));
    }
}

#[test]
fn threads_register_drop_and_ask_at_once() {
    let _alone = alone();
    let start = endler_threads();
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::channel::<Tracked<Request>>();
        for thread in 0..3 {
            let send = send.clone();
            scope.spawn(move || {
                for n in 0..5_000 {
                    let made = request(thread << 32 | n);
                    if n % 3 == 0 {
                        // Dropped on another thread.
                        let _ = send.send(made);
                    }
                }
            });
        }
        drop(send);
        scope.spawn(move || receive.iter().for_each(drop));
        scope.spawn(|| {
            for _ in 0..200 {
                let chain = Tracked::new(Chain(Some(Tracked::new(Chain(None)))));
                let _ = iter_all::<Request>().map(|r| r.number).max();
                let _ = get_oldest::<Request>();
                drop((chain, live_refs()));
            }
        });
    });
    assert_eq!(live_refs().to_string(), "Live References\n\n");
    assert_eq!(endler_threads(), start);
}

fn endler_threads() -> usize {
    live_refs().rows().len()
}

/// A type of its own for every number.
struct Numbered<const N: usize>;

fn numbered<const N: usize>() -> [usize; 2] {
    let objects: Vec<_> = (0..1000).map(|_| Tracked::new(Numbered::<N>)).collect();
    let seen = rows(&live_refs()).iter().map(|row| row.1 as usize).sum();
    drop(objects);
    [seen, live_refs().rows().len()]
}

/// Bytes that this process has asked of the C library and not given back.
fn in_use() -> usize {
    // SAFETY: reads the C library's own counts.
    unsafe { libc::mallinfo2() }.uordblks
}

#[test]
fn types_that_are_gone_leave_nothing() {
    let _alone = alone();
    // The first use of everything, on this thread; its list is small yet.
    drop((request(0), live_refs().to_string()));
    let before = in_use();
    macro_rules! each {
        ($($n:literal)*) => { $(assert_eq!(numbered::<$n>(), [1000, 0]);)* };
    }
    each!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
    // The other tests' threads are waiting; the harness may keep a little.
    let left = in_use().saturating_sub(before);
    assert!(left < 4096, "{left} bytes are left");
}

#[test]
fn one_table_shows_what_is_tracked_and_what_is_on_the_heap() {
    let _alone = alone();
    let requests: Vec<_> = (0..50).map(request).collect();
    let plain: Vec<Box<[u64; 5]>> = (0..70).map(|n| Box::new([n; 5])).collect();
    let Ok(snapshot) = endler::snapshot() else {
        println!("not run: nothing is recorded here");
        return;
    };
    let table = live_refs().with_heap(&snapshot);
    let find = |name: &str, source| {
        let mut rows = table.rows().iter();
        rows.find(|row| row.name == name && row.source == source)
            .map(|row| row.count)
    };
    assert_eq!(find("trackref::Request", Source::Tracked), Some(50));
    assert_eq!(find("Box<[u64; 5]>", Source::Heap), Some(70), "{table}");
    let text = table.to_string();
    // How old depends on the snapshot's time.
    let row = |begins: &str, ends: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.starts_with(begins) && line.ends_with(ends))
    };
    let heaps = "Box<[u64; 5]>                      70   oldest: ";
    assert!(row(heaps, "s ago   heap"), "{text}");
    let own = "Request                            50   oldest: ";
    assert!(row(own, "s ago"), "{text}");
    let names: Vec<_> = table
        .rows()
        .iter()
        .map(|row| (&row.name, row.source))
        .collect();
    assert!(names.is_sorted());
    drop((requests, plain));
}

#[test]
fn a_session_finds_tracked_objects_by_name() {
    use endler::reports::console::{HeapAlone, Session, parse};
    let _alone = alone();
    let mut requests = vec![request(0)];
    // Births are told apart by the clock's ticks, of some milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(30));
    requests.extend((1..3).map(request));
    let Ok(snapshot) = endler::snapshot() else {
        println!("not run: nothing is recorded here");
        return;
    };
    let mut session = Session::new();
    session.add_heap(snapshot.image(), None);
    let mut ask = |line: &str| {
        let line = parse(line).expect("well formed");
        session.run(&line, &HeapAlone).map_err(|e| e.to_string())
    };
    for name in ["Request", "trackref::Request", "*::Request"] {
        let line = format!("iter_all('{name}').count");
        assert_eq!(ask(&line), Ok("3".to_owned()));
    }
    let oldest = ask("get_oldest('Request')").expect("one is alive");
    // Its block begins with the two counts; what lies between is the registry's.
    let (_, rest) = oldest.split_once(" at 0x").expect("an address");
    let (digits, _) = rest.split_once(',').expect("a size behind it");
    let block = usize::from_str_radix(digits, 16).expect("a number");
    let value = std::ptr::from_ref(&*requests[0]).addr();
    assert!(
        (16..=32).contains(&(value - block)),
        "{oldest}, not {value:#x}"
    );
    assert!(ask("get_oldest('Requst')").is_err_and(|e| e.contains("there are trackref::Request")));
}
