//! oxipng: makes pictures smaller, on all processors, with libdeflate's C code.

use std::process::ExitCode;

use endler_oracle_programs::{compare, documentation, files};

fn main() -> ExitCode {
    let Some(documentation) = documentation() else {
        println!("oxipng: not run (the toolchain has no documentation to take pictures from)");
        return ExitCode::SUCCESS;
    };
    let pictures = files(documentation, ".png");
    compare("oxipng", 10, || {
        let mut smaller = 0;
        for (n, path) in pictures.iter().take(40).enumerate() {
            let picture = std::fs::read(path).expect("a picture");
            // Some pages bear a picture's name.
            if picture.len() > 60_000 || !picture.starts_with(b"\x89PNG") {
                continue;
            }
            let options = oxipng::Options::from_preset(n as u8 % 3);
            let optimized = oxipng::optimize_from_memory(&picture, &options).expect("a picture");
            smaller += usize::from(optimized.len() < picture.len());
        }
        println!("oxipng: {smaller} pictures are smaller");
    })
}
