//! Names that complete a line and that only the heap knows: of types, and of fields.
//!
//! ```text
//!  T crawl::http::HtmlResponse        a type of which there are live blocks
//!  F r url headers body               what `r` has
//!  F r.headers[] 0 1                  what each element of `r.headers` has
//! ```
//!
//! Fields are given of variables that are objects, of `_`, and of their fields; deeper
//! ones are not.

use endler_snapshot::BlockId;

use super::Session;
use crate::partition::by;
use crate::query::{Value, types};
use crate::values::{Contents, FieldStep};

/// The most names of types; those whose blocks take the most bytes.
const TYPES: usize = 4096;
/// The most bytes of them.
const TYPE_BYTES: usize = 256 << 10;
/// The most places whose fields are named, and the most fields of one.
const PLACES: usize = 200;
const FIELDS: usize = 64;

/// Names that complete a line, see [`super::complete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The whole names of types; empty where they are as before.
    pub types: Vec<String>,
    /// Places such as `r` and `r.headers[]`, and the fields of what is there.
    pub fields: Vec<(String, Vec<String>)>,
}

impl Names {
    /// A line for each type and place.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let is_line = |name: &&String| !name.contains('\n');
        for name in self.types.iter().filter(is_line) {
            out.push_str(&format!("T {name}\n"));
        }
        for (place, fields) in &self.fields {
            let fields = fields.join(" ");
            if is_line(&&fields) {
                out.push_str(&format!("F {place} {fields}\n"));
            }
        }
        out
    }

    /// What [`Names::to_text`] wrote; other lines are left out.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let mut names = Names::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("T", name)) => names.types.push(name.to_owned()),
                Some(("F", rest)) => {
                    let mut words = rest.split(' ').map(str::to_owned);
                    if let Some(place) = words.next() {
                        names.fields.push((place, words.collect()));
                    }
                }
                _ => {}
            }
        }
        names
    }
}

impl Session<'_> {
    /// The types of which there are live blocks in the newest heap.
    #[must_use]
    pub fn type_names(&self) -> Vec<String> {
        let Some(known) = self.scope.newest() else {
            return Vec::new();
        };
        let heap = known.heap;
        let rows = heap.all().by(&by::TYPE.into());
        let mut names: Vec<String> = Vec::new();
        let mut bytes = 0usize;
        for row in rows.rows() {
            let Some(first) = rows.type_row(row) else {
                continue;
            };
            let held = heap.str(first.held);
            let value = types::subject(heap.str(first.holder), held);
            for name in [Some(&*rows.name(row)), value].into_iter().flatten() {
                bytes = bytes.saturating_add(name.len());
                names.push(name.to_owned());
            }
            if names.len() >= TYPES || bytes >= TYPE_BYTES {
                break;
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The fields of variables that are objects, and of `_`. Reads their values, so that
    /// it takes a while where none was read before.
    #[must_use]
    pub fn field_names(&self) -> Vec<(String, Vec<String>)> {
        let (Some(known), Some(contents)) = (self.scope.newest(), self.scope.contents) else {
            return Vec::new();
        };
        let mut finder = Finder {
            contents,
            found: Vec::new(),
        };
        let last = self.scope.last.iter().map(|value| ("_", value));
        let variables = self.scope.variables.iter();
        for (name, value) in variables.map(|(n, v)| (n.as_str(), v)).chain(last) {
            match value {
                Value::Object(object) => {
                    if let Some(block) = known.block(object.serial) {
                        finder.look(name, block, &object.steps);
                    }
                }
                Value::Objects(objects) => {
                    let mut alive = objects.serials.iter().filter_map(|&s| known.block(s));
                    if let Some(block) = alive.next() {
                        finder.look(name, block, &objects.steps);
                        finder.look(&format!("{name}[]"), block, &objects.steps);
                    }
                }
                _ => {}
            }
        }
        finder.found
    }
}

struct Finder<'c> {
    contents: &'c dyn Contents,
    found: Vec<(String, Vec<String>)>,
}

impl Finder<'_> {
    /// The fields of a value, and theirs.
    fn look(&mut self, place: &str, block: BlockId, steps: &[FieldStep]) {
        for field in self.fields_of(place, block, steps) {
            let place = format!("{place}.{field}");
            self.fields_of(&place, block, &with(steps, FieldStep::Name(field)));
        }
    }

    /// The fields of a value; noted, as are those of a list's elements.
    fn fields_of(&mut self, place: &str, block: BlockId, steps: &[FieldStep]) -> Vec<String> {
        if self.found.len() >= PLACES {
            return Vec::new();
        }
        let mut fields = self.contents.names(block, steps);
        fields.truncate(FIELDS);
        if fields.is_empty() {
            let of_first = with(steps, FieldStep::Index(0));
            let mut inside = self.contents.names(block, &of_first);
            inside.truncate(FIELDS);
            if !inside.is_empty() {
                self.found.push((format!("{place}[]"), inside));
            }
        } else {
            self.found.push((place.to_owned(), fields.clone()));
        }
        fields
    }
}

fn with(steps: &[FieldStep], last: FieldStep) -> Vec<FieldStep> {
    let mut steps = steps.to_vec();
    steps.push(last);
    steps
}
