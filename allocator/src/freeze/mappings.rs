//! The process's mappings, from `/proc/self/maps`, or with their figures from
//! `/proc/self/smaps`.
//!
//! smaps is asked for only where pages cannot be measured otherwise (pages.rs): to
//! write it the kernel walks all memory of the process, and until a mapping is
//! done nobody can make or change one. Both are read in pieces through a buffer on the
//! stack, so that the heap that is being measured does not grow for it.
//!
//! Source: proc(5), `/proc/pid/maps` and `/proc/pid/smaps`.

use std::fs::File;
use std::io::Read;

use endler_snapshot::{Access, Addr, Bytes, Mapping, MappingKind};

/// Lines that are longer are cut: a path's end, at worst.
const BUFFER: usize = 16 << 10;

/// What this process knows of its own mappings and the kernel does not.
pub(super) struct Known<'a> {
    /// The profiler's own: first byte and one past the last.
    pub(super) own: &'a [(u64, u64)],
    /// Where the profiler's thread's stack is, and its id.
    pub(super) here: (u64, u32),
    /// Where stacks of other threads stand, and their ids.
    pub(super) stacks: &'a [(u64, u32)],
}

/// All mappings, in address order, without figures; none where they cannot be read.
pub(super) fn read_maps(known: &Known<'_>) -> Vec<Mapping> {
    read("/proc/self/maps", known)
}

/// All mappings, in address order, with their figures; none where they cannot be read.
pub(super) fn read_smaps(known: &Known<'_>) -> Vec<Mapping> {
    read("/proc/self/smaps", known)
}

fn read(path: &str, known: &Known<'_>) -> Vec<Mapping> {
    let mut mappings = Vec::new();
    if let Ok(file) = File::open(path) {
        lines(file, |line| push(&mut mappings, line, known));
    }
    // A mapping that was made while they were read can be listed twice.
    mappings.dedup_by(|later, before| later.start < before.end);
    mappings
}

/// Calls `each` for every line, without its line feed.
fn lines(mut from: impl Read, mut each: impl FnMut(&str)) {
    let mut buffer = [0u8; BUFFER];
    let mut held = 0;
    // The rest of a line that was cut.
    let mut skip = false;
    loop {
        let Some(room) = buffer.get_mut(held..).filter(|room| !room.is_empty()) else {
            // A line as long as the buffer.
            if !skip {
                each(&String::from_utf8_lossy(&buffer));
            }
            (held, skip) = (0, true);
            continue;
        };
        let got = match from.read(room) {
            Ok(0) => return,
            Ok(got) => got,
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        held += got;
        let whole = buffer.get(..held).unwrap_or(&[]);
        let mut from = 0;
        while let Some(at) = whole
            .get(from..)
            .and_then(|rest| rest.iter().position(|b| *b == b'\n'))
        {
            let line = whole.get(from..from + at).unwrap_or(&[]);
            if !skip {
                each(&String::from_utf8_lossy(line));
            }
            skip = false;
            from += at + 1;
        }
        buffer.copy_within(from..held, 0);
        held -= from;
    }
}

/// Takes in a line: the first of a mapping, or a figure of the last one.
fn push(mappings: &mut Vec<Mapping>, line: &str, known: &Known<'_>) {
    if let Some(mapping) = first_line(line, known) {
        mappings.push(mapping);
        return;
    }
    let (Some(mapping), Some((key, value))) = (mappings.last_mut(), line.split_once(':')) else {
        return;
    };
    let field = match key {
        "Rss" => &mut mapping.rss,
        "Private_Dirty" => &mut mapping.private_dirty,
        "Swap" => &mut mapping.swap,
        _ => return,
    };
    let kib = value.trim().strip_suffix(" kB").unwrap_or("0");
    *field = Bytes(kib.trim().parse::<u64>().unwrap_or(0).saturating_mul(1024));
}

/// `559be6c8c000-559be6c91000 r-xp 00002000 fe:00 247030     /usr/bin/cat`
fn first_line(line: &str, known: &Known<'_>) -> Option<Mapping> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
        rest = after;
        field
    };
    let (start, end) = field().split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?;
    let access = field();
    // Offset, device, inode.
    for _ in 0..3 {
        field();
    }
    let name = rest.trim_start();
    let shared = access.ends_with('s');
    let bits = ['r', 'w', 'x', 's'].iter().enumerate();
    let bits = bits.filter(|(_, letter)| access.contains(**letter));
    let within = |at: &u64| (start..end).contains(at);
    let mut thread = None;
    let mut kind = kind(name, shared);
    if kind == MappingKind::Anonymous {
        if within(&known.here.0) {
            (kind, thread) = (MappingKind::Own, Some(known.here.1));
        } else if let Some((_, tid)) = known.stacks.iter().find(|(sp, _)| within(sp)) {
            (kind, thread) = (MappingKind::Stack, Some(*tid));
        } else if known.own.iter().any(|own| (own.0..own.1).contains(&start)) {
            kind = MappingKind::Own;
        }
    }
    Some(Mapping {
        start: Addr(start),
        end: Addr(end),
        kind,
        access: Access(bits.fold(0, |sum, (bit, _)| sum | 1 << bit)),
        name: name.to_owned(),
        thread,
        ..Mapping::default()
    })
}

fn kind(name: &str, shared: bool) -> MappingKind {
    match name {
        "" if shared => MappingKind::Shared,
        "" => MappingKind::Anonymous,
        "[heap]" => MappingKind::Heap,
        "[anon:endler]" => MappingKind::Own,
        _ if name.starts_with("[stack") => MappingKind::Stack,
        _ if name.starts_with("[anon:") => MappingKind::Anonymous,
        _ if name.starts_with("[anon_shmem") => MappingKind::Shared,
        _ if name.starts_with('[') => MappingKind::Kernel,
        _ if ["/dev/zero (", "/SYSV", "/memfd:"]
            .iter()
            .any(|begin| name.starts_with(begin)) =>
        {
            MappingKind::Shared
        }
        _ => MappingKind::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Known<'_> = Known {
        own: &[],
        here: (0, 0),
        stacks: &[],
    };

    fn parse(text: &str, known: &Known<'_>) -> Vec<Mapping> {
        let mut mappings = Vec::new();
        lines(text.as_bytes(), |line| push(&mut mappings, line, known));
        mappings
    }

    #[test]
    fn a_mapping_is_read_with_its_figures() {
        let text = "559be6c8c000-559be6c91000 r-xp 00002000 fe:00 247030    /opt/a b (deleted)
Size:                 20 kB
Rss:                  12 kB
Pss:                   1 kB
Private_Dirty:         8 kB
Swap:                  4 kB
SwapPss:               3 kB
VmFlags: rd ex mr mw me \n";
        let expect = Mapping {
            start: Addr(0x559b_e6c8_c000),
            end: Addr(0x559b_e6c9_1000),
            kind: MappingKind::File,
            access: Access(5),
            name: "/opt/a b (deleted)".into(),
            thread: None,
            rss: Bytes(12 << 10),
            private_dirty: Bytes(8 << 10),
            swap: Bytes(4 << 10),
        };
        assert_eq!(parse(text, &NOTHING), [expect]);
    }

    #[test]
    fn each_kind_is_known() {
        let check = |rest: &str, expect: MappingKind, thread: Option<u32>| {
            let known = Known {
                own: &[(0x3000, 0x9000)],
                here: (0x5800, 7),
                stacks: &[(0x7800, 9)],
            };
            let got = parse(&format!("{rest}\n"), &known);
            assert_eq!((got[0].kind, got[0].thread), (expect, thread), "{rest}");
        };
        use MappingKind::*;
        check("1000-2000 rw-p 0 0:0 0 [heap]", Heap, None);
        check("1000-2000 rw-p 0 0:0 0 ", Anonymous, None);
        check("1000-2000 rw-p 0 0:0 0", Anonymous, None);
        check("1000-2000 rw-p 0 0:0 0 [anon:mimalloc]", Anonymous, None);
        check("1000-2000 rw-p 0 0:0 0 [anon:endler]", Own, None);
        check("1000-2000 rw-s 0 0:0 0 [anon_shmem:x]", Shared, None);
        check("1000-2000 rw-s 0 0:1 9 /dev/zero (deleted)", Shared, None);
        check("1000-2000 rw-s 0 0:1 9 /memfd:x (deleted)", Shared, None);
        check("1000-2000 rw-p 0 0:0 0 [stack]", Stack, None);
        check("1000-2000 r-xp 0 0:0 0 [vdso]", Kernel, None);
        check("1000-2000 r--p 0 0:0 9 /lib/x.so", File, None);
        check("4000-5000 rw-p 0 0:0 0 ", Own, None);
        check("5000-6000 rw-p 0 0:0 0 ", Own, Some(7));
        check("7000-8000 rw-p 0 0:0 0 ", Stack, Some(9));
        check("9000-a000 rw-p 0 0:0 0 ", Anonymous, None);
    }

    #[test]
    fn lines_come_whole_through_the_buffer_and_long_ones_are_cut() {
        let long = "x".repeat(3 * BUFFER);
        let short: Vec<String> = (0..5000).map(|n| format!("line {n}")).collect();
        let text = format!("{}\n{long}\n{}\n", short.join("\n"), short.join("\n"));
        let mut got = Vec::new();
        lines(text.as_bytes(), |line| got.push(line.to_owned()));
        assert_eq!(got.len(), 10_001);
        assert_eq!(got[..5000], short[..]);
        assert!(long.starts_with(&got[5000]) && !got[5000].is_empty());
        assert_eq!(got[5001..], short[..]);
    }

    #[test]
    fn this_process_has_its_mappings_and_they_sum_to_its_resident_memory() {
        let local = 0u8;
        let here = (&raw const local) as u64;
        let known = Known {
            own: &[],
            here: (here, 42),
            stacks: &[],
        };
        let names = |mappings: &[Mapping]| -> Vec<(Addr, String)> {
            let of = mappings.iter().filter(|m| m.kind == MappingKind::File);
            of.map(|m| (m.start, m.name.clone())).collect()
        };
        let mappings = read_smaps(&known);
        assert_eq!(names(&mappings), names(&read_maps(&known)));
        let residency = endler_snapshot::Residency {
            mappings,
            ..Default::default()
        };
        residency.check_invariants().expect("they are in order");
        let own = residency.mapping_of(Addr(here)).expect("a stack");
        assert_eq!((own.kind, own.thread), (MappingKind::Own, Some(42)));
        assert!(
            residency
                .mappings
                .iter()
                .any(|m| m.kind == MappingKind::File)
        );
        // The quick figure of the process may lag by some pages for each processor, and other
        // tests allocate meanwhile: one of many readings has to agree.
        let agrees = |_| {
            let before = super::super::figures::resident();
            let mappings = read_smaps(&known);
            let residency = endler_snapshot::Residency {
                mappings,
                ..Default::default()
            };
            let after = super::super::figures::resident();
            let rss = residency.rss().0;
            let (low, high) = (before.min(after), before.max(after));
            (low.saturating_sub(4 << 20)..=high + (4 << 20)).contains(&rss)
        };
        assert!((0..50).any(agrees));
    }
}
