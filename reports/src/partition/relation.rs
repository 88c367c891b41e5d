//! Relations: rules that put each block into one class.

use super::Heap;
use super::by;
use super::product::{Braced, Product};
use endler_snapshot::{ContextId, TypeRow};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// The classes of one relation on one heap.
///
/// Classes are dense numbers, so that a partition counts in arrays and makes a
/// name only for a row that is looked at. Different classes have different names.
pub trait Classes: Send + Sync {
    /// Number of classes; each class is below it.
    fn len(&self) -> usize;

    /// Whether there is no class.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The class of a block.
    fn of_block(&self, block: usize) -> u32;

    /// The class of everything allocated at a context, where the relation
    /// depends on nothing else.
    fn of_context(&self, context: usize) -> Option<u32> {
        let _ = context;
        None
    }

    /// The class of what a context's stack makes, where single blocks may be of
    /// another; for totals, which outlive the blocks.
    fn of_stack(&self, context: usize) -> Option<u32> {
        self.of_context(context)
    }

    /// What tables call the class.
    fn name(&self, class: u32) -> Cow<'_, str>;

    /// The order of two names.
    fn order(&self, a: u32, b: u32) -> Ordering {
        self.name(a).cmp(&self.name(b))
    }

    /// The type that the class is, for classes that are types.
    fn type_row(&self, class: u32) -> Option<TypeRow> {
        let _ = class;
        None
    }
}

/// What a relation looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The block itself: a class has one name.
    Block,
    /// What refers to the block: a class is a set of names, which a product puts
    /// into braces. Needs the references of the image.
    Referrers,
}

/// A relation, as the list in [`by`] holds it.
pub struct Relation {
    /// The word on the command line and in JSON: `type`.
    pub word: &'static str,
    /// The name in queries: `bytype`.
    pub name: &'static str,
    /// The last column's header.
    pub header: &'static str,
    /// What its names are of.
    pub about: About,
    /// Makes the classes of a heap.
    pub classify: for<'a> fn(Heap<'a>) -> Box<dyn Classes + 'a>,
}

impl fmt::Debug for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How a view is cut: by one relation, or by the cross product of several.
#[derive(Clone, Debug)]
pub struct By(Vec<&'static Relation>);

/// The most relations of one product: what is made of them nests as deep.
const MOST: usize = 16;

/// The words of a [`By`] that are not relations, or one too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRelation {
    /// The word.
    pub word: String,
    /// Where it stands in the text, in bytes.
    pub offset: usize,
}

impl fmt::Display for UnknownRelation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if relation(&self.word).is_some() {
            return write!(f, "more than {MOST} relations in one product");
        }
        write!(f, "unknown relation '{}'; there are {}", self.word, words())?;
        write!(f, ", and products such as 'type&age'")
    }
}

impl std::error::Error for UnknownRelation {}

/// The words of all relations, joined by blanks.
#[must_use]
pub fn words() -> String {
    by::ALL.iter().map(|r| r.word).collect::<Vec<_>>().join(" ")
}

/// The relation of a word, in any case.
fn relation(word: &str) -> Option<&'static Relation> {
    let lower = word.to_ascii_lowercase();
    let mut all = by::ALL.iter();
    all.find(|r| r.word == lower || r.name == lower).copied()
}

impl By {
    /// Reads `type`, `bytype` or `type&age`, in any case.
    pub fn parse(text: &str) -> Result<By, UnknownRelation> {
        let mut relations = Vec::new();
        let mut offset = 0;
        for part in text.split('&') {
            let word = part.trim();
            let found = relation(word).filter(|_| relations.len() < MOST);
            let before = part.len().saturating_sub(part.trim_start().len());
            relations.push(found.ok_or_else(|| UnknownRelation {
                word: word.to_string(),
                offset: before.saturating_add(offset),
            })?);
            offset = offset.saturating_add(part.len()).saturating_add(1);
        }
        Ok(By(relations))
    }

    /// The cross product of some relations.
    #[must_use]
    pub fn all(relations: &[&'static Relation]) -> By {
        By(relations.to_vec())
    }

    /// Whether the one relation is `id`, which lists blocks.
    #[must_use]
    pub fn is_id(&self) -> bool {
        matches!(self.0[..], [r] if r.word == by::ID.word)
    }

    /// Whether rows name single blocks, which no other snapshot has.
    #[must_use]
    pub fn names_blocks(&self) -> bool {
        self.0.iter().any(|r| r.word == by::ID.word)
    }

    /// Whether rows are types.
    #[must_use]
    pub fn is_type(&self) -> bool {
        matches!(self.0[..], [r] if r.word == by::TYPE.word)
    }

    /// The word of the command line: `type`, `type&age`.
    #[must_use]
    pub fn word(&self) -> String {
        self.join("&", |r| r.word)
    }

    /// The last column's header: `Type`, `Type & Age`.
    #[must_use]
    pub fn header(&self) -> String {
        match self.0[..] {
            [one] => one.header.to_owned(),
            _ => self.join(" & ", |r| match r.about {
                About::Block => r.header.to_owned(),
                About::Referrers => format!("{{{}}}", r.header),
            }),
        }
    }

    /// The first of the relations that needs references, if `heap` has none.
    #[must_use]
    pub fn needs_references(&self, heap: Heap<'_>) -> Option<&'static Relation> {
        let mut relations = self.0.iter().filter(|r| r.about == About::Referrers);
        relations
            .next()
            .copied()
            .filter(|_| heap.image().references.is_none())
    }

    fn join<S: AsRef<str>>(&self, with: &str, part: fn(&Relation) -> S) -> String {
        self.0
            .iter()
            .map(|r| part(r).as_ref().to_owned())
            .collect::<Vec<_>>()
            .join(with)
    }

    /// Makes the classes of a heap.
    #[must_use]
    pub fn classify<'a>(&self, heap: Heap<'a>) -> Box<dyn Classes + 'a> {
        let single = self.0.len() == 1;
        let mut parts = self.0.iter().map(|r| {
            let classes = (r.classify)(heap);
            match r.about {
                About::Referrers if !single => Box::new(Braced(classes)),
                _ => classes,
            }
        });
        let first = parts.next().unwrap_or_else(|| (by::TYPE.classify)(heap));
        parts.fold(first, |left, right| {
            Box::new(Product::new(heap, left, right))
        })
    }
}

impl Default for By {
    fn default() -> Self {
        By(vec![by::TYPE])
    }
}

impl From<&'static Relation> for By {
    fn from(relation: &'static Relation) -> Self {
        By(vec![relation])
    }
}

impl PartialEq for By {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a.word == b.word)
    }
}

/// Names to dense classes; equal names share one.
#[derive(Debug, Default)]
pub(crate) struct Interner<'a> {
    known: BTreeMap<Cow<'a, str>, u32>,
    names: Vec<Cow<'a, str>>,
}

impl<'a> Interner<'a> {
    pub(crate) fn intern(&mut self, name: impl Into<Cow<'a, str>>) -> u32 {
        let name = match name.into() {
            Cow::Borrowed("") => Cow::Borrowed(super::NONE),
            Cow::Owned(s) if s.is_empty() => Cow::Borrowed(super::NONE),
            name => name,
        };
        if let Some(&class) = self.known.get(&name) {
            return class;
        }
        let class = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone());
        self.known.insert(name, class);
        class
    }

    pub(crate) fn names(self) -> Vec<Cow<'a, str>> {
        self.names
    }
}

/// Classes found by a function of the block's position.
pub(crate) struct PerBlock<'a, F> {
    pub(crate) names: Vec<Cow<'a, str>>,
    pub(crate) of: F,
}

impl<F: Fn(usize) -> u32 + Send + Sync> Classes for PerBlock<'_, F> {
    fn len(&self) -> usize {
        self.names.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        (self.of)(block)
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        let name = self.names.get(class as usize).map_or(super::NONE, |n| n);
        Cow::Borrowed(name)
    }
}

/// Classes that depend on the context alone.
pub(crate) struct PerContext<'a> {
    heap: Heap<'a>,
    names: Vec<Cow<'a, str>>,
    class: Vec<u32>,
}

impl<'a> PerContext<'a> {
    /// Asks `name` once a context.
    pub(crate) fn new(heap: Heap<'a>, mut name: impl FnMut(ContextId) -> Cow<'a, str>) -> Self {
        let mut interner = Interner::default();
        let contexts = 0..u32::try_from(heap.image().contexts.len()).unwrap_or(u32::MAX);
        let class = contexts
            .map(|c| interner.intern(name(ContextId(c))))
            .collect();
        // What a malformed context id falls back to.
        interner.intern(super::NONE);
        PerContext {
            heap,
            names: interner.names(),
            class,
        }
    }
}

impl Classes for PerContext<'_> {
    fn len(&self) -> usize {
        self.names.len()
    }
    fn of_block(&self, block: usize) -> u32 {
        self.of_context(self.heap.context(block).index())
            .unwrap_or(0)
    }
    fn of_context(&self, context: usize) -> Option<u32> {
        self.class.get(context).copied()
    }
    fn name(&self, class: u32) -> Cow<'_, str> {
        let name = self.names.get(class as usize).map_or(super::NONE, |n| n);
        Cow::Borrowed(name)
    }
}
