//! The checks find what they are for, on a small made-up tree.
use std::fs;
use std::path::Path;

use crate::{DOCUMENT, LONGEST, complaints};

const GOOD: &str = "\
# Architecture
```flow
event -> table -> image
+-- allocator/ --+ +-- snapshot/ --+ +-- reports/ --+   src/ drives both
```
## Who may import whom
| crate | may import |
|---|---|
| `endler-snapshot` | (none) |
| endler-allocator | endler-snapshot |
| endler | `endler-allocator`, endler-snapshot |
## Modules that may hold unsafe
Only these:
- `allocator/src/lib.rs`: it is the allocator
## Vocabulary
- `block`: one live allocation
";

/// Writes a tree that has no faults but the files given, and returns the
/// complaints about it.
fn check(name: &str, files: &[(&str, &str)], expect: &[&str]) {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("architecture")
        .join(name);
    let _ = fs::remove_dir_all(&root);
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    put(DOCUMENT, GOOD);
    put(
        "Cargo.toml",
        "[workspace]\nmembers = [\"snapshot\", \"allocator\"]\n[package]\nname = \"endler\"\n[dependencies]\nendler-snapshot.workspace = true\nendler-allocator = { path = \"allocator\" }\nlibc = \"0.2\"\n",
    );
    put(
        "snapshot/Cargo.toml",
        "[package]\nname = \"endler-snapshot\"\n",
    );
    put(
        "allocator/Cargo.toml",
        "[package]\nname = \"endler-allocator\"\n[dependencies.endler-snapshot]\nworkspace = true\n[dev-dependencies]\nendler-reports = \"0\"\n",
    );
    put(
        "snapshot/src/lib.rs",
        "#![forbid(unsafe_code)]\n//! unsafe\n/* unsafe /* twice */ unsafe */\nfn f<'a>(_: &'a str) { f(\"\\\"unsafe\"); f(r#\"\"unsafe\"#); let _ = '\"'; }\n",
    );
    put(
        "allocator/src/lib.rs",
        "use endler_snapshot::Image;\nunsafe fn f() {}\n",
    );
    put("reports/src/lib.rs", "\n");
    put(
        "src/lib.rs",
        "/// `endler_reports::x`\nuse endler_allocator as a;\n",
    );
    for (path, text) in files {
        put(path, text);
    }
    let found = complaints(&root);
    assert_eq!(found.len(), expect.len(), "{found:#?}");
    for (found, expect) in found.iter().zip(expect) {
        assert!(found.contains(expect), "{found}");
    }
}

fn with(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old));
    GOOD.replacen(old, new, 1)
}

#[test]
fn a_good_tree() {
    check("good", &[], &[]);
}

#[test]
fn headings_and_flow() {
    let expect = ["no block opened", "Who may import", "Modules that may"];
    check("empty", &[(DOCUMENT, "# Architecture\n")], &expect);
    let other = with("allocator/", "elsewhere/");
    let expect = [
        "does not show `allocator/`",
        "`elsewhere/`, which is no folder",
    ];
    check("flow", &[(DOCUMENT, &other)], &expect);
}

#[test]
fn imports_up_the_flow() {
    let manifest = "[package]\nname = \"endler-snapshot\"\n[dependencies]\nendler-allocator.workspace = true\n";
    let expect = ["Cargo.toml of `endler-snapshot` imports `endler-allocator`"];
    check("import", &[("snapshot/Cargo.toml", manifest)], &expect);
    let code = "fn f() { endler_allocator::f() }\n";
    check(
        "use",
        &[("snapshot/src/deep/er.rs", code)],
        &["snapshot/src/deep/er.rs uses"],
    );
    let more = with("(none)", "endler-allocator");
    check(
        "more",
        &[(DOCUMENT, &more)],
        &["but its Cargo.toml does not"],
    );
    let other = with("endler-allocator | ", "endler-reports | ");
    let expect = [
        "row `endler-reports`, which is no member",
        "no row for `endler-allocator`",
    ];
    check("rows", &[(DOCUMENT, &other)], &expect);
}

#[test]
fn unsafe_that_is_not_listed_and_lines_without_use() {
    let attribute = "#[unsafe(no_mangle)]\nfn f() {}\n";
    check(
        "unlisted",
        &[("reports/src/a.rs", attribute)],
        &["reports/src/a.rs holds unsafe"],
    );
    let listed = with("Only these:", "- `src/lib.rs`: once\n- `src/gone.rs`: once");
    let expect = ["`src/lib.rs` among", "`src/gone.rs` among"];
    check("listed", &[(DOCUMENT, &listed)], &expect);
    let bare = with(": it is the allocator", ":");
    check(
        "bare",
        &[(DOCUMENT, &bare)],
        &["no reason why `allocator/src/lib.rs`"],
    );
}

#[test]
fn long_files() {
    let comments = "// one\n\n/* two\nthree */\n".repeat(LONGEST);
    let full = comments + &"f();\n".repeat(LONGEST);
    check("full", &[("src/full.rs", &full)], &[]);
    let over = full + "f();\n";
    check(
        "over",
        &[("src/over.rs", &over)],
        &["src/over.rs has 501 lines of code"],
    );
    check("tests", &[("src/over/tests.rs", &over)], &[]);
}
