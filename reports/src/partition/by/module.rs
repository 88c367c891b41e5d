//! `bymodule`: whose code allocated it.

use crate::partition::names::{file_name, innermost_frame, site_line};
use crate::partition::relation::PerContext;
use crate::partition::{About, Classes, Heap, Relation};
use std::borrow::Cow;

/// By module: the crate of the site, or the ELF file where that is not known.
pub const RELATION: &Relation = &Relation {
    word: "module",
    name: "bymodule",
    header: "Module",
    about: About::Block,
    classify,
};

fn classify(heap: Heap<'_>) -> Box<dyn Classes + '_> {
    Box::new(PerContext::new(heap, |context| {
        let krate = site_line(heap, context).map_or("", |line| heap.str(line.krate));
        if !krate.is_empty() {
            return Cow::Borrowed(krate);
        }
        let image = heap.image();
        let frame = innermost_frame(heap, context).and_then(|f| image.frames.get(f.index()));
        let module = frame
            .and_then(|f| f.module)
            .and_then(|m| image.modules.get(m.index()));
        Cow::Borrowed(module.map_or("", |m| file_name(&m.path)))
    }))
}
