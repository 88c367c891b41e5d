//! A worker process: visits the pages that its parent gives it, and keeps the
//! second visits that they ask for, as a crawl in one process does.
//!
//! With the fault those second visits hold every response of the faulty spider,
//! so the worker grows. `endler::watch` tells it when it passes its limit. It
//! then begins no more visits, finishes those under way, hands back what it has
//! of the frontier and ends; all of its memory goes with it. What it hands back
//! is addresses and titles, never a response.
//!
//! Like any process with endler in it, it writes a dump at SIGUSR1, under its own
//! process id: `endler.PID.SEQ.crawl.endler`.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use endler::Bytes;
use endler::watch::{self, Bound};
use reqwest::Url;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::protocol::{Later, Order, Outcome, Page, Report};
use super::resident::Resident;
use crate::args::Args;
use crate::engine::{CONCURRENCY, Tools, Visit, visit};
use crate::frontier::Frontier;
use crate::http::{Due, Meta, MetaValue, Request};
use crate::spiders::Spiders;

/// The time between two looks at resident memory: short beside the time in which a
/// crawl gains a MiB.
const LOOK: Duration = Duration::from_millis(20);

/// What reaches the worker from without.
enum Event {
    Order(Order),
    /// It has passed its limit.
    Full,
}

/// A worker at work.
struct Worker {
    tools: Arc<Tools>,
    frontier: Frontier,
    /// Visits under way.
    flight: JoinSet<(String, Visit)>,
    stage: Stage,
}

/// Until when a worker begins visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It begins what it is given.
    Working,
    /// It begins none, and waits for the order to end.
    Full,
    /// That order has come: no page comes any more.
    Ending,
}

/// Works for the parent that serves the site at `url`, until it orders the end.
pub(crate) async fn run(url: &str, args: &Args) -> Result<(), Box<dyn Error>> {
    endler::on_signal(libc::SIGUSR1, &args.dumps)?;
    endler::phase("crawl");
    let tools = Arc::new(Tools::new(Spiders::new(args.faulty()))?);
    tools.connect(&Url::parse(url)?).await?;

    let (events, inbox) = unbounded_channel();
    let start = Resident::here()?;
    if args.limit().is_some_and(|limit| start.now.0 > limit.0) {
        // Not left to the watch: its parent is told before any visit.
        let _ = events.send(Event::Full);
    }
    say(&Report::Ready(start))?;
    let _watch = args
        .limit()
        .map(|limit| watch_for(limit, events.clone()))
        .transpose()?;
    std::thread::Builder::new()
        .name("orders".into())
        .spawn(move || hear(&events))?;

    // On the heap, as a service keeps its state.
    let mut worker = Box::new(Worker {
        tools,
        frontier: Frontier::default(),
        flight: JoinSet::new(),
        stage: Stage::Working,
    });
    worker.work(inbox).await?;
    worker.hand_back()
}

/// Has endler tell when more than `limit` is resident.
fn watch_for(limit: Bytes, events: UnboundedSender<Event>) -> Result<watch::Watch, endler::Error> {
    endler::watch(
        watch::Options::new()
            .limit(limit)
            .every(LOOK)
            .then(move |crossing| {
                if crossing.bound == Bound::Limit {
                    // Nobody hears it when the worker is about to end.
                    let _ = events.send(Event::Full);
                }
            }),
    )
}

/// Reads orders until the last; ends the process if its parent has ended.
fn hear(events: &UnboundedSender<Event>) {
    for line in io::stdin().lock().lines() {
        // An order that cannot be read is as no parent: it must not be lost in silence.
        let Some(order) = line.ok().and_then(|line| Order::read(&line)) else {
            break;
        };
        let is_last = order == Order::End;
        if events.send(Event::Order(order)).is_err() || is_last {
            return;
        }
    }
    std::process::exit(1);
}

/// Tells the parent.
fn say(report: &Report) -> io::Result<()> {
    let mut line = report.line();
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

impl Worker {
    /// Visits pages until there is an order to end and none is under way.
    async fn work(&mut self, mut inbox: UnboundedReceiver<Event>) -> Result<(), Box<dyn Error>> {
        while self.stage != Stage::Ending || !self.flight.is_empty() {
            self.begin();
            tokio::select! {
                // What comes from without first: nothing is begun above the limit.
                biased;
                // And behind the last order there is nothing to hear.
                event = inbox.recv(), if self.stage != Stage::Ending => match event {
                    Some(Event::Order(Order::Visit(page))) => self.take(&page)?,
                    Some(Event::Order(Order::End)) => self.stage = Stage::Ending,
                    Some(Event::Full) if self.stage == Stage::Working => {
                        self.stage = Stage::Full;
                        say(&Report::Full(Resident::here()?))?;
                    }
                    Some(Event::Full) => {}
                    // The thread that reads orders is gone, which it is only after the last.
                    None => self.stage = Stage::Ending,
                },
                Some(visited) = self.flight.join_next() => {
                    let (url, visit) = visited?;
                    self.report(url, visit)?;
                }
            }
        }
        Ok(())
    }

    /// Takes a page from the parent.
    fn take(&mut self, page: &Page) -> Result<(), Box<dyn Error>> {
        let referer = MetaValue::Text(page.referer.clone());
        let meta = Meta::from([("referer", referer)]);
        self.frontier
            .push(Request::new(&Url::parse(&page.url)?, meta));
        Ok(())
    }

    /// Begins as many visits as may be under way.
    fn begin(&mut self) {
        while self.stage == Stage::Working && self.flight.len() < CONCURRENCY {
            let Some(request) = self.frontier.pop() else {
                return;
            };
            let tag = request.spider.tag();
            let url = request.url.clone();
            let visit = visit(Arc::clone(&self.tools), request);
            let named = async move { (url, visit.await) };
            self.flight.spawn(endler::tagged(tag, named));
        }
    }

    /// Reports a visit. What it found is the parent's; the second visit stays here.
    fn report(&mut self, url: String, visit: Visit) -> Result<(), Box<dyn Error>> {
        let mut found = Vec::new();
        let mut item = None;
        let outcome = match visit {
            Visit::Missing => Outcome::Missing,
            Visit::Failed => Outcome::Failed,
            Visit::Parsed(parsed) => {
                item = parsed.item.map(|item| item.json());
                let mut again = None;
                for request in parsed.requests {
                    match request.due {
                        Due::Now => found.push(page(&request)),
                        Due::After(time) => {
                            again = Some(time);
                            self.frontier.push(request);
                        }
                    }
                }
                Outcome::Parsed { again }
            }
        };
        say(&Report::Visited {
            url,
            outcome,
            found,
            item,
            resident: Resident::here()?,
        })?;
        Ok(())
    }

    /// Gives the parent all that is left of the frontier.
    fn hand_back(self) -> Result<(), Box<dyn Error>> {
        let (left, later) = self.frontier.hand_back();
        // From the last, so that the parent can put each before the one before.
        for request in left.iter().rev() {
            say(&Report::Left(request.url.clone()))?;
        }
        for request in &later {
            if let Due::After(after) = request.due {
                let page = page(request);
                say(&Report::Later(Later { page, after }))?;
            }
        }
        say(&Report::Done(Resident::here()?))?;
        Ok(())
    }
}

/// What the parent needs of a request: its address, and a title in place of
/// whatever its `meta` holds.
fn page(request: &Request) -> Page {
    Page {
        url: request.url.clone(),
        referer: request.referer().to_owned(),
    }
}
