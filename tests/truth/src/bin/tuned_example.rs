//! The harness at work: a few blocks of each way to register them.

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::rc::Rc;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

trait Shape {
    fn area(&self) -> u64;
}
struct Square(u64);
impl Shape for Square {
    fn area(&self) -> u64 {
        self.0 * self.0
    }
}

fn main() -> ExitCode {
    let mut book = Book::new("tuned_example").tuned();

    let words: Vec<String> = "one two three".split(' ').map(str::to_owned).collect();
    book.vec(&words).strings(&words);

    let shape: Box<dyn Shape> = Box::new(Square(words.len() as u64));
    book.boxed_as(&shape, Name::of::<Box<Square>>());

    let shared: Rc<str> = Rc::from("shared");
    book.rc(&shared);

    let map: HashMap<u32, String> = (0..100).map(|n| (n, n.to_string())).collect();
    book.hash_map(&map).strings(map.values());

    let tree: BTreeMap<u32, u64> = (0..1000).map(|n| (n, 0)).collect();
    book.btree_map(&tree);

    // Known by its time alone.
    let mark = book.mark();
    let (sender, receiver) = std::sync::mpsc::sync_channel::<u64>(100);
    book.largest_since(mark, "Box<[std::sync::mpmc::array::Slot<u64>]>");

    // A full vector becomes a boxed slice without a call of the allocator.
    let full = vec![7u32; 300].into_boxed_slice();
    let names = Name::of::<Box<[u32]>>().was(Name::of::<Vec<u32>>());
    book.boxed_as(&full, names);

    let code = book.compare();
    std::hint::black_box((words, shape.area(), shared, map, tree, full));
    drop((sender, receiver));
    code
}
