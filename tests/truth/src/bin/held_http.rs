//! A loopback server and its client on hyper and tokio, with a tracing layer that
//! keeps what it is told. The connections' own buffers are hyper's and not registered;
//! what the handlers and the client keep is.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt::Debug;
use std::hint::black_box;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use book::Book;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, info, warn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Debug)]
struct Line {
    target: &'static str,
    fields: BTreeMap<&'static str, String>,
}

#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<Line>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let target = event.metadata().target();
        let line = Line { target, fields };
        self.0.lock().expect("nobody panicked").push(line);
    }
}

#[derive(Clone, Debug)]
struct Upload {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Store {
    uploads: Mutex<HashMap<String, Upload>>,
    log: Mutex<Vec<Box<str>>>,
}

type Reply = Response<Full<Bytes>>;

async fn handle(store: Arc<Store>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let path = request.uri().path().to_owned();
    let line = format!("{} {path}", request.method());
    store.log.lock().expect("nobody panicked").push(line.into());
    let reply = match *request.method() {
        Method::PUT => {
            let headers = request.headers().iter().map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            });
            let headers = headers.collect();
            let body = request
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes()
                .to_vec();
            info!(path, bytes = body.len(), "stored");
            let upload = Upload {
                path: path.clone(),
                headers,
                body,
            };
            store
                .uploads
                .lock()
                .expect("nobody panicked")
                .insert(path, upload);
            StatusCode::CREATED.to_string()
        }
        _ => match store.uploads.lock().expect("nobody panicked").get(&path) {
            Some(upload) => String::from_utf8_lossy(&upload.body).to_uppercase(),
            None => {
                warn!(path, "not there");
                String::from("nothing")
            }
        },
    };
    Ok(Response::new(Full::new(Bytes::from(reply))))
}

async fn serve(listener: TcpListener, store: Arc<Store>) {
    while let Ok((stream, _)) = listener.accept().await {
        let store = store.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| handle(store.clone(), request));
            _ = server::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

struct Answer {
    status: u16,
    length: Option<String>,
    text: String,
}

async fn ask(address: SocketAddr, from: usize, many: usize) -> Vec<Answer> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (mut sender, connection) = client::handshake(TokioIo::new(stream))
        .await
        .expect("a connection");
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for n in from..from + many {
        for method in [Method::PUT, Method::GET] {
            let body = format!("body of upload {n}; ").repeat(n % 60 + 40);
            let request = Request::builder()
                .method(&method)
                .uri(format!(
                    "/uploads/{}",
                    if n % 9 == 0 { n + 10_000 } else { n }
                ))
                .header("host", "localhost")
                .header("x-number", n)
                .body(Full::new(Bytes::from(if method == Method::PUT {
                    body
                } else {
                    String::new()
                })))
                .expect("a request");
            let answer = sender.send_request(request).await.expect("an answer");
            let length = answer.headers().get("content-length");
            let length = length
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let status = answer.status().as_u16();
            let bytes = answer
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            answers.push(Answer {
                status,
                length,
                text,
            });
        }
    }
    answers
}

async fn all(mut book: Book, journal: Journal) -> ExitCode {
    let store = Arc::new(Store::default());
    book.arc(&store);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(serve(listener, store.clone()));
    let mut answers = Vec::new();
    for n in 0..4 {
        answers.extend(ask(address, n * 100, 75).await);
    }
    // The connections end when their clients are gone.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    book.vec(&answers);
    for answer in &answers {
        book.string(&answer.text);
        if let Some(length) = &answer.length {
            book.string(length);
        }
    }
    {
        let uploads = store.uploads.lock().expect("nobody panicked");
        book.hash_map(&uploads).strings(uploads.keys());
        for upload in uploads.values() {
            book.string(&upload.path)
                .vec(&upload.headers)
                .vec(&upload.body);
            for (name, value) in &upload.headers {
                book.string(name).string(value);
            }
        }
        let log = store.log.lock().expect("nobody panicked");
        book.vec(&log);
        for line in log.iter() {
            // A string that was cut to its length.
            book.boxed_as(
                line,
                book::Name::of::<Box<str>>().was("String").was("Vec<u8>"),
            );
        }
        let lines = journal.0.lock().expect("nobody panicked");
        book.vec(&lines);
        for line in lines.iter() {
            book.btree_map(&line.fields).strings(line.fields.values());
        }
    }
    let code = book.compare();
    drop(black_box((store, answers, journal)));
    server.abort();
    code
}

fn main() -> ExitCode {
    let journal = Journal::default();
    let subscriber = tracing_subscriber::registry().with(journal.clone());
    tracing::subscriber::set_global_default(subscriber).expect("the first");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    info!("ready");
    *journal.0.lock().expect("nobody panicked") = Vec::new();
    let book = Book::new("held_http").held_out();
    runtime.block_on(all(book, journal))
}
