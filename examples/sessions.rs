//! A service whose memory grows though nothing leaks: sessions are few and small, but
//! each was made between the buffers of a request, and keeps their page.
//!
//! ```sh
//! cargo run --release --example sessions
//! endler fragmentation heap-dumps/sessions-1.endler heap-dumps/sessions-2.endler
//! ```

use std::collections::HashMap;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

const SESSIONS: u64 = 20_000;

struct Session {
    user: u64,
    token: [u8; 32],
}

/// A request under way: what it has parsed so far.
struct Request {
    headers: Vec<(u64, [u8; 48])>,
}

#[inline(never)]
fn receive(number: u64) -> Request {
    let headers = (0..12).map(|header| (header ^ number, [number as u8; 48]));
    Request {
        headers: headers.collect(),
    }
}

#[inline(never)]
fn log_in(request: &Request, user: u64) -> Box<Session> {
    let token = request.headers.first().map_or(0, |header| header.1[0]);
    Box::new(Session {
        user,
        token: [token; 32],
    })
}

/// Every user logs in anew, while many requests are under way; then the requests are
/// answered, and the former sessions end.
fn rush(sessions: &mut HashMap<u64, Box<Session>>) {
    let (mut under_way, mut former) = (Vec::new(), Vec::new());
    for user in 0..SESSIONS {
        under_way.extend((0..4).map(|n| receive(user * 4 + n)));
        if let Some(request) = under_way.last() {
            former.extend(sessions.insert(user, log_in(request, user)));
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What the allocator keeps it says itself.
    endler::inner_statistics(endler::inner::automatic);
    std::fs::create_dir_all("heap-dumps")?;
    let mut sessions = HashMap::new();
    let first = receive(0);
    sessions.extend((0..SESSIONS).map(|user| (user, log_in(&first, user))));
    endler::snapshot_to("heap-dumps/sessions-1.endler")?;
    rush(&mut sessions);
    let info = endler::snapshot_to("heap-dumps/sessions-2.endler")?;
    let users: u64 = sessions.values().map(|session| session.user).sum();
    let tokens: usize = sessions.values().map(|session| session.token.len()).sum();
    println!(
        "{} sessions (users {users}, {tokens} bytes of tokens); {} holds {} blocks of {} bytes",
        sessions.len(),
        info.path.display(),
        info.objects,
        info.bytes
    );
    Ok(())
}
