//! Snapshots from within the process: counts, phases, serials, the file.

mod process;

use std::sync::Mutex;

use endler::reports::partition::Heap;
use process::Folder;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// Phases and snapshots are of the whole process: one test at a time.
static ONE: Mutex<()> = Mutex::new(());

struct Marked([u64; 11]);

#[test]
fn blocks_belong_to_the_phase_of_their_birth_and_keep_their_serials() {
    let _one = ONE.lock();
    let make = |n: u64| -> Vec<Box<Marked>> { (0..n).map(|i| Box::new(Marked([i; 11]))).collect() };
    endler::phase("seed");
    let mut seeds = make(20);
    let first = endler::snapshot().expect("a snapshot");
    endler::phase("crawl");
    let crawled = make(30);
    seeds.truncate(15);
    let mut grown: Vec<u8> = Vec::with_capacity(10_001);
    let before_growth = endler::snapshot().expect("a snapshot");
    endler::phase("drain");
    grown.reserve_exact(50_001);
    let second = endler::snapshot().expect("a snapshot");

    let of = |snapshot: &endler::Snapshot, phase: &str| -> u64 {
        let table = snapshot.by("phase&type").expect("relations");
        let rows = table.rows().iter().filter(|row| {
            let name = table.name(row);
            name == format!("{phase} & Box<snapshots::Marked>")
        });
        rows.map(|row| row.count).sum()
    };
    assert_eq!((of(&first, "seed"), of(&first, "crawl")), (20, 0));
    assert_eq!(
        (
            of(&second, "seed"),
            of(&second, "crawl"),
            of(&second, "drain")
        ),
        (15, 30, 0)
    );

    let serial = |snapshot: &endler::Snapshot, addr: u64| {
        let blocks = &snapshot.image().blocks;
        let at = blocks
            .addr
            .iter()
            .position(|a| a.0 == addr)
            .expect("it lives");
        (blocks.serial[at], blocks.born[at], blocks.phase[at])
    };
    for kept in &seeds {
        let addr = (&raw const **kept) as u64;
        assert_eq!(serial(&first, addr), serial(&second, addr));
    }
    // A realloc keeps the identity, whatever the address.
    let block = |snapshot: &endler::Snapshot, size: u64| {
        let blocks = &snapshot.image().blocks;
        let at = blocks
            .size
            .iter()
            .position(|s| s.0 == size)
            .expect("it lives");
        (blocks.serial[at], blocks.born[at], blocks.phase[at])
    };
    assert_eq!(block(&before_growth, 10_001), block(&second, 50_001));
    assert!(crawled.len() + seeds.len() == 45 && grown.capacity() == 50_001);
    assert_eq!(crawled[3].0[0] + seeds[3].0[0], 6);
}

#[test]
fn a_file_is_what_was_told_of_it() {
    let _one = ONE.lock();
    let folder = Folder::new("snapshots-file");
    let path = folder.path().join("here.endler");
    std::fs::write(&path, "an older file").expect("writes");
    let held = vec![vec![1u8; 5000]; 8];
    let info = endler::snapshot_to(&path).expect("a snapshot");
    assert_eq!(info.path, path);
    assert!(info.atomic && info.elapsed >= info.held);
    let image = endler::reports::load(&path).expect("a whole snapshot");
    assert_eq!(image.blocks.len() as u64, info.objects);
    assert_eq!(image.blocks.total_size().0, info.bytes);
    assert_eq!(image.blocks.size.iter().filter(|s| s.0 == 5000).count(), 8);
    let mode =
        std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).expect("it is there"));
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a directory")
        .collect();
    assert_eq!(names.len(), 1, "nothing else is left: {names:?}");
    drop(held);

    let nowhere = folder.path().join("no").join("such").join("place.endler");
    let error = endler::snapshot_to(&nowhere).expect_err("no directory");
    assert!(error.to_string().contains("place.endler"), "{error}");
}

#[test]
fn the_views_count_what_the_program_made() {
    let _one = ONE.lock();
    let held: Vec<Box<Marked>> = (0..77).map(|i| Box::new(Marked([i; 11]))).collect();
    let snapshot = endler::snapshot().expect("a snapshot");
    let types = snapshot.by("type").expect("a relation");
    let row = types.find("Box<snapshots::Marked>").expect("its type");
    assert_eq!(types.rows()[row].count, held.len() as u64);
    assert_eq!(types.rows()[row].size.0, held.len() as u64 * 88);
    let sites = types.row(row).expect("a set").by(&"site".parse_by());
    assert_eq!(sites.len(), 1);
    assert!(sites.name(&sites.rows()[0]).contains("tests/snapshots.rs:"));
    assert!(snapshot.by("colour").is_err());
    assert!(snapshot.query("bytype[0].bysite").is_ok());
    assert!(snapshot.query("bytype[").is_err());
    assert!(Heap::new(snapshot.image()).len() > 77);
    assert!(held.iter().map(|m| m.0[0]).sum::<u64>() == 76 * 77 / 2);
}

trait ParseBy {
    fn parse_by(&self) -> endler::reports::partition::By;
}

impl ParseBy for str {
    fn parse_by(&self) -> endler::reports::partition::By {
        endler::reports::partition::By::parse(self).expect("a relation")
    }
}
