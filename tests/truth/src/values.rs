//! Registering the blocks of std's types, by the values themselves.
//!
//! Where a method takes no name the type of the value is the name. Methods that
//! end in `_as` take one, for concrete types behind `dyn` and for closures.

#![allow(
    clippy::borrowed_box,
    reason = "the box is what is registered, not what it holds"
)]

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CStr, CString, OsString};
use std::path::PathBuf;
use std::rc::{self, Rc};
use std::sync::{self, Arc};

use crate::{Book, Name, Names};

impl Book {
    /// A vector's block.
    pub fn vec<T>(&mut self, vec: &Vec<T>) -> &mut Self {
        self.vec_as(vec, Name::of::<Vec<T>>())
    }

    /// A vector's block under another name.
    pub fn vec_as<T>(&mut self, vec: &Vec<T>, names: impl Into<Names>) -> &mut Self {
        self.block(vec.as_ptr(), vec.capacity() * size_of::<T>(), names)
    }

    /// The blocks of several vectors.
    pub fn vecs<'a, T: 'a>(&mut self, all: impl IntoIterator<Item = &'a Vec<T>>) -> &mut Self {
        for one in all {
            self.vec(one);
        }
        self
    }

    /// A string's block.
    pub fn string(&mut self, string: &String) -> &mut Self {
        self.string_as(string, Name::of::<String>())
    }

    /// A string's block under another name.
    pub fn string_as(&mut self, string: &String, names: impl Into<Names>) -> &mut Self {
        self.block(string.as_ptr(), string.capacity(), names)
    }

    /// The blocks of several strings.
    pub fn strings<'a>(&mut self, all: impl IntoIterator<Item = &'a String>) -> &mut Self {
        for one in all {
            self.string(one);
        }
        self
    }

    /// A box's block. For a `Box<dyn Trait>` see [`Book::boxed_as`].
    pub fn boxed<T: ?Sized>(&mut self, one: &Box<T>) -> &mut Self {
        self.boxed_as(one, Name::of::<Box<T>>())
    }

    /// A box's block under another name: of `Box<dyn Trait>` by the type within,
    /// `Name::of::<Box<Within>>()`.
    pub fn boxed_as<T: ?Sized>(&mut self, one: &Box<T>, names: impl Into<Names>) -> &mut Self {
        self.block::<T>(&raw const **one, size_of_val::<T>(one), names)
    }

    /// The block of an Rc.
    pub fn rc<T: ?Sized>(&mut self, one: &Rc<T>) -> &mut Self {
        self.rc_as(one, Name::of::<Rc<T>>())
    }

    /// The block of an Rc under another name.
    pub fn rc_as<T: ?Sized>(&mut self, one: &Rc<T>, names: impl Into<Names>) -> &mut Self {
        self.counted(
            &raw const **one,
            size_of_val::<T>(one),
            align_of_val::<T>(one),
            names.into(),
        )
    }

    /// The block that perhaps only a Weak keeps.
    pub fn rc_weak<T>(&mut self, one: &rc::Weak<T>) -> &mut Self {
        let names = Name::of::<Rc<T>>().into();
        self.counted(one.as_ptr(), size_of::<T>(), align_of::<T>(), names)
    }

    /// The block of an Arc.
    pub fn arc<T: ?Sized>(&mut self, one: &Arc<T>) -> &mut Self {
        self.arc_as(one, Name::of::<Arc<T>>())
    }

    /// The block of an Arc under another name.
    pub fn arc_as<T: ?Sized>(&mut self, one: &Arc<T>, names: impl Into<Names>) -> &mut Self {
        self.counted(
            &raw const **one,
            size_of_val::<T>(one),
            align_of_val::<T>(one),
            names.into(),
        )
    }

    /// The block that perhaps only a Weak keeps.
    pub fn arc_weak<T>(&mut self, one: &sync::Weak<T>) -> &mut Self {
        let names = Name::of::<Arc<T>>().into();
        self.counted(one.as_ptr(), size_of::<T>(), align_of::<T>(), names)
    }

    /// Two counts stand before the value.
    fn counted<T: ?Sized>(
        &mut self,
        value: *const T,
        bytes: usize,
        align: usize,
        names: Names,
    ) -> &mut Self {
        let align = align.max(align_of::<usize>());
        let before = (2 * size_of::<usize>()).next_multiple_of(align);
        let start = value.cast::<u8>().wrapping_sub(before);
        self.block(start, (before + bytes).next_multiple_of(align), names)
    }

    /// A C string's block.
    pub fn c_string(&mut self, one: &CString) -> &mut Self {
        let within: &CStr = one;
        let bytes = within.to_bytes_with_nul();
        self.block(bytes.as_ptr(), bytes.len(), Name::of::<CString>())
    }

    /// An OS string's block.
    pub fn os_string(&mut self, one: &OsString) -> &mut Self {
        self.os_string_as(one, Name::of::<OsString>())
    }

    /// An OS string's block under another name.
    pub fn os_string_as(&mut self, one: &OsString, names: impl Into<Names>) -> &mut Self {
        let start = one.as_encoded_bytes().as_ptr();
        self.block(start, one.capacity(), names)
    }

    /// A path's block.
    pub fn path(&mut self, one: &PathBuf) -> &mut Self {
        self.path_as(one, Name::of::<PathBuf>())
    }

    /// A path's block under another name.
    pub fn path_as(&mut self, one: &PathBuf, names: impl Into<Names>) -> &mut Self {
        let start = one.as_os_str().as_encoded_bytes().as_ptr();
        self.block(start, one.capacity(), names)
    }

    /// A heap's block.
    pub fn binary_heap<T>(&mut self, heap: &BinaryHeap<T>) -> &mut Self {
        self.binary_heap_as(heap, Name::of::<BinaryHeap<T>>())
    }

    /// A heap's block under another name.
    pub fn binary_heap_as<T>(
        &mut self,
        heap: &BinaryHeap<T>,
        names: impl Into<Names>,
    ) -> &mut Self {
        let start = heap.as_slice().as_ptr();
        self.block(start, heap.capacity() * size_of::<T>(), names)
    }

    /// The block of a deque that is not empty.
    pub fn deque<T>(&mut self, deque: &VecDeque<T>) -> &mut Self {
        self.deque_as(deque, Name::of::<VecDeque<T>>())
    }

    /// The block of a deque that is not empty, under another name.
    pub fn deque_as<T>(&mut self, deque: &VecDeque<T>, names: impl Into<Names>) -> &mut Self {
        self.around_each(deque.front(), names)
    }

    /// The nodes of a list.
    pub fn list<T>(&mut self, list: &LinkedList<T>) -> &mut Self {
        self.around_each(list, Name::of::<LinkedList<T>>())
    }

    /// The table of a map that is not empty.
    pub fn hash_map<K, V, S>(&mut self, map: &HashMap<K, V, S>) -> &mut Self {
        self.around_each(map.keys().take(1), Name::of::<HashMap<K, V, S>>())
    }

    /// The table of a set that is not empty.
    pub fn hash_set<T, S>(&mut self, set: &HashSet<T, S>) -> &mut Self {
        self.around_each(set.iter().take(1), Name::of::<HashSet<T, S>>())
    }

    /// The nodes of a tree. Keys must have a size.
    pub fn btree_map<K, V>(&mut self, map: &BTreeMap<K, V>) -> &mut Self {
        self.around_each(map.keys(), Name::of::<BTreeMap<K, V>>())
    }

    /// The nodes of a tree. Elements must have a size.
    pub fn btree_set<T>(&mut self, set: &BTreeSet<T>) -> &mut Self {
        self.around_each(set, Name::of::<BTreeSet<T>>())
    }
}
