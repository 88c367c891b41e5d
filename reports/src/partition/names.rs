//! What tables call lines, sites and ages.

use super::Heap;
use endler_snapshot::{ContextId, FrameId, LineOwner, Nanos, SourceLine, Thread};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A missing value.
pub const NONE: &str = "(none)";

/// The type of a block in an image that nothing is known about.
pub const UNKNOWN: &str = "unknown";

/// `crawl::Spider::parse at examples/crawl.rs:123`; less where less is known.
///
/// It is a place in the source, so the function stands without the generic
/// arguments that it was compiled for, and a dependency's file without where
/// cargo keeps it: names match between machines.
#[must_use]
pub(crate) fn line_name(heap: Heap<'_>, line: &SourceLine) -> String {
    let function = without_arguments(heap.str(line.function));
    let file = short_file(heap.str(line.file));
    match (function, file, line.line) {
        ("", "", _) => String::new(),
        (function, "", _) => function.to_string(),
        ("", file, line) => format!("{file}:{line}"),
        (function, file, 0) => format!("{function} at {file}"),
        (function, file, line) => format!("{function} at {file}:{line}"),
    }
}

/// `tokio::task::poll` of `tokio::task::poll<crawl::visit, ()>`.
fn without_arguments(function: &str) -> &str {
    let mut depth = 0;
    for (at, c) in function.char_indices().rev() {
        match c {
            '>' if function[..at].ends_with('-') => {}
            '>' => depth += 1,
            '<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let name = if c == '<' { &function[..at] } else { function };
            let name = name.trim_end_matches(':');
            return if name.is_empty() { function } else { name };
        }
    }
    function
}

/// `tokio-1.54.1/src/lib.rs` of a file in cargo's registry, `library/core/src/…`
/// of one of Rust's own, and any other file as it is.
fn short_file(file: &str) -> &str {
    let registry = || {
        file.split_once("/registry/src/")?
            .1
            .split_once('/')
            .map(|(_, file)| file)
    };
    let rustc = || {
        let (_, below) = file.split_once("/rustc/")?;
        below.find("library/").map(|at| &below[at..])
    };
    if !file.starts_with('/') {
        return file;
    }
    registry().or_else(rustc).unwrap_or(file)
}

/// The crates that a `main` function is in.
#[must_use]
pub(crate) fn program_crates(heap: Heap<'_>) -> BTreeSet<&str> {
    let lines = heap
        .image()
        .resolution
        .as_ref()
        .map_or(&[][..], |r| &r.lines);
    let main = |line: &SourceLine| {
        let krate = heap.str(line.krate);
        let rest = heap.str(line.function).strip_prefix(krate)?;
        (rest == "::main" && line.owner == LineOwner::User).then_some(krate)
    };
    lines.iter().filter_map(main).collect()
}

/// `crawl+0x1a2b3`: the ELF file's name and the address within it, as
/// `addr2line -e crawl 0x1a2b3` takes it. Empty without a module.
#[must_use]
pub(crate) fn frame_name(heap: Heap<'_>, frame: FrameId) -> String {
    let Some(frame) = heap.image().frames.get(frame.index()) else {
        return String::new();
    };
    let Some(module) = frame
        .module
        .and_then(|m| heap.image().modules.get(m.index()))
    else {
        return String::new();
    };
    format!(
        "{}+{:#x}",
        file_name(&module.path),
        frame.lookup_address().0.wrapping_sub(module.bias)
    )
}

/// The last component of a path.
#[must_use]
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The line that a context's site is: the resolver's, or else the innermost
/// line that is not the profiler's own.
#[must_use]
pub(crate) fn site_line<'a>(heap: Heap<'a>, context: ContextId) -> Option<&'a SourceLine> {
    let resolution = heap.image().resolution.as_ref()?;
    let site = resolution
        .context_site
        .get(context.index())
        .copied()
        .flatten();
    if let Some(line) = site.and_then(|l| resolution.lines.get(l.index())) {
        return Some(line);
    }
    // Nothing but std on the stack: its innermost line above the allocator's
    // own. A frame without lines ends the search: what lies outside it is no
    // nearer to the truth than its address.
    let frames = heap.image().stacks.frames(heap.stack(context));
    let mut innermost = None;
    for frame in frames {
        let lines = heap.lines(frame);
        if lines.iter().all(|l| l.function.0 == 0) {
            break;
        }
        for line in lines.iter().filter(|l| l.owner != LineOwner::Profiler) {
            let function = heap.str(line.function);
            let last = function.rsplit("::").next().unwrap_or(function);
            if ["__rust_", "__rdl_", "__rg_"]
                .iter()
                .any(|shim| last.starts_with(shim))
            {
                continue;
            }
            if !matches!(heap.str(line.krate), "alloc" | "core") {
                return Some(line);
            }
            innermost.get_or_insert(line);
        }
    }
    innermost
}

/// The innermost frame of a context that lies in a known module.
#[must_use]
pub(crate) fn innermost_frame(heap: Heap<'_>, context: ContextId) -> Option<FrameId> {
    let mut frames = heap.image().stacks.frames(heap.stack(context));
    frames.find(|f| {
        heap.image()
            .frames
            .get(f.index())
            .is_some_and(|f| f.module.is_some())
    })
}

/// The name of a context's site: its line, without one the innermost frame's
/// file and offset, and [`NONE`] if there is no frame at all.
#[must_use]
pub(crate) fn site_name(heap: Heap<'_>, context: ContextId) -> String {
    let line = site_line(heap, context)
        .map(|l| line_name(heap, l))
        .unwrap_or_default();
    let name = match line.as_str() {
        "" => innermost_frame(heap, context)
            .map(|f| frame_name(heap, f))
            .unwrap_or_default(),
        _ => line,
    };
    if name.is_empty() {
        NONE.to_string()
    } else {
        name
    }
}

/// An age at sight: `7s`, `4m05s`, `3h20m`, `2d04h`.
#[must_use]
pub(crate) fn age(age: Nanos) -> String {
    let seconds = age.0 / 1_000_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// A mean lifetime, with a finer scale than ages: `3.2us`, `15ms`, `2.1s`, `4m05s`.
#[must_use]
pub(crate) fn lifetime(mean: Nanos) -> String {
    let scaled = |unit: f64, name: &str| {
        let amount = mean.0 as f64 / unit;
        if amount < 9.95 {
            format!("{amount:.1}{name}")
        } else {
            format!("{amount:.0}{name}")
        }
    };
    match mean.0 {
        0..1_000_000 => scaled(1e3, "us"),
        1_000_000..1_000_000_000 => scaled(1e6, "ms"),
        1_000_000_000..60_000_000_000 => scaled(1e9, "s"),
        _ => age(mean),
    }
}

/// A thread, by its own name where it has one.
pub(crate) fn thread_name(thread: &Thread) -> Cow<'_, str> {
    match (thread.name.as_str(), thread.tid) {
        // The row that gathers the threads beyond the table.
        ("", 0) => Cow::Borrowed(NONE),
        ("", tid) => Cow::Owned(format!("tid {tid}")),
        (name, _) => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_stand_without_what_they_were_compiled_for() {
        let check = |name: &str, expect: &str| assert_eq!(without_arguments(name), expect);
        check("crawl::parse", "crawl::parse");
        check("crawl::parse<u8>", "crawl::parse");
        check(
            "a::Core::poll::{closure#0}<a::B<C>, D>",
            "a::Core::poll::{closure#0}",
        );
        check("a::call<fn(u8) -> u8>", "a::call");
        check("a::call<fn(u8) -> Vec<u8>>", "a::call");
        check("a::<u8>::b", "a::<u8>::b");
        check("<a as b>", "<a as b>");
        check("a>", "a>");
        check("", "");
    }

    #[test]
    fn files_stand_without_where_cargo_keeps_them() {
        let check = |file: &str, expect: &str| assert_eq!(short_file(file), expect);
        check("examples/crawl.rs", "examples/crawl.rs");
        check("/home/a/crawl/src/main.rs", "/home/a/crawl/src/main.rs");
        check(
            "/home/a/.cargo/registry/src/index-1949/tokio-1.54.1/src/lib.rs",
            "tokio-1.54.1/src/lib.rs",
        );
        check(
            "/rustc/59807616/library/core/src/ops/function.rs",
            "library/core/src/ops/function.rs",
        );
    }

    #[test]
    fn ages_and_lifetimes() {
        let check = |seconds: f64, expect: [&str; 2]| {
            let nanos = Nanos((seconds * 1e9) as u64);
            assert_eq!([age(nanos), lifetime(nanos)], expect);
        };
        check(0.0, ["0s", "0.0us"]);
        check(0.0123, ["0s", "12ms"]);
        check(2.26, ["2s", "2.3s"]);
        check(59.9, ["59s", "60s"]);
        check(245.0, ["4m05s", "4m05s"]);
        check(12_000.0, ["3h20m", "3h20m"]);
        check(187_200.0, ["2d04h", "2d04h"]);
    }
}
