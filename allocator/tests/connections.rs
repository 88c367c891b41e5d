//! A connection that the host closes is closed for its peer, while the copy works
//! and also while it is being made.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each test uses a part")]
mod support;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use endler_allocator::freeze::{self, Options};
use support::{SharedNumbers, alone, nap};

#[global_allocator]
static HEAP: endler_allocator::Heap = endler_allocator::Heap::system();

/// Numbers that the host and its copies share: 0 counts copies at work, 1 those
/// that may end, 2 those that have.
static NUMBERS: LazyLock<SharedNumbers> = LazyLock::new(SharedNumbers::new);

/// A connection's two ends.
fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let address = listener.local_addr().expect("an address");
    let peer = TcpStream::connect(address).expect("connects");
    peer.set_read_timeout(Some(Duration::from_secs(30)))
        .expect("set");
    (listener.accept().expect("accepts").0, peer)
}

/// How long after the host's close its peer sees the end.
fn close_and_see(host: TcpStream, mut peer: TcpStream) -> Duration {
    let closed = Instant::now();
    drop(host);
    let got = peer.read(&mut [0; 8]);
    assert!(matches!(got, Ok(0)), "the connection stays open: {got:?}");
    closed.elapsed()
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{what}: {} connections, median {median:?}, at most {most:?}",
        times.len()
    );
}

#[test]
fn a_connection_closed_while_the_copy_works_ends_for_its_peer() {
    alone(
        "a_connection_closed_while_the_copy_works_ends_for_its_peer",
        || {
            LazyLock::force(&NUMBERS);
            let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
            let mut times = Vec::new();
            for round in 0..30 {
                let ends: Vec<_> = (0..3).map(|_| connection(&listener)).collect();
                let freezer = std::thread::spawn(|| {
                    freeze::freeze(&Options::default(), &mut |_| {
                        let round = NUMBERS.get(0);
                        NUMBERS.add(0);
                        while NUMBERS.get(1) <= round {
                            nap(1);
                        }
                        NUMBERS.add(2);
                        Ok(())
                    })
                });
                while NUMBERS.get(0) <= round {
                    nap(1);
                }
                times.extend(
                    ends.into_iter()
                        .map(|(host, peer)| close_and_see(host, peer)),
                );
                assert_eq!(NUMBERS.get(2), round, "while the copy works");
                NUMBERS.add(1);
                freezer.join().expect("ends").expect("a snapshot");
            }
            tell("closed while the copy works", times);
        },
    );
}

#[test]
fn a_connection_closed_while_the_copy_is_made_ends_for_its_peer() {
    alone(
        "a_connection_closed_while_the_copy_is_made_ends_for_its_peer",
        || {
            LazyLock::force(&NUMBERS);
            // So that the clone takes a while.
            let heap = vec![1u8; 300 << 20];
            let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
            let mut times = Vec::new();
            let mut held = Duration::ZERO;
            for round in 0..20 {
                let ends: Vec<_> = (0..20).map(|_| connection(&listener)).collect();
                let freezer = std::thread::spawn(|| {
                    freeze::freeze(&Options::default(), &mut |_| {
                        let round = NUMBERS.get(0);
                        NUMBERS.add(0);
                        while NUMBERS.get(1) <= round {
                            nap(1);
                        }
                        NUMBERS.add(2);
                        Ok(())
                    })
                });
                // From before the clone until after it.
                for (host, peer) in ends {
                    times.push(close_and_see(host, peer));
                    std::thread::sleep(Duration::from_micros(500));
                }
                assert_eq!(NUMBERS.get(2), round, "before the copy's end");
                NUMBERS.add(1);
                let cost = freezer.join().expect("ends").expect("a snapshot");
                held = held.max(Duration::from_nanos(cost.held.0));
            }
            tell("closed while the copy is made", times);
            println!("process held at most {held:?}");
            drop(heap);
        },
    );
}
