//! The files of a dump: their names, how they appear, how many stay.
//!
//! A file is written under a name of its own (`O_EXCL`, mode 0600, so nobody's
//! link is followed) and renamed when it is whole. A reader sees a complete
//! file or none.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Dumps that stay in a directory, of one process.
const KEEP: usize = 16;

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

/// Writes a file whole, or leaves none: `write` fills it under another name.
///
/// `host` is the profiled process: the copy that writes has an id of its own, and
/// the host must find what a copy that was killed left behind.
pub(crate) fn write_whole(
    path: &Path,
    host: u32,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let part = partial(path, host);
    let result = open_new(&part).and_then(|file| {
        let mut to = BufWriter::with_capacity(1 << 18, file);
        write(&mut to)?;
        to.flush()?;
        std::fs::rename(&part, path)
    });
    if result.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    result
}

/// The name under which process `host` writes `path`.
pub(crate) fn partial(path: &Path, host: u32) -> PathBuf {
    with_ending(path, &format!(".{host}.partial"))
}

fn open_new(path: &Path) -> io::Result<File> {
    // Left over by a copy that was killed: the name holds the host's id.
    let _ = std::fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
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
    dumps(directory, pid)
        .last()
        .map_or(0, |(number, _)| *number)
}

/// Removes all but the newest dumps of process `pid` in `directory`, and what
/// killed copies left unfinished.
pub(crate) fn prune(directory: &Path, pid: u32) {
    let (unfinished, dumps): (Vec<_>, Vec<_>) = dumps(directory, pid)
        .into_iter()
        .partition(|(_, path)| path.extension().is_some_and(|e| e == "partial"));
    for (_, path) in unfinished {
        let _ = std::fs::remove_file(path);
    }
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
    fn a_failed_write_leaves_nothing() {
        let path = std::env::temp_dir().join(format!("endler-whole-{}", std::process::id()));
        let result = write_whole(&path, 5, |to| {
            to.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(result.is_err());
        assert!(!path.exists());
        write_whole(&path, 5, |to| to.write_all(b"whole")).expect("writes");
        assert_eq!(std::fs::read(&path).expect("reads"), b"whole");
        std::fs::remove_file(&path).expect("cleans up");
    }
}
