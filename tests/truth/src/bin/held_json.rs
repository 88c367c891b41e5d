//! JSON: free values and values of the program's own types, parsed from text,
//! built by macro, changed and merged.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;

use book::{Book, Name};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Debug, Deserialize, Serialize)]
struct Tank {
    id: u64,
    name: String,
    #[serde(default)]
    fish: Vec<Fish>,
    notes: Option<Box<Note>>,
    measured: HashMap<String, Vec<f64>>,
    limits: BTreeMap<u32, (f32, f32)>,
    label: Cow<'static, str>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Fish {
    Guppy {
        name: String,
        age: u16,
    },
    Endler {
        lines: Vec<u8>,
        parents: Option<Box<[u32]>>,
    },
    Snail,
}

#[derive(Debug, Deserialize, Serialize)]
struct Note {
    by: Rc<str>,
    text: String,
    stars: [u8; 5],
}

fn text(tanks: usize) -> String {
    let mut text = String::from("[");
    for n in 0..tanks {
        if n > 0 {
            text.push(',');
        }
        write!(
            text,
            r#"{{"id":{n},"name":"tank \"{n}\"","fish":[{{"kind":"guppy","name":"g{n}","age":3}},
            {{"kind":"endler","lines":[1,2,{}],"parents":[7,{n}]}},{{"kind":"snail"}}],
            "notes":{{"by":"keeper {n}","text":"water changed\non day {n}","stars":[1,2,3,4,5]}},
            "measured":{{"ph":[7.1,7.2,{n}.5],"gh":[],"kh":[4.0]}},"limits":{{"1":[0.5,1.5],"7{n}":[1,2]}},
            "label":"label {n}"}}"#,
            n % 200
        )
        .expect("it fits");
    }
    text.push(']');
    text
}

fn register(book: &mut Book, value: &Value) {
    match value {
        Value::String(text) => _ = book.string(text),
        Value::Array(list) => {
            book.vec(list);
            list.iter().for_each(|one| register(book, one));
        }
        Value::Object(map) => {
            let name = Name::of::<BTreeMap<String, Value>>();
            book.around_each(map.keys(), name).strings(map.keys());
            map.values().for_each(|one| register(book, one));
        }
        _ => {}
    }
}

fn free(book: &mut Book) -> impl Sized + use<> {
    let source = text(250);
    let parsed: Value = serde_json::from_str(&source).expect("it is JSON");
    let bytes: Value = serde_json::from_slice(source.as_bytes()).expect("it is JSON");
    let read: Vec<Value> = serde_json::from_reader(source.as_bytes()).expect("a list");
    let mut built = json!({
        "name": "built by macro",
        "list": [1, 2.5, "three", null, {"deep": ["er", [true]]}],
        "count": source.len(),
    });
    for n in 0..60 {
        built["list"][4][format!("key {n}")] = json!([n, n.to_string()]);
    }
    let mut merged = Map::new();
    for n in 0..90 {
        merged.insert(n.to_string(), parsed[n]["measured"].clone());
    }
    let merged = Value::Object(merged);
    let pointed: Vec<Value> = (0..40)
        .filter_map(|n| parsed.pointer(&format!("/{n}/notes")).cloned())
        .collect();
    for value in [&parsed, &bytes, &built, &merged]
        .into_iter()
        .chain(&read)
        .chain(&pointed)
    {
        register(book, value);
    }
    book.string(&source).vec(&read).vec(&pointed);
    (source, parsed, bytes, read, built, merged, pointed)
}

fn typed(book: &mut Book) -> impl Sized + use<> {
    let tanks: Vec<Tank> = serde_json::from_str(&text(400)).expect("tanks");
    let values = serde_json::to_value(&tanks[..50]).expect("values");
    let again: Vec<Tank> = serde_json::from_value(values.clone()).expect("tanks");
    for tank in tanks.iter().chain(&again) {
        book.string(&tank.name).vec(&tank.fish);
        for fish in &tank.fish {
            match fish {
                Fish::Guppy { name, .. } => _ = book.string(name),
                Fish::Endler { lines, parents } => {
                    book.vec(lines);
                    if let Some(parents) = parents {
                        let names = Name::of::<Box<[u32]>>().was(Name::of::<Vec<u32>>());
                        book.boxed_as(parents, names);
                    }
                }
                Fish::Snail => {}
            }
        }
        if let Some(note) = &tank.notes {
            book.boxed(note).string(&note.text);
            let was = Name::of::<Rc<[u8]>>();
            book.rc_as(&note.by, Name::of::<Rc<str>>().was(was));
        }
        book.hash_map(&tank.measured).strings(tank.measured.keys());
        book.vecs(tank.measured.values()).btree_map(&tank.limits);
        if let Cow::Owned(label) = &tank.label {
            book.string(label);
        }
    }
    let lines: Vec<String> = tanks
        .iter()
        .map(|tank| serde_json::to_string(tank).expect("a line"))
        .collect();
    let pretty = serde_json::to_vec_pretty(&tanks[..30]).expect("bytes");
    register(book, &values);
    book.vec(&tanks).vec(&again).vec(&lines).vec(&pretty);
    for line in &lines {
        // Written as bytes, then taken as text.
        book.string_as(line, Name::of::<String>().was(Name::of::<Vec<u8>>()));
    }
    (tanks, values, again, lines, pretty)
}

fn main() -> ExitCode {
    let mut book = Book::new("held_json").held_out();
    let kept = (free(&mut book), typed(&mut book));
    let code = book.compare();
    drop(black_box(kept));
    code
}
