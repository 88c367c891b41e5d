//! How long the blocks of a snapshot take to be typed, once debug information is read,
//! and to be counted into a table: `cargo run --release -p endler-reports --example
//! table_speed SNAPSHOT`. The last line is `tabled BLOCKS TYPED TABLED`, in seconds.
//!
//! The snapshot's own answers are thrown away. Reading debug information is what a
//! snapshot of the same stacks without blocks takes.

use std::path::Path;
use std::time::{Duration, Instant};

use endler_reports::load;
use endler_reports::partition::{By, Heap};
use endler_reports::render::{Columns, Page, page, view};
use endler_reports::resolve::{Options, resolve};
use endler_snapshot::Image;

fn main() {
    let path = std::env::args_os().nth(1).expect("the path of a snapshot");
    let mut image = load(Path::new(&path)).expect("a snapshot");
    let blocks = std::mem::take(&mut image.blocks);
    let _files_are_cached = resolved(&mut image);
    let read = resolved(&mut image);
    image.blocks = blocks;
    let typed = resolved(&mut image).saturating_sub(read);
    let begin = Instant::now();
    let types = Heap::new(&image)
        .all()
        .by(&By::parse("type").expect("a relation"));
    let text = page::text(&view::partition(&types, Columns::default()), Page::Top);
    let tabled = begin.elapsed();
    println!("{text}");
    println!(
        "debug information {:.3} s, types of all blocks {:.3} s, table {:.3} s",
        read.as_secs_f64(),
        typed.as_secs_f64(),
        tabled.as_secs_f64()
    );
    println!(
        "tabled {} {:.3} {:.3}",
        image.blocks.len(),
        typed.as_secs_f64(),
        tabled.as_secs_f64()
    );
}

fn resolved(image: &mut Image) -> Duration {
    image.resolution = None;
    image.references = None;
    let begin = Instant::now();
    resolve(image, &Options::default());
    begin.elapsed()
}
