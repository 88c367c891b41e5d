//! What only a variable on a stack holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hint::black_box;

use endler_reports::resolve::{Options, resolve};
use endler_reports::scan::{Graph, RootKind, ThreadSpan, scan};
use endler_snapshot::{Addr, Image};

use super::own_memory::Own;
use super::recorder::{self, Record, blocks_of};
use super::truth::at;

/// The end of the mapping that an address lies in.
fn end_of_mapping(address: usize) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut ranges = maps.lines().map(|line| {
        let (range, _) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(from), number(to))
    });
    ranges.find(|r| r.0 <= address && address < r.1).unwrap().1
}

/// Scans with this thread's stack, from this function's frame on.
#[inline(never)]
fn scan_from_here(blocks: &[Record]) -> (Image, Graph) {
    let mut here = None;
    backtrace::trace(|frame| {
        // The frames of the crate itself come first.
        let inside = (
            scan_from_here as *const () as usize,
            frame.symbol_address() as usize,
        );
        if inside.0 != inside.1 {
            return true;
        }
        here = Some((frame.ip() as usize, frame.sp() as usize));
        false
    });
    let (ip, stack_pointer) = here.unwrap();
    let mut image = recorder::image(blocks);
    let options = Options::default();
    resolve(&mut image, &options);
    let span = ThreadSpan {
        stack_pointer: Addr(stack_pointer as u64),
        instruction_pointer: Some(Addr(ip as u64)),
        registers: vec![0, title(blocks) as u64 + 1],
        stack_end: Addr(end_of_mapping(stack_pointer) as u64),
        ..ThreadSpan::default()
    };
    let graph = scan(&image, &Own::new(), &options, &[span]);
    (image, graph)
}

/// A function further in, so that the keeper's frame is not the first.
#[inline(never)]
fn through(blocks: &[Record]) -> (Image, Graph) {
    let result = scan_from_here(blocks);
    black_box(&result);
    result
}

/// The labels of the edges that lead to each block, by address.
fn vias(image: &Image, graph: &Graph) -> BTreeMap<usize, BTreeSet<String>> {
    let mut vias: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for edges in [&graph.edges, &graph.root_edges] {
        for edge in 0..edges.len() {
            let target = image.blocks.addr[edges.target[edge] as usize].0 as usize;
            let label = graph.labels[edges.label[edge] as usize].clone();
            vias.entry(target).or_default().insert(label);
        }
    }
    vias
}

const TITLE: &str = "a title that is long enough, and of a length of its own";

/// The block of the title.
fn title(blocks: &[Record]) -> usize {
    let block = blocks.iter().find(|b| b.size == 2 * TITLE.len());
    block.unwrap().address
}

struct Page {
    title: String,
}

/// Keeps a vector, a map and a box in its frame.
#[inline(never)]
pub(crate) fn keeper() {
    let mut names: Option<Vec<String>> = None;
    let mut pages: Option<HashMap<u8, String>> = None;
    let mut page: Option<Box<Page>> = None;
    let blocks = blocks_of(|| {
        names = Some(vec!["a text that is long enough".repeat(2)]);
        pages = Some(HashMap::from([(1, "another text that is long".repeat(2))]));
        page = Some(Box::new(Page {
            title: TITLE.repeat(2),
        }));
    });
    black_box((&mut names, &mut pages, &mut page));
    let (image, graph) = through(&blocks);
    if !super::is_described(&image) {
        return;
    }
    // No word of the stack points to the title.
    let in_register = (0..graph.root_edges.len()).any(|e| {
        let label = &graph.labels[graph.root_edges.label[e] as usize];
        let target = image.blocks.addr[graph.root_edges.target[e] as usize];
        label == "stack" && target.0 as usize == title(&blocks)
    });
    assert!(in_register, "a register's block is not held");
    let (names, pages) = (names.as_ref().unwrap(), pages.as_ref().unwrap());
    let page = page.as_ref().unwrap();
    assert!(graph.roots.iter().any(|r| r.kind == RootKind::Stack));
    let vias = vias(&image, &graph);
    let me = "stack edges::stacks::keeper";
    let block = |address: usize| {
        let holds = |b: &&Record| b.address <= address && address < b.address + b.size;
        blocks.iter().find(holds).unwrap().address
    };
    let has = |address: usize, label: &str| {
        let labels = vias.get(&block(address));
        assert!(
            labels.is_some_and(|l| l.contains(label)),
            "{label} is not among {labels:?}"
        );
    };
    has(at(names.as_slice()), &format!("{me}.names"));
    has(at(names[0].as_str()), &format!("{me}.names[*]"));
    has(at(&pages[&1]), &format!("{me}.pages"));
    has(at(pages[&1].as_str()), &format!("{me}.pages[*]"));
    has(at(&**page), &format!("{me}.page"));
    has(at(page.title.as_str()), "edges::stacks::Page.title");
    // The function between has nothing of the kind, and nothing stale of the
    // calls before it lies in its frame.
    let stale = vias.values().flatten().find(|l| l.contains("blocks_of"));
    assert_eq!(stale, None);
}
