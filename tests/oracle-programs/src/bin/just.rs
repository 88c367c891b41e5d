//! just, by its own `main`: reads, checks, prints and evaluates a justfile.

use std::process::ExitCode;

use endler_oracle_programs::compare;

const JUSTFILE: &str = r#"
set shell := ["sh", "-c"]
version := trim("  1.2.3 ") + "-" + uppercase("beta")
root := justfile_directory() / "out" / replace_regex(version, '\d+', "n")
alias b := build

# Builds.
build target="all" *flags: (clean target)
    @echo building {{ target }} {{ flags }} into {{ root }}

# Cleans.
clean what:
    @echo cleaning {{ if what == "all" { "everything" } else { quote(what) } }}

[private]
_hidden a b='x' $C="y":
    echo {{ sha256(a + b) }}
"#;

fn main() -> ExitCode {
    let folder = std::env::temp_dir().join(format!("endler-just-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("justfile");
    std::fs::write(&path, JUSTFILE).expect("writes the justfile");
    let path = path.to_str().expect("text");
    let code = compare("just", 10, || {
        let run = |words: &[&str]| {
            let head = ["just", "--justfile", path];
            let words = head.iter().chain(words).map(|word| (*word).to_owned());
            just::run(words).expect("runs");
        };
        for _ in 0..4 {
            run(&["--summary"]);
            run(&["--dump", "--dump-format", "json"]);
            run(&["--evaluate", "root"]);
            run(&["--list"]);
            run(&["--dry-run", "build", "some", "-v"]);
        }
    });
    let _ = std::fs::remove_dir_all(&folder);
    code
}
