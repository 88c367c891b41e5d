//! What glibc's allocator says of itself, by `malloc_info`.
//!
//! It takes the lock of each arena in turn, and asks malloc for its text's
//! buffer: so never in the hook and never in the copy, only on the profiler's
//! thread, before the copy, when someone asked for it. It is looked up by name, so
//! that a program with another C library links.
//!
//! Source: malloc_info(3); its text, `malloc/malloc.c` of glibc 2.36.

use std::ffi::{c_char, c_int};

use endler_snapshot::{Bytes, InnerStatistics};

type MallocInfo = unsafe extern "C" fn(c_int, *mut libc::FILE) -> c_int;

/// The C library's allocator; none where it gives no statistics.
pub fn system() -> Option<InnerStatistics> {
    parse(&text()?)
}

fn text() -> Option<String> {
    // SAFETY: looks a name up.
    let function = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"malloc_info".as_ptr()) };
    if function.is_null() {
        return None;
    }
    // SAFETY: malloc_info(3) has this form wherever there is one.
    let malloc_info: MallocInfo = unsafe { std::mem::transmute(function) };
    let (mut start, mut length) = (std::ptr::null_mut::<c_char>(), 0usize);
    // SAFETY: both outlive the stream.
    let stream = unsafe { libc::open_memstream(&raw mut start, &raw mut length) };
    if stream.is_null() {
        return None;
    }
    // SAFETY: the stream is open for writing.
    let failed = unsafe { malloc_info(0, stream) } != 0;
    // SAFETY: it was opened above, and is not used again.
    let failed = unsafe { libc::fclose(stream) } != 0 || failed;
    if start.is_null() {
        return None;
    }
    // SAFETY: the stream left so many bytes there.
    let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) };
    let text = (!failed).then(|| String::from_utf8_lossy(bytes).into_owned());
    // SAFETY: the buffer is ours, of the C library's allocator.
    unsafe { libc::free(start.cast()) };
    text
}

/// Reads the totals, which stand behind the arenas:
/// `<total type="rest" count="1" size="129392"/>`.
fn parse(text: &str) -> Option<InnerStatistics> {
    let totals = text.rsplit("</heap>").next()?;
    let size = |element: &str| -> Option<u64> {
        let (_, rest) = totals.split_once(element)?;
        let (tag, _) = rest.split_once("/>")?;
        let (_, number) = tag.split_once("size=\"")?;
        number.split('"').next()?.parse().ok()
    };
    let arenas = size("<system type=\"current\"")?;
    let mapped = size("<total type=\"mmap\"")?;
    let free = size("<total type=\"fast\"")?.saturating_add(size("<total type=\"rest\"")?);
    Some(InnerStatistics {
        allocated: Some(Bytes(arenas.saturating_sub(free).saturating_add(mapped))),
        mapped: Some(Bytes(arenas.saturating_add(mapped))),
        ..InnerStatistics::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_of_all_arenas_are_read() {
        let text = r#"<malloc version="1">
<heap nr="0">
<total type="fast" count="9" size="99"/>
<total type="rest" count="9" size="99"/>
<system type="current" size="999"/>
</heap>
<total type="fast" count="2" size="64"/>
<total type="rest" count="1" size="1000"/>
<total type="mmap" count="3" size="5000"/>
<system type="current" size="10000"/>
<system type="max" size="20000"/>
</malloc>"#;
        let expect = InnerStatistics {
            allocated: Some(Bytes(10_000 - 1064 + 5000)),
            mapped: Some(Bytes(15_000)),
            ..InnerStatistics::default()
        };
        assert_eq!(parse(text), Some(expect));
        assert_eq!(parse(""), None);
        assert_eq!(parse("<malloc version=\"2\"/>"), None);
    }

    #[test]
    #[cfg_attr(
        endler_sanitized,
        ignore = "the sanitizer's malloc answers, not glibc's"
    )]
    #[cfg(target_env = "gnu")]
    fn what_is_allocated_is_counted() {
        let before = system().expect("glibc has it").allocated.expect("counted");
        // Mapped on its own and never touched. Other tests allocate meanwhile, less.
        let large = Vec::<u8>::with_capacity(1 << 30);
        let after = system().expect("glibc has it").allocated.expect("counted");
        let more = after.0.saturating_sub(before.0);
        assert!(more.abs_diff(large.capacity() as u64) < 256 << 20, "{more}");
    }
}
