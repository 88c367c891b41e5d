//! `.heapsnapshot`: its sections in order, and a heap that is read back from it.

#![allow(missing_docs)]

#[path = "support/references.rs"]
mod references;
mod support;

use endler_reports::export::exporter;
use endler_reports::graph::{Dominators, EdgeKind, Follow, Graph, NodeId, Retained};
use endler_reports::holding::{Holding, whole_graph};
use endler_reports::partition::Heap;
use endler_snapshot::{Bytes, Image, Serial};
use serde_json::Value;

/// A queue that holds requests, and two blocks that nothing holds, one of which points
/// to what the queue holds.
fn image() -> Image {
    let mut image = support::image(
        "
        80 Vec<crawl::Request> @ crawl::run at crawl.rs:3
        500 Arc<crawl::Response> @ crawl::fetch at crawl.rs:9
        30 String @ crawl::parse at crawl.rs:20
        7 ? @ crawl::parse at crawl.rs:22
        20 Box<crawl::Lost> @ crawl::parse at crawl.rs:23
        10 String @ crawl::parse at crawl.rs:24
        ",
    );
    references::refer(
        &mut image,
        "
        static crawl::QUEUE > 0 static crawl::QUEUE
        0 > 1 crawl::Request.meta
        0 > 0 crawl::Request.own (weak)
        1 > 2 crawl::Response.\"body\"
        1 > 0 crawl::Response.from (weak)
        2 > 3 unknown (maybe)
        4 > 2 &crawl::Lost.seen
        4 > 3 crawl::Lost.seen
        4 > 5 crawl::Lost.name
        ",
    );
    image
}

fn exported(image: &Image) -> (String, Value) {
    let mut out = Vec::new();
    let to = exporter("heapsnapshot").expect("it is listed");
    (to.write)(Heap::new(image), &mut out).expect("a Vec takes it");
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    let json = serde_json::from_str(&text).expect("it is JSON");
    (text, json)
}

fn numbers(json: &Value, section: &str, width: usize) -> Vec<Vec<usize>> {
    let all = json[section].as_array().expect("a section");
    let number = |n: &Value| n.as_u64().expect("not negative") as usize;
    let all: Vec<usize> = all.iter().map(number).collect();
    all.chunks(width).map(<[usize]>::to_vec).collect()
}

/// `SIZE NAME` of each node with `FIELD > NODE` of each edge below it.
fn shown(json: &Value) -> String {
    let string = |at: usize| json["strings"][at].as_str().expect("a string");
    let nodes = numbers(json, "nodes", 7);
    let mut edges = numbers(json, "edges", 3).into_iter();
    let meta = &json["snapshot"]["meta"];
    let mut text = String::new();
    for node in &nodes {
        let kind = &meta["node_types"][0][node[0]];
        text += &format!(
            "{} {} {}\n",
            kind.as_str().expect("a type"),
            node[3],
            string(node[1])
        );
        for edge in edges.by_ref().take(node[4]) {
            let kind = meta["edge_types"][0][edge[0]].as_str().expect("a type");
            let name = match kind {
                "element" => edge[1].to_string(),
                _ => string(edge[1]).to_owned(),
            };
            assert_eq!(edge[2] % 7, 0);
            let to = string(nodes[edge[2] / 7][1]);
            text += &format!("  {kind} {name} > {to}\n");
        }
    }
    assert_eq!(edges.next(), None, "edge counts do not add up");
    text
}

#[test]
fn a_heap_is_read_back() {
    let (_, json) = exported(&image());
    assert_eq!(
        shown(&json),
        "\
synthetic 0 
  element 0 > static crawl::QUEUE
  element 1 > (held by no root)
native 0 static crawl::QUEUE
  property static crawl::QUEUE > Vec<crawl::Request>
synthetic 0 (held by no root)
  element 0 > Box<crawl::Lost>
object 80 Vec<crawl::Request>
  property crawl::Request.meta > Arc<crawl::Response>
  weak crawl::Request.own (weak) > Vec<crawl::Request>
object 500 Arc<crawl::Response>
  property crawl::Response.\"body\" > String
  weak crawl::Response.from (weak) > Vec<crawl::Request>
object 30 String
  weak unknown > unknown in crawl::parse
object 7 unknown in crawl::parse
object 20 Box<crawl::Lost>
  weak crawl::Lost.seen > String
  property crawl::Lost.seen > unknown in crawl::parse
  property crawl::Lost.name > String
object 10 String
"
    );
}

#[test]
fn sections_stand_in_the_order_that_readers_want() {
    let (text, json) = exported(&image());
    let keys = [
        "snapshot",
        "nodes",
        "edges",
        "trace_function_infos",
        "trace_tree",
        "samples",
        "locations",
        "strings",
    ];
    let places = keys.map(|key| text.find(&format!("\"{key}\":")).expect("each is there"));
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(json.as_object().map(|o| o.len()), Some(keys.len()));
    assert!(text.trim_end().ends_with("]}"));
    let count = |key: &str| json["snapshot"][key].as_u64().map(|n| n as usize);
    assert_eq!(count("node_count"), Some(numbers(&json, "nodes", 7).len()));
    assert_eq!(count("edge_count"), Some(numbers(&json, "edges", 3).len()));
    assert_eq!(json["strings"][0], "<dummy>");
    // Sections that readers cut at fixed widths.
    assert_eq!(
        json["snapshot"]["meta"]["node_fields"]
            .as_array()
            .map(Vec::len),
        Some(7)
    );
    assert_eq!(
        json["snapshot"]["meta"]["edge_fields"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[test]
fn ids_are_the_same_in_a_later_snapshot_and_never_twice() {
    let ids = |image: &Image| -> Vec<usize> {
        let (_, json) = exported(image);
        numbers(&json, "nodes", 7)
            .iter()
            .map(|node| node[2])
            .collect()
    };
    let mut image = image();
    let blocks = image.blocks.len();
    let last = |ids: &[usize]| ids[ids.len() - blocks..].to_vec();
    image.blocks.serial = (0..6)
        .map(|slot| Serial(slot | ((slot % 3) << 32)))
        .collect();
    let before = last(&ids(&image));
    image.blocks.serial.swap(0, 5);
    let after = last(&ids(&image));
    assert_eq!((before[0], before[5]), (after[5], after[0]));
    for serial in [Serial(1 << 24), Serial(u64::MAX), Serial(200 << 32)] {
        image.blocks.serial[3] = serial;
        let mut ids = ids(&image);
        assert!(ids.iter().all(|&id| id <= u32::MAX as usize));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), blocks + 3);
    }
}

#[test]
fn a_size_that_readers_cannot_hold_is_cut() {
    let mut image = image();
    image.blocks.size[5] = Bytes(1 << 40);
    let (_, json) = exported(&image);
    let nodes = numbers(&json, "nodes", 7);
    assert_eq!(nodes.last().map(|node| node[3]), Some(u32::MAX as usize));
}

fn retained(graph: &Graph, image: &Image) -> Vec<u64> {
    let dominators = Dominators::new(graph, Follow::Retaining);
    let retained = Retained::new(graph, &dominators, &image.blocks.size);
    let blocks = (0..graph.blocks()).map(NodeId);
    blocks.map(|node| retained.bytes(node).0).collect()
}

#[test]
fn what_nothing_holds_has_a_size_and_takes_none_away() {
    let image = image();
    let heap = Heap::new(&image);
    let holding = Holding::new(heap).expect("references");
    assert_eq!(retained(holding.graph(), &image), [610, 530, 30, 0, 0, 0]);
    let whole = whole_graph(heap).expect("references");
    assert_eq!(retained(&whole, &image), [610, 530, 30, 7, 37, 10]);
    let lost = whole.edges_of(NodeId(4)).map(|edge| edge.kind);
    let kinds: Vec<EdgeKind> = lost.collect();
    assert_eq!(kinds, [EdgeKind::Weak, EdgeKind::Strong, EdgeKind::Strong]);
}
