//! tokei: counts this repository's lines, on all processors.

use std::process::ExitCode;

use endler_oracle_programs::{compare, sources};

fn main() -> ExitCode {
    compare("tokei", 20, || {
        for _ in 0..3 {
            let mut languages = tokei::Languages::new();
            languages.get_statistics(&[sources()], &["target"], &tokei::Config::default());
            assert!(languages[&tokei::LanguageType::Rust].code > 1000);
        }
    })
}
