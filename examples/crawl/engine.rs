//! The crawl itself: takes requests from the frontier, fetches and parses them
//! on the runtime's workers, puts what they yield back.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use endler::reports::render::number::thousands;
use futures_util::future::join_all;
use reqwest::{Client, Url};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::frontier::Frontier;
use crate::http::{Meta, Request, Response};
use crate::items::Item;
use crate::server::SITEMAP;
use crate::spiders::{Parsed, Spiders};

/// Fetches at a time.
pub(crate) const CONCURRENCY: usize = 8;

/// Visits under way at a time. More than [`CONCURRENCY`], since their results
/// are taken in the order of the requests and one large page holds up the rest.
const WINDOW: usize = 4 * CONCURRENCY;

/// What all visits share.
pub(crate) struct Tools {
    client: Client,
    spiders: Spiders,
    fetches: Semaphore,
}

/// A crawl under way.
pub(crate) struct Crawl {
    site: Url,
    tools: Arc<Tools>,
    frontier: Frontier,
    /// What was found so far.
    items: Vec<Item>,
    /// Pages parsed.
    pub pages: usize,
    /// Requests that were answered with an error status.
    missing: usize,
    /// Requests that were not answered.
    failed: usize,
}

/// How a visit ended.
pub(crate) enum Visit {
    Parsed(Parsed),
    Missing,
    Failed,
}

impl Crawl {
    /// A crawl of the site at `url` that has not begun.
    pub(crate) fn new(url: &str, spiders: Spiders) -> Result<Self, Box<dyn Error>> {
        Ok(Crawl {
            site: Url::parse(url)?,
            tools: Arc::new(Tools::new(spiders)?),
            frontier: Frontier::default(),
            items: Vec::new(),
            pages: 0,
            missing: 0,
            failed: 0,
        })
    }

    /// Visits the start pages, as the spiders choose them from the site map;
    /// what they link to waits.
    pub(crate) async fn seed(&mut self) -> Result<(), Box<dyn Error>> {
        self.tools.connect(&self.site).await?;
        let tools = Arc::clone(&self.tools);
        self.push_from_sitemap(|path| tools.spiders.start_at(path))
            .await?;
        let starts = self.frontier.waiting();
        self.visit(starts, |_| {}).await
    }

    /// Goes on until `limit` pages are parsed or there is nothing left.
    pub(crate) async fn run(
        &mut self,
        limit: usize,
        mut progress: impl FnMut(&Crawl),
    ) -> Result<(), Box<dyn Error>> {
        let mut orphans = false;
        while self.pages < limit {
            if self.frontier.waiting() > 0 {
                self.visit(limit - self.pages, &mut progress).await?;
            } else if !orphans {
                // Pages that no link leads to come last.
                orphans = true;
                self.push_from_sitemap(|_| true).await?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Ends the crawl: drops what still waits and returns how much that was,
    /// with the items.
    pub(crate) fn close(&mut self) -> (usize, Vec<Item>) {
        (self.frontier.close(), std::mem::take(&mut self.items))
    }

    /// How far it is, in words.
    pub(crate) fn progress(&self) -> String {
        let Crawl {
            pages,
            missing,
            failed,
            ..
        } = self;
        format!(
            "{} pages, {} requests wait, {missing} not found, {failed} failed",
            thousands(*pages as u64),
            thousands(self.waiting() as u64),
        )
    }

    /// How many requests wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.frontier.waiting()
    }

    /// How many second visits stand out.
    pub(crate) fn later(&self) -> usize {
        self.frontier.later()
    }

    /// Takes `count` requests from the frontier, or as many as turn up.
    ///
    /// Requests leave the frontier in its order and their results come back in
    /// the same order, however long each takes, so the frontier's order, and
    /// with it the set of pages under a limit, is the same in every run.
    async fn visit(
        &mut self,
        mut count: usize,
        mut progress: impl FnMut(&Crawl),
    ) -> Result<(), Box<dyn Error>> {
        let mut flight: VecDeque<JoinHandle<Visit>> = VecDeque::with_capacity(WINDOW);
        loop {
            while flight.len() < WINDOW && count > 0 {
                let Some(request) = self.frontier.pop() else {
                    break;
                };
                // What a visit allocates is its spider's, on whichever worker it runs.
                let tag = request.spider.tag();
                let visit = endler::tagged(tag, visit(Arc::clone(&self.tools), request));
                flight.push_back(tokio::spawn(visit));
                count -= 1;
            }
            let Some(first) = flight.pop_front() else {
                return Ok(());
            };
            match first.await? {
                Visit::Parsed(Parsed { item, requests }) => {
                    self.pages += 1;
                    self.items.extend(item);
                    for request in requests {
                        self.frontier.push(request);
                    }
                }
                Visit::Missing => self.missing += 1,
                Visit::Failed => self.failed += 1,
            }
            progress(self);
        }
    }

    /// Queues those pages of the site map that `choose` says yes to.
    async fn push_from_sitemap(
        &mut self,
        choose: impl Fn(&str) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        let listing = fetch(&self.tools.client, self.site.join(SITEMAP)?)
            .await?
            .body;
        for path in str::from_utf8(&listing)?
            .lines()
            .filter(|path| choose(path))
        {
            self.frontier
                .push(Request::new(&self.site.join(path)?, Meta::new()));
        }
        Ok(())
    }
}

impl Tools {
    /// A client without a connection yet.
    pub(crate) fn new(spiders: Spiders) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent("endler-crawl")
            .pool_max_idle_per_host(CONCURRENCY)
            .timeout(Duration::from_secs(60))
            // The site is on loopback; a proxy of the environment is not for it.
            .no_proxy()
            .build()?;
        Ok(Tools {
            client,
            spiders,
            fetches: Semaphore::new(CONCURRENCY),
        })
    }

    /// Opens all the connections that the crawl will use. Their buffers then
    /// belong to the start and are no growth later.
    pub(crate) async fn connect(&self, site: &Url) -> Result<(), reqwest::Error> {
        let ask = |_| self.client.get(site.clone()).send();
        let answers = join_all((0..CONCURRENCY).map(ask)).await;
        // A connection is free again only when its answer was read to the end,
        // so as long as all are held each has one of its own.
        for answer in answers {
            answer?.bytes().await?;
        }
        Ok(())
    }
}

/// One visit, on whichever thread is free.
pub(crate) async fn visit(tools: Arc<Tools>, request: Request) -> Visit {
    let fetched = {
        // The semaphore is never closed, so there is always a permit to come.
        let _permit = tools.fetches.acquire().await;
        match Url::parse(&request.url) {
            Ok(url) => fetch(&tools.client, url).await,
            Err(_) => return Visit::Failed,
        }
    };
    match fetched {
        Ok(response) if response.status == 200 => {
            // Parsed here and not on a blocking thread: there are as many
            // workers as cores, so no more documents than that stand in memory.
            Visit::Parsed(tools.spiders.get(request.spider).parse(&request, response))
        }
        Ok(_) => Visit::Missing,
        Err(_) => Visit::Failed,
    }
}

async fn fetch(client: &Client, url: Url) -> Result<Response<Bytes>, reqwest::Error> {
    let answer = client.get(url).send().await?;
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    Ok(Response {
        url: answer.url().clone(),
        status: answer.status().as_u16(),
        headers,
        body: answer.bytes().await?,
    })
}
