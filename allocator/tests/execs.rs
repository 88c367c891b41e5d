//! A process that becomes another program, while its threads allocate: the new
//! program starts afresh, with records of its own.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use support::{Block, alone, image, live};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// The address of the first program's block, and its process id.
const BEFORE: &str = "ENDLER_TEST_BEFORE";

#[test]
fn the_next_program_starts_afresh() {
    let test = "the_next_program_starts_afresh";
    alone(test, || {
        let pid = std::process::id();
        let of_size = |size: u64| {
            let image = image();
            assert_eq!((image.process.pid, image.figures.lost), (pid, 0));
            image.blocks.size.iter().filter(|s| s.0 == size).count()
        };
        if let Some(before) = std::env::var_os(BEFORE) {
            assert_eq!(
                before.to_str(),
                Some(pid.to_string().as_str()),
                "one process"
            );
            assert_eq!(of_size(54_321), 0, "of the program that was");
            let own = Block::alloc(65_432, 8);
            assert!(live(&image(), own.addr()).is_some());
            assert_eq!(of_size(65_432), 1);
            return;
        }
        for _ in 0..2 {
            std::thread::spawn(|| {
                loop {
                    let blocks: Vec<Block> = (1..200).map(|size| Block::alloc(size, 8)).collect();
                    blocks.into_iter().for_each(Block::free);
                }
            });
        }
        let _kept = Block::alloc(54_321, 8);
        assert_eq!(of_size(54_321), 1);
        let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
        command.args([test, "--exact", "--nocapture"]);
        panic!("{}", command.env(BEFORE, pid.to_string()).exec());
    });
}
