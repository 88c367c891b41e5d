//! A job queue: tasks behind `dyn` and boxed closures, worker threads with a lock
//! and with channels, retries by time, a dead letter box, results by number.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Debug)]
enum Outcome {
    Bytes(Vec<u8>),
    Text(String),
    Table(HashMap<String, f64>),
    Failed(Failure),
}

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Debug)]
struct NoSuchUser {
    name: String,
    tried: Vec<u32>,
}

impl fmt::Display for NoSuchUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no user {}", self.name)
    }
}

impl Error for NoSuchUser {}

trait Task: Send {
    fn run(&mut self) -> Result<Outcome, Failure>;
    fn register(&self, book: &mut Book);
}

#[derive(Clone, Debug)]
struct Resize {
    pixels: Vec<[u8; 3]>,
    width: usize,
    to: usize,
}

impl Task for Resize {
    fn run(&mut self) -> Result<Outcome, Failure> {
        let step = self.width / self.to;
        let rows = self.pixels.chunks_exact(self.width).step_by(step);
        let bytes = rows.flat_map(|row| row.iter().step_by(step).map(|pixel| pixel[1]));
        Ok(Outcome::Bytes(bytes.collect()))
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.pixels);
    }
}

#[derive(Clone, Debug)]
struct Mail {
    to: Vec<String>,
    subject: String,
    template: &'static str,
    attempt: u8,
}

impl Task for Mail {
    fn run(&mut self) -> Result<Outcome, Failure> {
        self.attempt += 1;
        if self.to.is_empty() {
            return Err(Box::new(NoSuchUser {
                name: self.subject.to_lowercase(),
                tried: vec![0; usize::from(self.attempt) + 2],
            }));
        }
        let text = self.template.replace("{to}", &self.to.join(", "));
        Ok(Outcome::Text(text))
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.to).strings(&self.to).string(&self.subject);
    }
}

#[derive(Clone, Debug)]
struct Report {
    rows: Vec<(String, Vec<f64>)>,
}

impl Task for Report {
    fn run(&mut self) -> Result<Outcome, Failure> {
        let mut table = HashMap::new();
        for (name, values) in &self.rows {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            table.insert(name.clone(), mean);
        }
        Ok(Outcome::Table(table))
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.rows);
        for (name, values) in &self.rows {
            book.string(name).vec(values);
        }
    }
}

/// The type of its box is known where it is made.
struct Job {
    id: u64,
    task: Box<dyn Task>,
}

fn job(book: &mut Book, id: u64) -> Job {
    let n = id as usize;
    let task: Box<dyn Task> = match n % 3 {
        0 => Box::new(Resize {
            pixels: vec![[n as u8; 3]; 64],
            width: 8,
            to: 4,
        }),
        1 => Box::new(Mail {
            to: (0..n % 4).map(|m| format!("user{m}@example.org")).collect(),
            subject: format!("Notice {n}"),
            template: "Dear {to}, your fish have arrived.",
            attempt: 0,
        }),
        _ => Box::new(Report {
            rows: (0..n % 5 + 1)
                .map(|m| (format!("row {m}"), vec![m as f64; n % 7 + 1]))
                .collect(),
        }),
    };
    let name = match n % 3 {
        0 => Name::of::<Box<Resize>>(),
        1 => Name::of::<Box<Mail>>(),
        _ => Name::of::<Box<Report>>(),
    };
    book.boxed_as(&task, name);
    task.register(book);
    Job { id, task }
}

fn outcome(book: &mut Book, outcome: &Outcome) {
    match outcome {
        Outcome::Bytes(bytes) => _ = book.vec(bytes),
        Outcome::Text(text) => _ = book.string(text),
        Outcome::Table(table) => _ = book.hash_map(table).strings(table.keys()),
        Outcome::Failed(error) => {
            if let Some(error) = error.downcast_ref::<NoSuchUser>() {
                book.string(&error.name).vec(&error.tried);
                book.around(error, Name::of::<Box<NoSuchUser>>());
            }
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Job>>,
    more: Condvar,
    done: Mutex<HashMap<u64, Outcome>>,
    finished: Mutex<Vec<Job>>,
}

/// Workers share a deque, results go into a table; finished jobs are kept.
fn with_lock(book: &mut Book) -> impl Sized + use<> {
    let queue = Arc::new(Queue::default());
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                loop {
                    let mut waiting = queue.waiting.lock().expect("nobody panicked");
                    while waiting.is_empty() {
                        waiting = queue.more.wait(waiting).expect("nobody panicked");
                    }
                    let Some(mut job) = waiting.pop_front() else {
                        continue;
                    };
                    drop(waiting);
                    if job.id == u64::MAX {
                        break;
                    }
                    let outcome = job.task.run().unwrap_or_else(Outcome::Failed);
                    let mut done = queue.done.lock().expect("nobody panicked");
                    done.insert(job.id, outcome);
                    drop(done);
                    queue.finished.lock().expect("nobody panicked").push(job);
                }
            })
        })
        .collect();
    for id in 0..240 {
        let job = job(book, id);
        queue
            .waiting
            .lock()
            .expect("nobody panicked")
            .push_back(job);
        queue.more.notify_one();
    }
    for _ in 0..workers.len() {
        let task = Box::new(Report { rows: Vec::new() });
        let last = Job { id: u64::MAX, task };
        queue
            .waiting
            .lock()
            .expect("nobody panicked")
            .push_back(last);
        queue.more.notify_all();
    }
    for worker in workers {
        worker.join().expect("it ends");
    }
    // What came in after the workers had gone.
    for id in 1000..1060 {
        let job = job(book, id);
        queue
            .waiting
            .lock()
            .expect("nobody panicked")
            .push_back(job);
    }
    book.arc(&queue);
    book.deque(&queue.waiting.lock().expect("nobody panicked"));
    book.vec(&queue.finished.lock().expect("nobody panicked"));
    let done = queue.done.lock().expect("nobody panicked");
    book.hash_map(&done);
    done.values().for_each(|one| outcome(book, one));
    drop(done);
    queue
}

type Work = Box<dyn FnOnce() -> u64 + Send>;

fn sums(values: Vec<u64>) -> Work {
    Box::new(move || values.into_iter().sum())
}

fn counts(text: Arc<str>, letter: char) -> Work {
    Box::new(move || text.chars().filter(|&c| c == letter).count() as u64)
}

fn powers(base: u64, exponents: [u32; 5]) -> Work {
    Box::new(move || exponents.iter().map(|&e| base.wrapping_pow(e)).sum())
}

/// A pool that takes closures through a channel and sends what they give back.
fn with_channels(book: &mut Book) -> impl Sized + use<> {
    let (to_pool, from_users) = mpsc::channel::<(usize, Work)>();
    let (to_users, from_pool) = mpsc::channel::<(usize, u64)>();
    let from_users = Arc::new(Mutex::new(from_users));
    let pool: Vec<_> = (0..4)
        .map(|_| {
            let (from_users, to_users) = (from_users.clone(), to_users.clone());
            thread::spawn(move || {
                let mut own = Vec::new();
                loop {
                    let next = from_users.lock().expect("nobody panicked").recv();
                    let Ok((at, work)) = next else { break };
                    own.push(at);
                    to_users.send((at, work())).expect("somebody waits");
                }
                own
            })
        })
        .collect();
    drop(to_users);
    let text: Arc<str> = "the quick brown fox jumps over the lazy dog".into();
    book.arc_as(&text, Name::of::<Arc<str>>().was(Name::of::<Arc<[u8]>>()));
    let mut later: Vec<Work> = Vec::new();
    for n in 0..360usize {
        let work: Work = match n % 3 {
            0 => {
                let values: Vec<u64> = (0..n as u64 % 30 + 1).collect();
                if n % 6 == 0 {
                    book.vec(&values);
                }
                sums(values)
            }
            1 => counts(text.clone(), 'o'),
            _ => powers(n as u64, [1, 2, 3, 5, 8]),
        };
        if n % 2 == 1 {
            to_pool.send((n, work)).expect("the pool is there");
            continue;
        }
        let name = match n % 3 {
            0 => "Box<fresh_jobs::sums::{closure_env#0}>",
            1 => "Box<fresh_jobs::counts::{closure_env#0}>",
            _ => "Box<fresh_jobs::powers::{closure_env#0}>",
        };
        book.boxed_as(&work, name);
        later.push(work);
    }
    drop(to_pool);
    let results: BTreeMap<usize, u64> = from_pool.iter().collect();
    let by_worker: Vec<Vec<usize>> = pool
        .into_iter()
        .map(|worker| worker.join().expect("it ends"))
        .collect();
    let of_handles = Name::of::<Vec<thread::JoinHandle<Vec<usize>>>>();
    book.vec_as(&by_worker, Name::of::<Vec<Vec<usize>>>().was(of_handles))
        .vecs(&by_worker)
        .btree_map(&results)
        .vec(&later);
    (text, later, results, by_worker)
}

struct Planned {
    at: u64,
    priority: Reverse<u8>,
    job: Job,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, self.priority, other.job.id).cmp(&(self.at, other.priority, self.job.id))
    }
}

fn planned(book: &mut Book) -> impl Sized + use<> {
    let mut plan: BinaryHeap<Planned> = BinaryHeap::new();
    for id in 2000..2220u64 {
        let job = job(book, id);
        plan.push(Planned {
            at: id * 7919 % 600,
            priority: Reverse((id % 3) as u8),
            job,
        });
    }
    let mut retries: BTreeMap<u64, Vec<Job>> = BTreeMap::new();
    let mut dead: Vec<(Job, Vec<Failure>)> = Vec::new();
    let mut reports = Vec::new();
    while plan.peek().is_some_and(|next| next.at < 300) {
        let Some(Planned { at, mut job, .. }) = plan.pop() else {
            break;
        };
        match job.task.run() {
            Ok(result) => {
                outcome(book, &result);
                reports.push((at, result));
                retries.entry(at / 50).or_default().push(job);
            }
            Err(error) => {
                let again = job.task.run();
                let errors: Vec<Failure> = [error].into_iter().chain(again.err()).collect();
                dead.push((job, errors));
            }
        }
    }
    book.binary_heap(&plan)
        .btree_map(&retries)
        .vecs(retries.values())
        .vec(&reports)
        .vec(&dead);
    for (_, errors) in &dead {
        book.vec(errors);
        for error in errors {
            let error = error.downcast_ref::<NoSuchUser>().expect("the only kind");
            book.around(error, Name::of::<Box<NoSuchUser>>())
                .string(&error.name)
                .vec(&error.tried);
        }
    }
    (plan, retries, dead, reports)
}

fn through_crossbeam(book: &mut Book) -> impl Sized + use<> {
    let (sender, receiver) = crossbeam::channel::bounded::<Vec<u32>>(32);
    let batches: Vec<(usize, Vec<u32>)> = thread::scope(|scope| {
        for part in 0..4u32 {
            let sender = sender.clone();
            scope.spawn(move || {
                for n in 0..25 {
                    let batch = (0..n % 20 + 5).map(|m| m * part).collect();
                    sender.send(batch).expect("somebody receives");
                }
            });
        }
        drop(sender);
        receiver.iter().enumerate().collect()
    });
    let (long, short): (Vec<_>, Vec<_>) = batches.into_iter().partition(|batch| batch.1.len() > 12);
    for part in [&long, &short] {
        book.vec(part).vecs(part.iter().map(|batch| &batch.1));
    }
    (long, short)
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_jobs").fresh();
    let kept = (
        with_lock(&mut book),
        with_channels(&mut book),
        planned(&mut book),
        through_crossbeam(&mut book),
    );
    let code = book.compare();
    drop(black_box(kept));
    code
}
