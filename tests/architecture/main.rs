//! ARCHITECTURE.md against the tree: the flow, who imports whom, which files
//! hold `unsafe`, and how long a file is.
//!
//! It reads three things out of ARCHITECTURE.md:
//! * the fenced block opened by ```` ```flow ````: its words that end in `/`;
//! * the table under `## Who may import whom`, columns crate and may import
//!   (`(none)` or a list);
//! * the list under `## Modules that may hold unsafe`: ``- `path`: reason``.

mod on_itself;
mod strip;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use strip::code;

const DOCUMENT: &str = "ARCHITECTURE.md";
const SOURCES: [&str; 4] = ["snapshot/src", "allocator/src", "reports/src", "src"];
const FLOW: [&str; 4] = ["allocator/", "snapshot/", "reports/", "src/"];
const IMPORTS: &str = "## Who may import whom";
const UNSAFE: &str = "## Modules that may hold unsafe";
const LONGEST: usize = 500;

#[test]
fn the_tree_is_as_architecture_md_says() {
    let complaints = complaints(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(complaints.is_empty(), "\n* {}\n", complaints.join("\n* "));
}

/// Everything that is wrong, and what to do about each.
fn complaints(root: &Path) -> Vec<String> {
    let Ok(document) = fs::read_to_string(root.join(DOCUMENT)) else {
        return vec![format!(
            "there is no {DOCUMENT}: write it, see the docs of this test"
        )];
    };
    let files = source_files(root);
    [
        flow(root, &document),
        imports(root, &document, &files),
        unsafe_list(root, &document, &files),
        lengths(&files),
    ]
    .concat()
}

/// A file's path from the root, and its text without comments and strings.
type Sources = BTreeMap<String, String>;

fn source_files(root: &Path) -> Sources {
    let mut folders: Vec<PathBuf> = SOURCES.iter().map(|folder| root.join(folder)).collect();
    let mut files = Sources::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("it is below the root");
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                files.insert(name.to_string_lossy().into_owned(), code(&text));
            }
        }
    }
    files
}

fn flow(root: &Path, document: &str) -> Vec<String> {
    let Some(block) = document
        .split("```flow")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
    else {
        return vec![format!(
            "{DOCUMENT} has no block opened by ```flow: add the drawing"
        )];
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    let words: BTreeSet<&str> = block
        .split(|c| !is_word(c))
        .filter(|word| word.len() > 1 && word.ends_with('/'))
        .collect();
    let forgotten = FLOW
        .iter()
        .filter(|word| !words.contains(*word))
        .map(|word| format!("the flow in {DOCUMENT} does not show `{word}`: draw it"));
    let gone = words
        .iter()
        .filter(|word| !root.join(word).is_dir())
        .map(|word| {
            format!("the flow in {DOCUMENT} shows `{word}`, which is no folder: correct it")
        });
    forgotten.chain(gone).collect()
}

/// The lines below a heading, up to the next heading of its level.
fn below<'a>(document: &'a str, heading: &str) -> Option<Vec<&'a str>> {
    let mut lines = document
        .lines()
        .skip_while(|line| line.trim_end() != heading);
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with("## ")).collect())
}

/// The table's rows: a crate, and what it may import.
fn import_table(document: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let lines = below(document, IMPORTS)?;
    let rows = lines
        .iter()
        .filter_map(|line| line.trim().strip_prefix('|'))
        .skip(2);
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    let table = rows.filter_map(|row| {
        let (name, rest) = row.split_once('|')?;
        let list = rest.trim().trim_end_matches('|').split(',').map(cell);
        Some((
            cell(name),
            list.filter(|name| name != "(none)" && !name.is_empty())
                .collect(),
        ))
    });
    Some(table.collect())
}

/// A member of the workspace.
struct Member {
    name: String,
    /// Its folder of sources, `snapshot/src/`.
    sources: String,
    /// The members among its `[dependencies]`.
    imports: BTreeSet<String>,
}

fn members(root: &Path) -> Vec<Member> {
    let manifest =
        |folder: &str| fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap_or_default();
    let workspace = manifest("");
    let list = workspace
        .split("members")
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    let folders = list.unwrap_or_default().split('"').skip(1).step_by(2);
    std::iter::once("")
        .chain(folders)
        .map(|folder| member(folder, &manifest(folder)))
        .collect()
}

fn member(folder: &str, manifest: &str) -> Member {
    let sources = if folder.is_empty() {
        "src/".into()
    } else {
        format!("{folder}/src/")
    };
    let mut member = Member {
        name: String::new(),
        sources,
        imports: BTreeSet::new(),
    };
    let mut table = String::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']').to_owned();
            // `[dependencies.endler-snapshot]`
            if let Some((_, name)) = table.rsplit_once("dependencies.")
                && !table.contains("dev-")
                && name.starts_with("endler-")
            {
                member.imports.insert(name.to_owned());
            }
        }
        let key = line.split(['=', '.', ' ']).next().unwrap_or_default();
        if table == "package" && key == "name" {
            member.name = line.split('"').nth(1).unwrap_or_default().to_owned();
        }
        let is_dependencies = table == "dependencies"
            || table.starts_with("target.") && table.ends_with(".dependencies");
        if is_dependencies && key.starts_with("endler-") {
            member.imports.insert(key.to_owned());
        }
    }
    member
}

fn imports(root: &Path, document: &str, files: &Sources) -> Vec<String> {
    let Some(table) = import_table(document) else {
        return vec![format!(
            "{DOCUMENT} has no heading `{IMPORTS}`: add it and its table"
        )];
    };
    let members = members(root);
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut complaints = Vec::new();
    for name in table.keys().filter(|name| !names.contains(name.as_str())) {
        complaints.push(format!(
            "the table of imports in {DOCUMENT} has a row `{name}`, which is no member of the \
             workspace: remove it"
        ));
    }
    for member in &members {
        let name = &member.name;
        let Some(allowed) = table.get(name) else {
            complaints.push(format!(
                "the table of imports in {DOCUMENT} has no row for `{name}`: add it"
            ));
            continue;
        };
        for import in member.imports.difference(allowed) {
            complaints.push(format!(
                "the Cargo.toml of `{name}` imports `{import}`, which {DOCUMENT} does not allow: \
                 imports go down the flow only; move the code that needs it"
            ));
        }
        for import in allowed.difference(&member.imports) {
            complaints.push(format!(
                "{DOCUMENT} lets `{name}` import `{import}`, but its Cargo.toml does not: remove \
                 it from the table"
            ));
        }
        for (file, code) in files
            .iter()
            .filter(|(file, _)| file.starts_with(&member.sources))
        {
            let used: BTreeSet<String> = words(code)
                .filter(|word| word.starts_with("endler_"))
                .map(|word| word.replace('_', "-"))
                .collect();
            for import in used.iter().filter(|used| names.contains(used.as_str())) {
                if import != name && !allowed.contains(import) {
                    complaints.push(format!(
                        "{file} uses `{import}`, which {DOCUMENT} does not allow to `{name}`: \
                         imports go down the flow only; move the code that needs it"
                    ));
                }
            }
        }
    }
    complaints
}

fn unsafe_list(root: &Path, document: &str, files: &Sources) -> Vec<String> {
    let Some(lines) = below(document, UNSAFE) else {
        return vec![format!(
            "{DOCUMENT} has no heading `{UNSAFE}`: add it and its list"
        )];
    };
    let mut complaints = Vec::new();
    let mut listed = BTreeSet::new();
    for line in lines {
        let Some((path, rest)) = line
            .strip_prefix("- `")
            .and_then(|rest| rest.split_once('`'))
        else {
            continue;
        };
        listed.insert(path);
        if rest.trim_start_matches(':').trim().is_empty() {
            complaints.push(format!(
                "{DOCUMENT} gives no reason why `{path}` may hold unsafe: write it after a colon"
            ));
        }
        if !root.join(path).is_file() {
            complaints.push(format!(
                "{DOCUMENT} lists `{path}` among the modules that may hold unsafe, but there is \
                 no such file: correct or remove the line"
            ));
        } else if !files.get(path).is_some_and(|code| has_unsafe(code)) {
            complaints.push(format!(
                "{DOCUMENT} lists `{path}` among the modules that may hold unsafe, but it holds \
                 none: remove the line"
            ));
        }
    }
    let holders = files.iter().filter(|(_, code)| has_unsafe(code));
    complaints.extend(holders.filter(|(file, _)| !listed.contains(file.as_str())).map(
        |(file, _)| {
            format!(
                "{file} holds unsafe and is not listed under `{UNSAFE}` in {DOCUMENT}: do without \
                 it, or add a line with the reason"
            )
        },
    ));
    complaints
}

fn has_unsafe(code: &str) -> bool {
    words(code).any(|word| word == "unsafe")
}

fn lengths(files: &Sources) -> Vec<String> {
    let is_test = |file: &str| file.contains("/tests/") || file.ends_with("/tests.rs");
    files
        .iter()
        .filter(|(file, _)| !is_test(file))
        .map(|(file, code)| {
            (
                file,
                code.lines().filter(|line| !line.trim().is_empty()).count(),
            )
        })
        .filter(|&(_, lines)| lines > LONGEST)
        .map(|(file, lines)| {
            format!(
                "{file} has {lines} lines of code, {LONGEST} is the end: split it, one idea a file"
            )
        })
        .collect()
}

/// The identifiers and keywords of a text.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}
