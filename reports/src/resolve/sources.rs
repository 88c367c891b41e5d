//! The module path of a function, guessed from its source file.
//!
//! With line tables alone DWARF has no namespaces. But a Rust module is a
//! file: `library/alloc/src/vec/mod.rs` is `alloc::vec`, and
//! `…/hashbrown-0.16.1/src/raw.rs` is `hashbrown::raw`.

/// The module that the file holds, as path segments; empty if it cannot be
/// told. `unit_crate` is the crate of files that lie below the unit's own
/// directory.
pub(super) fn module_path(file: &str, unit_crate: &str) -> Vec<String> {
    let Some((before, after)) = split(file) else {
        let krate = unit_crate.to_owned();
        return if krate.is_empty() || file.starts_with('/') || file.is_empty() {
            Vec::new()
        } else {
            vec![krate]
        };
    };
    let directory = before.rsplit('/').next().unwrap_or_default();
    let in_library = before.ends_with(&format!("library/{directory}"));
    let krate = match package(directory) {
        Some(package) => package.replace('-', "_"),
        None if in_library => directory.to_owned(),
        None if !unit_crate.is_empty() && !file.starts_with('/') => unit_crate.to_owned(),
        None => directory.replace('-', "_"),
    };
    if krate.is_empty() {
        return Vec::new();
    }
    let mut path = vec![krate];
    let stem = after.strip_suffix(".rs").unwrap_or(after);
    for part in stem.split('/') {
        if !matches!(part, "mod" | "lib" | "main" | "bin") {
            path.push(part.to_owned());
        }
    }
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
    use super::module_path;

    #[test]
    fn files_and_their_modules() {
        for (file, unit, expect) in [
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
            ("examples/crawl.rs", "crawl", "crawl"),
            ("/build/c/malloc.c", "", ""),
            ("", "crawl", ""),
        ] {
            assert_eq!(module_path(file, unit).join("::"), expect, "{file}");
        }
    }
}
