//! How fast a heap is scanned for edges, and what that takes in memory:
//! `cargo run --release -p endler-reports --example scan_speed [blocks]`. The line `total` has the
//! columns of `graph_speed`'s.
//!
//! The heap is made by hand in one array: requests with a text, a vector of two
//! texts, the next request, and eight pointers to others anywhere. The types
//! are this program's own, read from its own debug information.

use std::mem::offset_of;
use std::time::Instant;

use endler_reports::resolve::Options;
use endler_reports::scan::scan;
use endler_snapshot::*;

/// What the heap is full of.
#[allow(dead_code, reason = "its layout is what counts")]
pub struct Request {
    url: String,
    tags: Vec<String>,
    next: Option<Box<Request>>,
    peers: [*const Request; 8],
}

const BASE: u64 = 0x7000_0000_0000;

/// Debug information describes what some code uses.
#[inline(never)]
fn use_it(request: &Request) -> usize {
    let next = request.next.as_ref().map_or(0, |n| n.url.len());
    request.url.len() + request.tags.len() + request.peers.len() + next
}

/// The bytes of all blocks.
struct Arena(Vec<u64>);

impl Memory for Arena {
    fn read(&self, at: Addr, into: &mut [u8]) -> Result<(), Unreadable> {
        let from = usize::try_from(at.0.wrapping_sub(BASE)).map_err(|_| Unreadable)?;
        let words = self.0.get(from / 8..).ok_or(Unreadable)?;
        if words.len() * 8 < into.len() {
            return Err(Unreadable);
        }
        for (out, word) in into.chunks_mut(8).zip(words) {
            out.copy_from_slice(&word.to_le_bytes()[..out.len()]);
        }
        Ok(())
    }
}

struct Heap {
    words: Vec<u64>,
    blocks: Blocks,
    types: Vec<TypeId>,
}

impl Heap {
    /// A new block; the allocator keeps 16 bytes before it.
    fn block(&mut self, size: usize, row: u32) -> u64 {
        let offset = self.words.len() * 8 + 16;
        self.words
            .resize((offset + size.next_multiple_of(16)) / 8, 0);
        let at = BASE + offset as u64;
        self.blocks.addr.push(Addr(at));
        self.blocks.size.push(Bytes(size as u64));
        self.types.push(TypeId(row));
        at
    }

    fn write(&mut self, at: u64, words: &[u64]) {
        let from = (at - BASE) as usize / 8;
        self.words[from..from + words.len()].copy_from_slice(words);
    }
}

fn main() {
    let wanted: usize = match std::env::args().nth(1) {
        Some(text) => text.parse().expect("a number of blocks"),
        None => 1_000_000,
    };
    let requests = wanted / 5;
    let example = Request {
        url: String::new(),
        tags: Vec::new(),
        next: None,
        peers: [std::ptr::null(); 8],
    };
    assert_eq!(use_it(std::hint::black_box(&example)), 8);
    let mut heap = Heap {
        words: Vec::new(),
        blocks: Blocks::default(),
        types: Vec::new(),
    };
    let mut all = Vec::new();
    for _ in 0..requests {
        let request = heap.block(size_of::<Request>(), 0);
        let url = heap.block(30, 1);
        let tags = heap.block(48, 2);
        let (a, b) = (heap.block(20, 1), heap.block(25, 1));
        heap.write(request + offset_of!(Request, url) as u64, &[30, url, 30]);
        heap.write(request + offset_of!(Request, tags) as u64, &[2, tags, 2]);
        heap.write(tags, &[20, a, 20, 25, b, 25]);
        all.push(request);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for (i, &request) in all.iter().enumerate() {
        let next = all.get(i + 1).copied().unwrap_or(0);
        heap.write(request + offset_of!(Request, next) as u64, &[next]);
        let peers: [u64; 8] = std::array::from_fn(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            all[state as usize % all.len()]
        });
        heap.write(request + offset_of!(Request, peers) as u64, &peers);
    }
    let image = image(heap.blocks, heap.types);
    let memory = Arena(heap.words);
    let blocks = image.blocks.len();
    let before = resident();
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let graph = scan(&image, &memory, &Options::default(), &[]);
    let took = begin.elapsed();
    let bytes = (resident() - before) as f64 / blocks as f64;
    println!(
        "{blocks} blocks, {} edges in {took:.2?}, {:.2} s of processor time; peak {bytes:.1} bytes a \
         block more than before",
        graph.edges.len(),
        cpu_seconds() - cpu,
    );
    println!(
        "total scan {blocks} {} {:.3} {bytes:.1}",
        graph.edges.len(),
        took.as_secs_f64()
    );
    assert_eq!(graph.edges.len(), requests * 13 - 1);
    let guesses = (0..graph.edges.len()).filter(|&e| graph.edges.is_guess(e));
    assert_eq!(guesses.count(), 0);
    let mut count = vec![0usize; graph.labels.len()];
    for &label in &graph.edges.label {
        count[label as usize] += 1;
    }
    for (label, count) in graph.labels.iter().zip(count).filter(|(_, c)| *c > 0) {
        println!("{count:10} {label}");
    }
}

/// The most memory that was resident so far, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<usize>().ok());
    kilobytes.expect("a number") << 10
}

/// Processor time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u32>().ok());
    f64::from(ticks(11).expect("a number") + ticks(12).expect("a number")) / 100.0
}

fn image(blocks: Blocks, block_type: Vec<TypeId>) -> Image {
    let rows = [
        ("Box<scan_speed::Request>", "Box", "scan_speed::Request"),
        ("String", "String", ""),
        ("Vec<String>", "Vec", "String"),
    ];
    let mut strings = vec![String::new()];
    let mut id = |text: &str| {
        strings.push(text.to_owned());
        StrId(strings.len() as u32 - 1)
    };
    let types = rows
        .iter()
        .map(|(name, holder, held)| TypeRow {
            name: id(name),
            holder: id(holder),
            held: id(held),
        })
        .collect();
    let exe = std::env::current_exe().expect("Linux");
    let exe = exe.display().to_string();
    let mut image = Image {
        modules: vec![Module {
            path: exe.clone(),
            ..Module::default()
        }],
        resolution: Some(Resolution {
            strings,
            types,
            block_evidence: vec![Evidence::Stack; block_type.len()],
            block_type,
            ..Resolution::default()
        }),
        blocks,
        ..Image::default()
    };
    image.process.exe = exe;
    image
}
