//! A thousand queries leave nothing behind.

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
    let settled = |host: &mut Host, threads: i64| {
        wait_for("the session's thread to end", || {
            let now = counts(host);
            (now.1 == threads).then_some(now)
        })
    };
    let threads = 4;
    let before = settled(&mut host, threads);
    queries(&mut host, 1000);
    let after = settled(&mut host, threads);
    assert_eq!(after, before, "descriptors, threads, live bytes");
    host.end();
}
