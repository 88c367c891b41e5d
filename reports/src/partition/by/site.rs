//! `bysite`: the innermost line outside std, containers and the profiler.

use crate::partition::names::site_name;
use crate::partition::relation::PerContext;
use crate::partition::{About, Classes, Heap, Relation};
use std::borrow::Cow;

/// By site: `crawl::Spider::parse at examples/crawl.rs:123`. Where a file has
/// no symbols at all, `crawl+0x1a2b3`.
pub const RELATION: &Relation = &Relation {
    word: "site",
    name: "bysite",
    header: "Site",
    about: About::Block,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    Box::new(PerContext::new(heap, |context| {
        Cow::Owned(site_name(heap, context))
    }))
}
