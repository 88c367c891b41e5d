//! syn and prettyplease: parse this repository's sources and print them again.

use std::process::ExitCode;

use endler_oracle_programs::{compare, files, sources};

fn main() -> ExitCode {
    let paths = files(sources().join("allocator"), ".rs");
    compare("prettyplease", 40, || {
        let mut printed = 0;
        for path in &paths {
            let text = std::fs::read_to_string(path).expect("a source");
            let Ok(file) = syn::parse_file(&text) else {
                continue;
            };
            printed += prettyplease::unparse(&file).len();
        }
        assert!(printed > 100_000);
    })
}
