//! A static web server on loopback: the site that is crawled.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::site::Site;

/// Where the server lists every page it has, one path a line.
pub(crate) const SITEMAP: &str = "/sitemap.txt";

/// A running server; it stops when this is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves `site` on a free port of the loopback interface.
    pub(crate) async fn start(site: Arc<Site>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            // A failed accept (out of descriptors) passes; the client's request then fails and is counted.
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    let site = Arc::clone(&site);
                    tokio::spawn(async move {
                        let service = service_fn(|request| answer(Arc::clone(&site), request));
                        // A connection that breaks is the client's to report.
                        let _ = http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            }
        });
        Ok(Server { address, accepting })
    }

    /// `http://127.0.0.1:PORT/`
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(site: Arc<Site>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let method = request.method();
    if method != Method::GET && method != Method::HEAD {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED));
    }
    let path = request.uri().path();
    if path == SITEMAP {
        return Ok(found("text/plain; charset=utf-8", site.listing().into()));
    }
    let Some(file) = resolve(site.root(), path) else {
        return Ok(plain(StatusCode::NOT_FOUND));
    };
    // hyper leaves the body of an answer to HEAD out by itself.
    Ok(match read(&file).await {
        Ok((body, modified)) => {
            let mut answer = found(content_type(&file), body.into());
            if let Ok(date) = header::HeaderValue::try_from(httpdate::fmt_http_date(modified)) {
                answer.headers_mut().insert(header::LAST_MODIFIED, date);
            }
            answer
        }
        Err(_) => plain(StatusCode::NOT_FOUND),
    })
}

async fn read(file: &Path) -> io::Result<(Vec<u8>, SystemTime)> {
    let modified = tokio::fs::metadata(file).await?.modified()?;
    Ok((tokio::fs::read(file).await?, modified))
}

fn found(content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    answer
}

fn plain(status: StatusCode) -> Answer {
    let text = status.canonical_reason().unwrap_or_default();
    let mut answer = found(
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    );
    *answer.status_mut() = status;
    answer
}

/// The file behind a request's path: below `root`, or none. Neither `..`, in
/// whatever spelling, nor a symbolic link leads out of it.
fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let mut file = root.to_path_buf();
    for part in Path::new(decoded.trim_start_matches('/')).components() {
        match part {
            Component::Normal(name) => file.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    if decoded.ends_with('/') {
        file.push("index.html");
    }
    // A byte 0 in the name is an error here, as is a file that is not there.
    let real = file.canonicalize().ok()?;
    (real.starts_with(root) && real.is_file()).then_some(real)
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
