//! The lines above every table: what was seen, how much of it has a type and
//! by which evidence, and what is missing. What the user can do about missing
//! types comes first.

use super::number::{bytes, counted, thousands};
use crate::partition::names::{file_name, innermost_frame};
use crate::partition::{Heap, Set};
use crate::resolve::{Lack, SET, lack};
use endler_snapshot::{ContextId, Cut, DebugLevel, Evidence, Mode, ModuleId, StackId};
use std::collections::BTreeMap;
use std::fmt;

/// How many modules without types are named.
const NAMED: usize = 3;

/// Blocks and their requested bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Number of blocks.
    pub count: u64,
    /// Their requested bytes.
    pub size: u64,
}

impl Amount {
    fn add(&mut self, size: u64) {
        self.count += 1;
        self.size = self.size.saturating_add(size);
    }
}

/// How much of a set of blocks is known. `Display` gives the lines, each with a line feed.
#[derive(Clone, Debug)]
pub struct Coverage<'a> {
    heap: Heap<'a>,
    /// All blocks of the set.
    pub all: Amount,
    /// Those whose type is known.
    pub typed: Amount,
    /// Those whose stack could not be kept.
    pub without_stack: Amount,
    /// By evidence, in [`Evidence::ALL`]'s order.
    pub by_evidence: [Amount; Evidence::ALL.len()],
    /// Modules whose code allocated blocks without a type and that have no
    /// debug information, most bytes first.
    pub without_types: Vec<(ModuleId, Amount)>,
}

impl<'a> Coverage<'a> {
    /// Counts. O(blocks).
    #[must_use]
    pub fn new(set: &Set<'a>) -> Self {
        let heap = set.heap();
        let mut by_evidence = [Amount::default(); Evidence::ALL.len()];
        let mut unknown = vec![Amount::default(); heap.image().contexts.len()];
        let mut without_stack = Amount::default();
        for block in set.iter() {
            let size = heap.size(block).0;
            let context = heap.image().contexts.get(heap.context(block).index());
            if context.is_none_or(|context| context.stack == StackId(0)) {
                without_stack.add(size);
            }
            let evidence = heap.evidence(block);
            by_evidence[evidence as usize].add(size);
            if evidence == Evidence::Unknown
                && let Some(context) = unknown.get_mut(heap.context(block).index())
            {
                context.add(size);
            }
        }
        let mut all = Amount::default();
        for amount in by_evidence {
            all.count += amount.count;
            all.size = all.size.saturating_add(amount.size);
        }
        let unknown_all = by_evidence[Evidence::Unknown as usize];
        let typed = Amount {
            count: all.count - unknown_all.count,
            size: all.size - unknown_all.size.min(all.size),
        };
        let without_types = without_types(heap, &unknown);
        Coverage {
            heap,
            all,
            typed,
            without_stack,
            by_evidence,
            without_types,
        }
    }

    fn advice(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = self.heap.image();
        if image.process.mode == Mode::Off {
            return writeln!(
                f,
                "Nothing was recorded: endler was off. Start the program with ENDLER=exact, or without that variable."
            );
        }
        let Some(resolution) = &image.resolution else {
            return writeln!(
                f,
                "No types: this snapshot was not resolved. Say where the program lies with --binary FILE. \
                 {SET}, if it has no debug information."
            );
        };
        for (module, amount) in self.without_types.iter().take(NAMED) {
            let name = image
                .modules
                .get(module.index())
                .map_or("", |m| file_name(&m.path));
            let info = resolution.modules.get(module.index());
            write!(
                f,
                "No types for {} ({} of bytes) allocated by {name}: ",
                bytes(amount.size),
                share(amount.size, self.all.size)
            )?;
            match info {
                Some(info) if info.level == DebugLevel::Symbols => {
                    writeln!(
                        f,
                        "it has no debug information. {SET}; build and run again."
                    )?;
                }
                Some(info) => match lack(info) {
                    Lack::OtherBuild(why) => writeln!(
                        f,
                        "{why}. To get types, give the file that ran with --binary FILE, or its \
                         debug file with --debug-dir DIR."
                    )?,
                    Lack::NoFile(why) => writeln!(
                        f,
                        "{why}. {SET}; if it was built so, give the file with --binary FILE."
                    )?,
                    Lack::Stripped => Self::stripped(f)?,
                },
                None => Self::stripped(f)?,
            }
        }
        let modules = image.modules.iter().zip(&resolution.modules);
        let mut own = modules.filter(|(module, _)| module.path == image.process.exe);
        if let Some((module, info)) = own.next()
            && info.level == DebugLevel::Limited
        {
            writeln!(
                f,
                "No fields of {}: its debug information does not describe types. {SET}; build and run again.",
                file_name(&module.path)
            )?;
        }
        Ok(())
    }

    fn stripped(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "it is stripped. {SET}, and do not strip it (`strip = false`); or give the file it was \
             stripped from with --binary FILE."
        )
    }

    fn gaps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = self.heap.image();
        let figures = &image.figures;
        if image.process.cut == Cut::Racing {
            writeln!(
                f,
                "Not atomic: read from the running process while its threads went on, so rows are not of one instant."
            )?;
        }
        if figures.lost > 0 {
            writeln!(
                f,
                "Lost: {} could not be recorded since the start, so counts are too low by up to as many.",
                counted(figures.lost, "allocation")
            )?;
        }
        if figures.untold > 0 {
            writeln!(
                f,
                "Tags: {} could not be told, since there are too many tags or nested scopes; \
                 blocks of those count to (later tags), to the tag around them, or to none.",
                counted(figures.untold, "scope")
            )?;
        }
        if self.without_stack.count > 0 {
            writeln!(
                f,
                "No stack for {} ({} of bytes): the table of stacks was full, or its memory was refused.",
                counted(self.without_stack.count, "block"),
                share(self.without_stack.size, self.all.size)
            )?;
        }
        let unread = image.references.as_ref().map_or(0, |r| r.scan.unread);
        if unread > 0 {
            writeln!(
                f,
                "References are missing: the kernel refused {} of memory, so no leaks can be told.",
                counted(unread, "reading")
            )?;
        }
        if figures.truncated > 0 || figures.stuck > 0 {
            write!(f, "Of {}", counted(image.contexts.len() as u64, "stack"))?;
            if figures.truncated > 0 {
                write!(f, ", {} cut at the depth limit", were(figures.truncated))?;
            }
            if figures.stuck > 0 {
                write!(
                    f,
                    ", {} ended at code without unwind information, or left the stack",
                    thousands(figures.stuck)
                )?;
            }
            writeln!(f, ".")?;
        }
        Ok(())
    }
}

fn were(count: u64) -> String {
    format!(
        "{} {}",
        thousands(count),
        if count == 1 { "was" } else { "were" }
    )
}

fn without_types(heap: Heap<'_>, unknown: &[Amount]) -> Vec<(ModuleId, Amount)> {
    let Some(resolution) = &heap.image().resolution else {
        return Vec::new();
    };
    let mut by_module: BTreeMap<ModuleId, Amount> = BTreeMap::new();
    for (context, amount) in (0u32..).zip(unknown).filter(|(_, a)| a.count > 0) {
        let frame = innermost_frame(heap, ContextId(context));
        let module = frame
            .and_then(|f| heap.image().frames.get(f.index()))
            .and_then(|f| f.module);
        let Some(module) = module else { continue };
        let level = resolution
            .modules
            .get(module.index())
            .map_or(DebugLevel::Nothing, |m| m.level);
        if matches!(level, DebugLevel::Symbols | DebugLevel::Nothing) {
            let sum = by_module.entry(module).or_default();
            sum.count += amount.count;
            sum.size = sum.size.saturating_add(amount.size);
        }
    }
    let mut rows: Vec<_> = by_module.into_iter().collect();
    rows.sort_by_key(|&(module, amount)| (std::cmp::Reverse(amount.size), module));
    rows
}

/// `98.6 %`; never `100 %` of less than all nor `0 %` of more than nothing.
fn share(part: u64, whole: u64) -> String {
    if part >= whole {
        return if whole == 0 {
            "0 %".to_string()
        } else {
            "100 %".to_string()
        };
    }
    let percent = part as f64 * 100.0 / whole as f64;
    match part {
        0 => "0 %".to_string(),
        _ if percent < 0.1 => "<0.1 %".to_string(),
        _ => format!("{:.1} %", percent.min(99.9)),
    }
}

impl fmt::Display for Coverage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.advice(f)?;
        let image = self.heap.image();
        let process = &image.process;
        let name = match file_name(&process.exe) {
            "" => "the process",
            name => name,
        };
        write!(f, "{name} (pid {}): ", process.pid)?;
        match self.heap.len() as u64 {
            all if self.all.count == all => {
                write!(
                    f,
                    "{} live, {}",
                    counted(all, "block"),
                    bytes(self.all.size)
                )?;
            }
            all => {
                let count = thousands(self.all.count);
                write!(
                    f,
                    "{count} of {} live, {}",
                    counted(all, "block"),
                    bytes(self.all.size)
                )?;
            }
        }
        let phase = image
            .phases
            .get(process.phase.index())
            .map_or("", |p| p.name.as_str());
        if !phase.is_empty() {
            write!(f, ", in phase `{phase}`")?;
        }
        if image.figures.resident.0 > 0 {
            write!(f, "; resident {}", bytes(image.figures.resident.0))?;
        }
        if image.figures.own.0 > 0 {
            write!(f, "; endler's own memory {}", bytes(image.figures.own.0))?;
        }
        writeln!(f)?;
        if self.all.count > 0 {
            let Amount { count, size } = self.typed;
            write!(
                f,
                "Typed: {} of blocks, {} of bytes",
                share(count, self.all.count),
                share(size, self.all.size)
            )?;
            let known = Evidence::ALL.iter().zip(self.by_evidence);
            let by: Vec<String> = known
                .filter(|(evidence, amount)| **evidence != Evidence::Unknown && amount.count > 0)
                .map(|(evidence, amount)| {
                    format!(
                        "{} {}",
                        evidence.as_str(),
                        share(amount.size, self.all.size)
                    )
                })
                .collect();
            if !by.is_empty() {
                write!(f, " (by evidence: {})", by.join(", "))?;
            }
            writeln!(f)?;
        }
        self.gaps(f)
    }
}
