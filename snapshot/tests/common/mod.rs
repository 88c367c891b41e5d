//! Images for tests: a simulated heap that looks like a real program's, and
//! the sections of a file taken apart.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file takes in its own copy and uses a part"
)]

use endler_snapshot::*;

/// A small generator (splitmix64), so that samples are the same in each run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Below `end`, small values far more often.
    pub fn skewed(&mut self, end: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        ((unit * unit * unit) * end as f64) as u64
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

const FRAMES: u32 = 900;
const STACKS: u32 = 2500;
const CONTEXTS: u32 = 1200;

/// A resolved image of `blocks` blocks, left over from a simulated run that
/// allocated four times as many.
pub fn resolved(blocks: usize) -> Image {
    let scale = if blocks < 2000 { 20 } else { 1 };
    sample(blocks, scale)
}

/// The same, not resolved.
pub fn unresolved(blocks: usize) -> Image {
    Image {
        resolution: None,
        references: None,
        ..resolved(blocks)
    }
}

fn sample(blocks: usize, scale: u32) -> Image {
    let mut random = Random(blocks as u64 + 1);
    let (frames, stacks, contexts) = (FRAMES / scale, STACKS / scale, CONTEXTS / scale);
    let mut image = Image {
        process: Process {
            pid: 4242,
            mode: Mode::Exact,
            cut: Cut::Atomic,
            taken: Nanos(1_790_000_000_123_456_789),
            held: Nanos(24_900_000),
            exe: "/srv/crawl/target/release/crawl".into(),
            sequence: 3,
            phase: PhaseId(2),
            clock: Clock {
                nanos_per_tick: 1_048_576.25,
                now: Tick(u32::MAX / 4),
            },
        },
        figures: Figures {
            lost: 7,
            truncated: 12,
            stuck: 1,
            untold: 5,
            own: Bytes(48 << 20),
            resident: Bytes(700 << 20),
        },
        modules: vec![
            Module {
                path: "/srv/crawl/target/release/crawl".into(),
                build_id: random.bytes(20),
                bias: 0x5555_5555_4000,
                start: Addr(0x5555_5555_4000),
                end: Addr(0x5555_5600_0000),
            },
            Module {
                path: "/lib/x86_64-linux-gnu/libc.so.6".into(),
                build_id: Vec::new(),
                bias: 0x7fff_f7c0_0000,
                start: Addr(0x7fff_f7c0_0000),
                end: Addr(0x7fff_f7e2_0000),
            },
        ],
        threads: ["", "main", "fetch-0", "fetch-1"]
            .iter()
            .enumerate()
            .map(|(i, name)| Thread {
                tid: i as u32 * 4242,
                name: (*name).into(),
                alive: i != 3,
                stack_pointer: (i == 2).then_some(Addr(0x7fff_ffff_e0f8)),
                tag: (i == 3).then_some(TagId(1)),
            })
            .collect(),
        tags: ["spider=books", "spider=quotes"]
            .iter()
            .enumerate()
            .map(|(i, name)| Tag {
                name: (*name).into(),
                open: i == 1,
            })
            .collect(),
        phases: ["", "seed", "crawl"]
            .iter()
            .enumerate()
            .map(|(i, name)| Phase {
                name: (*name).into(),
                start: Tick(i as u32 * 1000),
            })
            .collect(),
        residency: residency(&mut random),
        ..Image::default()
    };
    image.frames = (0..frames)
        .map(|_| {
            let (address, module) = match random.below(10) {
                0 => (
                    0x7fff_f7c2_0000 + random.below(0x10_0000),
                    Some(ModuleId(1)),
                ),
                1 => (0x7000_0000_0000 + random.below(0x1000), None),
                _ => (
                    0x5555_5555_8000 + random.below(0x80_0000),
                    Some(ModuleId(0)),
                ),
            };
            let kind = if random.below(50) == 0 {
                FrameKind::Interrupted
            } else {
                FrameKind::Call
            };
            Frame {
                address: Addr(address),
                kind,
                module,
            }
        })
        .collect();
    for node in 0..stacks {
        let near = node.saturating_sub(1 + random.skewed(u64::from(node).max(1)) as u32);
        image.stacks.parent.push(StackId(near));
        image
            .stacks
            .frame
            .push(FrameId(random.skewed(u64::from(frames)) as u32));
    }
    for _ in 0..contexts {
        let end =
            [StackEnd::Complete, StackEnd::Truncated, StackEnd::Stuck][random.skewed(3) as usize];
        let stack = StackId(random.below(u64::from(stacks)) as u32);
        image.contexts.push(Context { stack, tag: 0, end });
        let freed = random.skewed(1 << 30);
        image.totals.push(Totals {
            freed,
            freed_bytes: Bytes(freed.saturating_mul(1 + random.skewed(4096))),
            moved: random.skewed(1000),
            moved_bytes: Bytes(random.skewed(1 << 20)),
            lifetime_ticks: random.next() >> 20,
            lifetimes: std::array::from_fn(|_| random.skewed(1 << 20) as u32),
        });
    }
    run(&mut image, blocks, &mut random);
    resolve(&mut image, &mut random);
    scan(&mut image, &mut random);
    image
}

/// Mappings as a program's: its heap with holes in it, files, stacks, anonymous.
fn residency(random: &mut Random) -> Residency {
    let kinds = [
        (MappingKind::File, 5, "/srv/crawl/target/release/crawl"),
        (MappingKind::Heap, 3, "[heap]"),
        (MappingKind::Anonymous, 3, ""),
        (MappingKind::Own, 3, "[anon:endler]"),
        (MappingKind::Shared, 11, "/dev/zero (deleted)"),
        (MappingKind::Stack, 3, "[stack]"),
        (MappingKind::Kernel, 5, "[vdso]"),
    ];
    let mut at = 0x5555_5555_4000;
    let mut mappings = Vec::new();
    for (kind, access, name) in kinds {
        let start = at + 4096 * random.skewed(1000);
        let end = start + 4096 * (1 + random.skewed(5000));
        at = end;
        let rss = random.below((end - start) / 4096 + 1) * 4096;
        mappings.push(Mapping {
            start: Addr(start),
            end: Addr(end),
            kind,
            access: Access(access),
            name: name.into(),
            thread: (kind == MappingKind::Stack).then_some(4242),
            rss: Bytes(rss),
            private_dirty: Bytes(rss / 2),
            swap: Bytes(random.skewed(9) * 4096),
        });
    }
    let mut pages = Vec::new();
    let (mut start, end) = (mappings[1].start.0, mappings[1].end.0);
    while start < end {
        let length = (1 + random.skewed(20)).min((end - start) / 4096);
        pages.push(PageRun {
            start: Addr(start),
            pages: length,
        });
        start += 4096 * (length + 1 + random.skewed(3));
    }
    Residency {
        inner: Inner {
            allocator: "tikv_jemallocator::Jemalloc".into(),
            reading: Nanos(12_345),
            statistics: Some(InnerStatistics {
                allocated: Some(Bytes(random.skewed(1 << 30))),
                resident: Some(Bytes(0)),
                metadata: Some(Bytes(u64::MAX)),
                ..InnerStatistics::default()
            }),
        },
        mappings,
        pages,
    }
}

/// A run against an allocator like glibc's: 16 bytes of alignment, 8 bytes
/// before each block, last freed is first reused, in blocks and in slots alike.
fn run(image: &mut Image, blocks: usize, random: &mut Random) {
    struct Live {
        addr: u64,
        size: u64,
        context: u32,
        born: u32,
        slot: u32,
        thread: u16,
    }
    let contexts = image.contexts.len() as u64;
    let mut heap: Vec<Live> = Vec::new();
    let mut free: std::collections::HashMap<u64, Vec<u64>> = Default::default();
    let mut free_slots: Vec<u32> = Vec::new();
    let mut reuse: Vec<u32> = Vec::new();
    let mut top = 0x5555_5600_0010u64;
    let mut now = 5u32;
    let mut made = 0;
    while heap.len() < blocks {
        now += u32::from(random.below(40) == 0);
        if made > 0 && random.below(100) < 43 && !heap.is_empty() {
            let dead = heap.len() - 1 - random.skewed(heap.len() as u64) as usize;
            let dead = heap.swap_remove(dead);
            free.entry(dead.size.max(9).next_multiple_of(16))
                .or_default()
                .push(dead.addr);
            free_slots.push(dead.slot);
            continue;
        }
        made += 1;
        let context = random.skewed(contexts) as u32;
        // A site makes boxes of one size, or texts and tables of many.
        let size = match context % 3 {
            0 => 16 + 8 * u64::from(context % 29),
            1 => 1 + random.skewed(400),
            _ => 24 << random.skewed(9),
        };
        let class = size.max(9).next_multiple_of(16);
        let addr = free.get_mut(&class).and_then(Vec::pop).unwrap_or_else(|| {
            let at = top;
            top += (class + 8).next_multiple_of(16);
            at
        });
        let slot = free_slots.pop().unwrap_or(reuse.len() as u32);
        match reuse.get_mut(slot as usize) {
            Some(count) => *count += 1,
            None => reuse.push(0),
        }
        let thread = 1 + random.skewed(3) as u16;
        heap.push(Live {
            addr,
            size,
            context,
            born: now,
            slot,
            thread,
        });
    }
    heap.sort_unstable_by_key(|live| live.addr);
    for live in heap {
        let serial = u64::from(reuse[live.slot as usize]) << 32 | u64::from(live.slot);
        image.blocks.addr.push(Addr(live.addr));
        image.blocks.size.push(Bytes(live.size));
        image.blocks.context.push(ContextId(live.context));
        image.blocks.born.push(Tick(live.born));
        image.blocks.serial.push(Serial(serial));
        image.blocks.thread.push(ThreadId(live.thread));
        image
            .blocks
            .phase
            .push(PhaseId(u16::from(live.born > 1000)));
    }
}

fn resolve(image: &mut Image, random: &mut Random) {
    let mut r = Resolution {
        strings: vec![String::new()],
        ..Resolution::default()
    };
    let types = (image.contexts.len() / 4).max(1) as u64;
    for i in 0..types {
        let base = StrId(r.strings.len() as u32);
        r.strings
            .push(format!("Vec<crawl::stage{}::Page{i}>", i % 13));
        r.strings.push(format!("crawl::stage{}::Page{i}", i % 13));
        r.strings
            .push(["Vec", "Box", "unknown"][i as usize % 3].into());
        let row = TypeRow {
            name: base,
            held: StrId(base.0 + 1),
            holder: StrId(base.0 + 2),
        };
        r.types.push(row);
    }
    let strings = r.strings.len() as u64;
    for _ in &image.frames {
        r.frame_lines.push(r.lines.len() as u32);
        for _ in 0..random.below(4) {
            let owners = [
                LineOwner::User,
                LineOwner::Std,
                LineOwner::Container,
                LineOwner::Profiler,
            ];
            r.lines.push(SourceLine {
                function: StrId(random.below(strings) as u32),
                file: StrId(random.skewed(strings) as u32),
                line: random.skewed(4000) as u32,
                krate: StrId(random.skewed(strings) as u32),
                owner: owners[random.skewed(4) as usize],
            });
        }
    }
    r.frame_lines.push(r.lines.len() as u32);
    let lines = r.lines.len() as u64;
    for context in &image.blocks.context {
        r.block_type
            .push(TypeId((u64::from(context.0) % types) as u32));
        r.block_evidence
            .push(Evidence::ALL[random.skewed(5) as usize]);
    }
    for i in 0..image.contexts.len() {
        let line = LineId(random.below(lines) as u32);
        r.context_site.push((i % 7 != 3).then_some(line));
        r.context_type.push(TypeId((i as u64 % types) as u32));
    }
    r.modules = vec![
        ModuleInfo {
            level: DebugLevel::Full,
            source: "/srv/crawl/target/release/crawl".into(),
        },
        ModuleInfo {
            level: DebugLevel::Nothing,
            source: "stripped, no debug file found".into(),
        },
    ];
    image.resolution = Some(r);
}

/// Three pointers a block, mostly to near ones; and some roots.
fn scan(image: &mut Image, random: &mut Random) {
    let blocks = image.blocks.len() as u64;
    let mut references = References {
        scan: Scan {
            by_layout: blocks,
            by_word: 17,
            unread: 2,
            cut_short: random.below(2) == 1,
            ..Scan::default()
        },
        labels: (0..40).map(|i| format!("crawl::Page.field{i}")).collect(),
        ..References::default()
    };
    references.labels[0].clear();
    for (kind, name, thread) in [
        (RootKind::Static, "static crawl::QUEUE", None),
        (
            RootKind::ThreadLocal,
            "thread_local crawl::SCRATCH",
            Some(ThreadId(1)),
        ),
        (RootKind::Stack, "stack crawl::run", Some(ThreadId(2))),
    ] {
        let name = name.into();
        references.roots.push(Root { kind, name, thread });
    }
    let kinds = [
        EdgeKind::Owned,
        EdgeKind::Borrowed,
        EdgeKind::Weak,
        EdgeKind::Conservative,
    ];
    let edges = &mut references.edges;
    for source in 0..(if blocks == 0 { 0 } else { blocks + 3 }) {
        for _ in 0..random.below(6) {
            edges.source.push(NodeId(source as u32));
            edges.target.push(BlockId(random.below(blocks) as u32));
            edges.label.push(LabelId(random.skewed(40) as u32));
            edges.kind.push(kinds[random.skewed(4) as usize]);
        }
    }
    for block in (0..blocks as u32).map(BlockId) {
        match random.below(8) {
            0 => references.counts.push(Count {
                block,
                strong: random.skewed(9),
                weak: random.skewed(1 << 30),
                found: random.skewed(9) as u32,
                found_weak: random.skewed(1 << 20) as u32,
                found_other: 0,
            }),
            1..4 => references.fills.push(Fill {
                block,
                length: random.skewed(1 << 40),
                unused: Bytes(random.skewed(1 << 20)),
                is_copy: random.below(2) == 1,
            }),
            4 => references.repeats.push(Repeat {
                block,
                count: random.skewed(1 << 20),
                size: Bytes(random.skewed(1 << 40)),
            }),
            _ => {}
        }
    }
    references.scan.roots = references.roots.len() as u64;
    references.scan.edges = references.edges.len() as u64;
    image.references = Some(references);
}

/// The file of an image.
pub fn file(image: &Image) -> Vec<u8> {
    let mut bytes = Vec::new();
    format::write(image, &mut bytes).expect("a whole image and a Vec");
    bytes
}

/// Length of the file header.
pub const FILE_HEADER: usize = 16;

/// One section taken out of a file, written by the layout in the docs of
/// `endler_snapshot::format` and not by its code.
#[derive(Clone, Debug)]
pub struct Section {
    pub id: [u8; 4],
    pub rows: u32,
    pub plain: u32,
    pub payload: Vec<u8>,
}

impl Section {
    /// A section whose payload is stored as it is.
    pub fn plain(id: &[u8; 4], rows: u32, payload: &[u8]) -> Section {
        Section {
            id: *id,
            rows,
            plain: payload.len() as u32,
            payload: payload.to_vec(),
        }
    }

    pub fn is_packed(&self) -> bool {
        self.plain as usize != self.payload.len()
    }

    /// With the payload unpacked.
    pub fn unpacked(&self) -> Section {
        let mut section = self.clone();
        if self.is_packed() {
            section.payload = lz4_flex::block::decompress(&self.payload, self.plain as usize)
                .expect("the file is whole");
        }
        section
    }

    /// Header and payload with right checksums.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.id.to_vec();
        bytes.extend(self.rows.to_le_bytes());
        bytes.extend(self.plain.to_le_bytes());
        bytes.extend((self.payload.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(&self.payload).to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// The sections of a whole file, with the end section.
pub fn sections(file: &[u8]) -> Vec<Section> {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let mut all = Vec::new();
    let mut at = FILE_HEADER;
    while at < file.len() {
        let stored = number(at + 12) as usize;
        all.push(Section {
            id: file[at..at + 4].try_into().expect("four bytes"),
            rows: number(at + 4),
            plain: number(at + 8),
            payload: file[at + 24..at + 24 + stored].to_vec(),
        });
        at += 24 + stored;
    }
    all
}

/// A file header with a right checksum.
pub fn header(version: u32) -> Vec<u8> {
    let mut bytes = format::MAGIC.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// A file of these sections and an end section that fits them.
pub fn assemble(sections: &[Section]) -> Vec<u8> {
    let mut bytes = header(format::VERSION);
    for section in sections {
        bytes.extend(section.to_bytes());
    }
    let length = (bytes.len() + 24 + 16) as u64;
    let mut end = (sections.len() as u64).to_le_bytes().to_vec();
    end.extend(length.to_le_bytes());
    bytes.extend(Section::plain(b"DONE", 1, &end).to_bytes());
    bytes
}
