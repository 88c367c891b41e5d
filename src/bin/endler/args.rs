//! The command line.

use clap::{Args as ClapArgs, Parser, Subcommand};
use endler_reports::export::{Exporter, exporter};
use endler_reports::filter::Filter;
use endler_reports::partition::By;
use std::path::PathBuf;

/// What is on the heap of a Rust program, by type, by call site, by age, and
/// what grew. Reads the snapshots (.endler) that `endler::on_signal`,
/// `endler::on_exit` and `endler::snapshot_to` write.
#[derive(Parser)]
#[command(name = "endler", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Tables of one snapshot
    Report(Report),
    /// What changed between two snapshots or more, in the order of time
    Diff(Diff),
    /// Where resident memory is, what the allocator keeps, and who pins its pages
    Fragmentation(Fragmentation),
    /// A view by an expression: bytype[0].byvia
    Query(Query),
    /// What keeps the blocks of a type, by the shortest ways from a root
    Paths(Paths),
    /// The oldest block of a type: where it was allocated, and what keeps it
    Oldest(Oldest),
    /// What nothing refers to any more, and what piles up
    Leaks(Leaks),
    /// Statics, variables and threads by what they keep
    Roots(Roots),
    /// Room that containers do not use, and texts that are there twice
    Slack(Slack),
    /// The heap in the format of another tool: heapsnapshot
    Export(Export),
    /// A console in a running process: its heap, asked line by line
    Attach(Attach),
    /// A snapshot of a running process that serves a console
    Dump(Dump),
}

/// Where debug information lies, for snapshots that were not resolved.
#[derive(ClapArgs)]
pub(crate) struct Symbols {
    /// The program, if it does not lie where it ran or was replaced since
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// A directory with separate debug files, searched by build id
    #[arg(long = "debug-dir", value_name = "DIR")]
    pub(crate) debug_dirs: Vec<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct Report {
    /// The snapshot; - is standard input
    pub(crate) snapshot: PathBuf,
    /// How rows are made: type holder via referrer path site stack frames size
    /// age thread tag tagstate phase module evidence id, or a product such as 'type&age'; type unless given, site
    /// with --totals
    #[arg(long, value_name = "REL", value_parser = By::parse)]
    pub(crate) by: Option<By>,
    /// Only blocks for which this holds: type=GLOB, site=GLOB, thread=NAME,
    /// age>=10s, size>=1KiB; may be repeated
    #[arg(long = "where", value_name = "COND", conflicts_with = "totals")]
    pub(crate) conditions: Vec<Filter>,
    /// So many rows; 10 unless given, and all of them with --json
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Count the blocks of containers to what owns them
    #[arg(long, value_name = "HOW", conflicts_with_all = ["totals", "retained"])]
    pub(crate) fold: Option<Fold>,
    /// A column with the age of each row's oldest block
    #[arg(long, conflicts_with = "totals")]
    pub(crate) oldest: bool,
    /// With --by id --json: what each block retains, in bytes
    #[arg(long, requires = "json", conflicts_with = "totals")]
    pub(crate) retained: bool,
    /// What was allocated and freed since the start, not only what is live
    #[arg(long)]
    pub(crate) totals: bool,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Diff {
    /// The snapshots, the oldest first; one may be - for standard input
    #[arg(num_args = 2.., required = true, value_name = "SNAPSHOT")]
    pub(crate) snapshots: Vec<PathBuf>,
    /// How rows are made, as in report
    #[arg(long, value_name = "REL", value_parser = By::parse)]
    pub(crate) by: Option<By>,
    /// So many rows; 10 unless given, and all of them with --json
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Fragmentation {
    /// One snapshot, or several, the oldest first, for a verdict on what grew; one
    /// may be - for standard input
    #[arg(num_args = 1.., required = true, value_name = "SNAPSHOT")]
    pub(crate) snapshots: Vec<PathBuf>,
    /// So many rows of blocks that pin pages; 10 unless given, and all of them
    /// with --json
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Query {
    /// The snapshot; - is standard input
    pub(crate) snapshot: PathBuf,
    /// Such as bytype[0].byvia, bytype[0].byvia[0].bysite,
    /// bytype[0].retained, bytype[0].paths, bytype[0:3].byage.all, byid.more,
    /// bytype[0] & bythread[1], by('type&age'), where('age>=10s').bysite, prefs(),
    /// oldest('crawl::Page'). Without one, lines are read from standard input:
    /// x = heap(), x[0].byvia, _.more, help
    pub(crate) expression: Option<String>,
    /// Count the blocks of containers to what owns them
    #[arg(long, value_name = "HOW")]
    pub(crate) fold: Option<Fold>,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Paths {
    /// The snapshot; - is standard input
    pub(crate) snapshot: PathBuf,
    /// A type, in which * is any text, or an address such as 0x7f00c0de
    #[arg(value_name = "TYPE")]
    pub(crate) what: String,
    /// So many rows; 10 unless given, and all of them with --json
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Oldest {
    /// The snapshot; - is standard input
    pub(crate) snapshot: PathBuf,
    /// A type, in which * is any text, or an address such as 0x7f00c0de
    #[arg(value_name = "TYPE")]
    pub(crate) what: String,
    /// JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Leaks {
    /// Snapshots of one process, the oldest first; with two or more a block is
    /// called leaked only if all agree, and what piled up between them is listed
    #[arg(num_args = 1.., required = true, value_name = "SNAPSHOT")]
    pub(crate) snapshots: Vec<PathBuf>,
    /// So many rows; 10 unless given
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Roots {
    /// The snapshot; - is standard input
    pub(crate) snapshot: PathBuf,
    /// So many rows; 10 unless given, and all of them with --json
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Slack {
    /// The snapshot; - is standard input
    pub(crate) snapshot: PathBuf,
    /// How rows are made, as in report: type, via, site, 'type&via'
    #[arg(long, value_name = "REL", value_parser = By::parse)]
    pub(crate) by: Option<By>,
    /// Only blocks for which this holds, as in report; may be repeated
    #[arg(long = "where", value_name = "COND")]
    pub(crate) conditions: Vec<Filter>,
    /// So many rows; 10 unless given, and all of them with --json
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

/// What is counted as one object.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fold {
    /// A container's block counts to the block that owns it: the text of a title to
    /// its page
    Owners,
}

#[derive(ClapArgs)]
pub(crate) struct Export {
    /// The snapshot; - is standard input
    pub(crate) snapshot: PathBuf,
    /// heapsnapshot (Chrome DevTools and memlab)
    #[arg(long, value_name = "FORMAT", value_parser = exporter)]
    pub(crate) to: &'static Exporter,
    /// Where it is written; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) symbols: Symbols,
}

#[derive(ClapArgs)]
pub(crate) struct Attach {
    /// The process, which serves a console (endler::console::serve, or ENDLER=exact,console)
    pub(crate) pid: u32,
    /// Show values of fields also where the answers do not go to a terminal
    #[arg(long)]
    pub(crate) with_values: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Dump {
    /// The process, which serves a console (endler::console::serve, or ENDLER=exact,console)
    pub(crate) pid: u32,
    /// Where it is written; endler.PID.endler unless given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
