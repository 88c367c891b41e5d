//! What `endler attach` asks for besides answers: it says so in its first line.
//!
//! ```text
//!  !with values names      no line of the language begins so
//! ```
//!
//! Who says nothing is given nothing of it. `telnet` shows what it gets to a person, so
//! that it has the values.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Values of fields. Without it they stay in the process: what is answered may be
    /// written to a file.
    Values,
    /// Names of types and fields, to complete lines with.
    Names,
    /// `dump` writes to any path: the peer is the process's own user, or root.
    Paths,
}

const WORDS: [(&str, Want); 3] = [
    ("values", Want::Values),
    ("names", Want::Names),
    ("paths", Want::Paths),
];

/// What a peer asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants(Vec<Want>);

impl Wants {
    pub(super) fn these(wants: &[Want]) -> Self {
        Wants(wants.to_vec())
    }

    pub(super) fn has(&self, want: Want) -> bool {
        self.0.contains(&want)
    }

    /// The first line that says it.
    pub(super) fn line(&self) -> String {
        let mut line = String::from("!with");
        for (word, _) in WORDS.iter().filter(|(_, want)| self.has(*want)) {
            line.push(' ');
            line.push_str(word);
        }
        line
    }

    /// What a first line says; none if it is another line. A word that means nothing is
    /// that of a newer command.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("!with") {
            return None;
        }
        let known = words.filter_map(|word| WORDS.iter().find(|(name, _)| *name == word));
        Some(Wants(known.map(|(_, want)| *want).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for wants in [&[][..], &[Want::Values], &[Want::Names, Want::Paths]] {
            let wants = Wants::these(wants);
            let read = Wants::of_line(&wants.line()).expect("one");
            for (_, want) in WORDS {
                assert_eq!(read.has(want), wants.has(want), "{wants:?}");
            }
        }
        assert_eq!(Wants::of_line("!with more"), Some(Wants::default()));
        assert_eq!(Wants::of_line("prefs()"), None);
        assert_eq!(Wants::of_line("!within values"), None);
        assert_eq!(Wants::of_line(""), None);
        assert!(endler_reports::console::parse(&Wants::default().line()).is_err());
    }
}
