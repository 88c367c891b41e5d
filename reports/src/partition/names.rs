//! What tables call lines, sites and ages.

use super::Heap;
use endler_snapshot::{ContextId, FrameId, LineOwner, Nanos, SourceLine};

/// A missing value.
pub const NONE: &str = "(none)";

/// The type of a block in an image that nothing is known about.
pub const UNKNOWN: &str = "unknown";

/// `crawl::Spider::parse at examples/crawl.rs:123`; less where less is known.
#[must_use]
pub(crate) fn line_name(heap: Heap<'_>, line: &SourceLine) -> String {
    let (function, file) = (heap.str(line.function), heap.str(line.file));
    match (function, file, line.line) {
        ("", "", _) => String::new(),
        (function, "", _) => function.to_string(),
        ("", file, line) => format!("{file}:{line}"),
        (function, file, 0) => format!("{function} at {file}"),
        (function, file, line) => format!("{function} at {file}:{line}"),
    }
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
    let frames = heap.image().stacks.frames(heap.stack(context));
    let mut lines = frames.flat_map(|f| heap.lines(f));
    lines.find(|l| l.owner != LineOwner::Profiler && l.function.0 != 0)
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
