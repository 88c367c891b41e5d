//! A thirty-line service with endler's two lines: `kill -USR1` it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

/// What a visitor left behind.
struct Visit {
    line: String,
    seen: Vec<u64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    endler::on_signal(libc::SIGUSR1, "heap-dumps")?;
    let visits: Arc<Mutex<HashMap<u64, Box<Visit>>>> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!(
        "listening on {}, process {}",
        listener.local_addr()?,
        std::process::id()
    );
    for (number, stream) in (0u64..).zip(listener.incoming()) {
        let (mut stream, visits) = (stream?, Arc::clone(&visits));
        std::thread::spawn(move || -> std::io::Result<()> {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line)?;
            let visit = Box::new(Visit {
                line,
                seen: vec![number; 16],
            });
            let mut visits = visits.lock().unwrap_or_else(|e| e.into_inner());
            visits.insert(number, visit);
            let words: usize = visits.values().map(|v| v.line.len() + v.seen.len()).sum();
            writeln!(
                stream,
                "HTTP/1.0 200 OK\r\n\r\n{} visits, {words} words",
                visits.len()
            )
        });
    }
    Ok(())
}
