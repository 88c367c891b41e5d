//! What debug information adds to an image: functions and lines of each
//! frame, the type of each block with its evidence, the site of each context.
//!
//! A name is never stored without where it came from: [`Evidence`] stands
//! beside each block's type, [`ModuleInfo`] beside each module.

use crate::ids::*;
use crate::image::Image;

/// Names and types of one image. Per-block columns are parallel to
/// [`crate::Blocks`], per-context columns to [`Image::contexts`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Interned strings, by [`StrId`]; row 0 is the empty string.
    pub strings: Vec<String>,
    /// Source lines, by [`LineId`].
    pub lines: Vec<SourceLine>,
    /// The first line of each frame's inline chain: frame f has the lines
    /// `frame_lines[f]..frame_lines[f + 1]` of `lines`, innermost first.
    /// One entry more than there are frames.
    pub frame_lines: Vec<u32>,
    /// Distinct type rows, by [`TypeId`].
    pub types: Vec<TypeRow>,
    /// The type of each block.
    pub block_type: Vec<TypeId>,
    /// How that type is known, for each block.
    pub block_evidence: Vec<Evidence>,
    /// The site of each context: its innermost line outside std, containers
    /// and the profiler; none where no line is known.
    pub context_site: Vec<Option<LineId>>,
    /// What each context's stack makes: the type of its blocks, where no block's
    /// size or holder says otherwise. Types what was freed, for totals.
    pub context_type: Vec<TypeId>,
    /// What debug information each module gave.
    pub modules: Vec<ModuleInfo>,
}

/// How a block's type is known, strongest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The call stack names it.
    Stack,
    /// The call stack names it, where merged function bodies had to be told
    /// apart by an outer frame.
    Merged,
    /// A field that points to the block names it.
    Field,
    /// A call near the one that was cut away by the optimiser names it: a guess.
    Neighbour,
    /// It is not known. The name says only where it was allocated.
    #[default]
    Unknown,
}

impl Evidence {
    /// All, strongest first.
    pub const ALL: [Evidence; 5] = [
        Evidence::Stack,
        Evidence::Merged,
        Evidence::Field,
        Evidence::Neighbour,
        Evidence::Unknown,
    ];

    /// The word used in tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Evidence::Stack => "stack",
            Evidence::Merged => "merged",
            Evidence::Field => "field",
            Evidence::Neighbour => "neighbour",
            Evidence::Unknown => "unknown",
        }
    }
}

/// Whose code a source line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineOwner {
    /// The program's or one of its dependencies'.
    #[default]
    User,
    /// core, alloc or std.
    Std,
    /// A container library (hashbrown, smallvec, …).
    Container,
    /// endler itself.
    Profiler,
}

/// One function of a frame's inline chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceLine {
    /// Function with its path and generic arguments: `crawl::Spider::parse`.
    pub function: StrId,
    /// Source file, relative to the compilation directory where it is below it.
    pub file: StrId,
    /// 1-based line, 0 if unknown.
    pub line: u32,
    /// The crate of the function (`crawl`), empty if unknown.
    pub krate: StrId,
    /// Whose code it is.
    pub owner: LineOwner,
}

/// A name in the type table: `Vec<crawl::Page>`, held by `Vec`, holding
/// `crawl::Page`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TypeRow {
    /// What tables print.
    pub name: StrId,
    /// How Rust owns the block: `Box`, `Vec`, `Raw`, … ; `unknown` where the
    /// type is not known.
    pub holder: StrId,
    /// What the block holds; empty where it is not known.
    pub held: StrId,
}

/// What a module's debug information allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DebugLevel {
    /// Types and fields (`debug = 2`).
    Full,
    /// Types by name, no fields (`debug = 1`, `line-tables-only`).
    Limited,
    /// Symbols only (`debug = 0`).
    Symbols,
    /// Nothing: stripped, or the file was not found or is another build.
    #[default]
    Nothing,
}

/// What one module gave, and why not more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleInfo {
    /// The level found.
    pub level: DebugLevel,
    /// The file that was read, or a sentence that says why none was.
    pub source: String,
}

impl Resolution {
    /// The string of an id; empty for an id out of range.
    #[must_use]
    pub fn str(&self, id: StrId) -> &str {
        self.strings.get(id.index()).map_or("", String::as_str)
    }

    /// The inline chain of a frame, innermost first.
    #[must_use]
    pub fn lines_of(&self, frame: FrameId) -> &[SourceLine] {
        let range = self
            .frame_lines
            .get(frame.index())
            .zip(self.frame_lines.get(frame.index() + 1));
        range
            .and_then(|(&from, &to)| self.lines.get(from as usize..to as usize))
            .unwrap_or(&[])
    }

    /// The row of a block's type.
    #[must_use]
    pub fn type_of(&self, block: BlockId) -> TypeRow {
        self.block_type
            .get(block.index())
            .and_then(|t| self.types.get(t.index()))
            .copied()
            .unwrap_or_default()
    }

    /// Checks that every id is in range and every column has its length.
    pub fn check_invariants(&self, image: &Image) -> Result<(), String> {
        let expect = [
            ("block_type", self.block_type.len(), image.blocks.len()),
            (
                "block_evidence",
                self.block_evidence.len(),
                image.blocks.len(),
            ),
            (
                "context_site",
                self.context_site.len(),
                image.contexts.len(),
            ),
            (
                "context_type",
                self.context_type.len(),
                image.contexts.len(),
            ),
            (
                "frame_lines",
                self.frame_lines.len(),
                image.frames.len() + 1,
            ),
            ("modules", self.modules.len(), image.modules.len()),
        ];
        for (name, have, want) in expect {
            if have != want {
                return Err(format!(
                    "resolution.{name} has {have} rows instead of {want}"
                ));
            }
        }
        if self.strings.first().is_none_or(|s| !s.is_empty()) {
            return Err("string 0 is not the empty string".into());
        }
        let str_ok = |s: StrId| s.index() < self.strings.len();
        if let Some(i) = self
            .lines
            .iter()
            .position(|l| !(str_ok(l.function) && str_ok(l.file) && str_ok(l.krate)))
        {
            return Err(format!("line {i} names a string that is not there"));
        }
        if let Some(i) = self
            .types
            .iter()
            .position(|t| !(str_ok(t.name) && str_ok(t.holder) && str_ok(t.held)))
        {
            return Err(format!("type {i} names a string that is not there"));
        }
        if let Some(i) = self
            .block_type
            .iter()
            .position(|t| t.index() >= self.types.len())
        {
            return Err(format!("block {i} has a type that is not there"));
        }
        if self
            .context_type
            .iter()
            .any(|t| t.index() >= self.types.len())
        {
            return Err("a context has a type that is not there".into());
        }
        if let Some(i) = self.frame_lines.windows(2).position(|w| w[0] > w[1]) {
            return Err(format!("the lines of frame {i} end before they begin"));
        }
        if self
            .frame_lines
            .last()
            .is_some_and(|&end| end as usize > self.lines.len())
        {
            return Err("the last frame's lines end past the line table".into());
        }
        if let Some(i) = self
            .context_site
            .iter()
            .position(|site| site.is_some_and(|line| line.index() >= self.lines.len()))
        {
            return Err(format!("context {i} has a site that is not there"));
        }
        Ok(())
    }
}
