//! TLS handshakes in memory: rustls on both ends, the transcripts and messages that
//! the program keeps. A connection's own state is rustls's and not registered.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::hint::black_box;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use book::{Book, Name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData,
};

#[global_allocator]
static HEAP: book::Heap = book::heap();

const CERT: &[u8] = include_bytes!("../../tls/cert.pem");
const KEY: &[u8] = include_bytes!("../../tls/key.pem");

#[derive(Clone, Debug)]
enum Flight {
    FromClient(Vec<u8>),
    FromServer(Box<[u8]>),
}

struct Session {
    name: String,
    flights: Vec<Flight>,
    peer: Vec<CertificateDer<'static>>,
    messages: Vec<String>,
    suite: Option<Box<str>>,
}

fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let cert = CertificateDer::from_pem_slice(CERT).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).expect("a root");
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("a certificate of that key");
    (Arc::new(client), Arc::new(server))
}

/// What one end has to say; the other end hears it.
fn flight<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).expect("it fits");
    }
    let mut left = &bytes[..];
    while !left.is_empty() {
        to.read_tls(&mut left).expect("it is read");
        to.process_new_packets().expect("it is TLS");
    }
    bytes
}

fn heard<A: SideData>(end: &mut ConnectionCommon<A>, many: usize) -> String {
    let mut bytes = vec![0; many];
    end.reader()
        .read_exact(&mut bytes)
        .expect("all has arrived");
    String::from_utf8(bytes).expect("it is text")
}

fn session(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, n: usize) -> Session {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(client.clone(), name).expect("a client");
    let mut server = ServerConnection::new(server.clone()).expect("a server");
    let mut flights = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        flights.push(Flight::FromClient(flight(&mut client, &mut server)));
        let answer = flight(&mut server, &mut client);
        flights.push(Flight::FromServer(answer.into_boxed_slice()));
    }
    let mut messages = Vec::new();
    for m in 0..4 {
        let said = format!("message {m} of session {n}; ").repeat(n % 20 + 5);
        client.writer().write_all(said.as_bytes()).expect("it fits");
        flights.push(Flight::FromClient(flight(&mut client, &mut server)));
        messages.push(heard(&mut server, said.len()));
    }
    let suite = client.negotiated_cipher_suite();
    let suite = suite.map(|suite| format!("{:?}", suite.suite()).into_boxed_str());
    Session {
        name: format!("session {n}"),
        flights,
        peer: client.peer_certificates().unwrap_or_default().to_vec(),
        messages,
        suite,
    }
}

fn main() -> ExitCode {
    let (client, server) = configs();
    // What rustls and ring make once is theirs.
    let warm = session(&client, &server, 0);
    let mut book = Book::new("held_tls").held_out();
    let sessions: Vec<Session> = (0..60).map(|n| session(&client, &server, n)).collect();
    book.vec(&sessions);
    for one in &sessions {
        book.string(&one.name).vec(&one.flights).vec(&one.messages);
        for flight in &one.flights {
            match flight {
                Flight::FromClient(bytes) => book.vec(bytes),
                Flight::FromServer(bytes) => {
                    let names = Name::of::<Box<[u8]>>().was(Name::of::<Vec<u8>>());
                    book.boxed_as(bytes, names)
                }
            };
        }
        for message in &one.messages {
            book.string_as(message, Name::of::<String>().was(Name::of::<Vec<u8>>()));
        }
        book.vec_as(&one.peer, Name::of::<Vec<CertificateDer<'static>>>());
        for cert in &one.peer {
            book.block(cert.as_ptr(), cert.len(), Name::of::<Vec<u8>>());
        }
        if let Some(suite) = &one.suite {
            book.boxed_as(suite, Name::of::<Box<str>>().was("String").was("Vec<u8>"));
        }
    }
    let code = book.compare();
    drop(black_box((client, server, warm, sessions)));
    code
}
