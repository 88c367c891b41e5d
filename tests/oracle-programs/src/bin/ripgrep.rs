//! ripgrep's crates: searches this repository for a pattern, on all processors.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use endler_oracle_programs::{compare, sources};
use grep::printer::StandardBuilder;
use grep::regex::RegexMatcherBuilder;
use grep::searcher::SearcherBuilder;
use ignore::{WalkBuilder, WalkState};

fn main() -> ExitCode {
    compare("ripgrep", 5, || {
        let found = AtomicU64::new(0);
        for pattern in [r"\bfn\s+(\w+)", r"(?i)stack|heap", r"^\s*//[!/].*\bthe\b"] {
            let matcher = RegexMatcherBuilder::new()
                .build(pattern)
                .expect("a pattern");
            WalkBuilder::new(sources())
                .threads(2)
                .build_parallel()
                .run(|| {
                    let mut searcher = SearcherBuilder::new().line_number(true).build();
                    let mut printer = StandardBuilder::new().build_no_color(Vec::new());
                    let (matcher, found) = (&matcher, &found);
                    Box::new(move |entry| {
                        let Ok(entry) = entry else {
                            return WalkState::Continue;
                        };
                        if entry.file_type().is_some_and(|kind| kind.is_file()) {
                            let mut sink = printer.sink_with_path(matcher, entry.path());
                            let _ = searcher.search_path(matcher, entry.path(), &mut sink);
                            found.fetch_add(u64::from(sink.has_match()), Ordering::Relaxed);
                        }
                        WalkState::Continue
                    })
                });
        }
        assert!(found.into_inner() > 10);
    })
}
