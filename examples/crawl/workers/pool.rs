//! The parent's side: deals pages to workers, hears what came of them, and puts
//! a new process in the place of one that has ended.

use std::error::Error;

use endler::reports::render::number::thousands;
use reqwest::Url;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::ledger::Ledger;
use super::place::{Place, Stage};
use super::process::{Heard, Process, What};
use super::protocol::{Page, Report};
use super::summary::Row;
use crate::args::Args;
use crate::engine::CONCURRENCY;
use crate::items::ItemFile;
use crate::progress::Progress;
use crate::site::Site;
use crate::spiders::Spiders;

/// Pages that a worker has at a time: those under way, and as many that it can
/// begin before its parent has heard of the first.
const SHARE: usize = 2 * CONCURRENCY;

/// Reports that wait to be heard.
const REPORTS: usize = 1024;

/// Processes in a row that may crash before their first page.
const IN_VAIN: usize = 3;

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// With all handed back.
    InOrder,
    Crash,
}

/// A crawl in processes.
pub(crate) struct Pool<'a> {
    url: &'a str,
    site: &'a Site,
    args: &'a Args,
    ledger: Ledger,
    places: Vec<Place>,
    heard: Receiver<Heard>,
    /// For new processes.
    ears: Sender<Heard>,
    items: ItemFile,
    progress: Progress,
    /// Whether the pages that no link leads to were queued.
    orphans: Orphans,
    /// Processes that crashed before their first page, in a row.
    in_vain: usize,
}

/// Pages that no link leads to come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Orphans {
    Wait,
    Queued,
}

/// What a crawl leaves.
pub(crate) struct Over {
    /// Requests that were not given to any worker.
    pub dropped: usize,
    /// Second visits.
    pub later: usize,
    /// How many items of which kind, in words.
    pub items: String,
    /// The workers.
    pub rows: Vec<Row>,
}

impl<'a> Pool<'a> {
    /// Starts the processes for `pages` pages of the site that is served at `url`.
    pub(crate) fn start(
        url: &'a str,
        site: &'a Site,
        args: &'a Args,
        pages: usize,
        items: ItemFile,
    ) -> Result<Self, Box<dyn Error>> {
        let workers = args.workers.map_or(1, usize::from);
        let (ears, heard) = channel(REPORTS);
        let mut pool = Pool {
            url,
            site,
            args,
            ledger: Ledger::new(pages, workers),
            places: (0..workers).map(|_| Place::default()).collect(),
            heard,
            ears,
            items,
            progress: Progress::new(pages),
            orphans: Orphans::Wait,
            in_vain: 0,
        };
        let spiders = Spiders::new(None);
        pool.push_from_site(|path| spiders.start_at(path))?;
        for worker in 0..workers {
            pool.begin(worker)?;
        }
        Ok(pool)
    }

    /// Goes on until all pages are parsed or there is nothing left.
    pub(crate) async fn crawl(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            self.deal();
            if self.ledger.given() == 0 && (self.ledger.is_full() || self.ledger.waiting() == 0) {
                if self.ledger.is_full() || self.orphans == Orphans::Queued {
                    return Ok(());
                }
                self.orphans = Orphans::Queued;
                self.push_from_site(|_| true)?;
                continue;
            }
            if let Some((worker, ending)) = self.hear().await? {
                if ending == Ending::InOrder {
                    self.recycle(worker)?;
                }
                self.begin(worker)?;
            }
        }
    }

    /// Ends the workers, and the crawl.
    pub(crate) async fn close(mut self) -> Result<Over, Box<dyn Error>> {
        for place in &mut self.places {
            place.end();
        }
        while self.places.iter().any(|place| place.process.is_some()) {
            self.hear().await?;
        }
        self.progress.done();
        Ok(Over {
            later: self.ledger.later(),
            dropped: self.ledger.close(),
            items: self.items.finish()?,
            rows: self.places.iter().map(|place| place.row).collect(),
        })
    }

    /// How far it is, in words.
    pub(crate) fn progress(&self) -> String {
        let ledger = &self.ledger;
        format!(
            "{} pages, {} requests wait, {} not found, {} failed",
            thousands(ledger.pages as u64),
            thousands(ledger.waiting() as u64),
            ledger.missing,
            ledger.failed
        )
    }

    /// Starts a process in a place.
    fn begin(&mut self, worker: usize) -> Result<(), Box<dyn Error>> {
        let process = Process::start(worker, self.url, self.args, self.ears.clone())
            .map_err(|e| format!("worker {} cannot be started: {e}", worker + 1))?;
        let line = format!("worker {}: process {}", worker + 1, process.id());
        self.progress.tell(&line);
        self.places[worker].begin(process);
        Ok(())
    }

    /// Counts a process that ended because it had passed the limit.
    fn recycle(&mut self, worker: usize) -> Result<(), Box<dyn Error>> {
        let place = &mut self.places[worker];
        if place.visits == 0 {
            // The next would do the same.
            let limit = self.args.recycle_at.unwrap_or_default();
            let had = place.row.fresh_now.0 >> 20;
            return Err(format!(
                "a worker had {had} MiB resident before its first page: --recycle-at {limit} leaves no room"
            )
            .into());
        }
        place.row.recycled += 1;
        let line = format!(
            "worker {}: {} pages visited, the limit passed, replaced",
            worker + 1,
            thousands(place.visits as u64)
        );
        self.progress.tell(&line);
        Ok(())
    }

    /// Gives all workers what they can take, one page after the other in turn.
    fn deal(&mut self) {
        let mut gave = true;
        while gave {
            gave = false;
            for (worker, place) in self.places.iter_mut().enumerate() {
                if !place.is_working() || self.ledger.given_to(worker) >= SHARE {
                    continue;
                }
                if let Some(page) = self.ledger.give(worker) {
                    place.visit(page);
                    gave = true;
                }
            }
        }
    }

    /// Hears the next of a worker. Returns the worker if its process has ended.
    async fn hear(&mut self) -> Result<Option<(usize, Ending)>, Box<dyn Error>> {
        // There is always one to come: the pool itself has a sender, and each
        // process is waited for until `Ended`.
        let Some(Heard { worker, what }) = self.heard.recv().await else {
            return Err("nothing more is heard of the workers".into());
        };
        let is_sound = match what {
            What::Said(report) => self.said(worker, report)?,
            What::Garbled => false,
            What::Ended => return Ok(Some((worker, self.ended(worker)?))),
        };
        if !is_sound {
            let place = &mut self.places[worker];
            if let Some(process) = &mut place.process {
                let line = format!(
                    "worker {} (process {}) said what makes no sense, and is killed",
                    worker + 1,
                    process.id()
                );
                self.progress.tell(&line);
                process.kill();
            }
        }
        Ok(None)
    }

    /// Takes a report. Whether it makes sense.
    fn said(&mut self, worker: usize, report: Report) -> Result<bool, Box<dyn Error>> {
        let place = &mut self.places[worker];
        let ledger = &mut self.ledger;
        Ok(match report {
            Report::Ready(resident) => {
                place.row.begins(resident);
                true
            }
            Report::Full(resident) => {
                place.row.reaches(resident);
                place.end();
                true
            }
            Report::Done(resident) => {
                place.row.reaches(resident);
                place.stage = Stage::Done;
                ledger.is_clear(worker)
            }
            Report::Left(url) => ledger.hand_back(worker, &url),
            Report::Later(later) => ledger.keep(worker, later),
            Report::Visited {
                url,
                outcome,
                found,
                item,
                resident,
            } => {
                let before = ledger.pages;
                let is_its = ledger.visited(worker, &url, outcome);
                if is_its {
                    place.visits += 1;
                    place.row.pages += ledger.pages - before;
                    place.row.reaches(resident);
                    found.into_iter().for_each(|page| ledger.push(page));
                    if let Some(item) = item {
                        self.items.put(&item)?;
                    }
                    self.progress.show(ledger.pages, ledger.waiting());
                    self.in_vain = 0;
                }
                is_its
            }
        })
    }

    /// A worker's process has ended: in order, or with what it had.
    fn ended(&mut self, worker: usize) -> Result<Ending, Box<dyn Error>> {
        let place = &mut self.places[worker];
        let Some(process) = place.process.take() else {
            return Err("a process has ended twice".into());
        };
        let id = process.id();
        let status = process.wait()?;
        if place.stage == Stage::Done && status.success() && self.ledger.is_clear(worker) {
            return Ok(Ending::InOrder);
        }
        place.row.crashed += 1;
        let lost = self.ledger.crashed(worker);
        let line = format!(
            "worker {} (process {id}) crashed, {status}: {} pages go back, {} second visits are kept",
            worker + 1,
            thousands(lost.again as u64),
            thousands(lost.later as u64)
        );
        self.progress.tell(&line);
        for url in lost.given_up {
            let line = format!("given up, since two workers crashed with it: {url}");
            self.progress.tell(&line);
        }
        self.in_vain += usize::from(place.visits == 0);
        if self.in_vain == IN_VAIN {
            let text = format!("{IN_VAIN} workers in a row crashed before their first page");
            return Err(text.into());
        }
        Ok(Ending::Crash)
    }

    /// Queues those pages of the site that `choose` says yes to.
    fn push_from_site(&mut self, choose: impl Fn(&str) -> bool) -> Result<(), Box<dyn Error>> {
        let root = Url::parse(self.url)?;
        let listing = self.site.listing();
        for path in listing.lines().filter(|path| choose(path)) {
            self.ledger.push(Page {
                url: root.join(path)?.into(),
                referer: String::new(),
            });
        }
        Ok(())
    }
}
