//! A thousand queries, and many snapshots, leave nothing behind.
//!
//! A thousand snapshots: `ENDLER_CONSOLE_SNAPSHOTS=1000 cargo test --test console loops`.

use endler::console::client::Said;

use crate::host::*;
use crate::process::*;

/// Descriptors, threads, and live bytes, recorded or not.
fn counts(host: &mut Host) -> (i64, i64, i64) {
    let said = host.tell("counts");
    let mut numbers = said.split(' ').map(|n| n.parse().expect("a number"));
    let mut number = || numbers.next().expect("three");
    (number(), number(), number())
}

/// So many lines, of which one in fifty takes a new heap.
fn queries(host: &mut Host, times: usize) {
    let mut client = host.client();
    for round in 0..times {
        let line = match round % 50 {
            0 => "hpy.heap()",
            7 => "prefs()",
            13 => "no_such_name",
            _ => "heap.bytype[0]",
        };
        let said = client.ask(line).expect("an answer");
        assert_eq!(said.len(), 1, "{line}: {said:?}");
    }
    drop(client);
    host.wait_for_no_copy();
}

#[test]
fn a_thousand_queries_leave_no_file_process_thread_or_byte() {
    if is_host() {
        return;
    }
    let mut host = Host::new("loops::a_thousand_queries_leave_no_file_process_thread_or_byte");
    queries(&mut host, 100);
    let before = settled(&mut host);
    queries(&mut host, 1000);
    let after = settled(&mut host);
    assert_eq!(after, before, "descriptors, threads, live bytes");
    host.end();
}

/// The counts when the session's thread has ended.
fn settled(host: &mut Host) -> (i64, i64, i64) {
    // The test's two, the profiler's, and the one that accepts.
    let threads = 4;
    wait_for("the session's thread to end", || {
        let now = counts(host);
        (now.1 == threads).then_some(now)
    })
}

/// So many heaps, each of a new copy.
fn snapshots(host: &mut Host, times: usize) {
    let mut client = host.client();
    let mut before = 0;
    for round in 0..times {
        let said = client.ask("hpy.heap()").expect("an answer");
        assert!(
            matches!(&said[..], [Said::Answer(heap)] if heap.starts_with("Partition of a set of")),
            "{round}: {said:?}"
        );
        let copy = host.copy();
        assert_ne!(copy, before, "{round}");
        before = copy;
    }
    drop(client);
    host.wait_for_no_copy();
}

#[test]
fn snapshots_in_a_row_leave_no_file_process_thread_or_byte() {
    if is_host() {
        return;
    }
    let test = "loops::snapshots_in_a_row_leave_no_file_process_thread_or_byte";
    let Some(mut host) = Host::without_types(test) else {
        return;
    };
    let times = std::env::var("ENDLER_CONSOLE_SNAPSHOTS");
    let times = times.map_or(40, |times| times.parse().expect("a number"));
    snapshots(&mut host, 10);
    let before = settled(&mut host);
    snapshots(&mut host, times);
    let after = settled(&mut host);
    assert_eq!(after, before, "descriptors, threads, live bytes");
    host.end();
}
