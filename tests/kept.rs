//! What statics, variables and threads keep, how much room containers do not use,
//! and which texts are equal, in a process that knows it; by the library and by the
//! command.

#![allow(clippy::vec_box, reason = "each is a block of its own")]

mod process;
mod support;

use std::collections::{HashMap, VecDeque};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use endler::reports::holding::{self, CopyRow, RootRow, SlackRow, fold_owners};
use endler::reports::partition::{By, Heap};
use process::Folder;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

struct Room {
    #[allow(dead_code, reason = "only held")]
    half: Vec<Seat>,
    #[allow(dead_code, reason = "only held")]
    empty: Vec<Seat>,
    #[allow(dead_code, reason = "only held")]
    full: Vec<Seat>,
    #[allow(dead_code, reason = "only held")]
    ring: VecDeque<Seat>,
    map: HashMap<u32, Seat>,
    name: String,
}

#[derive(Clone)]
struct Seat(#[allow(dead_code, reason = "only held")] [u64; 3]);

const ROOMS: usize = 12;
const SAME: usize = 5;

/// A text with room for twice as much.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    out.push_str(text);
    out
}

fn rooms() -> Vec<Box<Room>> {
    let seat = || Seat([7; 3]);
    let room = |n: usize| {
        let mut half = Vec::with_capacity(40);
        half.extend(std::iter::repeat_with(seat).take(10));
        let mut ring = VecDeque::with_capacity(32);
        ring.extend(std::iter::repeat_with(seat).take(20));
        let mut map = HashMap::with_capacity(100);
        map.extend((0..20).map(|i| (i, seat())));
        let name = match n {
            0..SAME => text("a name that several rooms have"),
            _ => text(&format!("the name of room {n}")),
        };
        Box::new(Room {
            half,
            empty: Vec::with_capacity(5),
            full: vec![seat(); 6],
            ring,
            map,
            name,
        })
    };
    (0..ROOMS).map(room).collect()
}

static ROOMS_OF_ALL: Mutex<Vec<Box<Room>>> = Mutex::new(Vec::new());
static SHARED: Mutex<Option<Arc<[u8; 5000]>>> = Mutex::new(None);

/// Holds rooms and half of what is shared in variables of its own until it is told
/// to end.
#[inline(never)]
fn worker(shared: Arc<[u8; 5000]>, ready: Sender<usize>, end: Receiver<()>) {
    let mine = rooms();
    let bytes: usize = mine.iter().map(|room| own_bytes(room)).sum();
    ready.send(bytes).expect("it is waited for");
    // The other end is dropped.
    let _ = end.recv();
    assert_eq!((mine.len(), shared[0]), (ROOMS, 1));
}

/// The bytes of a room with all that it holds.
fn own_bytes(room: &Room) -> usize {
    let seats = room.half.capacity() + room.empty.capacity() + room.full.capacity();
    let table = table_bytes(room.map.capacity());
    size_of::<Room>()
        + (seats + room.ring.capacity()) * size_of::<Seat>()
        + table
        + room.name.capacity()
}

/// hashbrown's block: buckets of 32 bytes, a control byte for each and 16 more.
fn table_bytes(capacity: usize) -> usize {
    let buckets = (capacity * 8 / 7).next_power_of_two();
    buckets * 32 + buckets + 16
}

#[test]
fn what_is_kept_and_what_is_not_used() {
    let shared = Arc::new([1u8; 5000]);
    let (ready, is_ready) = channel();
    let (end, ended) = channel::<()>();
    let its = shared.clone();
    let thread = std::thread::Builder::new()
        .name("keeps-rooms".into())
        .spawn(move || worker(its, ready, ended))
        .expect("a thread");
    let its_bytes = is_ready.recv().expect("it is ready") as u64;
    std::thread::spawn(|| *ROOMS_OF_ALL.lock().expect("nobody panicked") = rooms())
        .join()
        .expect("it makes rooms");
    *SHARED.lock().expect("nobody panicked") = Some(shared);
    let folder = Folder::new("kept");
    let path = folder.path().join("kept.endler");
    endler::snapshot_to(&path).expect("a snapshot");
    let image = endler::reports::load(&path).expect("it can be read");
    let heap = Heap::new(&image);
    let rooms = ROOMS_OF_ALL.lock().expect("nobody panicked");
    let bytes: usize = rooms.iter().map(|room| own_bytes(room)).sum();
    let list = (rooms.capacity() * size_of::<Box<Room>>()) as u64;

    // Roots: the static alone, the variable alone, and its thread.
    let table = holding::roots(heap).expect("references");
    let row = |rows: &[RootRow], name: &str| {
        let row = rows.iter().find(|row| row.name == name);
        row.cloned()
            .unwrap_or_else(|| panic!("{name} in {rows:#?}"))
    };
    // A room is six blocks with its own; the list of all is one more.
    let blocks = (ROOMS * 7 + 1) as u64;
    let all = row(&table.rows, "static kept::ROOMS_OF_ALL");
    assert_eq!((all.count, all.size.0), (blocks, bytes as u64 + list));
    let mine = row(&table.rows, "stack kept::worker.mine");
    let thread_name = "keeps-rooms";
    assert_eq!((mine.count, mine.thread.as_str()), (blocks, thread_name));
    assert_eq!(mine.size.0, its_bytes + list);
    // A static holds the shared block as well, so neither keeps it alone.
    let threads = holding::threads(heap).expect("references");
    let its = row(&threads.rows, "thread keeps-rooms");
    assert!(its.size.0 >= mine.size.0 && its.size.0 < mine.size.0 + 5000);
    let statics = row(&threads.rows, "all statics");
    assert!(statics.size.0 >= all.size.0, "{statics:?}");

    // Slack: both lots of rooms, by field.
    let by = By::parse("via").expect("a relation");
    let slack = holding::slack(&heap.all(), &by).expect("references");
    let field = |name: &str| -> &SlackRow {
        let name = format!("kept::Room.{name}");
        let row = slack.rows.iter().find(|row| row.name == name);
        row.unwrap_or_else(|| panic!("{name} in {:#?}", slack.rows))
    };
    let seat = size_of::<Seat>();
    let rooms_twice = 2 * ROOMS as u64;
    let map = rooms[0].map.capacity();
    for (name, unused, empty, oversized) in [
        ("half", 30 * seat, 0, rooms_twice),
        ("empty", 5 * seat, rooms_twice, 0),
        ("ring", 12 * seat, 0, 0),
        ("map", (map - 20) * 32, 0, rooms_twice),
    ] {
        let row = field(name);
        let told = (row.count, row.unused.0, row.empty, row.oversized);
        let expect = (rooms_twice, rooms_twice * unused as u64, empty, oversized);
        assert_eq!(told, expect, "{name}");
    }
    assert!(slack.rows.iter().all(|row| row.name != "kept::Room.full"));
    let unused: usize = rooms.iter().map(|room| room.name.len()).sum();
    assert_eq!(field("name").unused.0, 2 * unused as u64);

    // Texts: the names of the same rooms are there twice, that of five ten times.
    let copies: Vec<&CopyRow> = slack.copies.iter().collect();
    let names = copies.iter().find(|row| row.name == "kept::Room.name");
    let distinct = (ROOMS - SAME + 1) as u64;
    assert_eq!(names.map(|row| row.count), Some(rooms_twice - distinct));
    let most = slack
        .repeats
        .iter()
        .find(|row| row.name == "kept::Room.name");
    let one = rooms[0].name.capacity() as u64;
    let told = most.map(|row| (row.count, row.size.0));
    assert_eq!(told, Some((2 * SAME as u64, 2 * SAME as u64 * one)));
    // Nothing of a text is in the file.
    let file = std::fs::read(&path).expect("it can be read");
    let found = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
    assert!(!found(b"several rooms") && found(b"CNTS"));

    // Folded, a room is one object with all its bytes.
    let folded = fold_owners(&image);
    let whole = Heap::new(&folded);
    let types = whole.all().by(&By::default());
    let rows: Vec<_> = types
        .rows()
        .iter()
        .filter(|row| types.name(row) == "Box<kept::Room>")
        .map(|row| (row.count, row.size.0))
        .collect();
    assert_eq!(rows, [(rooms_twice, bytes as u64 + its_bytes)]);
    assert_eq!(whole.all().size(), heap.all().size());

    // The command says the same.
    let command = |args: &[&str]| {
        let out = Command::new(support::endler())
            .args(args)
            .arg(&path)
            .output()
            .expect("endler runs");
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).expect("text")
    };
    let text = command(&["roots"]);
    let line = format!("{blocks:>6} {:>8} static kept::ROOMS_OF_ALL", all.size.0);
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains("stack kept::worker.mine (thread keeps-rooms)"),
        "{text}"
    );
    let text = command(&["slack", "--by", "via", "--json"]);
    let row = format!("\"name\":\"kept::Room.half\",\"count\":{rooms_twice},");
    assert!(text.replace(": ", ":").contains(&row), "{text}");
    let text = command(&["report", "--fold", "owners"]);
    let line = format!("{rooms_twice:>6} ");
    let row = text.lines().find(|line| line.ends_with("Box<kept::Room>"));
    assert!(row.is_some_and(|row| row.contains(&line)), "{text}");
    drop(end);
    drop(rooms);
    thread.join().expect("it ends");
}
