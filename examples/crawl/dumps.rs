//! Asks endler for a dump the way an operator would, by a signal, and waits for
//! its files.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How long a dump may take. endler itself gives up after 60 s and says why.
const PATIENCE: Duration = Duration::from_secs(90);

/// The dumps of this process.
pub(crate) struct Dumps {
    directory: PathBuf,
    /// Older files are of an earlier process that had the same id.
    began: SystemTime,
}

impl Dumps {
    /// The dumps that appear in `directory` from now on.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Dumps {
            directory,
            began: SystemTime::now(),
        }
    }

    /// Sends this process SIGUSR1 and waits until the files of the dump stand.
    /// Returns the snapshot's; the tables stand beside it, `….txt`.
    pub(crate) async fn take(&self, phase: &str) -> Result<PathBuf, Box<dyn Error>> {
        let asked = Instant::now();
        signal_hook::low_level::raise(libc::SIGUSR1)?;
        loop {
            // A file gets its final name when it is complete, so both names are enough.
            if let Some(snapshot) = self.find(phase)? {
                return Ok(snapshot);
            }
            if asked.elapsed() > PATIENCE {
                return Err(format!(
                    "no dump of phase `{phase}` in {} within {} s of the signal",
                    self.directory.display(),
                    PATIENCE.as_secs()
                )
                .into());
            }
            // Longer than the copy takes: the stack of a thread that waits is known.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// This process's snapshot of a phase, once the tables stand too.
    fn find(&self, phase: &str) -> std::io::Result<Option<PathBuf>> {
        let ours = format!("endler.{}.", std::process::id());
        let this = format!(".{phase}.endler");
        for entry in self.directory.read_dir()? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|n| n.to_str())
                .unwrap_or_default();
            if name.starts_with(&ours)
                && name.ends_with(&this)
                && path.metadata()?.modified()? >= self.began
                && path.with_extension("txt").exists()
            {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}
