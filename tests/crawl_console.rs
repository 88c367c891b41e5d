//! The crawl's console: a person connects when it is at its end, and asks which spider
//! leaks, as the README shows. What is true is the site: how many pages each spider has.
#![allow(missing_docs)]

mod process;

use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};

use endler::console::client::{Client, Said, Want};
use process::*;

/// The one answer to a line.
#[track_caller]
fn ask(client: &mut Client, line: &str) -> String {
    let mut said = client.ask(line).expect("an answer");
    said.retain(|one| !matches!(one, Said::Notice(_)));
    match &said[..] {
        [Said::Answer(text)] => text.clone(),
        other => panic!("{line}: {other:?}"),
    }
}

/// The rows of a table of Heapy's.
fn rows(table: &str) -> Vec<&str> {
    let is_row = |line: &&str| line.as_bytes().get(5).is_some_and(u8::is_ascii_digit);
    table.lines().filter(is_row).collect()
}

#[test]
fn which_spider_leaks_is_asked_on_the_live_process() {
    let folder = Folder::new("crawl-console");
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site");
    let pages = names(&site.join("book"));
    let pages = pages.iter().filter(|name| name.ends_with(".html")).count();
    let mut command = Command::new(example("crawl"));
    command
        .args(["--console", "--fault", "books", "--site"])
        .arg(&site)
        .arg("--dumps")
        .arg(folder.path())
        .env("ENDLER", "exact")
        .env("XDG_RUNTIME_DIR", folder.path())
        .stdin(Stdio::piped());
    let mut child = start(&mut command);
    let input = child.stdin.take().expect("piped");
    let mut errors = BufReader::new(child.stderr.take().expect("piped"));
    // Its tables are of no interest here, but nobody else reads them.
    let mut output = child.stdout.take().expect("piped");
    let tables = std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let line = line_with(&mut errors, "The console: endler attach ");
    let pid = child.id();
    assert!(line.trim_end().ends_with(&format!(" {pid}")), "{line}");
    line_with(&mut errors, "The heap can still be asked.");
    let (mut client, _) = Client::connect_with(pid, &[Want::Values]).expect("a console");

    let table = ask(&mut client, "prefs()");
    let page = table
        .lines()
        .find(|row| row.starts_with("Arc<ChapterPage> "));
    let count = page.and_then(|row| row.split_whitespace().nth(1));
    assert_eq!(count, Some(&*pages.to_string()), "{table}");

    // Of a site so small the largest type is a connection's buffers.
    let held = ask(&mut client, "hpy.heap().where('type=String').byvia.all");
    let body = " crawl::http::Response<String>.body";
    let row = rows(&held).iter().position(|row| row.ends_with(body));
    let row = row.unwrap_or_else(|| panic!("no{body}: {held}"));
    let tags = ask(&mut client, &format!("_[{row}].bytag"));
    let tags = rows(&tags);
    assert!(
        tags.len() == 1 && tags[0].ends_with(" spider=books"),
        "{tags:?}"
    );
    assert_eq!(ask(&mut client, "_[0].count"), pages.to_string());

    let oldest = ask(&mut client, "oldest('ChapterPage')");
    for part in [
        "Arc<crawl::spiders::books::ChapterPage> at 0x",
        "\n  response: Response { url: Url { serialization: \"http://127.0.0.1:",
        "\n\nAllocated in\n  crawl::spiders::books::",
        "\n\nKept by\n",
        "crawl::frontier::Frontier.later → Vec<crawl::http::Request>\n",
        "crawl::http::MetaValue::Page.0 → Arc<crawl::spiders::books::ChapterPage>",
    ] {
        assert!(oldest.contains(part), "no {part} in {oldest}");
    }
    ask(&mut client, "r = get_oldest('ChapterPage')");
    assert_eq!(ask(&mut client, "r.response.status"), "200");
    let title = ask(&mut client, "iter_all('ChapterPage')[0].title");
    assert!(title.starts_with('"'), "{title}");
    drop((client, input));
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{status}");
    let _ = tables.join();
}
