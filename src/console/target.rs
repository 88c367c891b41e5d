//! Where `dump` of the console writes: a name means a file where this process's dumps
//! go, and a path is taken only from who may write there anyway.

use std::path::{Path, PathBuf};

use crate::{files, signal};

/// The directory of a process that has none for its dumps.
const DEFAULT: &str = "heap-dumps";
/// What the files of snapshots end in.
const ENDING: &str = ".endler";

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A dump as a signal asks for it, here.
    Directory(PathBuf),
    /// One snapshot, in this file.
    File(PathBuf),
}

/// Which places a peer may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Names,
    Paths,
}

/// What is written for `dump(asked)`; an error says what is wrong with that.
pub(super) fn target(
    asked: Option<&str>,
    reach: Reach,
    directory: &Path,
) -> Result<Target, String> {
    let Some(asked) = asked else {
        return Ok(Target::Directory(directory.to_owned()));
    };
    if asked.contains('/') && reach == Reach::Paths {
        let path = Path::new(asked);
        return Ok(match asked.ends_with('/') || path.is_dir() {
            true => Target::Directory(path.to_owned()),
            false => Target::File(path.to_owned()),
        });
    }
    // What begins with a dot is `..`, or a file that is easily overlooked.
    let is_name = !asked.is_empty() && !asked.starts_with('.') && !asked.contains(['/', '\0']);
    if !is_name {
        return Err(format!(
            "a name is missing here, without a path, for a file in {}; any other place takes \
             endler dump PID -o FILE, or a process that serves with Options::dump_anywhere()",
            directory.display()
        ));
    }
    // So that nothing is replaced but a snapshot.
    let ending = match asked.ends_with(ENDING) {
        true => "",
        false => ENDING,
    };
    Ok(Target::File(directory.join(format!("{asked}{ending}"))))
}

/// Where dumps of this process go: as the options say, or as for a signal or the end.
pub(super) fn directory(given: Option<&Path>) -> PathBuf {
    let given = given.map(Path::to_owned);
    let of_signals = || (0..64).find_map(signal::directory);
    given
        .or_else(of_signals)
        .unwrap_or_else(|| PathBuf::from(DEFAULT))
}

/// Makes the directory in which it is written, if it is the one for dumps.
pub(super) fn prepare(target: Target, directory: &Path) -> Result<Target, crate::Error> {
    Ok(match target {
        Target::Directory(path) => Target::Directory(files::directory(path)?),
        Target::File(path) => {
            if path.parent() == Some(directory) {
                files::directory(directory.to_owned())?;
            }
            Target::File(path)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_where_dumps_go_and_a_path_is_not_taken_from_everyone() {
        let here = Path::new("dumps");
        let file = |path: &str| Ok(Target::File(path.into()));
        for reach in [Reach::Names, Reach::Paths] {
            let check = |asked: &str, expect: Result<Target, ()>| {
                let got = target(Some(asked), reach, here).map_err(|_| ());
                assert_eq!(got, expect, "{asked} {reach:?}");
            };
            check("before", file("dumps/before.endler"));
            check("before.endler", file("dumps/before.endler"));
            check("a b.c", file("dumps/a b.c.endler"));
            for no_name in ["", ".", "..", ".profile", "a\0b"] {
                check(no_name, Err(()));
            }
            let here_itself = Ok(Target::Directory("dumps".into()));
            assert_eq!(target(None, reach, here), here_itself);
        }
        for path in ["/etc/x", "../x", "dumps/x", "./x", "x/"] {
            assert!(target(Some(path), Reach::Names, here).is_err(), "{path}");
        }
        let anywhere = |path: &str| target(Some(path), Reach::Paths, here);
        assert_eq!(anywhere("/nowhere/x").map_err(|_| ()), file("/nowhere/x"));
        assert_eq!(anywhere("/tmp"), Ok(Target::Directory("/tmp".into())));
        assert_eq!(anywhere("x/"), Ok(Target::Directory("x/".into())));
    }
}
