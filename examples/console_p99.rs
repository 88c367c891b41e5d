//! What a console beside it costs a service: the times of its requests without and with
//! a loop of queries, each of which takes a new heap.
//!
//! ```text
//! cargo run --release --example console_p99 [MIB] [SECONDS]
//! ```
//!
//! A loopback HTTP service with so much on its heap answers two clients that ask one
//! request after the other; each request allocates a page and frees it.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use endler::console::client::{Client, Want};
use endler::console::{Options, serve};

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

const CLIENTS: usize = 2;

struct Entry {
    text: String,
    next: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let (mib, seconds) = (number(256)?, number(10)?);
    let held: Vec<Box<Entry>> = (0..mib as u64 * 4096)
        .map(|next| {
            let text = format!("{next:0>176}");
            Box::new(Entry { text, next })
        })
        .collect();
    let console = serve(Options::new())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    let time = Duration::from_secs(seconds as u64);
    ask(address, time / 5)?;
    let alone = ask(address, time)?;
    tell("without queries", &alone);

    let stop = AtomicBool::new(false);
    let (mut client, _) = Client::connect_with(std::process::id(), &[Want::Values])?;
    let (beside, queries) = std::thread::scope(|scope| -> Result<_, Box<dyn Error>> {
        let queries = scope.spawn(|| {
            let mut queries = 0;
            while !stop.load(Ordering::Relaxed) && client.ask("hpy.heap()").is_ok() {
                queries += 1;
            }
            queries
        });
        let beside = ask(address, time);
        stop.store(true, Ordering::Relaxed);
        Ok((
            beside.map_err(|e| e.to_string())?,
            queries.join().unwrap_or(0),
        ))
    })?;
    tell(&format!("{queries} queries beside"), &beside);
    let info = endler::snapshot_to(std::env::temp_dir().join("console-p99.endler"))?;
    let copy = info.held.as_secs_f64() * 1e3;
    println!(
        "a copy of this process: {copy:.2} ms ({} objects)",
        info.objects
    );
    std::fs::remove_file(info.path)?;
    drop(console);
    let sum: usize = held
        .iter()
        .map(|entry| entry.text.len() + entry.next as usize)
        .sum();
    std::hint::black_box(sum);
    Ok(())
}

/// One connection of the service.
fn answer(stream: TcpStream) {
    let Ok(mut to) = stream.try_clone() else {
        return;
    };
    for line in BufReader::new(stream).lines() {
        // The head's end.
        if line.is_ok_and(|line| line.is_empty()) {
            let page = "x".repeat(2000);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", page.len());
            if to.write_all((head + &page).as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// Requests by all clients for so long; how long each took, sorted.
fn ask(address: SocketAddr, time: Duration) -> Result<Vec<Duration>, Box<dyn Error>> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| std::thread::spawn(move || requests(address, time)))
        .collect();
    let mut all = Vec::new();
    for client in clients {
        let took = client.join().map_err(|_| "a client panicked")?;
        all.extend(took?);
    }
    all.sort_unstable();
    Ok(all)
}

fn requests(address: SocketAddr, time: Duration) -> std::io::Result<Vec<Duration>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut from = BufReader::new(stream.try_clone()?);
    let mut took = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let began = Instant::now();
        (&stream).write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut left = 2000;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            from.read_line(&mut line)?;
        }
        while left > 0 {
            let got = from.fill_buf()?.len().min(left);
            from.consume(got);
            left -= got;
        }
        took.push(began.elapsed());
    }
    Ok(took)
}

fn tell(what: &str, sorted: &[Duration]) {
    let at = |part: f64| {
        let place = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
        sorted
            .get(place)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!(
        "{what}: {} requests, median {:.3} ms, p99 {:.3} ms, longest {:.2} ms",
        sorted.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
