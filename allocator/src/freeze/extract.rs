//! From the recorder's tables to the columns of an image.
//!
//! Runs in the copy, over frozen tables, or in the process itself, over tables
//! that change meanwhile: then a slot is read, and the shadow asked again
//! whether it still records the same block.
//!
//! A block is live if the shadow at its address holds its slot, or if a row
//! has it parked (its inner realloc is running). Both at once is one block.

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};

use endler_snapshot::{
    Addr, Blocks, Bytes, Context, ContextId, Cut, Figures, Frame, FrameId, FrameKind, Image, Inner,
    Mapping, Module, ModuleId, Nanos, Phase, PhaseId, Process, Residency, Serial, StackEnd,
    StackId, StackTrie, Thread, ThreadId, Tick, Totals,
};

use super::notes::Note;
use super::pages::Pages;
use super::tags;
use crate::depot::Magazine;
use crate::hook::Recorder;
use crate::look::each_recorded;
use crate::os;
use crate::phases::Entered;
use crate::slots::Record;
use crate::threads::SHARED;
use crate::totals::Counts;
use crate::unwind::objects::Record as Object;
use crate::unwind::walk::INTERRUPTED;

/// What the host's thread gathered before the copy.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) pid: u32,
    pub(super) taken: Nanos,
    pub(super) sequence: u32,
    pub(super) phases: Vec<Entered>,
    pub(super) notes: Vec<Note>,
    pub(super) inner: Inner,
    pub(super) mappings: Vec<Mapping>,
    pub(super) resident: u64,
    pub(super) process_name: String,
    pub(super) exe: String,
}

/// The image of what `recorder` holds.
pub(super) fn image(recorder: &Recorder, gathered: &Gathered, cut: Cut, held: Nanos) -> Image {
    // First, before reading the tables touches pages of them.
    let own = Bytes(os::own_resident());
    let clock = recorder.start.clock();
    let phases = phases(&gathered.phases);
    let current = PhaseId(u16::try_from(phases.len() - 1).unwrap_or(u16::MAX));
    // Once: a racing image may not see a file that its modules do not list.
    let objects: Vec<&Object> = recorder.objects.iter().collect();
    let mut threads = threads(recorder, gathered, cut);
    // After the threads: a tag is named before a thread bears it.
    let tags = tags::tags(recorder, &mut threads);
    let mut image = Image {
        process: Process {
            pid: gathered.pid,
            mode: endler_snapshot::Mode::Exact,
            cut,
            taken: gathered.taken,
            held,
            exe: gathered.exe.clone(),
            sequence: gathered.sequence,
            phase: current,
            clock,
        },
        phases,
        threads,
        tags,
        modules: modules(&objects),
        ..Image::default()
    };
    image.blocks = blocks(recorder, &image);
    let mut mappings = gathered.mappings.clone();
    let pages = Pages::open();
    image.residency = Residency {
        inner: gathered.inner.clone(),
        pages: pages.map_or_else(Vec::new, |pages| {
            pages.measure_private(&image.blocks, &mut mappings)
        }),
        mappings,
    };
    contexts(recorder, &objects, &mut image);
    image.totals = totals(recorder, image.contexts.len());
    let load = |n: &crate::sync::AtomicU64| n.load(crate::sync::Ordering::Relaxed);
    let rows = recorder.rows.iter();
    let lost = rows.map(|row| {
        row.lost.load(std::sync::atomic::Ordering::Relaxed)
            + row.totals.lost.load(std::sync::atomic::Ordering::Relaxed)
    });
    image.figures = Figures {
        lost: lost.sum::<u64>() + load(&recorder.lost),
        truncated: load(&recorder.contexts.truncated),
        stuck: load(&recorder.contexts.stuck),
        untold: load(&recorder.tags.untold),
        own,
        resident: Bytes(gathered.resident),
    };
    image
}

fn phases(entered: &[Entered]) -> Vec<Phase> {
    let named = entered.iter().map(|p| Phase {
        name: p.name.clone(),
        start: Tick(p.start),
    });
    std::iter::once(Phase::default()).chain(named).collect()
}

fn threads(recorder: &Recorder, gathered: &Gathered, cut: Cut) -> Vec<Thread> {
    let mut threads: Vec<Thread> = (0..recorder.threads.len())
        .map(|number| {
            let entry = recorder.threads.get(number as u16);
            let tid = entry.map_or(0, |e| e.tid.load(std::sync::atomic::Ordering::Relaxed));
            let (name, len) = entry.map_or(([0; 16], 0), |e| e.name());
            let last = String::from_utf8_lossy(name.get(..len).unwrap_or(&[])).into_owned();
            Thread {
                tid,
                name: last,
                alive: false,
                stack_pointer: None,
                tag: None,
            }
        })
        .collect();
    // The last number of a thread id is the living thread's.
    let mut newest: HashMap<u32, usize> = HashMap::new();
    for (i, thread) in threads.iter().enumerate().filter(|(_, t)| t.tid != 0) {
        newest.insert(thread.tid, i);
    }
    for note in &gathered.notes {
        if let Some(thread) = newest.get(&note.tid).and_then(|i| threads.get_mut(*i)) {
            thread.alive = true;
            thread.name.clone_from(&note.name);
            thread.stack_pointer = note.stack_pointer.map(Addr);
        }
    }
    for thread in &mut threads {
        // Linux gives a thread its maker's name; a name of its own differs.
        if thread.tid == gathered.pid {
            thread.name = "main".to_owned();
        } else if thread.name == gathered.process_name {
            thread.name.clear();
        }
    }
    if recorder.threads.len() == usize::from(SHARED) {
        threads.push(Thread {
            name: "(later threads)".to_owned(),
            ..Thread::default()
        });
    }
    // Threads of C code that never asked for memory: they can hold blocks too.
    let foreign = gathered
        .notes
        .iter()
        .filter(|n| !newest.contains_key(&n.tid));
    for note in foreign.filter(|n| n.stack_pointer.is_some()) {
        // A thread's number has 16 bits; in place another may get this one meanwhile.
        if threads.len() > usize::from(SHARED) || cut == Cut::Racing {
            break;
        }
        threads.push(Thread {
            tid: note.tid,
            name: note.name.clone(),
            alive: true,
            stack_pointer: note.stack_pointer.map(Addr),
            tag: None,
        });
    }
    threads
}

fn modules(objects: &[&Object]) -> Vec<Module> {
    let all = objects.iter();
    all.map(|record| Module {
        path: String::from_utf8_lossy(record.path()).into_owned(),
        build_id: record.build_id().to_vec(),
        bias: record.bias,
        start: Addr(record.start),
        end: Addr(record.end),
    })
    .collect()
}

fn blocks(recorder: &Recorder, image: &Image) -> Blocks {
    let mut blocks = Blocks::default();
    let (threads, phases) = (image.threads.len(), image.phases.len());
    let known_contexts = recorder.contexts.len();
    let add = |blocks: &mut Blocks, index: u32, record: Record| {
        let context = record.context() as usize;
        let within = |n: u16, len: usize| if usize::from(n) < len { n } else { 0 };
        blocks.addr.push(Addr(record.addr()));
        blocks.size.push(Bytes(record.size()));
        // A racing image may see ids that were made after its tables were read.
        blocks.context.push(ContextId(if context < known_contexts {
            record.context()
        } else {
            0
        }));
        blocks.born.push(Tick(record.birth()));
        let epoch = recorder.epochs.whole(record.epoch(), record.birth());
        blocks
            .serial
            .push(Serial(u64::from(epoch) << 32 | u64::from(index)));
        blocks
            .thread
            .push(ThreadId(within(record.thread(), threads)));
        blocks.phase.push(PhaseId(within(record.phase(), phases)));
    };
    // Parked first: in a racing image a block may be unparked meanwhile, and
    // is then found in the shadow under the same slot.
    let parked: HashMap<u32, Record> = recorder
        .rows
        .iter()
        .filter_map(crate::rows::Row::parked)
        .collect();
    let mut seen = Vec::new();
    each_recorded(&recorder.shadow, &recorder.slab, |index, record| {
        if parked.contains_key(&index) {
            seen.push(index);
        }
        add(&mut blocks, index, record);
    });
    sort(&mut blocks);
    // The old place of a block whose inner realloc is about to return may be
    // another's already: then the block is left out, for its new one is unknown.
    let mut placed: Vec<(u32, Record)> = Vec::new();
    for (index, record) in &parked {
        let (start, end) = (record.addr(), record.addr() + record.size().max(1));
        let next = blocks.addr.partition_point(|a| a.0 < start);
        let taken = blocks.addr.get(next).is_some_and(|a| a.0 < end)
            || next
                .checked_sub(1)
                .is_some_and(|i| blocks.addr[i].0 + blocks.size[i].0 > start)
            || placed
                .iter()
                .any(|(_, p)| p.addr() < end && start < p.addr() + p.size().max(1));
        if !seen.contains(index) && !taken {
            placed.push((*index, *record));
        }
    }
    for (index, record) in &placed {
        add(&mut blocks, *index, *record);
    }
    sort(&mut blocks);
    blocks
}

/// Sorts by address and, in a racing image, drops the second of two blocks at one address.
fn sort(blocks: &mut Blocks) {
    if blocks.addr.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut order: Vec<u32> = (0..blocks.len() as u32).collect();
    order.sort_unstable_by_key(|i| (blocks.addr[*i as usize], *i));
    order.dedup_by_key(|i| blocks.addr[*i as usize]);
    fn permute<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
        *column = order.iter().map(|i| column[*i as usize]).collect();
    }
    permute(&mut blocks.size, &order);
    permute(&mut blocks.context, &order);
    permute(&mut blocks.born, &order);
    permute(&mut blocks.serial, &order);
    permute(&mut blocks.thread, &order);
    permute(&mut blocks.phase, &order);
    permute(&mut blocks.addr, &order);
}

/// Contexts, their stacks as a trie, and the distinct frames.
fn contexts(recorder: &Recorder, modules: &[&Object], image: &mut Image) {
    let count = recorder.contexts.len();
    let mut trie = StackTrie {
        parent: vec![StackId(0)],
        frame: vec![FrameId(0)],
    };
    let mut nodes: HashMap<(StackId, FrameId), StackId> = HashMap::new();
    let mut frames: HashMap<(u64, Option<ModuleId>), FrameId> = HashMap::new();
    let mut contexts = vec![Context::default(); count];
    for (id, context) in contexts.iter_mut().enumerate() {
        let Some(record) = recorder.contexts.get(id as u32) else {
            continue;
        };
        let mut at = StackId(0);
        for address in record.frames().iter().rev() {
            let plain = address & !INTERRUPTED;
            let held = modules
                .iter()
                .position(|m| m.held(plain.wrapping_sub(1), record.generation));
            let module = held.map(|m| ModuleId(m as u32));
            let kind = if *address == plain {
                FrameKind::Call
            } else {
                FrameKind::Interrupted
            };
            let fresh = FrameId(image.frames.len() as u32);
            let frame = *frames.entry((*address, module)).or_insert_with(|| {
                image.frames.push(Frame {
                    address: Addr(plain),
                    kind,
                    module,
                });
                fresh
            });
            at = match nodes.entry((at, frame)) {
                Entry::Occupied(node) => *node.get(),
                Entry::Vacant(place) => {
                    let node = StackId(trie.parent.len() as u32);
                    trie.parent.push(at);
                    trie.frame.push(frame);
                    *place.insert(node)
                }
            };
        }
        *context = Context {
            stack: at,
            tag: record.tag,
            end: match record.end {
                0 => StackEnd::Complete,
                1 => StackEnd::Truncated,
                _ => StackEnd::Stuck,
            },
        };
    }
    image.contexts = contexts;
    image.stacks = trie;
}

/// What was freed and moved at each context: what the rows have counted, and
/// the free slots whose blocks' ends nobody has counted yet (slots.rs).
fn totals(recorder: &Recorder, contexts: usize) -> Vec<Totals> {
    use std::sync::atomic::Ordering::Relaxed;
    let mut totals = vec![Totals::default(); contexts];
    let mut add = |context: usize, counts: &Counts| {
        let Some(total) = totals.get_mut(context) else {
            return;
        };
        let (freed, long) = (counts.freed.load(Relaxed), &counts.long);
        total.freed += freed;
        total.freed_bytes.0 += counts.freed_bytes.load(Relaxed);
        total.moved += counts.moved.load(Relaxed);
        total.moved_bytes.0 += counts.moved_bytes.load(Relaxed);
        total.lifetime_ticks += counts.lifetime_ticks.load(Relaxed);
        let mut short = freed;
        let [shortest, longer @ ..] = &mut total.lifetimes;
        for (sum, count) in longer.iter_mut().zip(long) {
            let count = count.load(Relaxed);
            *sum = sum.saturating_add(count);
            short = short.saturating_sub(u64::from(count));
        }
        *shortest = shortest.saturating_add(u32::try_from(short).unwrap_or(u32::MAX));
    };
    for row in recorder.rows.iter() {
        row.totals.for_each(&mut add);
    }
    let uncounted = |(index, died): (u32, u32)| {
        let Some(old) = recorder.slab.slot(index).map(|slot| slot.load()) else {
            return;
        };
        if old.size() != 0 {
            let counts = Counts::default();
            counts.add_freed(old.size(), died.saturating_sub(old.birth()));
            add(old.context() as usize, &counts);
        }
    };
    let slab = &recorder.slab;
    let rows = recorder.rows.iter();
    // A magazine that is being moved is found in two places.
    let mut seen = HashSet::new();
    let in_rows = recorder.rows.iter().flat_map(|row| row.pair.each());
    let magazines = in_rows.chain(recorder.depot.full());
    magazines
        .filter(|magazine| seen.insert(magazine.number()))
        .flat_map(Magazine::each)
        .chain(rows.flat_map(|row| row.late.look(slab)))
        .chain(recorder.late.look(slab))
        .for_each(uncounted);
    totals
}
