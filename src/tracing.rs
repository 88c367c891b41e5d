//! Fields of `tracing`'s spans as tags (feature `tracing`).

use std::cell::RefCell;
use std::fmt;

use tracing_core::Subscriber;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use endler_allocator::{Kept, Scope, Tag};

/// A layer that makes tags of chosen fields of spans: in a span `spider = "books"`
/// blocks bear the tag `spider=books`, as by [`crate::tag`].
///
/// Several fields are joined in the order in which they were chosen:
/// `spider=books,shop=3`. A span that lacks a field has its parent's value, and one
/// without any has no tag of its own. The tag is set wherever the span is entered: with
/// `Instrument` on each thread that polls the future, and in what the future spawns if
/// that bears the span too. It has ended when the span is closed.
///
/// Values are for kinds of work, not for each request: see [`crate::tag`].
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
/// use tracing_subscriber::util::SubscriberInitExt;
///
/// tracing_subscriber::registry()
///     .with(endler::tracing::TagLayer::fields(["spider"]))
///     .init();
/// let span = tracing::info_span!("crawl", spider = "books");
/// let page = span.in_scope(|| String::from("…")); // Under spider=books.
/// # drop(page);
/// ```
#[derive(Clone, Debug)]
pub struct TagLayer {
    fields: Box<[Box<str>]>,
}

impl TagLayer {
    /// Tags of the fields of these names.
    pub fn fields<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let _pause = endler_allocator::pause();
        TagLayer {
            fields: names
                .into_iter()
                .map(|n| n.into().into_boxed_str())
                .collect(),
        }
    }

    /// What a span bears, of its parent's values and its own.
    fn tagged(&self, values: Values) -> Option<Tagged> {
        if values.0.iter().all(Option::is_none) {
            return None;
        }
        let mut name = String::new();
        for (field, value) in self.fields.iter().zip(&values.0) {
            if let Some(value) = value {
                let comma = if name.is_empty() { "" } else { "," };
                name.extend([comma, field, "=", value]);
            }
        }
        let tag = Tag::new(&name);
        Some(Tagged {
            tag,
            _kept: tag.keep(),
            values,
        })
    }
}

/// The values of the chosen fields, in their order.
#[derive(Clone)]
struct Values(Box<[Option<Box<str>>]>);

/// What is kept with a span.
struct Tagged {
    tag: Tag,
    _kept: Kept,
    values: Values,
}

/// Reads the chosen fields of a span.
struct Reader<'a> {
    fields: &'a [Box<str>],
    values: &'a mut Values,
}

impl Reader<'_> {
    fn read(&mut self, field: &Field, value: impl FnOnce() -> String) {
        let chosen = self.fields.iter().position(|name| **name == *field.name());
        if let Some(place) = chosen.and_then(|at| self.values.0.get_mut(at)) {
            *place = Some(value().into_boxed_str());
        }
    }
}

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.read(field, || format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.read(field, || value.to_owned());
    }
}

thread_local! {
    /// The scopes of the spans that are entered on this thread.
    static ENTERED: RefCell<Vec<(Id, Scope)>> = const { RefCell::new(Vec::new()) };
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TagLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let _pause = endler_allocator::pause();
        let Some(span) = context.span(id) else {
            return;
        };
        let parents = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            Some(extensions.get::<Tagged>()?.values.clone())
        });
        let none = || Values(self.fields.iter().map(|_| None).collect());
        let mut values = parents.unwrap_or_else(none);
        attributes.record(&mut Reader {
            fields: &self.fields,
            values: &mut values,
        });
        if let Some(tagged) = self.tagged(values) {
            span.extensions_mut().replace(tagged);
        }
    }

    /// Fields that are told later count from the span's next entry on.
    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let _pause = endler_allocator::pause();
        let Some(span) = context.span(id) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        let before = extensions
            .get_mut::<Tagged>()
            .map(|tagged| tagged.values.clone());
        let none = || Values(self.fields.iter().map(|_| None).collect());
        let mut values = before.unwrap_or_else(none);
        record.record(&mut Reader {
            fields: &self.fields,
            values: &mut values,
        });
        if let Some(tagged) = self.tagged(values) {
            extensions.replace(tagged);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let span = context.span(id);
        let tag = span.and_then(|span| Some(span.extensions().get::<Tagged>()?.tag));
        let Some(tag) = tag else {
            return;
        };
        // At the end of a thread the list may be gone: then its spans set no tag.
        let _ = ENTERED.try_with(|entered| {
            if let Ok(mut entered) = entered.try_borrow_mut() {
                if entered.len() == entered.capacity() {
                    let _pause = endler_allocator::pause();
                    entered.reserve(16);
                }
                entered.push((id.clone(), tag.enter()));
            }
        });
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.try_borrow_mut().ok()?;
            // A span may be entered twice, and left before another that lies in it.
            let at = entered.iter().rposition(|(entered, _)| entered == id)?;
            Some(entered.remove(at))
        });
    }
}
