//! What is measured: each allocator alone, endler around it, and its peers.
//!
//! Peers run with the defaults that their users get: endler keeps 32 frames of
//! each stack, heapscope 64 at most, dhat-rs the 10 it finds most telling,
//! jemalloc 128 at most.

/// How a program is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As a user builds without any flag.
    Plain,
    /// With `-C force-frame-pointers=yes`. (The standard library that comes with
    /// the compiler has frame pointers in any case.)
    FramePointers,
    /// Plain, with jemalloc's profiler compiled in.
    JemallocProfiling,
}

/// How much work a program gets, so that slow ones end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Full,
    /// A quarter of the work in every second round, its base the same.
    Slow,
}

/// One thing that is measured.
#[derive(Clone)]
pub(crate) struct Contender {
    /// `none` for an allocator alone.
    pub profiler: &'static str,
    /// The allocator inside.
    pub inner: &'static str,
    pub build: Build,
    pub pace: Pace,
    /// The program's name.
    pub program: String,
    /// What its environment says.
    pub environment: Option<(&'static str, &'static str)>,
}

/// The allocators that endler is wrapped around.
pub(crate) const INNER: [&str; 3] = ["glibc", "jemalloc", "mimalloc"];

/// The profiler of an allocator alone.
pub(crate) const NONE: &str = "none";
/// endler, recording.
pub(crate) const EXACT: &str = "endler exact";
/// endler, switched off.
pub(crate) const OFF: &str = "endler off";

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Contender> {
    let mut all = Vec::new();
    for inner in INNER {
        all.extend(around(inner, Build::Plain));
    }
    all.extend(around("glibc", Build::FramePointers));
    let peer = |profiler, inner, build, pace, program: &str, environment| Contender {
        profiler,
        inner,
        build,
        pace,
        program: program.into(),
        environment,
    };
    let frames = Build::FramePointers;
    for (profiler, program) in [
        ("heapscope", "heapscope"),
        ("heapscope 0.1", "heapscope_0_1"),
    ] {
        all.push(peer(profiler, "glibc", frames, Pace::Full, program, None));
    }
    all.push(peer(
        "dhat-rs",
        "glibc",
        Build::Plain,
        Pace::Slow,
        "dhat",
        None,
    ));
    for (profiler, pace, sampling) in [
        (
            "jemalloc prof 512 KiB",
            Pace::Full,
            "prof:true,prof_active:true,lg_prof_sample:19",
        ),
        (
            "jemalloc prof exact",
            Pace::Slow,
            "prof:true,prof_active:true,lg_prof_sample:0",
        ),
    ] {
        all.push(peer(
            profiler,
            "jemalloc",
            Build::JemallocProfiling,
            pace,
            "jemalloc_profiling",
            Some(("_RJEM_MALLOC_CONF", sampling)),
        ));
    }
    all
}

/// An allocator alone, and endler around it, off and exact.
fn around(inner: &'static str, build: Build) -> [Contender; 3] {
    let one = |profiler, program, environment| Contender {
        profiler,
        inner,
        build,
        pace: Pace::Full,
        program,
        environment,
    };
    [
        one(NONE, inner.to_owned(), None),
        one(OFF, format!("{inner}_endler"), Some(("ENDLER", "off"))),
        one(EXACT, format!("{inner}_endler"), Some(("ENDLER", "exact"))),
    ]
}

impl Contender {
    /// Whether this is what the others are compared with.
    pub(crate) fn is_base(&self) -> bool {
        self.profiler == NONE
    }

    /// Whether `base` is the allocator alone that this one is compared with: the
    /// same allocator, in a build with the same frame pointers.
    pub(crate) fn is_on(&self, base: &Contender) -> bool {
        base.is_base() && base.inner == self.inner && base.frame_pointers() == self.frame_pointers()
    }

    pub(crate) fn frame_pointers(&self) -> bool {
        self.build == Build::FramePointers
    }
}
