//! The server that the crawl example crawls: it keeps connections, and it never
//! leaves its folder.

#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/server.rs"]
mod server;
#[allow(dead_code, reason = "the example uses all of it")]
#[path = "../examples/crawl/site.rs"]
mod site;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;

#[test]
fn the_server_stays_in_its_folder() {
    let name = format!("crawl-server.{}", std::process::id());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let folder = directory.join("site");
    fs::create_dir_all(folder.join("sub")).expect("a folder");
    fs::write(folder.join("index.html"), "front").expect("a page");
    fs::write(folder.join("sub/a b.html"), "page").expect("a page");
    fs::write(directory.join("secret.html"), "secret").expect("a file beside the site");
    let (target, link) = (directory.join("secret.html"), folder.join("link.html"));
    std::os::unix::fs::symlink(target, link).expect("a link out of the site");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let site = site::Site::open(&folder).expect("the site");
    assert_eq!(site.listing(), "index.html\nsub/a b.html");
    let server = runtime
        .block_on(server::Server::start(site.into()))
        .expect("a server");
    let url = server.url();
    let address = url.trim_start_matches("http://").trim_end_matches('/');

    // All on one connection, which the server keeps.
    let mut stream = BufReader::new(TcpStream::connect(address).expect("a connection"));
    let mut check = |path: &str, status: u16, body: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream
            .get_mut()
            .write_all(request.as_bytes())
            .expect("sends");
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            assert_ne!(
                stream.read_line(&mut head).expect("reads"),
                0,
                "closed after {head}"
            );
            if let Some(value) = head[start..].to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut got = vec![0; length];
        stream.read_exact(&mut got).expect("a body");
        assert_eq!(
            head.split(' ').nth(1),
            Some(status.to_string().as_str()),
            "{path}: {head}"
        );
        assert_eq!(String::from_utf8_lossy(&got), body, "{path}");
    };
    check("/", 200, "front");
    check("/sub/a%20b.html", 200, "page");
    for path in [
        "/../secret.html",
        "/sub/../../secret.html",
        "/%2e%2e/secret.html",
        "/..%2fsecret.html",
        "/sub/..%2f..%2fsecret.html",
        "//secret.html",
        "/link.html",
        "/sub",
        "/sub/",
        "/index.html%00",
        "/%ff",
    ] {
        check(path, 404, "Not Found");
    }
    check("/index.html", 200, "front");
    fs::remove_dir_all(&directory).expect("cleans up");
}
