//! Memory that is not what the types say: no panic, no endless work, no output
//! beyond its bound, and the same twice.

use endler_reports::resolve::Options;
use endler_reports::values::{Contents, FieldStep, with_contents};
use endler_snapshot::{BlockId, Image};

use super::hostile_memory::{Hostile, Mode};
use super::own_memory::Own;
use super::{image_of, shapes};

/// Everything that is shown of all blocks.
fn all(image: &Image, contents: &dyn Contents) -> Vec<String> {
    let paths: [&[FieldStep]; 5] = [
        &[],
        &[FieldStep::Key("key".into())],
        &[FieldStep::Name("0".into()), FieldStep::Index(7)],
        &[FieldStep::Name("0".into())],
        &[FieldStep::Name("headers".into()), FieldStep::Index(-1)],
    ];
    let mut shown = Vec::new();
    for block in 0..image.blocks.len() as u32 {
        for path in paths {
            let line = contents.line(BlockId(block), path);
            let fields = contents.fields(BlockId(block), path);
            for text in [line, fields] {
                let text = text.unwrap_or_else(|no| no.message);
                assert!(text.len() < (64 << 10) + 100, "{} bytes", text.len());
                shown.push(text);
            }
        }
    }
    let past = BlockId(u32::MAX);
    assert!(contents.line(past, &[]).is_err());
    shown
}

pub(crate) fn check() {
    let image = image_of(&shapes::cases());
    let with = |mode: Mode, ask: &mut dyn FnMut(&Hostile<'_, Own>, &dyn Contents)| {
        let memory = Hostile::new(&image, Own::new(), mode, 1);
        let options = Options::default();
        with_contents(&image, &memory, &options, |contents| ask(&memory, contents));
    };
    with(Mode::Unreadable, &mut |memory, contents| {
        for mode in Mode::ALL {
            for seed in 1..6 {
                memory.turn(mode, seed);
                let shown = all(&image, contents);
                let readable = shown.iter().filter(|s| !s.contains("<not readable>"));
                println!("{mode:?}: {} of {} readable", readable.count(), shown.len());
            }
        }
    });
    let mut twice = Vec::new();
    for _ in 0..2 {
        with(Mode::Mixed, &mut |_, contents| {
            twice.push(all(&image, contents))
        });
    }
    assert_eq!(twice[0], twice[1]);
}
