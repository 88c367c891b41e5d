//! What a service holds: TLS sessions, requests and answers of hyper, an index of
//! tantivy's, channels and tasks.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData,
};
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{STORED, Schema, TEXT};
use tantivy::{Index, TantivyDocument};
use tokio::io::duplex;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Everything, so that it lives.
pub fn all() -> Box<dyn Debug> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let answers = runtime.block_on(answers());
    let waiting = waiting(&runtime);
    Box::new((runtime, answers, waiting, Kept(sessions()), Kept(index())))
}

/// Something that need not be printed.
struct Kept<T>(T);

impl<T> Debug for Kept<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name_of_val(&self.0))
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    tracing::debug!(path, "asked");
    let body = request.into_body().collect().await;
    let heard = body.map(|body| body.to_bytes()).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(format!("{path}: {heard:?}"))));
    let length = heard.len().to_string().parse().expect("a number");
    response.headers_mut().insert("x-length", length);
    Ok(response)
}

fn asked(n: usize) -> Request<Full<Bytes>> {
    Request::builder()
        .uri(format!("http://localhost/fish/{n}"))
        .header("x-number", n)
        .body(Full::new(Bytes::from("a body ".repeat(n % 9 + 1))))
        .expect("a request")
}

type Answers = Vec<(hyper::http::response::Parts, Bytes)>;

async fn answers() -> Answers {
    let mut all = Vec::new();
    for both in 0..40 {
        let (near, far) = duplex(1 << 14);
        let (near, far) = (TokioIo::new(near), TokioIo::new(far));
        if both % 2 == 0 {
            let service = service_fn(answer);
            tokio::spawn(async move {
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(far, service)
                    .await
            });
            let (mut sender, connection) = http1::handshake(near).await.expect("a client");
            tokio::spawn(connection);
            for n in 0..200 {
                sender.ready().await.expect("it is open");
                let got = sender.send_request(asked(n)).await.expect("an answer");
                let (parts, body) = got.into_parts();
                let body = body.collect().await.expect("a body").to_bytes();
                all.push((parts, body));
            }
            // The connection stays open.
            std::mem::forget(sender);
        } else {
            let service = service_fn(answer);
            tokio::spawn(async move {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(far, service)
                    .await
            });
            let executor = TokioExecutor::new();
            let (mut sender, connection) =
                http2::handshake(executor, near).await.expect("a client");
            tokio::spawn(connection);
            for n in 0..200 {
                sender.ready().await.expect("it is open");
                let got = sender.send_request(asked(n)).await.expect("an answer");
                let (parts, body) = got.into_parts();
                let body = body.collect().await.expect("a body").to_bytes();
                all.push((parts, body));
            }
            std::mem::forget(sender);
        }
    }
    all
}

/// Tasks that wait for good, and what they wait for.
fn waiting(runtime: &Runtime) -> Box<dyn Debug> {
    let (many, _) = broadcast::channel::<String>(64);
    let (seen, watched) = watch::channel(BTreeMap::<String, Vec<u8>>::new());
    let mut senders = Vec::new();
    for n in 0..4000usize {
        let (sender, mut receiver) = mpsc::channel::<Vec<String>>(8);
        let (stop, stopped) = oneshot::channel::<Box<str>>();
        let mut heard = many.subscribe();
        let watched = watched.clone();
        let task = runtime.spawn(async move {
            let mut all: HashMap<usize, String> = HashMap::new();
            all.insert(n, format!("task {n}"));
            tokio::select! {
                list = receiver.recv() => all.extend(list.into_iter().flatten().enumerate()),
                text = heard.recv() => drop(text),
                text = stopped => drop(text),
            }
            let more = watched.borrow().len();
            all.len() + more
        });
        sender.try_send(vec![format!("to {n}")]).expect("room");
        senders.push((sender, stop, task));
    }
    Box::new((many, seen, senders))
}

fn flight<A: SideData, B: SideData>(from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>) {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).expect("it fits");
    }
    let mut left = &bytes[..];
    while !left.is_empty() {
        to.read_tls(&mut left).expect("it is read");
        to.process_new_packets().expect("it is TLS");
    }
}

fn sessions() -> Vec<(ClientConnection, ServerConnection)> {
    let cert = CertificateDer::from_pem_slice(include_bytes!("../../truth/tls/cert.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../truth/tls/key.pem"));
    let (cert, key) = (cert.expect("a certificate"), key.expect("a key"));
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).expect("a root");
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("a certificate of that key");
    let (client, server) = (Arc::new(client), Arc::new(server));
    let session = |_| {
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = ClientConnection::new(client.clone(), name).expect("a client");
        let mut server = ServerConnection::new(server.clone()).expect("a server");
        while client.is_handshaking() || server.is_handshaking() {
            flight(&mut client, &mut server);
            flight(&mut server, &mut client);
        }
        (client, server)
    };
    (0..300).map(session).collect()
}

fn index() -> (Index, Vec<Vec<(f32, TantivyDocument)>>) {
    let mut schema = Schema::builder();
    let title = schema.add_text_field("title", TEXT | STORED);
    let body = schema.add_text_field("body", TEXT | STORED);
    let index = Index::create_in_ram(schema.build());
    let mut writer = index
        .writer_with_num_threads(1, 20_000_000)
        .expect("a writer");
    for n in 0..2000 {
        let mut document = TantivyDocument::default();
        document.add_text(title, format!("fish {n}"));
        document.add_text(body, format!("the pond of fish {n} holds {} more", n % 17));
        writer.add_document(document).expect("it is added");
    }
    writer.commit().expect("it is written");
    let searcher = index.reader().expect("a reader").searcher();
    let parser = QueryParser::for_index(&index, vec![title, body]);
    let found = (0..40).map(|n| {
        let query = parser
            .parse_query(&format!("fish AND {n}"))
            .expect("a query");
        let top = searcher.search(&query, &TopDocs::with_limit(200).order_by_score());
        let top = top.expect("it is searched").into_iter();
        top.map(|(score, at)| (score, searcher.doc(at).expect("it is there")))
            .collect()
    });
    let found = found.collect();
    (index, found)
}
