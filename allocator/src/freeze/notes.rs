//! Where the other threads stood at the copy.
//!
//! `/proc/self/task/TID/syscall` gives the stack pointer and the argument
//! registers of a thread that waits in a system call, and interrupts nothing.
//! It is true of the copy only if the thread has not run in between: its
//! context-switch counts must be equal before and after the clone. The host's
//! thread notes before, the copy asks the host's counts after.
//!
//! Callee-saved registers of a waiting thread cannot be read without stopping
//! it; what only they hold looks unreachable in one snapshot.
//!
//! Source: proc(5), `/proc/pid/task/tid/syscall`.

use std::fs;
use std::io::Read;

/// A thread as it stood before the copy.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) tid: u32,
    pub(super) name: String,
    /// The stack pointer, if the thread was waiting.
    pub(super) stack_pointer: Option<u64>,
    /// Where it will go on, if it was waiting.
    pub(super) instruction_pointer: Option<u64>,
    /// The arguments of the system call that it was waiting in.
    pub(super) arguments: Vec<u64>,
    switches: Option<u64>,
}

/// Notes every thread but the calling one. O(threads).
pub(super) fn take(own: u32) -> Vec<Note> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let tids = tasks.filter_map(|t| t.ok()?.file_name().to_str()?.parse::<u32>().ok());
    tids.filter(|tid| *tid != own)
        .filter_map(|tid| {
            let path = format!("/proc/self/task/{tid}");
            // The order matters: a switch between the two readings must show.
            let switches = switches(&path);
            let call = fs::read_to_string(format!("{path}/syscall")).unwrap_or_default();
            // A thread that has ended meanwhile is not noted.
            let name = fs::read_to_string(format!("{path}/comm")).ok()?;
            let waits = waiting(&call);
            Some(Note {
                tid,
                name: name.trim_end_matches('\n').to_owned(),
                stack_pointer: waits.as_ref().map(|waits| waits.stack_pointer),
                instruction_pointer: waits.as_ref().map(|waits| waits.instruction_pointer),
                arguments: waits.map_or_else(Vec::new, |waits| waits.arguments),
                switches,
            })
        })
        .collect()
}

/// What is known of the registers of a thread that waits.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    stack_pointer: u64,
    instruction_pointer: u64,
    arguments: Vec<u64>,
}

/// A `syscall` file's line: the call's number, its arguments, the stack and the
/// instruction pointer; without number and arguments where a thread is blocked
/// outside a call, and nothing where it is running.
fn waiting(line: &str) -> Option<Waiting> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [before @ .., sp, ip] = fields.as_slice() else {
        return None;
    };
    let number = |hex: &str| u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok();
    Some(Waiting {
        stack_pointer: number(sp)?,
        instruction_pointer: number(ip)?,
        arguments: before.iter().filter_map(|field| number(field)).collect(),
    })
}

/// How often a thread gave up or lost its processor so far.
fn switches(task: &str) -> Option<u64> {
    let mut text = String::new();
    fs::File::open(format!("{task}/status"))
        .ok()?
        .read_to_string(&mut text)
        .ok()?;
    let counts = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.ends_with("voluntary_ctxt_switches")
            .then(|| value.trim().parse::<u64>().ok())?
    });
    Some(counts.sum())
}

/// In the copy: forgets the stack pointers of threads of the host that have
/// run since they were noted.
pub(super) fn confirm(notes: &mut [Note], host: u32) {
    for note in notes {
        let path = format!("/proc/{host}/task/{}", note.tid);
        if note.switches.is_none() || switches(&path) != note.switches {
            note.stack_pointer = None;
            note.instruction_pointer = None;
            note.arguments.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syscall_line_gives_the_stack_pointer_of_a_waiting_thread_only() {
        let line = "202 0x7f 0x80 0x0 0x0 0x0 0x0 0x7ffd1000 0x7f00aa\n";
        let found = |arguments| {
            Some(Waiting {
                stack_pointer: 0x7ffd_1000,
                instruction_pointer: 0x7f_00aa,
                arguments,
            })
        };
        assert_eq!(waiting(line), found(vec![0x7f, 0x80, 0, 0, 0, 0]));
        assert_eq!(waiting("-1 0x7ffd1000 0x7f00aa"), found(Vec::new()));
        assert_eq!(waiting("running\n"), None);
        assert_eq!(waiting(""), None);
    }

    #[test]
    fn a_waiting_thread_is_noted_and_confirmed_until_it_runs() {
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("waiter".into())
            .spawn(move || {
                tell.send(crate::os::thread_id()).expect("told");
                receive.recv().expect("released");
                tell.send(0).expect("told");
                receive.recv().expect_err("ends when the sender is gone");
            })
            .expect("spawns");
        let tid = told.recv().expect("its id");
        let own = crate::os::thread_id();
        let note = (0..1000)
            .find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(1));
                take(own)
                    .into_iter()
                    .find(|n| n.tid == tid && n.stack_pointer.is_some())
            })
            .expect("it waits");
        assert_eq!(note.name, "waiter");
        let mut notes = [note];
        confirm(&mut notes, std::process::id());
        assert!(notes[0].stack_pointer.is_some(), "it has not run");
        send.send(()).expect("released");
        told.recv().expect("it ran");
        confirm(&mut notes, std::process::id());
        assert_eq!(notes[0].stack_pointer, None, "it has run");
        drop(send);
        thread.join().expect("ends");
    }
}
