//! Objects: values in blocks, found by their type's name.

use std::ops::Range;

use endler_snapshot::{BlockId, Serial};

use super::QueryError;
use super::eval::{Evaluator, Mode};
use super::parser::{Step, StepKind};
use super::scope::{Known, Look, NoContents, Object, Objects, Value, View};
use super::steps::{bounds, position};
use super::types::{close, means, meant};
use super::words;
use crate::partition::{By, Set};
use crate::render::origin::origin;
use crate::render::page::{Page, next, range};
use crate::values::{FieldStep, NoValue};

/// Objects in whose maps a key is looked for.
const KEYED: usize = 1000;

impl<'a> Evaluator<'a, '_> {
    /// What is said in the place of a value where there are none.
    fn no_contents(&self) -> String {
        self.scope.no_contents.message().to_owned()
    }

    /// All blocks of a type; an error if there are none.
    pub(super) fn of_type(&self, pattern: &str, at: &Range<usize>) -> Result<Set<'a>, QueryError> {
        let heap = self.newest(at)?.heap;
        let image = heap.image();
        let wanted = meant(image, pattern);
        let mut tracked: Vec<u32> = Vec::new();
        for object in self.outside.tracked_objects(pattern) {
            let behind = image.blocks.addr.partition_point(|a| *a <= object.address);
            let end = object.address.0.saturating_add(object.size.0);
            let inside = |block: &usize| {
                let begin = image.blocks.addr.get(*block).map_or(0, |a| a.0);
                end <= begin.saturating_add(heap.size(*block).0)
            };
            if means(pattern, &object.type_name)
                && let Some(block) = behind.checked_sub(1).filter(inside)
            {
                tracked.push(block as u32);
            }
        }
        tracked.sort_unstable();
        let types = image.resolution.as_ref().map(|r| &r.block_type[..]);
        let set = heap.all().filter(|block| {
            let of = types.and_then(|t| t.get(block));
            of.is_some_and(|of| wanted.get(of.index()) == Some(&true))
                || tracked.binary_search(&(block as u32)).is_ok()
        });
        if set.count() > 0 {
            return Ok(set);
        }
        let mut message = format!("no live block has the type {pattern}");
        let close = close(image, pattern);
        if image.resolution.is_none() {
            message.push_str(", as no types are known here");
        } else if close.is_empty() {
            message.push_str("; heap().bytype lists the types");
        } else {
            message.push_str(&format!("; there are {}", close.join(", ")));
        }
        Err(self.wrong(at.clone(), message))
    }

    /// The oldest of a type.
    pub(super) fn oldest_of(
        &self,
        pattern: &str,
        look: Look,
        at: &Range<usize>,
    ) -> Result<Value<'a>, QueryError> {
        let set = self.of_type(pattern, at)?;
        let heap = set.heap();
        let block = set.oldest().map_or(0, BlockId::index);
        let serial = heap.image().blocks.serial.get(block).copied();
        Ok(Value::Object(Object {
            serial: serial.unwrap_or_default(),
            name: heap.type_name(block).into(),
            steps: Vec::new(),
            look,
        }))
    }

    /// All of a type, the oldest first.
    pub(super) fn all_of(&self, pattern: &str, at: &Range<usize>) -> Result<Value<'a>, QueryError> {
        let set = self.of_type(pattern, at)?;
        let heap = set.heap();
        let mut blocks: Vec<usize> = set.iter().collect();
        blocks.sort_by_key(|&block| (heap.born(block), block));
        let serials = &heap.image().blocks.serial;
        let serials: Vec<Serial> = blocks
            .iter()
            .map(|&block| serials.get(block).copied().unwrap_or_default())
            .collect();
        Ok(Value::Objects(Objects {
            serials: serials.into(),
            name: pattern.into(),
            steps: Vec::new(),
            page: Page::Top,
        }))
    }

    fn alive(
        &self,
        object: &Object,
        at: &Range<usize>,
    ) -> Result<(&Known<'a>, BlockId), QueryError> {
        let known = self.newest(at)?;
        let block = known.block(object.serial).ok_or_else(|| {
            self.wrong(
                at.clone(),
                format!("this {} was freed meanwhile", object.name),
            )
        })?;
        Ok((known, block))
    }

    /// The set of an object's block; none while a line is only checked.
    pub(super) fn block_of(
        &self,
        object: &Object,
        at: &Range<usize>,
    ) -> Result<Option<Set<'a>>, QueryError> {
        let (known, block) = self.alive(object, at)?;
        let set = known.heap.all().filter(|b| b == block.index());
        Ok(Some(set))
    }

    /// The blocks of those that are still alive.
    pub(super) fn blocks_of(
        &self,
        objects: &Objects,
        at: &Range<usize>,
    ) -> Result<Set<'a>, QueryError> {
        let known = self.newest(at)?;
        let mut blocks: Vec<u32> = objects
            .serials
            .iter()
            .filter_map(|&serial| Some(known.block(serial)?.0))
            .collect();
        blocks.sort_unstable();
        let is_one = |block: usize| blocks.binary_search(&(block as u32)).is_ok();
        Ok(known.heap.all().filter(is_one))
    }

    pub(super) fn object_step(&self, object: Object, step: &Step) -> Result<Value<'a>, QueryError> {
        let further = match &step.kind {
            StepKind::Name(name) => FieldStep::Name(name.clone()),
            StepKind::Index(index) => FieldStep::Index(*index),
            StepKind::Key(key) => FieldStep::Key(key.clone()),
            StepKind::Slice(..) => {
                return Err(self.wrong(step.at.clone(), "one element at a time, such as [0]"));
            }
            StepKind::Call(..) => return self.as_blocks(&object, None, step),
        };
        let mut next = Object {
            look: Look::Value,
            ..object.clone()
        };
        next.steps.push(further);
        let (_, block) = self.alive(&object, &step.at)?;
        let why = match self.scope.contents.map(|c| c.has(block, &next.steps)) {
            Some(Ok(())) => return Ok(Value::Object(next)),
            Some(Err(NoValue { message, .. })) => message,
            None => self.no_contents(),
        };
        self.as_blocks(&object, Some(why), step)
    }

    /// A step on the object's block, where it is no field of its value.
    fn as_blocks(
        &self,
        object: &Object,
        why: Option<String>,
        step: &Step,
    ) -> Result<Value<'a>, QueryError> {
        let is_step = match &step.kind {
            StepKind::Name(name) => words::is_step(name),
            StepKind::Call(name, _) => words::CALLS.contains(&name.as_str()),
            _ => false,
        };
        if is_step
            && object.steps.is_empty()
            && let Some(set) = self.block_of(object, &step.at)?
        {
            let (by, page) = (By::default(), Page::Top);
            return self.view_step(View { set, by, page }, step);
        }
        let message = why.unwrap_or_else(|| "a field takes nothing in brackets".to_owned());
        Err(self.wrong(step.at.clone(), message))
    }

    pub(super) fn objects_step(
        &self,
        objects: Objects,
        step: &Step,
    ) -> Result<Value<'a>, QueryError> {
        let len = objects.serials.len();
        let shown = |page| Objects {
            page,
            ..objects.clone()
        };
        match &step.kind {
            StepKind::Name(name) => match name.as_str() {
                "count" => Ok(Value::Number(len as u64)),
                "more" => Ok(Value::Objects(shown(Page::From(next(len, objects.page))))),
                "all" => Ok(Value::Objects(shown(Page::All))),
                "top" => Ok(Value::Objects(shown(Page::Top))),
                name => self.field_of_each(&objects, FieldStep::Name(name.to_owned()), step),
            },
            StepKind::Key(key) => self.field_of_each(&objects, FieldStep::Key(key.clone()), step),
            StepKind::Index(index) => {
                let at = position(*index, len);
                let Some(&serial) = objects.serials.get(at) else {
                    let message = format!("there is no object {index}; there are {len}");
                    return Err(self.wrong(step.at.clone(), message));
                };
                Ok(Value::Object(Object {
                    serial,
                    name: objects.name,
                    steps: objects.steps,
                    look: Look::Value,
                }))
            }
            StepKind::Slice(from, to) => {
                let some = objects.serials.get(bounds(*from, *to, len)).unwrap_or(&[]);
                Ok(Value::Objects(Objects {
                    serials: some.into(),
                    page: Page::Top,
                    ..objects
                }))
            }
            StepKind::Call(..) if objects.steps.is_empty() => {
                let set = self.blocks_of(&objects, &step.at)?;
                let (by, page) = (By::default(), Page::Top);
                self.view_step(View { set, by, page }, step)
            }
            StepKind::Call(..) => {
                Err(self.wrong(step.at.clone(), "a field takes nothing in brackets"))
            }
        }
    }

    /// `.url` of each, if the first that is alive has it; else a step on the blocks. One
    /// map has a key that another has not, so that one of the first is enough.
    fn field_of_each(
        &self,
        objects: &Objects,
        field: FieldStep,
        step: &Step,
    ) -> Result<Value<'a>, QueryError> {
        let mut next = objects.clone();
        next.page = Page::Top;
        next.steps.push(field);
        let known = self.newest(&step.at)?;
        let mut alive = objects.serials.iter().filter_map(|&s| known.block(s));
        let first = alive.next();
        let has = self.scope.contents.zip(first);
        let why = match has.map(|(contents, block)| contents.has(block, &next.steps)) {
            Some(Ok(())) => return Ok(Value::Objects(next)),
            Some(Err(NoValue { message, .. })) => message,
            None if first.is_none() => "all of them were freed meanwhile".to_owned(),
            None => self.no_contents(),
        };
        if let (StepKind::Key(_), Some(contents)) = (&step.kind, self.scope.contents)
            && alive
                .take(KEYED)
                .any(|block| contents.has(block, &next.steps).is_ok())
        {
            return Ok(Value::Objects(next));
        }
        let is_step = matches!(&step.kind, StepKind::Name(name) if words::is_step(name));
        if is_step && objects.steps.is_empty() {
            let set = self.blocks_of(objects, &step.at)?;
            return Ok(match &step.kind {
                _ if self.mode == Mode::Check => Value::Anything,
                _ => {
                    let (by, page) = (By::default(), Page::Top);
                    self.view_step(View { set, by, page }, step)?
                }
            });
        }
        Err(self.wrong(step.at.clone(), why))
    }

    pub(super) fn object_text(
        &self,
        object: &Object,
        at: &Range<usize>,
    ) -> Result<String, QueryError> {
        let (known, block) = self.alive(object, at)?;
        let fields = self.scope.contents.map(|c| c.fields(block, &object.steps));
        let wrong = |no: NoValue| self.wrong(at.clone(), no.message);
        if !object.steps.is_empty() {
            let fields = fields.ok_or_else(|| self.wrong(at.clone(), self.no_contents()))?;
            return fields.map_err(wrong);
        }
        let heap = known.heap;
        let row = block.index();
        let address = heap.image().blocks.addr.get(row).copied();
        let mut text = format!(
            "{} at {}, {} bytes, {}s old",
            heap.type_name(row),
            address.unwrap_or_default(),
            heap.size(row).0,
            heap.age(row).0 / 1_000_000_000
        );
        let value = match fields {
            Some(Ok(value)) => value,
            Some(Err(no)) => format!("<{}>", no.message),
            None if self.scope.no_contents == NoContents::Withheld => self.no_contents(),
            None => format!("<{}>", self.no_contents()),
        };
        for line in value.lines() {
            text.push_str("\n  ");
            text.push_str(line);
        }
        if object.look == Look::Origin {
            text.push_str("\n\n");
            text.push_str(origin(heap, block).trim_end());
        }
        Ok(text)
    }

    /// A page of values, each behind its number.
    pub(super) fn objects_text(
        &self,
        objects: &Objects,
        at: &Range<usize>,
    ) -> Result<String, QueryError> {
        let known = self.newest(at)?;
        let len = objects.serials.len();
        let (start, end) = range(len, objects.page);
        let mut lines: Vec<String> = Vec::new();
        let mut bytes = 0;
        for (row, &serial) in objects.serials.iter().enumerate().take(end).skip(start) {
            let value = match (known.block(serial), self.scope.contents) {
                (None, _) => "<freed meanwhile>".to_owned(),
                (Some(block), Some(contents)) => contents
                    .line(block, &objects.steps)
                    .unwrap_or_else(|no| format!("<{}>", no.message)),
                (Some(block), None) => {
                    let block = block.index();
                    let heap = known.heap;
                    let address = heap.image().blocks.addr.get(block).copied();
                    format!(
                        "{} at {}, {}s old",
                        heap.type_name(block),
                        address.unwrap_or_default(),
                        heap.age(block).0 / 1_000_000_000
                    )
                }
            };
            let line = format!("{row:>6} {value}");
            bytes = line.len().saturating_add(bytes);
            lines.push(line);
            // The answer is cut there anyway.
            if bytes > crate::console::MAX_ANSWER {
                break;
            }
        }
        if end < len {
            lines.push(format!(
                "<{} more rows. Type e.g. '_.more' to view.>",
                len.saturating_sub(end)
            ));
        }
        if self.scope.contents.is_none() && self.scope.no_contents == NoContents::Withheld {
            lines.push(self.no_contents());
        }
        Ok(lines.join("\n"))
    }
}
