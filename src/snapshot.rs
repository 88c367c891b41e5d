//! Snapshots as the library gives them: a file's facts, or the image itself.

use std::path::PathBuf;
use std::time::Duration;

use endler_reports::partition::{By, Heap, Partition, UnknownRelation};
use endler_reports::query::{Answer, QueryError};
use endler_snapshot::Image;

/// What a finished snapshot found and cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// The file.
    pub path: PathBuf,
    /// Live blocks in it.
    pub objects: u64,
    /// Their requested bytes.
    pub bytes: u64,
    /// How long the process was held for the copy.
    pub held: Duration,
    /// From the call to the complete file.
    pub elapsed: Duration,
    /// How long the inner allocator's statistics took to read, before the copy, if
    /// [`crate::inner_statistics`] asked for them.
    pub reading: Option<Duration>,
    /// Whether the snapshot is of one instant; it is not where the kernel
    /// refused to copy the process.
    pub atomic: bool,
}

/// A snapshot of this process, with the tables of a saved one.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let snapshot = endler::snapshot()?;
/// let types = snapshot.by("type")?;
/// for row in types.rows().iter().take(3) {
///     println!("{} blocks of {}", row.count, types.name(row));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) image: Image,
}

impl Snapshot {
    /// The partition of the whole heap by a relation, named as on the command
    /// line: `type`, `site`, …, or a cross product such as `type&age`.
    ///
    /// # Errors
    /// A relation that does not exist; the message lists those that do.
    pub fn by(&self, relation: &str) -> Result<Partition<'_>, UnknownRelation> {
        Ok(self.heap().all().by(&By::parse(relation)?))
    }

    /// What a query gives: `bytype[0].bysite`.
    ///
    /// # Errors
    /// A query that cannot be read; the message points at the column.
    pub fn query(&self, text: &str) -> Result<Answer<'_>, QueryError> {
        endler_reports::query::query(self.heap(), text)
    }

    /// The heap: sets of blocks, and the relations that partition them.
    #[must_use]
    pub fn heap(&self) -> Heap<'_> {
        Heap::new(&self.image)
    }

    /// The columns themselves.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The text that a signal writes.
    #[must_use]
    pub fn tables(&self) -> String {
        endler_reports::tables(&self.image)
    }
}
