//! Graphs and numbers: nodes that hold each other, arenas by number, paths through
//! them, matrices, grids, sparse rows, and a small scene of shapes.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cell::{OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::hint::black_box;
use std::mem;
use std::ops::{Index, IndexMut};
use std::process::ExitCode;
use std::rc::{Rc, Weak};
use std::sync::{Arc, RwLock};

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Debug)]
struct Person {
    name: String,
    friends: RefCell<Vec<Weak<Person>>>,
    boss: RefCell<Option<Rc<Person>>>,
    notes: RefCell<Option<Box<[u8; 40]>>>,
    path: OnceCell<Vec<Rc<str>>>,
}

fn people(book: &mut Book) -> impl Sized + use<> {
    let all: Vec<Rc<Person>> = (0..120)
        .map(|n| {
            Rc::new(Person {
                name: format!("person {n}"),
                friends: RefCell::default(),
                boss: RefCell::new(None),
                notes: RefCell::default(),
                path: OnceCell::new(),
            })
        })
        .collect();
    for (n, one) in all.iter().enumerate().skip(1) {
        *one.boss.borrow_mut() = Some(all[n / 3].clone());
        for friend in [n * 7 % 120, n * 13 % 120, n / 2] {
            one.friends.borrow_mut().push(Rc::downgrade(&all[friend]));
        }
        if n % 4 == 0 {
            one.notes.replace(Some(Box::new([n as u8; 40])));
        }
    }
    let names: Vec<Rc<str>> = all.iter().map(|one| Rc::from(one.name.as_str())).collect();
    for one in all.iter().step_by(2) {
        one.path.get_or_init(|| {
            let mut path = vec![];
            let mut at = Rc::clone(one);
            loop {
                let number = all.iter().position(|other| Rc::ptr_eq(other, &at));
                path.push(names[number.expect("it is one of them")].clone());
                let boss = at.boss.borrow().clone();
                match boss {
                    Some(boss) => at = boss,
                    None => break,
                }
            }
            path.reverse();
            path
        });
    }
    // Some leave; those who know them keep their blocks.
    let mut all = all;
    let gone: Vec<Weak<Person>> = all.drain(90..).map(|one| Rc::downgrade(&one)).collect();
    for one in &all {
        book.rc(one)
            .string(&one.name)
            .vec(&*one.friends.borrow())
            .vecs(one.path.get());
        if let Some(notes) = &*one.notes.borrow() {
            book.boxed(notes);
        }
    }
    for one in &gone {
        book.rc_weak(one);
    }
    for name in &names {
        book.rc_as(name, Name::of::<Rc<str>>().was(Name::of::<Rc<[u8]>>()));
    }
    book.vec(&all).vec(&names).vec(&gone);
    (all, names, gone)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct NodeId(u32);

#[derive(Clone, Debug)]
struct Place {
    name: String,
    roads: Vec<(NodeId, u32)>,
    tags: BTreeSet<&'static str>,
}

/// Nodes by number, with places that were freed.
#[derive(Clone, Debug, Default)]
struct Map {
    places: Vec<Option<Place>>,
    free: Vec<NodeId>,
    by_name: HashMap<String, NodeId>,
}

impl Map {
    fn add(&mut self, name: String) -> NodeId {
        let place = Place {
            name: name.clone(),
            roads: Vec::with_capacity(3),
            tags: BTreeSet::new(),
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.places[id.0 as usize] = Some(place);
                id
            }
            None => {
                self.places.push(Some(place));
                NodeId(self.places.len() as u32 - 1)
            }
        };
        self.by_name.insert(name, id);
        id
    }

    fn remove(&mut self, id: NodeId) -> Option<Place> {
        let place = self.places[id.0 as usize].take()?;
        self.by_name.remove(&place.name);
        self.free.push(id);
        Some(place)
    }

    fn roads(&self, from: NodeId) -> &[(NodeId, u32)] {
        self.places[from.0 as usize]
            .as_ref()
            .map_or(&[][..], |place| &place.roads[..])
    }

    fn shortest(&self, from: NodeId) -> HashMap<NodeId, (u32, NodeId)> {
        let mut known = HashMap::new();
        let mut open = BinaryHeap::from([Reverse((0u32, from, from))]);
        while let Some(Reverse((length, at, before))) = open.pop() {
            if known.contains_key(&at) {
                continue;
            }
            known.insert(at, (length, before));
            open.extend(
                self.roads(at)
                    .iter()
                    .map(|&(to, more)| Reverse((length + more, to, at))),
            );
        }
        known
    }

    fn within(&self, from: NodeId, steps: usize) -> Vec<Vec<NodeId>> {
        let mut rings = vec![vec![from]];
        let mut seen = vec![false; self.places.len()];
        seen[from.0 as usize] = true;
        for _ in 0..steps {
            let mut ring = Vec::new();
            for at in rings.last().expect("there is the first") {
                for &(to, _) in self.roads(*at) {
                    if !mem::replace(&mut seen[to.0 as usize], true) {
                        ring.push(to);
                    }
                }
            }
            ring.sort_unstable();
            rings.push(ring);
        }
        rings
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.places)
            .vec(&self.free)
            .hash_map(&self.by_name)
            .strings(self.by_name.keys());
        for place in self.places.iter().flatten() {
            book.string(&place.name)
                .vec(&place.roads)
                .btree_set(&place.tags);
        }
    }
}

fn maps(book: &mut Book) -> impl Sized + use<> {
    let mut map = Map::default();
    let ids: Vec<NodeId> = (0..160).map(|n| map.add(format!("place {n}"))).collect();
    for (n, id) in ids.iter().enumerate() {
        let place = map.places[id.0 as usize].as_mut().expect("just added");
        for step in [1, 5, 17, 40] {
            let to = ids[(n * 3 + step) % ids.len()];
            place.roads.push((to, (n * step % 23) as u32 + 1));
        }
        place
            .tags
            .extend(["town", "river", "hill", "road"].iter().take(n % 5));
    }
    let before = map.clone();
    let mut removed = Vec::new();
    for n in (0..160).step_by(9) {
        removed.extend(map.remove(ids[n]));
    }
    for n in 0..10 {
        map.add(format!("new place {n}"));
    }
    let lengths: BTreeMap<NodeId, HashMap<NodeId, (u32, NodeId)>> = ids
        .iter()
        .skip(1)
        .step_by(20)
        .map(|&id| (id, map.shortest(id)))
        .collect();
    let rings: Vec<Vec<Vec<NodeId>>> = ids[100..110]
        .iter()
        .map(|&id| before.within(id, 4))
        .collect();
    map.register(book);
    before.register(book);
    book.vec(&ids).vec(&removed).btree_map(&lengths).vec(&rings);
    for place in &removed {
        book.string(&place.name)
            .vec(&place.roads)
            .btree_set(&place.tags);
    }
    for lengths in lengths.values() {
        book.hash_map(lengths);
    }
    for rings in &rings {
        // The first list of each was a literal, and the first ring too.
        let literal = Name::of::<Box<[Vec<NodeId>; 1]>>();
        book.vec_as(rings, Name::of::<Vec<Vec<NodeId>>>().was(literal));
        let literal = Name::of::<Box<[NodeId; 1]>>();
        book.vec_as(&rings[0], Name::of::<Vec<NodeId>>().was(literal));
        book.vecs(&rings[1..]);
    }
    (map, before, ids, removed, lengths, rings)
}

#[derive(Clone, Debug, PartialEq)]
struct Matrix<T> {
    width: usize,
    cells: Vec<T>,
}

impl<T: Clone + Default> Matrix<T> {
    fn new(width: usize, height: usize) -> Self {
        Matrix {
            width,
            cells: vec![T::default(); width * height],
        }
    }

    fn transposed(&self) -> Self {
        let height = self.cells.len() / self.width;
        let cells = (0..self.width).flat_map(|x| (0..height).map(move |y| (x, y)));
        Matrix {
            width: height,
            cells: cells.map(|(x, y)| self[(x, y)].clone()).collect(),
        }
    }

    fn rows(&self) -> Vec<Box<[T]>> {
        self.cells.chunks(self.width).map(Box::from).collect()
    }
}

impl<T> Index<(usize, usize)> for Matrix<T> {
    type Output = T;
    fn index(&self, (x, y): (usize, usize)) -> &T {
        &self.cells[y * self.width + x]
    }
}

impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    fn index_mut(&mut self, (x, y): (usize, usize)) -> &mut T {
        &mut self.cells[y * self.width + x]
    }
}

fn product(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut out = vec![vec![0.0; b[0].len()]; a.len()];
    for (row, out) in a.iter().zip(&mut out) {
        for (at, cell) in out.iter_mut().enumerate() {
            *cell = row.iter().zip(b).map(|(x, other)| x * other[at]).sum();
        }
    }
    out
}

fn boxed_rows<T>(book: &mut Book, rows: &Vec<Box<[T]>>) {
    book.vec(rows);
    for row in rows {
        book.boxed_as(row, Name::of::<Box<[T]>>().was(Name::of::<Vec<T>>()));
    }
}

fn matrices(book: &mut Book) -> impl Sized + use<> {
    let a: Vec<Vec<f64>> = (0..24i32)
        .map(|y| (0..30).map(|x| f64::from(x * y)).collect())
        .collect();
    let b: Vec<Vec<f64>> = (0..30i32).map(|y| vec![f64::from(y) / 4.0; 18]).collect();
    let ab = product(&a, &b);
    let mut numbers: Matrix<i32> = Matrix::new(20, 15);
    let mut letters: Matrix<char> = Matrix::new(16, 16);
    let mut lists: Matrix<Vec<u8>> = Matrix::new(8, 6);
    for n in 0..15 {
        numbers[(n, n)] = n as i32;
        letters[(n, 3)] = 'x';
        lists[(n % 8, n % 6)].extend_from_slice(&[n as u8; 20]);
    }
    let turned = numbers.transposed();
    let turned_lists = lists.transposed();
    let rows = numbers.rows();
    let letter_rows = letters.rows();
    let transforms: Box<[[f32; 4]]> = (0..200).map(|n| [n as f32; 4]).collect();
    let fixed: Box<[[f64; 8]; 8]> = Box::new([[0.5; 8]; 8]);
    let fixed_list: Vec<Box<[[u16; 3]; 3]>> = (0..40).map(|n| Box::new([[n; 3]; 3])).collect();
    let zeros: Box<[u64]> = vec![0; 300].into_boxed_slice();
    let grid: Vec<Vec<Option<Box<char>>>> = (0..12)
        .map(|y| {
            (0..12)
                .map(|x| ((x + y) % 3 == 0).then(|| Box::new('#')))
                .collect()
        })
        .collect();
    let mut sparse: BTreeMap<u32, Vec<(u32, f32)>> = BTreeMap::new();
    for n in 0..400u32 {
        sparse.entry(n * n % 61).or_default().push((n, n as f32));
    }
    let sums: Vec<f64> = ab.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<Vec<f64>> = (0..ab[0].len())
        .map(|x| ab.iter().map(|row| row[x]).collect())
        .collect();
    let flat: Vec<f64> = ab.into_iter().flatten().collect();
    let blurred: Vec<f32> = transforms
        .windows(5)
        .map(|w| w.iter().map(|t| t[0]).sum::<f32>() / 5.0)
        .collect();
    book.vec(&a).vecs(&a).vec(&b).vecs(&b);
    book.vec(&numbers.cells)
        .vec(&letters.cells)
        .vec(&lists.cells)
        .vecs(&lists.cells)
        .vec(&turned.cells)
        .vec(&turned_lists.cells)
        .vecs(&turned_lists.cells);
    boxed_rows(book, &rows);
    boxed_rows(book, &letter_rows);
    let was = Name::of::<Vec<[f32; 4]>>();
    book.boxed_as(&transforms, Name::of::<Box<[[f32; 4]]>>().was(was))
        .boxed(&fixed)
        .vec(&fixed_list)
        .boxed_as(&zeros, Name::of::<Box<[u64]>>().was(Name::of::<Vec<u64>>()))
        .vec(&grid)
        .vecs(&grid);
    for one in &fixed_list {
        book.boxed(one);
    }
    for one in grid.iter().flatten().flatten() {
        book.boxed(one);
    }
    book.btree_map(&sparse)
        .vecs(sparse.values())
        .vec(&sums)
        .vec(&columns)
        .vecs(&columns)
        .vec(&flat)
        .vec(&blurred);
    (
        (a, b, numbers, letters, lists, turned, turned_lists),
        (rows, letter_rows, transforms, fixed, fixed_list, zeros),
        (grid, sparse, sums, columns, flat, blurred),
    )
}

trait Shape {
    fn area(&self) -> f32;
    fn parts(&self) -> usize {
        1
    }
}

struct Circle(f32);
struct Polygon {
    points: Vec<(f32, f32)>,
}
struct Group {
    shapes: Vec<Rc<dyn Shape>>,
    cached: OnceCell<f32>,
}

impl Shape for Circle {
    fn area(&self) -> f32 {
        self.0 * self.0 * std::f32::consts::PI
    }
}

impl Shape for Polygon {
    fn area(&self) -> f32 {
        let next = self.points.iter().cycle().skip(1);
        let pairs = self.points.iter().zip(next);
        pairs.map(|(a, b)| a.0 * b.1 - a.1 * b.0).sum::<f32>() / 2.0
    }
}

impl Shape for Group {
    fn area(&self) -> f32 {
        *self
            .cached
            .get_or_init(|| self.shapes.iter().map(|one| one.area()).sum())
    }

    fn parts(&self) -> usize {
        self.shapes.iter().map(|one| one.parts()).sum()
    }
}

fn scene(book: &mut Book) -> impl Sized + use<> {
    let mut shapes: Vec<Rc<dyn Shape>> = Vec::new();
    let mut waiting: VecDeque<Rc<dyn Shape>> = VecDeque::new();
    for n in 0..150u16 {
        let one: Rc<dyn Shape> = if n % 3 == 0 {
            let circle = Rc::new(Circle(f32::from(n)));
            book.rc(&circle);
            circle
        } else {
            let points = (0..n % 7 + 3)
                .map(|m| (f32::from(m), f32::from(m * n)))
                .collect();
            let polygon = Rc::new(Polygon { points });
            book.rc(&polygon).vec(&polygon.points);
            polygon
        };
        waiting.push_back(one.clone());
        shapes.push(one);
        if waiting.len() == 12 {
            let group = Rc::new(Group {
                shapes: waiting.drain(..8).collect(),
                cached: OnceCell::new(),
            });
            book.rc(&group).vec(&group.shapes);
            waiting.push_front(group);
        }
    }
    let total: f32 = waiting
        .iter()
        .map(|one| one.area() + one.parts() as f32)
        .sum();
    book.vec(&shapes).deque(&waiting);
    let layers: Arc<RwLock<BTreeMap<i8, Vec<Rc<dyn Shape>>>>> = Arc::default();
    for (n, one) in shapes.iter().enumerate() {
        let mut layers = layers.write().expect("nobody panicked");
        layers
            .entry((n % 9) as i8 - 4)
            .or_default()
            .push(Rc::clone(one));
    }
    book.arc(&layers);
    let inner = layers.read().expect("nobody panicked");
    book.btree_map(&*inner).vecs(inner.values());
    drop(inner);
    (shapes, waiting, layers, total)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_graph").fresh();
    let kept = (
        people(&mut book),
        maps(&mut book),
        matrices(&mut book),
        scene(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
