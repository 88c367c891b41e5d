//! What a connection has so far, and its answers.

use endler_snapshot::Image;

use super::statement::{Statement, What};
use super::{BadSession, MAX_ANSWER, MAX_HEAPS, MAX_VARIABLES, Needs, Outside, save};
use crate::query::{Evaluator, Known, Mode, NoContents, QueryError, Scope, Value};
use crate::values::Contents;

/// Behind the last page.
const NO_MORE: &str = "<no more rows>";

/// What a connection has so far: heaps, variables, `_`, the reference of `setref`.
#[derive(Default)]
pub struct Session<'a> {
    pub(super) scope: Scope<'a>,
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("heaps", &self.scope.heaps.len())
            .field("variables", &self.variables())
            .finish_non_exhaustive()
    }
}

impl<'a> Session<'a> {
    /// Without heaps and variables.
    #[must_use]
    pub fn new() -> Self {
        Session::default()
    }

    /// Adds the newest heap. Only this one's contents can be read: those of the heap
    /// before it are forgotten.
    pub fn add_heap(&mut self, image: &'a Image, contents: Option<&'a dyn Contents>) {
        self.scope.heaps.push(Known::new(image));
        self.scope.contents = contents;
        self.scope.no_contents = NoContents::Snapshot;
    }

    /// Adds the newest heap, whose values are not to be shown: answers say so in their
    /// place.
    pub fn add_heap_without_values(&mut self, image: &'a Image) {
        self.add_heap(image, None);
        self.scope.no_contents = NoContents::Withheld;
    }

    /// Answers a statement: text without a line feed at its end, at most
    /// [`MAX_ANSWER`] bytes; empty for an assignment. Heaps and variables are as
    /// before after an error.
    ///
    /// # Errors
    /// What cannot be answered, with its column.
    pub fn run(
        &mut self,
        statement: &Statement,
        outside: &dyn Outside,
    ) -> Result<String, QueryError> {
        let line = match &statement.what {
            What::Forget(name) => {
                return match self.scope.variables.remove(name) {
                    Some(_) => Ok(String::new()),
                    None => Err(statement.no_variable(name)),
                };
            }
            What::Line(line) => line,
            _ => {
                return statement.alone().ok_or_else(|| match statement.needs() {
                    Needs::Host(_) => QueryError::new(
                        &statement.text,
                        0..statement.text.len(),
                        "only a live process does that, on its console",
                    ),
                    _ => QueryError::new(&statement.text, 0..1, "this asks for nothing"),
                });
            }
        };
        let text = &statement.text;
        let evaluator = Evaluator::new(&self.scope, outside, text, Mode::Answer);
        let value = evaluator.expr(&line.expr)?;
        let mut answer = match &line.sets {
            None => cut(evaluator.text(&value, line.expr.at.clone())?),
            Some(_) => String::new(),
        };
        let reference = evaluator.reference.take();
        match &line.sets {
            Some((name, at)) => {
                let before = self.scope.variables.insert(name.clone(), value);
                let many = if self.scope.variables.len() > MAX_VARIABLES {
                    Some(format!(
                        "there are {MAX_VARIABLES} variables already; del x forgets x"
                    ))
                } else if self.kept().len() > MAX_HEAPS {
                    Some(format!(
                        "variables keep {MAX_HEAPS} heaps already; del x forgets x"
                    ))
                } else {
                    None
                };
                if let Some(message) = many {
                    match before {
                        Some(before) => self.scope.variables.insert(name.clone(), before),
                        None => self.scope.variables.remove(name),
                    };
                    return Err(QueryError::new(text, at.clone(), message));
                }
            }
            // As in Python, what prints nothing is not remembered: the page behind the last
            // one, and setref.
            None if answer.is_empty() => {
                if !matches!(value, Value::Text(_)) {
                    answer.push_str(NO_MORE);
                }
            }
            None => self.scope.last = Some(value),
        }
        if reference.is_some() {
            self.scope.reference = reference;
        }
        Ok(answer)
    }

    /// The names of the variables, in the order of the alphabet.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        self.scope.variables.keys().cloned().collect()
    }

    /// The heaps that something still refers to, in the order in which
    /// [`Session::restore`] wants them. Others need not be kept.
    #[must_use]
    pub fn images(&self) -> Vec<&'a Image> {
        self.kept()
    }

    fn kept(&self) -> Vec<&'a Image> {
        let values = self.scope.variables.values().chain(&self.scope.last);
        let used: Vec<&'a Image> = values
            .filter_map(|value| match value {
                Value::View(view) => Some(view.set.heap().image()),
                _ => None,
            })
            .collect();
        let heaps = self.scope.heaps.iter().map(|known| known.heap.image());
        heaps
            .filter(|image| used.iter().any(|used| std::ptr::eq(*used, *image)))
            .collect()
    }

    /// Variables, `_` and the reference as bytes, without the images.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        save::write(&self.scope, &self.kept())
    }

    /// The session that [`Session::save`] wrote, with the images that
    /// [`Session::images`] gave, without contents.
    ///
    /// # Errors
    /// The bytes are of another version, damaged, or do not fit the images.
    pub fn restore(images: Vec<&'a Image>, saved: &[u8]) -> Result<Self, BadSession> {
        let scope = save::read(images, saved)?;
        Ok(Session { scope })
    }
}

/// The answer, or as much of it as is allowed.
fn cut(mut answer: String) -> String {
    if answer.len() <= MAX_ANSWER {
        return answer;
    }
    let whole = answer.len();
    let note = format!("\n<cut: {whole} bytes in all; ask for less, such as a row or a page>");
    let end = answer.floor_char_boundary(MAX_ANSWER.saturating_sub(note.len()));
    // At the end of a line, if there is one.
    let line = answer.get(..end).and_then(|text| text.rfind('\n'));
    let end = line.unwrap_or(end);
    answer.truncate(end);
    answer.push_str(&note);
    answer
}
