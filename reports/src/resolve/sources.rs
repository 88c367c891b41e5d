//! The module path of a function, from its source file.
//!
//! With line tables alone DWARF has no namespaces. But a Rust module is a
//! file, and each unit names the root file of the crate that it was compiled
//! for: `src/main.rs/@/crawl.8d3e2f-cgu.0`. So `src/net/fetch.rs` below it is
//! `crawl::net::fetch` ([`Roots`]). Where no unit is of a function's crate, the
//! path itself tells: `library/alloc/src/vec/mod.rs` is `alloc::vec`, and
//! `…/hashbrown-0.16.1/src/raw.rs` is `hashbrown::raw`. A module that stands
//! inside another one's file leaves no trace.

use super::strings::FixedMap;

/// The most crates that are kept of one directory; each of its executables is one.
const MAX_SAME: usize = 64;

/// Directories of files that are each a crate.
const OF_THEIR_OWN: [&str; 4] = ["/src/bin/", "/examples/", "/tests/", "/benches/"];

/// The root file of each crate that a file has units of.
#[derive(Default)]
pub(super) struct Roots {
    /// By directory, with the slash at its end: file name without `.rs`, and crate.
    directories: FixedMap<String, Vec<(String, String)>>,
}

impl Roots {
    /// Takes the names of units, each with its compilation directory.
    pub(super) fn new(units: impl Iterator<Item = (String, String)>) -> Roots {
        let mut roots = Roots::default();
        for (name, directory) in units {
            let Some((file, _)) = name.split_once("/@/") else {
                continue;
            };
            let file = absolute(file, &directory);
            let Some(slash) = file.rfind('/') else {
                continue;
            };
            let (directory, stem) = file.split_at(slash + 1);
            let stem = stem.trim_end_matches(".rs");
            let krate = match unit_crate(&name) {
                // Cargo calls what it finds there after the file.
                "" if OF_THEIR_OWN.iter().any(|of| directory.ends_with(of)) => {
                    stem.replace('-', "_")
                }
                "" => continue,
                krate => krate.to_owned(),
            };
            let root = (stem.to_owned(), krate);
            let same = roots.directories.entry(directory.to_owned()).or_default();
            if same.len() < MAX_SAME && !same.contains(&root) {
                same.push(root);
            }
        }
        roots
    }

    /// The module of the nearest crate whose root file lies above `file`.
    /// `own` is the crate of the unit that the function stands in: of several
    /// that begin in one directory it is the likeliest.
    fn path(&self, file: &str, own: &str) -> Option<Vec<String>> {
        let mut end = file.len();
        let (roots, rest) = loop {
            end = file.get(..end)?.rfind('/')?;
            let (directory, rest) = file.split_at_checked(end + 1)?;
            if let Some(roots) = self.directories.get(directory) {
                break (roots, rest);
            }
        };
        // Another package's sources, of which no unit speaks.
        if rest.contains("/src/") {
            return None;
        }
        let rest = rest.strip_suffix(".rs").unwrap_or(rest);
        if let Some((_, krate)) = roots.iter().find(|(stem, _)| stem == rest) {
            return Some(vec![krate.clone()]);
        }
        let of = |wanted: &str| roots.iter().find(|(_, krate)| krate == wanted);
        let library = || roots.iter().find(|(stem, _)| stem == "lib");
        let (stem, krate) = of(own).or_else(library).or_else(|| roots.first())?;
        let parts: Vec<&str> = rest.split('/').collect();
        // `examples/crawl/http.rs` belongs to `examples/crawl.rs`.
        let parts = match parts.as_slice() {
            [first, inner @ ..] if first == stem => inner,
            all => all,
        };
        let mut path = vec![krate.clone()];
        path.extend(modules(parts));
        Some(path)
    }
}

/// A file's parts as modules.
fn modules<'p>(parts: &'p [&str]) -> impl Iterator<Item = String> + 'p {
    let is_module = |part: &&&str| !matches!(**part, "mod" | "lib" | "main" | "bin");
    parts.iter().filter(is_module).map(|&p| p.to_owned())
}

/// rustc names a unit `src/main.rs/@/crawl.8d3e2f-cgu.0`; in incremental builds
/// a hash stands in place of the crate.
pub(super) fn unit_crate(unit: &str) -> &str {
    let after = unit.split_once("/@/").map_or("", |(_, after)| after);
    after.split_once('.').map_or("", |(krate, _)| krate)
}

fn absolute(file: &str, directory: &str) -> String {
    match file.starts_with('/') || directory.is_empty() {
        true => file.to_owned(),
        false => format!("{}/{file}", directory.trim_end_matches('/')),
    }
}

/// The module that the file holds, as path segments; empty if it cannot be
/// told. `directory` is where a relative path begins, `own` the crate of the
/// unit: that of files that lie below its directory, if nothing better is known.
pub(super) fn module_path(file: &str, directory: &str, own: &str, roots: &Roots) -> Vec<String> {
    if let Some(path) = roots.path(&absolute(file, directory), own) {
        return path;
    }
    let Some((before, after)) = split(file) else {
        return match own.is_empty() || file.starts_with('/') || file.is_empty() {
            true => Vec::new(),
            false => vec![own.to_owned()],
        };
    };
    let directory = before.rsplit('/').next().unwrap_or_default();
    let in_library = before.ends_with(&format!("library/{directory}"));
    let krate = match package(directory) {
        Some(package) => package.replace('-', "_"),
        None if in_library => directory.to_owned(),
        None if !own.is_empty() && !file.starts_with('/') => own.to_owned(),
        None => directory.replace('-', "_"),
    };
    if krate.is_empty() {
        return Vec::new();
    }
    let parts: Vec<&str> = after
        .strip_suffix(".rs")
        .unwrap_or(after)
        .split('/')
        .collect();
    // An executable's own file: the crate bears its name.
    let own_file = match parts.as_slice() {
        ["bin", name, rest @ ..] if name.replace('-', "_") == own => Some(rest),
        _ => None,
    };
    let mut path = vec![match own_file {
        Some(_) => own.to_owned(),
        None => krate,
    }];
    path.extend(modules(own_file.unwrap_or(&parts)));
    path
}

/// The part before and behind the last `/src/`.
fn split(file: &str) -> Option<(&str, &str)> {
    match file.rsplit_once("/src/") {
        Some(parts) => Some(parts),
        None => file.strip_prefix("src/").map(|rest| ("", rest)),
    }
}

/// `hashbrown` of `hashbrown-0.16.1`.
fn package(directory: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(dash) = directory.get(from..)?.find('-') {
        let at = from + dash;
        let version = directory.get(at + 1..)?;
        if version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.') {
            return directory.get(..at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Roots, module_path};

    fn check(roots: &Roots, cases: &[(&str, &str, &str)]) {
        for (file, unit, expect) in cases {
            let path = module_path(file, "/work", unit, roots);
            assert_eq!(path.join("::"), *expect, "{file}");
        }
    }

    #[test]
    fn files_and_their_modules() {
        check(
            &Roots::default(),
            &[
                (
                    "/rustc/59807616e/library/alloc/src/vec/mod.rs",
                    "crawl",
                    "alloc::vec",
                ),
                ("library/std/src/path.rs", "std", "std::path"),
                (
                    "/home/u/.cargo/registry/src/index/hashbrown-0.16.1/src/raw.rs",
                    "crawl",
                    "hashbrown::raw",
                ),
                (
                    "/home/u/.cargo/registry/src/index/serde-json-1.0.0/src/lib.rs",
                    "x",
                    "serde_json",
                ),
                ("src/main.rs", "crawl", "crawl"),
                ("src/net/fetch.rs", "crawl", "crawl::net::fetch"),
                ("src/bin/crawl.rs", "crawl", "crawl"),
                ("src/bin/web-crawl/main.rs", "web_crawl", "web_crawl"),
                ("src/bin/crawl/net/mod.rs", "crawl", "crawl::net"),
                (
                    "/home/u/.cargo/registry/src/index/tools-1.0.0/src/bin/crawl.rs",
                    "crawl",
                    "crawl",
                ),
                ("examples/crawl.rs", "crawl", "crawl"),
                ("/build/c/malloc.c", "", ""),
                ("", "crawl", ""),
            ],
        );
    }

    #[test]
    fn root_files_of_units_tell_more() {
        let units = [
            ("src/bin/crawl.rs/@/crawl.1f-cgu.0", "/work"),
            ("src/bin/crawl.rs/@/crawl.1f-cgu.1", "/work"),
            ("src/bin/other.rs/@/other.2f-cgu.0", "/work"),
            ("src/lib.rs/@/book.3f-cgu.0", "/work"),
            ("src/main.rs/@/tool.4f-cgu.0", "/work"),
            ("examples/serve.rs/@/serve.5f-cgu.0", "/work"),
            (
                "parts/snap-shot/src/lib.rs/@/endler_snapshot.6f-cgu.0",
                "/work",
            ),
            (
                "/cargo/slab-0.4.9/src/lib.rs/@/slab.7f-cgu.0",
                "/cargo/slab-0.4.9",
            ),
            // Incremental builds do not say which crate it is.
            ("src/main.rs/@/8f9e", "/elsewhere"),
            ("src/bin/say-so.rs/@/8f9f", "/elsewhere"),
            ("crc32.c", "/work"),
        ];
        let roots = Roots::new(units.map(|(n, d)| (n.to_owned(), d.to_owned())).into_iter());
        check(
            &roots,
            &[
                ("src/bin/crawl.rs", "crawl", "crawl"),
                ("src/bin/crawl/net.rs", "crawl", "crawl::net"),
                ("src/bin/net.rs", "crawl", "crawl::net"),
                // A library's generic function in the unit of who calls it.
                ("src/lib.rs", "crawl", "book"),
                ("src/meter.rs", "crawl", "book::meter"),
                ("src/meter.rs", "tool", "tool::meter"),
                ("/work/src/meter/mod.rs", "crawl", "book::meter"),
                ("examples/serve/http.rs", "serve", "serve::http"),
                (
                    "parts/snap-shot/src/image.rs",
                    "crawl",
                    "endler_snapshot::image",
                ),
                ("/cargo/slab-0.4.9/src/lib.rs", "crawl", "slab"),
                // Nothing of these has a unit.
                ("/cargo/bytes-1.2.0/src/buf.rs", "crawl", "bytes::buf"),
                ("src/bin/vendor/arc-swap/src/as_raw.rs", "x", "x::as_raw"),
                ("/elsewhere/src/main.rs", "", "elsewhere"),
                ("/elsewhere/src/bin/say-so.rs", "", "say_so"),
            ],
        );
    }
}
