//! Lines that are typed: editing, history, completion.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use endler_reports::console::{Names, complete};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

/// What was typed.
pub(crate) enum Typed {
    Line(String),
    /// Ctrl-C: the line is forgotten.
    Interrupt,
    /// Ctrl-D.
    End,
}

/// Knows the words that may be completed.
struct Words {
    variables: Vec<String>,
    names: Names,
}

impl Helper for Words {}
impl Hinter for Words {
    type Hint = String;
}
impl Highlighter for Words {}
impl Validator for Words {}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..at).unwrap_or(line);
        let found = complete(typed, &self.variables, &self.names);
        Ok((found.from, found.words))
    }
}

/// A terminal on which lines are typed.
pub(crate) struct Prompt {
    editor: Editor<Words, FileHistory>,
    history: Option<PathBuf>,
}

impl Prompt {
    pub(crate) fn new(names: Names) -> Result<Self, io::Error> {
        let config = Config::builder()
            .max_history_size(1000)
            .map_err(io::Error::other)?
            .auto_add_history(true)
            .completion_type(CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config).map_err(io::Error::other)?;
        editor.set_helper(Some(Words {
            variables: Vec::new(),
            names,
        }));
        let history = history_file();
        if let Some(path) = &history {
            let _ = editor.load_history(path);
        }
        Ok(Prompt { editor, history })
    }

    /// The variables that there are now, and what else may be typed if that has changed.
    pub(crate) fn know(&mut self, variables: Vec<String>, names: Option<Names>) {
        let Some(words) = self.editor.helper_mut() else {
            return;
        };
        words.variables = variables;
        if let Some(names) = names {
            words.names.fields = names.fields;
            if !names.types.is_empty() {
                words.names.types = names.types;
            }
        }
    }

    pub(crate) fn line(&mut self) -> Result<Typed, io::Error> {
        match self.editor.readline(">>> ") {
            Ok(line) => Ok(Typed::Line(line)),
            Err(ReadlineError::Interrupted) => Ok(Typed::Interrupt),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(ReadlineError::Io(e)) => Err(e),
            Err(e) => Err(io::Error::other(e)),
        }
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        if let Some(path) = &self.history {
            let _ = self.editor.save_history(path);
        }
    }
}

/// `$XDG_STATE_HOME/endler/history`, made for nobody else to read; none where there is no
/// place for it.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    let state = state.filter(|path| path.is_absolute()).or_else(home)?;
    let directory = state.join("endler");
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .ok()?;
    let path = directory.join("history");
    let mut options = OpenOptions::new();
    options
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .ok()?;
    Some(path)
}
