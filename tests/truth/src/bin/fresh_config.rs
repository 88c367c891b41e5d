//! A service's configuration: JSON in layers, merged and read into structs with
//! many optional, boxed and nested fields, checked, shared and swapped.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fmt::Write;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use book::{Book, Name};
use once_cell::sync::OnceCell;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug, Deserialize)]
struct Config {
    name: String,
    #[serde(default)]
    listeners: Vec<Listener>,
    log: Option<Log>,
    stores: HashMap<String, Store>,
    #[serde(default)]
    features: BTreeSet<String>,
    routes: Vec<Box<Route>>,
    defaults: Option<Box<Limits>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Listener {
    host: Cow<'static, str>,
    ports: Vec<u16>,
    tls: Option<Tls>,
    #[serde(default = "standard_limits")]
    limits: Limits,
}

#[derive(Clone, Debug, Deserialize)]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    ciphers: Box<[String]>,
    names: HashSet<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Limits {
    #[serde(default, deserialize_with = "seconds")]
    timeout: Duration,
    body: Option<u64>,
    by_user: Option<HashMap<u32, [u16; 3]>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Info,
    Only(Vec<String>),
    Scaled {
        factor: f32,
        per_module: Vec<(String, u8)>,
    },
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Log {
    level: Level,
    targets: Vec<Target>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Target {
    File { path: String, keep: Option<u8> },
    Syslog { tags: Vec<String> },
    Stdout,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Store {
    Url(String),
    Parts {
        hosts: Vec<String>,
        replicas: Option<Vec<Box<Store>>>,
        options: Option<BTreeMap<String, String>>,
    },
}

#[derive(Clone, Debug, Deserialize)]
struct Route {
    path: Arc<str>,
    methods: Vec<String>,
    weight: Option<f64>,
    children: Vec<Route>,
}

fn standard_limits() -> Limits {
    Limits {
        timeout: Duration::from_secs(30),
        body: Some(1 << 20),
        by_user: None,
    }
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    f64::deserialize(from).map(Duration::from_secs_f64)
}

fn base(n: usize) -> String {
    let mut text = format!(r#"{{"name":"service {n}","listeners":["#);
    for m in 0..n % 4 + 1 {
        write!(
            text,
            r#"{}{{"host":"10.0.{n}.{m}","ports":[80,443,{}],"tls":{{"certificate":"/etc/tls/{n}/cert.pem",
            "key":"/etc/tls/{n}/key.pem","ciphers":["aes-{m}","chacha"],"names":["a{m}.example","b{m}.example"]}},
            "limits":{{"timeout":{m}.5,"body":1000,"by_user":{{"{m}":[1,2,3],"7{n}":[4,5,6]}}}}}}"#,
            if m > 0 { "," } else { "" },
            8000 + m,
        )
        .expect("it fits");
    }
    write!(
        text,
        r#"],"log":{{"level":{},"targets":[{{"type":"file","path":"/var/log/{n}.log","keep":3}},
        {{"type":"syslog","tags":["pond","n{n}"]}},{{"type":"stdout"}}]}},
        "stores":{{"main":"postgres://db{n}.example/main","cache":{{"hosts":["c1-{n}","c2-{n}"],
        "replicas":["redis://r{n}.example",{{"hosts":["deep-{n}"]}}],"options":{{"mode":"lazy","pool":"{n}"}}}}}},
        "features":["search","feed","beta-{n}"],
        "routes":[{{"path":"/shop/{n}","methods":["GET","POST"],"weight":0.5,"children":[
            {{"path":"/shop/{n}/fish","methods":["GET"],"children":[]}},
            {{"path":"/shop/{n}/tanks","methods":["GET","PUT"],"children":[
                {{"path":"/shop/{n}/tanks/new","methods":[],"children":[]}}]}}]}},
            {{"path":"/blog/{n}","methods":["GET"],"children":[]}}],
        "defaults":{{"timeout":10,"body":null}},"owner":"team {n}","labels":["x","y{n}"]}}"#,
        match n % 3 {
            0 => r#""info""#,
            1 => r#"{"only":["net","store"]}"#,
            _ => r#"{"scaled":{"factor":1.5,"per_module":[["net",3],["store",4]]}}"#,
        },
    )
    .expect("it fits");
    text
}

/// Objects are merged, anything else is replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(old) => merge(old, value),
                    None => _ = into.insert(key, value),
                }
            }
        }
        (into, from) => *into = from,
    }
}

/// `STORES__MAIN=x` sets `stores.main`.
fn set(into: &mut Value, variable: &str, value: &str) {
    let mut at = into;
    for part in variable.split("__") {
        at = &mut at[part.to_lowercase()];
    }
    *at = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
}

fn value(book: &mut Book, one: &Value) {
    match one {
        Value::String(text) => _ = book.string(text),
        Value::Array(list) => {
            book.vec(list);
            list.iter().for_each(|one| value(book, one));
        }
        Value::Object(map) => {
            let name = Name::of::<BTreeMap<String, Value>>();
            book.around_each(map.keys(), name).strings(map.keys());
            map.values().for_each(|one| value(book, one));
        }
        _ => {}
    }
}

fn limits(book: &mut Book, limits: &Limits) {
    if let Some(by_user) = &limits.by_user {
        book.hash_map(by_user);
    }
}

fn store(book: &mut Book, one: &Store) {
    match one {
        Store::Url(url) => _ = book.string(url),
        Store::Parts {
            hosts,
            replicas,
            options,
        } => {
            book.vec(hosts).strings(hosts);
            if let Some(replicas) = replicas {
                book.vec(replicas);
                for replica in replicas {
                    book.boxed(replica);
                    store(book, replica);
                }
            }
            if let Some(options) = options {
                book.btree_map(options)
                    .strings(options.keys())
                    .strings(options.values());
            }
        }
    }
}

fn route(book: &mut Book, one: &Route) {
    let was = Name::of::<Arc<[u8]>>();
    book.arc_as(&one.path, Name::of::<Arc<str>>().was(was))
        .vec(&one.methods)
        .strings(&one.methods)
        .vec(&one.children);
    one.children.iter().for_each(|child| route(book, child));
}

fn log(book: &mut Book, log: &Log) {
    match &log.level {
        Level::Info => {}
        Level::Only(names) => _ = book.vec(names).strings(names),
        Level::Scaled { per_module, .. } => {
            book.vec(per_module)
                .strings(per_module.iter().map(|pair| &pair.0));
        }
    }
    book.vec(&log.targets);
    for target in &log.targets {
        match target {
            Target::File { path, .. } => _ = book.string(path),
            Target::Syslog { tags } => _ = book.vec(tags).strings(tags),
            Target::Stdout => {}
        }
    }
}

/// Paths of a file are borrowed text, those of a value are its strings.
fn config(book: &mut Book, config: &Config) {
    book.string(&config.name).vec(&config.listeners);
    for listener in &config.listeners {
        if let Cow::Owned(host) = &listener.host {
            book.string(host);
        }
        book.vec(&listener.ports);
        limits(book, &listener.limits);
        let Some(tls) = &listener.tls else { continue };
        for path in [&tls.certificate, &tls.key] {
            let names = Name::of::<PathBuf>()
                .was(Name::of::<OsString>())
                .was(Name::of::<String>());
            book.path_as(path, names);
        }
        let was = Name::of::<Vec<String>>();
        book.boxed_as(&tls.ciphers, Name::of::<Box<[String]>>().was(was))
            .strings(&tls.ciphers)
            .hash_set(&tls.names)
            .strings(&tls.names);
    }
    if let Some(one) = &config.log {
        log(book, one);
    }
    book.hash_map(&config.stores).strings(config.stores.keys());
    config.stores.values().for_each(|one| store(book, one));
    book.btree_set(&config.features)
        .strings(&config.features)
        .vec(&config.routes);
    for one in &config.routes {
        book.boxed(one);
        route(book, one);
    }
    if let Some(defaults) = &config.defaults {
        book.boxed(defaults);
        limits(book, defaults);
    }
    book.btree_map(&config.rest).strings(config.rest.keys());
    config.rest.values().for_each(|one| value(book, one));
}

static FIRST: OnceCell<Config> = OnceCell::new();

/// Read at once from text.
fn read(book: &mut Book) -> (Vec<Config>, HashMap<String, String>) {
    let configs: Vec<Config> = (0..60)
        .filter_map(|n| serde_json::from_str(&base(n)).ok())
        .collect();
    assert_eq!(configs.len(), 60, "all can be read");
    book.vec(&configs);
    configs.iter().for_each(|one| config(book, one));
    let first = FIRST.get_or_init(|| serde_json::from_slice(base(500).as_bytes()).expect("JSON"));
    config(book, first);
    let texts: HashMap<String, String> = configs
        .iter()
        .filter_map(|one| Some((one.name.clone(), serde_json::to_string(&one.log).ok()?)))
        .collect();
    book.hash_map(&texts).strings(texts.keys());
    for text in texts.values() {
        book.string_as(text, Name::of::<String>().was(Name::of::<Vec<u8>>()));
    }
    (configs, texts)
}

/// From three layers of values.
fn layered(book: &mut Book) -> impl Sized + use<> {
    let mut merged: Vec<Value> = Vec::new();
    for n in 0..30usize {
        let mut one: Value = serde_json::from_str(&base(n)).expect("JSON");
        let over = format!(
            r#"{{"name":"over {n}","stores":{{"main":"sqlite:///{n}.db","extra":"s3://bucket-{n}"}},
            "features":["only-{n}"],"labels":{{"was":"a list"}}}}"#
        );
        merge(&mut one, serde_json::from_str(&over).expect("JSON"));
        for (variable, value) in [("STORES__MAIN", "mysql://env"), ("OWNER", "[1, \"two\"]")] {
            set(&mut one, variable, value);
        }
        merged.push(one);
    }
    let configs: Vec<Arc<Config>> = merged
        .iter()
        .map(|one| serde_json::from_value(one.clone()).map(Arc::new))
        .collect::<Result<_, _>>()
        .expect("all can be read");
    book.vec(&merged).vec(&configs);
    merged.iter().for_each(|one| value(book, one));
    for one in &configs {
        book.arc(one);
        config(book, one);
    }
    (merged, configs)
}

/// The running configuration is replaced; old ones stay while they are in use.
fn swapped(book: &mut Book, configs: &[Config]) -> impl Sized + use<> {
    let current = Arc::new(ArcSwap::from_pointee(configs[0].clone()));
    let mut in_use = Vec::new();
    for one in &configs[1..25] {
        let mut next = one.clone();
        next.name.push_str(", changed");
        next.listeners.retain(|listener| !listener.ports.is_empty());
        for listener in &mut next.listeners {
            listener.ports.push(9000);
            listener.ports.sort_unstable();
            listener.host.to_mut().push('1');
        }
        next.features.insert("swapped".into());
        in_use.push(current.swap(Arc::new(next)));
    }
    in_use.push(current.load_full());
    book.vec(&in_use).arc_as(
        &current,
        "Arc<arc_swap::ArcSwapAny<Arc<fresh_config::Config>, \
         arc_swap::strategy::hybrid::HybridStrategy<arc_swap::strategy::hybrid::DefaultConfig>>>",
    );
    // Routes share their paths with the configurations they were cloned from.
    for one in &in_use {
        book.arc(one);
        config(book, one);
    }
    (current, in_use)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_config").fresh();
    let (configs, texts) = read(&mut book);
    let kept = (layered(&mut book), swapped(&mut book, &configs));
    let code = book.compare();
    drop(black_box((configs, texts, kept)));
    code
}
