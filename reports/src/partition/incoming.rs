//! Relations that say what refers to a block: a set of names for each.

use super::relation::Interner;
use super::{Classes, Heap, NONE};
use endler_snapshot::{EdgeKind, References};
use std::borrow::Cow;
use std::collections::HashMap;

/// Classes that are sets of names, one name for each way a block is held.
///
/// A block held by edges whose layout is known carries their names alone; what
/// only looks like a pointer counts where nothing else refers to the block.
pub(crate) struct Holders<'a> {
    /// Names, sorted; row 0 is that of a block that nothing refers to.
    names: Vec<Cow<'a, str>>,
    /// The names of each class, as rows of `names`. Class 0 is empty.
    sets: Vec<Box<[u32]>>,
    /// The class of each block; empty where no edge is known.
    class: Vec<u32>,
}

impl<'a> Holders<'a> {
    /// Asks `name` for the name of each edge, by a number that is equal for
    /// equal names. O(edges + blocks).
    pub(crate) fn new(
        heap: Heap<'a>,
        item_of: impl Fn(&References, usize) -> u32,
        items: &Items<'a>,
    ) -> Self {
        let mut holders = Holders {
            names: items.names.clone(),
            sets: vec![Box::default()],
            class: Vec::new(),
        };
        let Some(references) = &heap.image().references else {
            return holders;
        };
        let incoming = Incoming::new(references, heap.len());
        let mut known: HashMap<Box<[u32]>, u32> = HashMap::from([(Box::default(), 0)]);
        // Most blocks are held by one field.
        let mut single = vec![0; holders.names.len()];
        let mut set = Vec::new();
        holders.class = (0..heap.len())
            .map(|block| {
                set.clear();
                let edges = incoming.of(block).iter();
                set.extend(edges.map(|&edge| items.rank(item_of(references, edge as usize))));
                set.sort_unstable();
                set.dedup();
                // A reference without a name says nothing beside those with one.
                if set.len() > 1 {
                    set.retain(|&item| item != items.nameless);
                }
                if let [one] = set[..]
                    && let Some(class) = single.get_mut(one as usize)
                {
                    if *class == 0 {
                        *class = holders.sets.len() as u32;
                        holders.sets.push(Box::new([one]));
                    }
                    return *class;
                }
                if let Some(&class) = known.get(&set[..]) {
                    return class;
                }
                let class = holders.sets.len() as u32;
                holders.sets.push(set[..].into());
                known.insert(set[..].into(), class);
                class
            })
            .collect();
        holders
    }
}

#[cfg(feature = "json")]
impl Holders<'_> {
    /// The names of a block's holders, sorted.
    pub(crate) fn of(&self, block: usize) -> impl Iterator<Item = &str> {
        let set = self.sets.get(self.of_block(block) as usize);
        let rows = set.map_or(&[][..], |set| set).iter();
        rows.filter_map(|row| self.names.get(*row as usize).map(|name| &**name))
    }
}

impl Classes for Holders<'_> {
    fn len(&self) -> usize {
        self.sets.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.class.get(block).copied().unwrap_or(0)
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        let name = |row: &u32| self.names.get(*row as usize).map_or(NONE, |n| &**n);
        match self.sets.get(class as usize).map(|set| &set[..]) {
            None | Some([]) => Cow::Borrowed(NONE),
            Some([one]) => Cow::Borrowed(name(one)),
            Some(set) => Cow::Owned(set.iter().map(name).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Names of edges, sorted, equal ones once.
pub(crate) struct Items<'a> {
    names: Vec<Cow<'a, str>>,
    /// The place of each item among `names`.
    rank: Vec<u32>,
    /// The place of [`NONE`].
    nameless: u32,
}

impl<'a> Items<'a> {
    pub(crate) fn new(items: impl Iterator<Item = Cow<'a, str>>) -> Self {
        let mut interner = Interner::default();
        let classes: Vec<u32> = items.map(|name| interner.intern(name)).collect();
        let names = interner.names();
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        order.sort_unstable_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
        let mut place = vec![0; names.len()];
        for (at, &class) in (0u32..).zip(&order) {
            place[class as usize] = at;
        }
        let nameless = order
            .iter()
            .position(|&class| names[class as usize] == NONE);
        Items {
            nameless: nameless.map_or(u32::MAX, |at| at as u32),
            rank: classes.iter().map(|&class| place[class as usize]).collect(),
            names: order
                .iter()
                .map(|&class| names[class as usize].clone())
                .collect(),
        }
    }

    fn rank(&self, item: u32) -> u32 {
        self.rank.get(item as usize).copied().unwrap_or(0)
    }
}

/// The edges that lead to each block.
struct Incoming {
    /// Block b's are `edges[first[b]..first[b + 1]]`.
    first: Vec<u32>,
    edges: Vec<u32>,
}

impl Incoming {
    fn new(references: &References, blocks: usize) -> Self {
        let edges = &references.edges;
        let rows = || (0u32..).zip(edges.target.iter().zip(&edges.kind));
        let mut has_layout = vec![false; blocks];
        for (_, (target, kind)) in rows() {
            if let Some(has) = has_layout.get_mut(target.index()) {
                *has |= *kind != EdgeKind::Conservative;
            }
        }
        let counts = |target: usize, kind: EdgeKind| {
            let has = has_layout.get(target).copied();
            has.is_some_and(|has| !has || kind != EdgeKind::Conservative)
        };
        let mut first = vec![0u32; blocks + 1];
        for (_, (target, &kind)) in rows() {
            if counts(target.index(), kind) {
                first[target.index() + 1] += 1;
            }
        }
        for block in 0..blocks {
            first[block + 1] += first[block];
        }
        let mut next = first.clone();
        let mut places = vec![0; first.last().map_or(0, |&n| n as usize)];
        for (edge, (target, &kind)) in rows() {
            if counts(target.index(), kind) {
                let place = &mut next[target.index()];
                places[*place as usize] = edge;
                *place += 1;
            }
        }
        Incoming {
            first,
            edges: places,
        }
    }

    fn of(&self, block: usize) -> &[u32] {
        let range = self.first.get(block).zip(self.first.get(block + 1));
        let edges = range.and_then(|(&from, &to)| self.edges.get(from as usize..to as usize));
        edges.unwrap_or(&[])
    }
}
