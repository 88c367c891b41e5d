//! The files of a dump: their names, how many stay, and what goes.
//!
//! How a file appears under its name: [`crate::part`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::part::partial;

/// Dumps that stay in a directory, of one process.
const KEEP: usize = 16;
/// The highest number of a dump that is believed: with more, whoever can write
/// into the directory could end the counting.
const HIGHEST: u32 = 1 << 30;
/// An unfinished file this old is nobody's: no copy works for so long. Those of
/// this process go at once, those of processes that were killed go at this age.
const ABANDONED: Duration = Duration::from_secs(3600);

/// `endler.PID.SEQ[.PHASE]` in `directory`, without an ending.
pub(crate) fn stem(directory: &Path, pid: u32, sequence: u32, phase: &str) -> PathBuf {
    let mut name = format!("endler.{pid}.{sequence}");
    if !phase.is_empty() {
        name.push('.');
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        };
        name.extend(phase.chars().take(64).map(plain));
    }
    directory.join(name)
}

/// `path` with `ending` appended.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Whether a snapshot may take this name: what stands there is a file, a link
/// (which is replaced, not followed), or nothing.
pub(crate) fn replaceable(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(there) if !there.is_file() && !there.is_symlink() => Err(io::Error::other(
            "there is something of that name that is no file; give another name",
        )),
        _ => Ok(()),
    }
}

/// The dumps of process `pid` in `directory`, with their numbers, in order.
fn dumps(directory: &Path, pid: u32) -> Vec<(u32, PathBuf)> {
    let prefix = format!("endler.{pid}.");
    let numbered = |path: PathBuf| {
        let name = path.file_name()?.to_str()?;
        let (number, _) = name.strip_prefix(&prefix)?.split_once('.')?;
        let ours = [".endler", ".txt", ".partial"]
            .iter()
            .any(|e| name.ends_with(e));
        let number = number.parse().ok()?;
        ours.then_some((number, path))
    };
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| numbered(entry.ok()?.path()))
        .collect();
    found.sort();
    found
}

/// The highest number of a dump of process `pid` in `directory`; 0 for none. An
/// earlier process may have had the id: in a container each run is process 1.
pub(crate) fn highest(directory: &Path, pid: u32) -> u32 {
    let numbers = dumps(directory, pid).into_iter().map(|(number, _)| number);
    numbers
        .filter(|number| *number < HIGHEST)
        .max()
        .unwrap_or(0)
}

/// Removes the tables of a dump whose copy was killed between its two names.
pub(crate) fn remove_half(directory: &Path, pid: u32, sequence: u32) {
    let all = dumps(directory, pid);
    let found = all.iter().filter(|(number, _)| *number == sequence);
    let (snapshots, rest): (Vec<_>, Vec<_>) =
        found.partition(|(_, path)| path.extension().is_some_and(|e| e == "endler"));
    if snapshots.is_empty() {
        for (_, path) in rest {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Removes all but the newest dumps of process `pid` in `directory`, and what
/// killed copies left unfinished.
pub(crate) fn prune(directory: &Path, pid: u32) {
    let (unfinished, dumps): (Vec<_>, Vec<_>) = dumps(directory, pid)
        .into_iter()
        .partition(|(_, path)| is_partial(path));
    for (_, path) in unfinished {
        let _ = std::fs::remove_file(path);
    }
    sweep(directory, "endler.");
    let mut sequences: Vec<u32> = dumps.iter().map(|(sequence, _)| *sequence).collect();
    sequences.dedup();
    let Some(oldest) = sequences
        .len()
        .checked_sub(KEEP)
        .and_then(|n| sequences.get(n))
    else {
        return;
    };
    for (_, path) in dumps.iter().filter(|(sequence, _)| sequence < oldest) {
        let _ = std::fs::remove_file(path);
    }
}

/// Removes what killed copies of process `pid` left beside `path`, and what
/// copies of other processes left there long ago.
pub(crate) fn sweep_beside(path: &Path, pid: u32) {
    let _ = std::fs::remove_file(partial(path, pid));
    if let (Some(directory), Some(name)) = (path.parent(), path.file_name()) {
        sweep(directory, &format!("{}.", name.to_string_lossy()));
    }
}

/// Removes abandoned unfinished files whose names begin so.
fn sweep(directory: &Path, prefix: &str) {
    let long_ago = SystemTime::now().checked_sub(ABANDONED);
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(prefix);
        let abandoned = || {
            let there = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some(there.modified().ok()? < long_ago?)
        };
        if ours && is_partial(&entry.path()) && abandoned() == Some(true) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_partial(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "partial")
}

/// The directory as an absolute path, made if it is missing.
pub(crate) fn directory(path: PathBuf) -> Result<PathBuf, crate::Error> {
    let failed = |cause| crate::Error::File {
        path: path.clone(),
        cause,
    };
    std::fs::create_dir_all(&path).map_err(failed)?;
    std::path::absolute(&path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::fresh::Fresh;

    #[test]
    fn names_carry_process_number_and_phase() {
        let check = |phase: &str, expect: &str| {
            assert_eq!(
                stem(Path::new("d"), 7, 3, phase),
                Path::new("d").join(expect)
            );
        };
        check("", "endler.7.3");
        check("crawl", "endler.7.3.crawl");
        check("../a b", "endler.7.3.___a_b");
    }

    #[test]
    fn the_last_sixteen_dumps_stay() {
        let directory = std::env::temp_dir().join(format!("endler-prune-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        for sequence in 1..=20 {
            for ending in [".endler", ".txt"] {
                let path = with_ending(&stem(&directory, 5, sequence, "p"), ending);
                std::fs::write(path, "x").expect("a file");
            }
        }
        std::fs::write(directory.join("endler.6.1.txt"), "another's").expect("a file");
        assert_eq!(highest(&directory, 5), 20);
        assert_eq!(highest(&directory, 7), 0);
        prune(&directory, 5);
        let mut left: Vec<_> = std::fs::read_dir(&directory)
            .expect("a directory")
            .map(|e| {
                e.expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        left.sort();
        assert_eq!(left.len(), 33, "{left:?}");
        assert!(left.contains(&"endler.6.1.txt".to_owned()));
        assert!(!left.contains(&"endler.5.4.p.txt".to_owned()));
        assert!(left.contains(&"endler.5.5.p.endler".to_owned()));
        std::fs::remove_dir_all(&directory).expect("cleans up");
    }

    #[test]
    fn tables_without_their_snapshot_go() {
        let fresh = Fresh::new("half");
        for name in [
            "endler.5.1.p.txt",
            "endler.5.2.p.txt",
            "endler.5.2.p.endler",
        ] {
            std::fs::write(fresh.0.join(name), "").expect("a file");
        }
        remove_half(&fresh.0, 5, 1);
        remove_half(&fresh.0, 5, 2);
        assert_eq!(fresh.names(), ["endler.5.2.p.endler", "endler.5.2.p.txt"]);
    }

    #[test]
    fn a_number_that_nobody_reached_does_not_end_the_counting() {
        let fresh = Fresh::new("numbers");
        for name in ["endler.5.7.txt", "endler.5.4294967295.txt"] {
            std::fs::write(fresh.0.join(name), "").expect("a file");
        }
        assert_eq!(highest(&fresh.0, 5), 7);
    }

    #[test]
    fn what_killed_processes_left_goes_after_a_while() {
        let fresh = Fresh::new("abandoned");
        let old = SystemTime::now() - ABANDONED * 2;
        let make = |name: &str, age: Option<SystemTime>| {
            let file = std::fs::File::create(fresh.0.join(name)).expect("a file");
            age.into_iter()
                .for_each(|age| file.set_modified(age).expect("set"));
        };
        make("endler.6.1.txt.6.partial", Some(old));
        make("endler.6.2.txt.6.partial", None);
        make("endler.6.3.txt", Some(old));
        make("notes.partial", Some(old));
        prune(&fresh.0, 5);
        let left = [
            "endler.6.2.txt.6.partial",
            "endler.6.3.txt",
            "notes.partial",
        ];
        assert_eq!(fresh.names(), left);
        make("here.8.partial", Some(old));
        make("here.9.partial", None);
        make("here.7.partial", None);
        sweep_beside(&fresh.0.join("here"), 7);
        assert_eq!(fresh.names()[2..], ["here.9.partial", "notes.partial"]);
    }
}
