//! A small web framework: a router of nested nodes, handlers behind `dyn` of
//! structs and closures, layers around them, requests parsed from text, responses.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Method {
    Get,
    Post,
    Delete,
}

#[derive(Debug)]
struct Request {
    method: Method,
    path: String,
    query: HashMap<String, Vec<String>>,
    headers: Vec<(String, String)>,
    cookies: BTreeMap<String, String>,
    body: Option<Box<[u8]>>,
}

#[derive(Debug)]
enum Body {
    Empty,
    Text(String),
    Bytes(Vec<u8>),
    Shared(Arc<[u8]>),
    File(PathBuf),
}

#[derive(Debug)]
struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Response {
    fn new(status: u16, body: Body) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body,
        }
    }
}

type Parameters = Vec<(Arc<str>, String)>;

trait Handler: Send + Sync {
    fn call(&self, request: &Request, parameters: &Parameters) -> Response;
}

impl<F: Fn(&Request, &Parameters) -> Response + Send + Sync> Handler for F {
    fn call(&self, request: &Request, parameters: &Parameters) -> Response {
        self(request, parameters)
    }
}

/// Files below a folder.
struct Files {
    root: PathBuf,
    types: HashMap<&'static str, &'static str>,
}

impl Handler for Files {
    fn call(&self, request: &Request, _: &Parameters) -> Response {
        let file = self.root.join(request.path.trim_start_matches('/'));
        let kind = file
            .extension()
            .and_then(|end| end.to_str())
            .and_then(|end| self.types.get(end));
        let mut response = Response::new(200, Body::File(file));
        if let Some(kind) = kind {
            response.headers.push(("content-type", kind.to_string()));
        }
        response
    }
}

struct Redirect {
    to: String,
    status: u16,
}

impl Handler for Redirect {
    fn call(&self, _: &Request, _: &Parameters) -> Response {
        let mut response = Response::new(self.status, Body::Empty);
        response.headers.push(("location", self.to.clone()));
        response
    }
}

/// A layer around any handler.
struct Limited<H> {
    inner: H,
    left: AtomicU32,
    refusal: Arc<[u8]>,
}

impl<H: Handler> Handler for Limited<H> {
    fn call(&self, request: &Request, parameters: &Parameters) -> Response {
        let free = self.left.load(Ordering::Relaxed);
        if free == 0 {
            return Response::new(429, Body::Shared(self.refusal.clone()));
        }
        self.left.store(free - 1, Ordering::Relaxed);
        self.inner.call(request, parameters)
    }
}

#[derive(Default)]
struct Node {
    fixed: Vec<(String, Node)>,
    parameter: Option<Box<(Arc<str>, Node)>>,
    methods: HashMap<Method, Arc<dyn Handler>>,
    rest: Option<Arc<dyn Handler>>,
}

impl Node {
    fn add(&mut self, method: Method, pattern: &str, handler: Arc<dyn Handler>) {
        let mut at = self;
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            if part == "*" {
                at.rest = Some(handler);
                return;
            }
            if let Some(name) = part.strip_prefix(':') {
                let next = at
                    .parameter
                    .get_or_insert_with(|| Box::new((Arc::from(name), Node::default())));
                at = &mut next.1;
                continue;
            }
            let found = at.fixed.binary_search_by(|one| one.0.as_str().cmp(part));
            let place = match found {
                Ok(place) => place,
                Err(place) => {
                    at.fixed.insert(place, (part.to_owned(), Node::default()));
                    place
                }
            };
            at = &mut at.fixed[place].1;
        }
        at.methods.insert(method, handler);
    }

    fn find(&self, method: Method, path: &str) -> Option<(Arc<dyn Handler>, Parameters)> {
        let mut parameters = Vec::new();
        let mut at = self;
        let mut rest = None;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            rest = at.rest.as_ref().or(rest);
            if let Some((_, next)) = at.fixed.iter().find(|one| one.0 == part) {
                at = next;
            } else if let Some(next) = &at.parameter {
                parameters.push((next.0.clone(), decode(part).into_owned()));
                at = &next.1;
            } else {
                return rest.map(|handler| (handler.clone(), Vec::new()));
            }
        }
        let handler = at.methods.get(&method)?.clone();
        Some((handler, parameters))
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.fixed).hash_map(&self.methods);
        for (part, node) in &self.fixed {
            book.string(part);
            node.register(book);
        }
        if let Some(parameter) = &self.parameter {
            book.boxed(parameter);
            arc_str(book, &parameter.0);
            parameter.1.register(book);
        }
    }
}

fn arc_str(book: &mut Book, one: &Arc<str>) {
    book.arc_as(one, Name::of::<Arc<str>>().was(Name::of::<Arc<[u8]>>()));
}

/// `%41` becomes `A`, `+` a space.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                let pair = str::from_utf8(&pair).unwrap_or("20");
                out.push(u8::from_str_radix(pair, 16).unwrap_or(b' '));
            }
            _ => out.push(byte),
        }
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

/// Only what was decoded has a space in it, here.
fn decoded(book: &mut Book, text: &String) {
    match text.contains(' ') {
        true => book.string_as(text, Name::of::<String>().was(Name::of::<Vec<u8>>())),
        false => book.string(text),
    };
}

fn parse(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let method = match first.next()? {
        "GET" => Method::Get,
        "POST" => Method::Post,
        _ => Method::Delete,
    };
    let target = first.next()?;
    let (path, pairs) = target.split_once('?').unwrap_or((target, ""));
    let mut query: HashMap<String, Vec<String>> = HashMap::new();
    for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        query
            .entry(decode(key).into_owned())
            .or_default()
            .push(decode(value).into_owned());
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_string()))
        .collect();
    let cookies = headers
        .iter()
        .filter(|header| header.0 == "cookie")
        .flat_map(|header| header.1.split("; "))
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    let body = (!body.is_empty()).then(|| body.as_bytes().into());
    Some(Request {
        method,
        path: path.to_owned(),
        query,
        headers,
        cookies,
        body,
    })
}

fn greets(word: String) -> impl Handler {
    move |request: &Request, _: &Parameters| {
        let name = request.query.get("name").and_then(|names| names.first());
        let name = name.map_or("nobody", String::as_str);
        Response::new(200, Body::Text(format!("{word}, {name}!")))
    }
}

fn shows(fish: Arc<BTreeMap<u32, String>>, status: u16) -> Arc<dyn Handler> {
    Arc::new(move |_: &Request, parameters: &Parameters| {
        let id = parameters.first().and_then(|one| one.1.parse().ok());
        match id.and_then(|id: u32| fish.get(&id)) {
            Some(name) => Response::new(status, Body::Text(name.clone())),
            None => Response::new(404, Body::Empty),
        }
    })
}

fn echoes(limit: usize, prefix: [u8; 4]) -> Arc<dyn Handler> {
    Arc::new(move |request: &Request, _: &Parameters| {
        let body = request.body.as_deref().unwrap_or_default();
        let mut bytes = prefix.to_vec();
        bytes.extend_from_slice(&body[..body.len().min(limit)]);
        Response::new(200, Body::Bytes(bytes))
    })
}

fn routes(book: &mut Book) -> Node {
    let mut root = Node::default();
    let fish: Arc<BTreeMap<u32, String>> =
        Arc::new((0..200).map(|n| (n, format!("fish {n}"))).collect());
    book.arc(&fish).btree_map(&*fish).strings(fish.values());
    let refusal: Arc<[u8]> = Arc::from(&b"too many requests, come back later"[..]);
    book.arc(&refusal);
    for area in [
        "shop", "blog", "admin", "api", "docs", "help", "status", "news",
    ] {
        for kind in [
            "fish", "plants", "tanks", "filters", "foods", "people", "orders",
        ] {
            let show = shows(fish.clone(), 200);
            book.arc_as(&show, "Arc<fresh_router::shows::{closure_env#0}>");
            root.add(Method::Get, &format!("/{area}/{kind}/:id"), show);
            let echo = echoes(100, *b"echo");
            book.arc_as(&echo, "Arc<fresh_router::echoes::{closure_env#0}>");
            root.add(Method::Post, &format!("/{area}/{kind}/:id/notes"), echo);
            let to = format!("/{area}/{kind}/all");
            book.string(&to);
            let redirect: Arc<dyn Handler> = Arc::new(Redirect { to, status: 301 });
            book.arc_as(&redirect, Name::of::<Arc<Redirect>>());
            root.add(Method::Get, &format!("/{area}/{kind}"), redirect);
        }
        let word = format!("Welcome to the {area}");
        book.string(&word);
        let limited: Arc<dyn Handler> = Arc::new(Limited {
            inner: greets(word),
            left: AtomicU32::new(25),
            refusal: refusal.clone(),
        });
        let name = "Arc<fresh_router::Limited<fresh_router::greets::{closure_env#0}>>";
        book.arc_as(&limited, name);
        root.add(Method::Get, &format!("/{area}"), limited);
        let root_folder = Path::new("/srv").join(area).join("static");
        let names = Name::of::<PathBuf>().was(Name::of::<std::ffi::OsString>());
        book.path_as(&root_folder, names);
        let files = Files {
            root: root_folder,
            types: HashMap::from([
                ("html", "text/html"),
                ("css", "text/css"),
                ("js", "text/javascript"),
            ]),
        };
        book.hash_map(&files.types);
        let files: Arc<dyn Handler> = Arc::new(files);
        book.arc_as(&files, Name::of::<Arc<Files>>());
        root.add(Method::Get, &format!("/{area}/files/*"), files);
    }
    root.register(book);
    root
}

fn requests(book: &mut Book) -> Vec<Request> {
    let mut requests = Vec::new();
    for n in 0..160 {
        let text = match n % 4 {
            0 => format!(
                "GET /shop/fish/{n} HTTP/1.1\r\nHost: a.example\r\nCookie: id={n}; theme=dark\r\n\r\n"
            ),
            1 => format!(
                "GET /blog?name=A%20guest+number{n}&tag=x&tag=y HTTP/1.1\r\nHost: b.example\r\nAccept: */*\r\n\r\n"
            ),
            2 => format!(
                "POST /api/orders/{n}/notes HTTP/1.1\r\nHost: c.example\r\n\r\nthis is note number {n}"
            ),
            _ => format!(
                "GET /docs/files/page-{n}.html HTTP/1.1\r\nHost: d.example\r\nUser-Agent: test\r\n\r\n"
            ),
        };
        requests.extend(parse(&text));
    }
    book.vec(&requests);
    for request in &requests {
        book.string(&request.path)
            .hash_map(&request.query)
            .vecs(request.query.values())
            .vec(&request.headers)
            .btree_map(&request.cookies);
        for text in request.query.keys().chain(request.query.values().flatten()) {
            decoded(book, text);
        }
        for (key, value) in &request.headers {
            book.string(key).string(value);
        }
        for (key, value) in &request.cookies {
            book.string(key).string(value);
        }
        if let Some(body) = &request.body {
            book.boxed_as(body, Name::of::<Box<[u8]>>().was(Name::of::<Vec<u8>>()));
        }
    }
    requests
}

fn respond(book: &mut Book, root: &Node, requests: &[Request]) -> impl Sized + use<> {
    let found: Vec<(Arc<dyn Handler>, Parameters)> = requests
        .iter()
        .filter_map(|request| root.find(request.method, &request.path))
        .collect();
    let responses: Vec<Response> = requests
        .iter()
        .map(|request| match root.find(request.method, &request.path) {
            Some((handler, parameters)) => handler.call(request, &parameters),
            None => Response::new(404, Body::Empty),
        })
        .collect();
    book.vec(&found).vec(&responses);
    for (_, parameters) in &found {
        book.vec(parameters);
        parameters.iter().for_each(|one| decoded(book, &one.1));
    }
    for response in &responses {
        book.vec(&response.headers)
            .strings(response.headers.iter().map(|header| &header.1));
        match &response.body {
            Body::Empty | Body::Shared(_) => {}
            Body::Text(text) => _ = book.string(text),
            Body::Bytes(bytes) => _ = book.vec(bytes),
            Body::File(path) => {
                let names = Name::of::<PathBuf>().was(Name::of::<std::ffi::OsString>());
                book.path_as(path, names);
            }
        }
    }
    let mut statuses: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (at, response) in responses.iter().enumerate() {
        statuses.entry(response.status).or_default().push(at);
    }
    book.btree_map(&statuses).vecs(statuses.values());
    (found, responses, statuses)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_router").fresh();
    let root = routes(&mut book);
    let requests = requests(&mut book);
    let responses = respond(&mut book, &root, &requests);
    let code = book.compare();
    drop(black_box((root, requests, responses)));
    code
}
