//! Hand-made images for tests: a block is a line of text.

use endler_snapshot::*;
use std::collections::BTreeMap;

/// Makes an image from lines `SIZE TYPE @ SITE # AGE_SECONDS [THREAD [PHASE [TAG]]]`,
/// where `-` is no phase, a tag that ends in `!` has ended, and the parts from `@` and from `#` can be left out. `TYPE` is a type name such as
/// `Vec<crawl::Page>`, whose holder is what stands before `<`; `?` is an unknown
/// type. `SITE` is `function at file:line`. The clock ticks milliseconds.
pub(crate) fn image(lines: &str) -> Image {
    let mut make = Make::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        make.block(line);
    }
    let image = make.done();
    image
        .check_invariants()
        .expect("a hand-made image keeps the invariants");
    image
}

/// The tick of the copy: late enough for two hours of age.
pub(crate) const NOW: u32 = 7_200_000;

struct Make {
    image: Image,
    names: Resolution,
    strings: BTreeMap<String, StrId>,
    sites: BTreeMap<String, ContextId>,
}

impl Make {
    fn new() -> Self {
        let mut image = Image {
            phases: vec![Phase::default()],
            stacks: StackTrie {
                parent: vec![StackId(0)],
                frame: vec![FrameId(0)],
            },
            ..Image::default()
        };
        image.process.pid = 4711;
        image.process.exe = "/opt/crawl".into();
        image.process.clock = Clock {
            nanos_per_tick: 1e6,
            now: Tick(NOW),
        };
        image.threads.push(Thread {
            tid: 4711,
            name: "main".into(),
            alive: true,
            stack_pointer: None,
            tag: None,
        });
        image.modules.push(Module {
            path: "/opt/crawl".into(),
            bias: 0x1000,
            ..Module::default()
        });
        let names = Resolution {
            strings: vec![String::new()],
            modules: vec![ModuleInfo {
                level: DebugLevel::Full,
                source: "/opt/crawl".into(),
            }],
            ..Resolution::default()
        };
        Make {
            image,
            names,
            strings: BTreeMap::from([(String::new(), StrId(0))]),
            sites: BTreeMap::new(),
        }
    }

    fn str(&mut self, text: &str) -> StrId {
        let next = StrId(self.names.strings.len() as u32);
        let strings = &mut self.names.strings;
        *self.strings.entry(text.to_string()).or_insert_with(|| {
            strings.push(text.to_string());
            next
        })
    }

    fn site(&mut self, site: &str) -> ContextId {
        if let Some(&context) = self.sites.get(site) {
            return context;
        }
        let frame = FrameId(self.image.frames.len() as u32);
        let address = Addr(0x2001 + 16 * u64::from(frame.0));
        self.image.frames.push(Frame {
            address,
            kind: FrameKind::Call,
            module: Some(ModuleId(0)),
        });
        self.names.frame_lines.push(self.names.lines.len() as u32);
        let mut line = None;
        if let Some((function, place)) = site.split_once(" at ") {
            let (file, number) = place.rsplit_once(':').expect("a site has a line");
            line = Some(LineId(self.names.lines.len() as u32));
            let source = SourceLine {
                function: self.str(function),
                file: self.str(file),
                line: number.parse().expect("a line is a number"),
                krate: self.str(function.split("::").next().unwrap_or("")),
                owner: LineOwner::User,
            };
            self.names.lines.push(source);
        }
        let stack = StackId(self.image.stacks.parent.len() as u32);
        self.image.stacks.parent.push(StackId(0));
        self.image.stacks.frame.push(frame);
        let context = ContextId(self.image.contexts.len() as u32);
        self.image.contexts.push(Context {
            stack,
            ..Context::default()
        });
        self.image.totals.push(Totals::default());
        self.names.context_site.push(line);
        self.names.context_type.push(TypeId(0));
        self.sites.insert(site.to_string(), context);
        context
    }

    fn type_row(&mut self, name: &str) -> TypeId {
        let (name, holder, held) = match name {
            "?" => ("unknown in crawl::parse", "unknown", ""),
            "String" => (name, name, ""),
            _ => {
                let (holder, rest) = name.split_once('<').unwrap_or((name, ""));
                (name, holder, rest.strip_suffix('>').unwrap_or(rest))
            }
        };
        let row = TypeRow {
            name: self.str(name),
            holder: self.str(holder),
            held: self.str(held),
        };
        let known = self.names.types.iter().position(|r| *r == row);
        TypeId(known.unwrap_or_else(|| {
            self.names.types.push(row);
            self.names.types.len() - 1
        }) as u32)
    }

    fn tag(&mut self, tag: &str) -> TagId {
        let (name, open) = match tag.strip_suffix('!') {
            Some(name) => (name, false),
            None => (tag, true),
        };
        let tags = &mut self.image.tags;
        let known = tags.iter().position(|tag| tag.name == name);
        TagId(known.unwrap_or_else(|| {
            let name = name.to_string();
            tags.push(Tag { name, open });
            tags.len() - 1
        }) as u16)
    }

    fn block(&mut self, line: &str) {
        let (line, rest) = line.split_once(" # ").unwrap_or((line, "0"));
        let (line, site) = line.split_once(" @ ").unwrap_or((line, ""));
        let (size, name) = line.split_once(' ').expect("a size and a type");
        let name = name.trim();
        let mut rest = rest.split_whitespace();
        let age: f64 = rest.next().map_or(0.0, |a| a.parse().expect("an age"));
        let thread = rest.next().unwrap_or("main");
        let phase = rest.next().filter(|phase| *phase != "-").unwrap_or("");
        let tag = rest.next().map(|tag| self.tag(tag));
        let threads = &mut self.image.threads;
        let thread = threads
            .iter()
            .position(|t| t.name == thread && t.tag == tag)
            .unwrap_or_else(|| {
                threads.push(Thread {
                    name: thread.into(),
                    tid: 9,
                    alive: true,
                    stack_pointer: None,
                    tag,
                });
                threads.len() - 1
            });
        let phases = &mut self.image.phases;
        let phase = phases
            .iter()
            .position(|p| p.name == phase)
            .unwrap_or_else(|| {
                phases.push(Phase {
                    name: phase.into(),
                    start: Tick(0),
                });
                phases.len() - 1
            });
        let context = self.site(site.trim());
        let kind = self.type_row(name);
        let evidence = if name == "?" {
            Evidence::Unknown
        } else {
            Evidence::Stack
        };
        let size = size.parse().expect("a size");
        let blocks = &mut self.image.blocks;
        let number = blocks.addr.len() as u64;
        let addr = match (blocks.addr.last(), blocks.size.last()) {
            (Some(addr), Some(size)) => Addr((addr.0 + size.0).next_multiple_of(16) + 16),
            _ => Addr(0x7f00_0000_0010),
        };
        if !blocks.context.contains(&context) {
            // The first block of a stack says what the stack makes.
            self.names.context_type[context.index()] = kind;
        }
        blocks.addr.push(addr);
        blocks.size.push(Bytes(size));
        blocks.context.push(context);
        blocks.born.push(Tick(NOW - (age * 1000.0) as u32));
        blocks.serial.push(Serial(number));
        blocks.thread.push(ThreadId(thread as u16));
        blocks.phase.push(PhaseId(phase as u16));
        self.names.block_type.push(kind);
        self.names.block_evidence.push(evidence);
    }

    fn done(mut self) -> Image {
        self.names.frame_lines.push(self.names.lines.len() as u32);
        self.image.resolution = Some(self.names);
        self.image
    }
}
