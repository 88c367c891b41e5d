//! The frozen heap as columns.
//!
//! ```text
//!            blocks (address order)                contexts
//!   addr  size  context  born  serial …      ┌─► stack  tag  end
//!   ────  ────  ───────  ────  ──────        │     │
//!   a0    48      7 ─────────────────────────┘     ▼        frames
//!   a1    120     7                             stacks ──►  address  module ─► modules
//!   …                                          (parent-index trie, leaf = innermost)
//! ```
//!
//! Invariants, checked by [`Image::check_invariants`]:
//! * all columns of [`Blocks`] have one length, and `addr` is strictly rising;
//! * `addr[i] + size[i] <= addr[i + 1]` unless the cut is racing;
//! * every id indexes an existing row; `stacks.parent[n] < n` for n > 0;
//! * `totals.len() == contexts.len()`; `phases[0]` and `stacks` node 0 exist;
//! * [`Image::residency`] keeps its own (residency.rs);
//! * where [`Image::resolution`] stands, its per-block columns have the
//!   length of the blocks and its per-context columns that of the contexts.

use crate::ids::*;
use crate::references::References;
use crate::residency::Residency;
use crate::resolution::Resolution;

/// A frozen heap. See the module's drawing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// The process and the copy.
    pub process: Process,
    /// One row for each live block.
    pub blocks: Blocks,
    /// Interned (stack, tag) pairs, by [`ContextId`].
    pub contexts: Vec<Context>,
    /// Allocation and free totals since the start, by [`ContextId`].
    pub totals: Vec<Totals>,
    /// All stacks.
    pub stacks: StackTrie,
    /// Distinct return addresses, by [`FrameId`].
    pub frames: Vec<Frame>,
    /// Loaded ELF files, by [`ModuleId`].
    pub modules: Vec<Module>,
    /// Threads that allocated, by [`ThreadId`]: one row for each thread, and one
    /// more for each tag that it allocated under.
    pub threads: Vec<Thread>,
    /// Tags that were set, by [`TagId`].
    pub tags: Vec<Tag>,
    /// Phases in the order of their start, by [`PhaseId`]; row 0 has an empty
    /// name and is the time before the first `phase()` call.
    pub phases: Vec<Phase>,
    /// Losses and the profiler's own costs.
    pub figures: Figures,
    /// Where the resident memory lies.
    pub residency: Residency,
    /// Names and types; absent in an image that was not resolved yet.
    pub resolution: Option<Resolution>,
    /// What refers to what; absent in an image whose memory was not scanned.
    pub references: Option<References>,
}

/// Which recording mode made the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing was recorded.
    Off,
    /// Every allocation was recorded.
    #[default]
    Exact,
}

impl Mode {
    /// The word used in tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Exact => "exact",
        }
    }
}

/// How the image was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// From a copy-on-write copy: one instant, consistent.
    #[default]
    Atomic,
    /// From the running process itself, while its threads went on: not one
    /// instant. Reports say so.
    Racing,
}

/// Facts about the process and the copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Recording mode.
    pub mode: Mode,
    /// How the image was taken.
    pub cut: Cut,
    /// Wall-clock time of the copy, since the Unix epoch.
    pub taken: Nanos,
    /// How long the process was held for the copy (the `clone` call alone).
    pub held: Nanos,
    /// Path of the executable, as the kernel named it at the start.
    pub exe: String,
    /// The snapshot's number within this process, from 1.
    pub sequence: u32,
    /// The phase that was current at the copy.
    pub phase: PhaseId,
    /// Turns ticks into time.
    pub clock: Clock,
}

/// The coarse clock: `born` columns count ticks since the profiler started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clock {
    /// Length of one tick in nanoseconds, as calibrated at the copy.
    pub nanos_per_tick: f64,
    /// The tick of the copy.
    pub now: Tick,
}

impl Clock {
    /// Age, at the copy, of what was born at `born`.
    #[must_use]
    pub fn age(&self, born: Tick) -> Nanos {
        self.span(self.now.0.saturating_sub(born.0))
    }

    /// The length of `ticks` ticks.
    #[must_use]
    pub fn span(&self, ticks: u32) -> Nanos {
        // A float-to-int `as` saturates, so a hostile file gives a silly age, not a panic.
        Nanos((f64::from(ticks) * self.nanos_per_tick) as u64)
    }
}

/// Live blocks, one row each, sorted by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// First byte.
    pub addr: Vec<Addr>,
    /// Requested size.
    pub size: Vec<Bytes>,
    /// Where it was allocated (after a realloc: where it was last grown).
    pub context: Vec<ContextId>,
    /// When it was first allocated (a realloc keeps it).
    pub born: Vec<Tick>,
    /// Identity across snapshots.
    pub serial: Vec<Serial>,
    /// The thread that first allocated it.
    pub thread: Vec<ThreadId>,
    /// The phase in which it was first allocated.
    pub phase: Vec<PhaseId>,
}

impl Blocks {
    /// Number of live blocks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.addr.len()
    }

    /// Whether there is no live block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addr.is_empty()
    }

    /// Sum of the requested sizes.
    #[must_use]
    pub fn total_size(&self) -> Bytes {
        Bytes(
            self.size
                .iter()
                .fold(0u64, |sum, b| sum.saturating_add(b.0)),
        )
    }
}

/// How a stack walk ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackEnd {
    /// It reached the thread's first frame.
    #[default]
    Complete,
    /// It reached the depth limit; outer frames are missing.
    Truncated,
    /// It met code without unwind information, or left the stack.
    Stuck,
}

/// An interned (call stack, tag) pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The innermost frame's node.
    pub stack: StackId,
    /// Reserved: 0. The tag of a block stands in the row of its thread.
    pub tag: u32,
    /// How the walk ended.
    pub end: StackEnd,
}

/// Number of buckets of [`Totals::lifetimes`].
pub const LIFETIME_BUCKETS: usize = 6;

/// What happened at one context since the start.
///
/// `allocated = live + freed + moved`, in blocks and in bytes alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Blocks freed.
    pub freed: u64,
    /// Their requested bytes.
    pub freed_bytes: Bytes,
    /// Blocks that a realloc took away to another context or size.
    pub moved: u64,
    /// Their requested bytes before the realloc.
    pub moved_bytes: Bytes,
    /// Sum of the lifetimes of the freed blocks, in ticks.
    pub lifetime_ticks: u64,
    /// Freed blocks by lifetime: `<1s 1s-10s 10s-1m 1m-10m 10m-1h >=1h`.
    pub lifetimes: [u32; LIFETIME_BUCKETS],
}

/// All stacks as a trie that shares outer frames.
///
/// A node is its innermost frame and the node of its caller. Node 0 is the
/// empty stack. To read a stack from the innermost frame outwards, follow
/// `parent` until node 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackTrie {
    /// The caller's node, by [`StackId`]; smaller than the node itself.
    pub parent: Vec<StackId>,
    /// The frame, by [`StackId`]; node 0's is unused.
    pub frame: Vec<FrameId>,
}

impl StackTrie {
    /// The frames of a stack, innermost first. Ends early, and never loops, on
    /// a malformed trie.
    pub fn frames(&self, stack: StackId) -> impl Iterator<Item = FrameId> + '_ {
        let mut at = stack;
        std::iter::from_fn(move || {
            if at.0 == 0 {
                return None;
            }
            let frame = *self.frame.get(at.index())?;
            let parent = *self.parent.get(at.index())?;
            at = if parent < at { parent } else { StackId(0) };
            Some(frame)
        })
    }
}

/// Whether a frame's address follows a call or is where a signal struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameKind {
    /// A return address: look it up minus one.
    #[default]
    Call,
    /// The exact instruction that a signal interrupted: look it up as it is.
    Interrupted,
}

/// One distinct code address that occurs in stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Runtime address.
    pub address: Addr,
    /// Return address or interrupted instruction.
    pub kind: FrameKind,
    /// The ELF file it lay in when the stack was taken.
    pub module: Option<ModuleId>,
}

impl Frame {
    /// The address to look up in debug information, as a runtime address.
    #[must_use]
    pub fn lookup_address(&self) -> Addr {
        match self.kind {
            FrameKind::Call => Addr(self.address.0.saturating_sub(1)),
            FrameKind::Interrupted => self.address,
        }
    }
}

/// A loaded ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Path as the loader or the kernel named it.
    pub path: String,
    /// GNU build id, empty if the file has none.
    pub build_id: Vec<u8>,
    /// Runtime address minus file address.
    pub bias: u64,
    /// First mapped address.
    pub start: Addr,
    /// One past the last mapped address.
    pub end: Addr,
}

/// A thread that allocated, or a thread as it was under one tag: such rows have
/// the thread's id and name, and no stack pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Kernel thread id; 0 for the row that gathers threads beyond the table.
    pub tid: u32,
    /// Its own name; empty if it has none of its own.
    pub name: String,
    /// Whether it was alive at the copy.
    pub alive: bool,
    /// Where its stack stood at the copy, if that is known for certain.
    pub stack_pointer: Option<Addr>,
    /// The tag that was set; none where no tag was.
    pub tag: Option<TagId>,
}

/// A tag that blocks were allocated under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// As it was given, at most 256 bytes of it.
    pub name: String,
    /// Whether a scope of it was open at the copy, or a future or span of it alive.
    pub open: bool,
}

/// A phase of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// Name given to `phase()`; empty for row 0.
    pub name: String,
    /// When it started.
    pub start: Tick,
}

/// Losses and the profiler's own costs. All counts are since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Allocations that could not be recorded because a table was full or
    /// memory could not be mapped.
    pub lost: u64,
    /// Stacks cut at the depth limit (contexts, not blocks).
    pub truncated: u64,
    /// Stacks that met code without unwind information (contexts).
    pub stuck: u64,
    /// Scopes whose tag could not be told: there were too many tags.
    pub untold: u64,
    /// Memory mapped by the profiler and touched, in bytes.
    pub own: Bytes,
    /// Resident memory of the process at the copy.
    pub resident: Bytes,
}

impl Image {
    /// Checks the invariants of the module's docs; the error says which row of
    /// which column breaks which one. O(rows).
    pub fn check_invariants(&self) -> Result<(), String> {
        let n = self.blocks.len();
        let b = &self.blocks;
        let lengths = [
            ("size", b.size.len()),
            ("context", b.context.len()),
            ("born", b.born.len()),
            ("serial", b.serial.len()),
            ("thread", b.thread.len()),
            ("phase", b.phase.len()),
        ];
        for (name, len) in lengths {
            if len != n {
                return Err(format!("blocks.{name} has {len} rows, blocks.addr {n}"));
            }
        }
        if self.stacks.parent.is_empty() || self.stacks.parent.len() != self.stacks.frame.len() {
            return Err("the stack trie has no root, or columns of two lengths".into());
        }
        if self.totals.len() != self.contexts.len() {
            return Err(format!(
                "{} totals for {} contexts",
                self.totals.len(),
                self.contexts.len()
            ));
        }
        if self.phases.is_empty() || self.process.phase.index() >= self.phases.len() {
            return Err("the current phase is not in the phase table".into());
        }
        let mut previous: Option<(Addr, Bytes)> = None;
        for i in 0..n {
            let here = b.addr[i];
            if let Some((addr, size)) = previous {
                let end = match self.process.cut {
                    Cut::Atomic => addr.0.saturating_add(size.0.max(1)),
                    Cut::Racing => addr.0.saturating_add(1),
                };
                if here.0 < end {
                    return Err(format!("block {i} at {here} overlaps the one before it"));
                }
            }
            previous = Some((here, b.size[i]));
            if b.context[i].index() >= self.contexts.len() {
                return Err(format!("block {i} has no context {}", b.context[i].0));
            }
            if b.thread[i].index() >= self.threads.len() {
                return Err(format!("block {i} has no thread {}", b.thread[i].0));
            }
            if b.phase[i].index() >= self.phases.len() {
                return Err(format!("block {i} has no phase {}", b.phase[i].0));
            }
        }
        for (i, thread) in self.threads.iter().enumerate() {
            if thread.tag.is_some_and(|t| t.index() >= self.tags.len()) {
                return Err(format!("thread {i} has no tag"));
            }
        }
        for (i, context) in self.contexts.iter().enumerate() {
            if context.stack.index() >= self.stacks.parent.len() {
                return Err(format!("context {i} has no stack {}", context.stack.0));
            }
        }
        for node in 1..self.stacks.parent.len() {
            if self.stacks.parent[node].index() >= node {
                return Err(format!("stack {node} is not after its caller"));
            }
            if self.stacks.frame[node].index() >= self.frames.len() {
                return Err(format!("stack {node} has no frame"));
            }
        }
        for (i, frame) in self.frames.iter().enumerate() {
            if frame
                .module
                .is_some_and(|m| m.index() >= self.modules.len())
            {
                return Err(format!("frame {i} has no module"));
            }
        }
        self.residency.check_invariants()?;
        if let Some(resolution) = &self.resolution {
            resolution.check_invariants(self)?;
        }
        match &self.references {
            Some(references) => references.check_invariants(self),
            None => Ok(()),
        }
    }
}
