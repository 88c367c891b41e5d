//! Types and sites from debug information.
//!
//! A Rust program does not say at run time what it allocates, but its debug
//! information does: the function that called the allocator was `Box::new` of
//! some `T`, or grew a `Vec` of it, and its `DW_AT_name` spells the type out
//! even where the call was inlined. So the type of a block is a function of
//! its call stack, and each distinct stack is resolved once.
//!
//! ```text
//! frames ─► modules: the file of each, by build id
//!        ─► frames:  addresses ─► units ─► walk, lines ─► inline chains
//!                    entries, functions: names, owners
//! stacks ─► infer, by containers: chain ─► holder and type
//! blocks ─► a row of the type table, and the evidence
//! ```
//!
//! Runs inside a copy of a threaded process too, where another thread may have
//! held any lock: no threads, no locks, nothing that calls the C allocator;
//! only files that are opened, mapped and read.
//!
//! Sources: the DWARF standard, rustc's `debuginfo`, and measurements on
//! ground truth (`tests/truth.rs` repeats them).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod blocks;
mod containers;
pub(crate) mod elf;
pub(crate) mod entries;
pub(crate) mod frames;
pub(crate) mod functions;
mod infer;
mod lines;
pub(crate) mod mapped;
pub(crate) mod modules;
mod neighbours;
pub(crate) mod owner;
pub(crate) mod scopes;
mod sources;
pub(crate) mod split;
pub(crate) mod strings;
mod symbols;
pub(crate) mod typename;
pub(crate) mod units;
pub(crate) mod walk;
mod warn;

use std::path::PathBuf;

use endler_snapshot::{
    DebugLevel, Evidence, FrameId, Image, LineId, LineOwner, ModuleInfo, Resolution, SourceLine,
    StackEnd, StackId, StrId, TypeRow,
};

use self::blocks::{Answer, Types};
use self::elf::Elf;
use self::frames::{Line, Tables};
use self::functions::Functions;
use self::infer::{Rules, Step, Typed, Verdict};
use self::modules::Found;
use self::strings::{FixedMap, Strings};
pub use self::warn::Warning;
pub(crate) use self::warn::{Lack, SET, lack};

/// Where the file of the executable is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MainBinary {
    /// At the path that the image names.
    #[default]
    Recorded,
    /// It is the program that runs now: `/proc/self/exe`, which is there even
    /// if a deploy has replaced the file.
    RunningProcess,
}

/// Where debug information lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A file to try for each module before any other.
    pub binary: Option<PathBuf>,
    /// Directories with `.build-id/xx/yyyy.debug` files.
    pub debug_dirs: Vec<PathBuf>,
    /// Where the file of the executable is.
    pub main: MainBinary,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            binary: None,
            debug_dirs: vec![PathBuf::from("/usr/lib/debug")],
            main: MainBinary::Recorded,
        }
    }
}

/// Fills `image.resolution`: the functions and lines of each frame, the type of
/// each block with its evidence, the site of each context.
///
/// Always fills it; what is missing becomes `unknown in …`, and a warning says
/// what to set. Reads files and nothing else. Takes time in proportion to the
/// units that hold the frames, the distinct stacks and the blocks.
pub fn resolve(image: &mut Image, options: &Options) -> Vec<Warning> {
    let mut tables = Tables {
        strings: Strings::new(),
        functions: Functions::default(),
    };
    let (modules, chains, near) = chains_of_all(image, options, &mut tables);
    let Tables {
        mut strings,
        functions,
    } = tables;
    let (lines, frame_lines) = source_lines(&chains, &functions);
    let mut contexts = Contexts {
        image,
        chains: &chains,
        near: &near,
        frame_lines: &frame_lines,
        modules: &modules,
        functions: &functions,
        rules: Rules::new(&functions),
        types: Types::default(),
        strings: &mut strings,
        blamed: vec![false; image.modules.len()],
    };
    let mut answers = Vec::with_capacity(image.contexts.len());
    let mut sites = Vec::with_capacity(image.contexts.len());
    let mut known: FixedMap<(StackId, bool), (Answer, Option<LineId>)> = FixedMap::default();
    for context in &image.contexts {
        let (answer, site) = known
            .entry((context.stack, context.end == StackEnd::Truncated))
            .or_insert_with(|| contexts.answer(context.stack, context.end))
            .clone();
        answers.push(answer);
        sites.push(site);
    }
    let Contexts {
        mut types, blamed, ..
    } = contexts;
    let context_type = answers
        .iter()
        .map(|answer| answer.row(&mut types, &mut strings))
        .collect();
    let (block_type, block_evidence) =
        blocks::columns(&image.blocks, &answers, &mut types, &mut strings);
    let warnings = image
        .modules
        .iter()
        .zip(&modules)
        .zip(blamed)
        .filter(|(_, blamed)| *blamed)
        .map(|((module, info), _)| Warning {
            module: module.path.clone(),
            info: info.clone(),
        })
        .collect();
    image.resolution = Some(Resolution {
        strings: strings.into_rows(),
        lines,
        frame_lines,
        types: types.rows,
        block_type,
        block_evidence,
        context_site: sites,
        context_type,
        modules,
    });
    warnings
}

/// What stands near frames whose own chain the optimiser cut, by frame.
type NearFrames = FixedMap<usize, Vec<Vec<Line>>>;

/// The inline chain of each frame, and what each module gave.
fn chains_of_all(
    image: &Image,
    options: &Options,
    tables: &mut Tables,
) -> (Vec<ModuleInfo>, Vec<Vec<Line>>, NearFrames) {
    let mut chains: Vec<Vec<Line>> = vec![Vec::new(); image.frames.len()];
    let mut near = NearFrames::default();
    let mut infos = Vec::with_capacity(image.modules.len());
    let mut wanted: Vec<Vec<(u64, usize)>> = vec![Vec::new(); image.modules.len()];
    for (position, frame) in image.frames.iter().enumerate() {
        let module = frame
            .module
            .and_then(|m| image.modules.get(m.index()).map(|info| (m, info)));
        if let Some((id, module)) = module
            && let Some(list) = wanted.get_mut(id.index())
        {
            let file_address = frame.lookup_address().0.wrapping_sub(module.bias);
            list.push((file_address, position));
        }
    }
    for (module, mut wanted) in image.modules.iter().zip(wanted) {
        if wanted.is_empty() {
            infos.push(ModuleInfo {
                level: DebugLevel::Nothing,
                source: "no stack passes through it".into(),
            });
            continue;
        }
        wanted.sort_unstable();
        let addresses: Vec<u64> = wanted.iter().map(|&(address, _)| address).collect();
        let is_main = module.path == image.process.exe;
        let (level, source) = match modules::find(module, is_main, options) {
            Found::Missing(why) => (DebugLevel::Nothing, why),
            Found::File(map, shown) => match Elf::parse(&map) {
                None => (DebugLevel::Nothing, format!("{shown} {}", modules::NOT_ELF)),
                Some(elf) => {
                    let found = frames::look_up(&elf, &[&shown, &module.path], &addresses, tables);
                    for (chain, &(_, position)) in found.chains.into_iter().zip(&wanted) {
                        if let Some(slot) = chains.get_mut(position) {
                            *slot = chain;
                        }
                    }
                    for one in found.near {
                        if let Some(&(_, position)) = wanted.get(one.position) {
                            near.insert(position, one.chains);
                        }
                    }
                    (found.level, shown)
                }
            },
        };
        infos.push(ModuleInfo { level, source });
    }
    (infos, chains, near)
}

/// The line table, and where each frame's lines begin in it.
fn source_lines(chains: &[Vec<Line>], functions: &Functions) -> (Vec<SourceLine>, Vec<u32>) {
    let mut lines = Vec::new();
    let mut starts = Vec::with_capacity(chains.len() + 1);
    let count = |lines: &Vec<SourceLine>| u32::try_from(lines.len()).unwrap_or(u32::MAX);
    for chain in chains {
        starts.push(count(&lines));
        for line in chain {
            let function = functions.get(line.function);
            lines.push(SourceLine {
                function: function.map(|f| f.shown).unwrap_or_default(),
                file: line.file,
                line: line.line,
                krate: function.map(|f| f.krate).unwrap_or_default(),
                owner: function.map(|f| f.owner).unwrap_or_default(),
            });
        }
    }
    starts.push(count(&lines));
    (lines, starts)
}

/// What the answers to all contexts share.
struct Contexts<'i> {
    image: &'i Image,
    chains: &'i [Vec<Line>],
    near: &'i NearFrames,
    frame_lines: &'i [u32],
    modules: &'i [ModuleInfo],
    functions: &'i Functions,
    rules: Rules<'i>,
    types: Types,
    strings: &'i mut Strings,
    /// Modules whose lack of debug information kept a type away.
    blamed: Vec<bool>,
}

impl Contexts<'_> {
    /// The type of what was allocated at a stack, and its site.
    fn answer(&mut self, stack: StackId, end: StackEnd) -> (Answer, Option<LineId>) {
        let frames: Vec<FrameId> = self.image.stacks.frames(stack).collect();
        let mut steps = Vec::new();
        let mut ids = Vec::new();
        for (position, &frame) in frames.iter().enumerate() {
            let first = self.frame_lines.get(frame.index()).copied().unwrap_or(0);
            for (line, id) in self
                .chains
                .get(frame.index())
                .into_iter()
                .flatten()
                .zip(first..)
            {
                steps.push(Step {
                    line: *line,
                    frame: position,
                });
                ids.push(LineId(id));
            }
        }
        let start = self.rules.start(&steps);
        let site = self.rules.site(&steps, start);
        let place = self.place(&steps, site, &frames);
        let verdict = match self.rules.infer(&steps, start, end) {
            Verdict::Unknown => self.guess(&steps, start, end, &frames),
            Verdict::Typed(typed) => match self.rules.hidden(&steps, &typed) {
                Some(at) => Verdict::Typed(self.guess_text(&steps, start, at, typed, &frames)),
                None => Verdict::Typed(typed),
            },
            raw => raw,
        };
        let answer = match verdict {
            Verdict::Typed(typed) => {
                let in_std = self.strings.get(typed.born.file).starts_with("/rust/deps/");
                let hasher = typed.hasher.as_deref();
                let (name, holder, held) =
                    containers::spelled(typed.form, &typed.content, hasher, in_std);
                let row = TypeRow {
                    name: self.strings.id(&name),
                    holder: self.strings.id(&holder),
                    held: self.strings.id(&held),
                };
                Answer::Typed {
                    row: self.types.id(row),
                    evidence: typed.evidence,
                    size: typed.size,
                    place,
                }
            }
            Verdict::Raw(held) => Answer::Raw { place, held },
            Verdict::Unknown => {
                self.blame(&frames);
                Answer::Unknown { place }
            }
        };
        let site = site.and_then(|at| ids.get(at).copied());
        (answer, site)
    }

    /// A guess at the type where the optimiser cut the calls below a frame away.
    fn guess(&self, steps: &[Step], start: usize, end: StackEnd, frames: &[FrameId]) -> Verdict {
        let Some(at) = self.rules.cut(steps, start) else {
            return Verdict::Unknown;
        };
        let outer = steps.get(at..).unwrap_or_default();
        if let Some(typed) = self.rules.visited(outer) {
            return Verdict::Typed(typed);
        }
        let frame = outer.first().map_or(0, |step| step.frame);
        let near = frames.get(frame).and_then(|f| self.near.get(&f.index()));
        for chain in near.into_iter().flatten() {
            let inner = chain.iter().map(|&line| Step { line, frame });
            let beyond = outer.iter().skip_while(|step| step.frame == frame);
            let guessed: Vec<Step> = inner.chain(beyond.copied()).collect();
            if let Some(typed) = self.rules.neighbour(&guessed, end) {
                return Verdict::Typed(typed);
            }
        }
        Verdict::Unknown
    }

    /// What bytes are whose making the optimiser hid, by what stands near the
    /// step `at`; a guess even if that says no more.
    fn guess_text(
        &self,
        steps: &[Step],
        start: usize,
        at: usize,
        typed: Typed,
        frames: &[FrameId],
    ) -> Typed {
        let (inner, outer) = steps.split_at_checked(at).unwrap_or((steps, &[]));
        let frame = outer.first().map_or(0, |step| step.frame);
        let near = frames.get(frame).and_then(|f| self.near.get(&f.index()));
        let beyond = || outer.iter().skip_while(|step| step.frame == frame).copied();
        let guess = near.into_iter().flatten().find_map(|chain| {
            let near: Vec<Step> = chain.iter().map(|&line| Step { line, frame }).collect();
            if !self.rules.speaks(&near) {
                return None;
            }
            let whole: Vec<Step> = inner.iter().copied().chain(near).chain(beyond()).collect();
            match self.rules.infer(&whole, start, StackEnd::Complete) {
                Verdict::Typed(typed) => Some(typed),
                Verdict::Raw(_) | Verdict::Unknown => None,
            }
        });
        let mut text = guess.or_else(|| self.rules.visited(outer)).unwrap_or(typed);
        text.evidence = Evidence::Neighbour;
        text
    }

    /// What an unknown type is called after: the site's function, else the
    /// innermost function; but the module, if a frame further in has no name.
    fn place(&mut self, steps: &[Step], site: Option<usize>, frames: &[FrameId]) -> StrId {
        let nameless = frames
            .iter()
            .enumerate()
            .find(|(_, frame)| self.chains.get(frame.index()).is_none_or(Vec::is_empty));
        let function = site
            .and_then(|at| steps.get(at))
            .or_else(|| steps.iter().find(|s| !self.is_allocator(s)))
            .filter(|step| nameless.is_none_or(|(position, _)| step.frame < position))
            .and_then(|step| self.functions.get(step.line.function));
        if let Some(function) = function {
            return function.shown;
        }
        let module = nameless
            .and_then(|(_, frame)| self.image.frames.get(frame.index())?.module)
            .and_then(|m| self.image.modules.get(m.index()));
        match module.and_then(|m| m.path.rsplit('/').next()) {
            Some(name) if !name.is_empty() => self.strings.id(name),
            _ => self.strings.id("no module"),
        }
    }

    fn is_allocator(&self, step: &Step) -> bool {
        self.functions
            .get(step.line.function)
            .is_none_or(|f| f.owner == LineOwner::Profiler || f.module == "alloc::alloc")
    }

    /// Notes the module whose missing debug information made a type unknown:
    /// that of the innermost frame without any, unless user code stands
    /// further in.
    fn blame(&mut self, frames: &[FrameId]) {
        for &frame in frames {
            let lines = self
                .chains
                .get(frame.index())
                .map_or(&[][..], Vec::as_slice);
            let functions = || lines.iter().filter_map(|l| self.functions.get(l.function));
            if functions().any(|f| f.has_debug && f.owner == LineOwner::User) {
                return;
            }
            if functions().any(|f| f.has_debug) {
                continue;
            }
            let module = self.image.frames.get(frame.index()).and_then(|f| f.module);
            let level = module
                .and_then(|m| self.modules.get(m.index()))
                .map(|info| info.level);
            if let Some(module) = module
                && matches!(level, Some(DebugLevel::Nothing | DebugLevel::Symbols))
            {
                if let Some(blamed) = self.blamed.get_mut(module.index()) {
                    *blamed = true;
                }
                return;
            }
        }
    }
}
