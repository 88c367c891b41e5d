//! What parent and worker say to each other: one JSON object a line, orders on
//! the worker's standard input, reports on its standard output.
//!
//! ```text
//! parent                                       worker
//!                                              {"ready":[NOW,HIGHEST]}
//! {"visit":URL,"referer":TITLE}  …             {"visited":URL,"as":"parsed","again":SECONDS,
//!                                               "found":[[URL,TITLE]…],"item":{…},"resident":…}  …
//!                                              {"full":[NOW,HIGHEST]}         only above the limit
//! {"end":true}                                 {"visited":…}                  what was under way
//!                                              {"left":URL}  …                what was not begun
//!                                              {"later":URL,"after":SECONDS,"referer":TITLE}  …
//!                                              {"done":[NOW,HIGHEST]}
//! ```
//!
//! The end of standard input without `end` tells the worker that its parent is
//! gone; the end of standard output without `done` tells the parent that the
//! worker has crashed. Resident memory is in bytes.

use std::time::Duration;

use endler::Bytes;
use serde_json::{Value, json};

use super::resident::Resident;

/// From the parent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Visit this page.
    Visit(Page),
    /// Finish what is under way, hand the rest back, end.
    End,
}

/// A page to visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its address.
    pub url: String,
    /// The title of the page that led there; empty for a start page.
    pub referer: String,
}

/// A second visit, as it is handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    /// What to visit.
    pub page: Page,
    /// Not before that much time has passed.
    pub after: Duration,
}

/// From a worker.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Report {
    /// It takes orders.
    Ready(Resident),
    /// A visit is over.
    Visited {
        /// Which.
        url: String,
        /// How it ended.
        outcome: Outcome,
        /// Pages that it leads to.
        found: Vec<Page>,
        /// What was read there.
        item: Option<Value>,
        /// The worker's memory then.
        resident: Resident,
    },
    /// It is above its limit and begins no more visits.
    Full(Resident),
    /// This page's visit was not begun.
    Left(String),
    /// A second visit that waited in the worker.
    Later(Later),
    /// All is handed back; the process ends.
    Done(Resident),
}

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The page was parsed. A second visit waits in the worker, after that time.
    Parsed { again: Option<Duration> },
    /// It was answered with an error status.
    Missing,
    /// It was not answered.
    Failed,
}

impl Order {
    /// The order as a line, without its end.
    pub(crate) fn line(&self) -> String {
        match self {
            Order::Visit(Page { url, referer }) => json!({"visit": url, "referer": referer}),
            Order::End => json!({"end": true}),
        }
        .to_string()
    }

    /// The order of a line, if it is one.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        if value.get("end").is_some() {
            return Some(Order::End);
        }
        let url = text(&value["visit"])?;
        let referer = text(&value["referer"])?;
        Some(Order::Visit(Page { url, referer }))
    }
}

impl Report {
    /// The report as a line, without its end.
    pub(crate) fn line(&self) -> String {
        let resident = |r: &Resident| json!([r.now.0, r.highest.0]);
        match self {
            Report::Ready(r) => json!({"ready": resident(r)}),
            Report::Full(r) => json!({"full": resident(r)}),
            Report::Done(r) => json!({"done": resident(r)}),
            Report::Left(url) => json!({"left": url}),
            Report::Later(Later { page, after }) => {
                json!({"later": page.url, "after": after.as_secs(), "referer": page.referer})
            }
            Report::Visited {
                url,
                outcome,
                found,
                item,
                resident: r,
            } => {
                let (word, again) = match outcome {
                    Outcome::Parsed { again } => ("parsed", again.map(|after| after.as_secs())),
                    Outcome::Missing => ("missing", None),
                    Outcome::Failed => ("failed", None),
                };
                let found = found.iter().map(|page| json!([page.url, page.referer]));
                json!({
                    "visited": url, "as": word, "again": again, "found": found.collect::<Vec<_>>(),
                    "item": item, "resident": resident(r),
                })
            }
        }
        .to_string()
    }

    /// The report of a line, if it is one.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut value: Value = serde_json::from_str(line).ok()?;
        let word = *REPORTS.iter().find(|word| value.get(**word).is_some())?;
        Some(match word {
            "ready" => Report::Ready(resident(&value["ready"])?),
            "full" => Report::Full(resident(&value["full"])?),
            "done" => Report::Done(resident(&value["done"])?),
            "left" => Report::Left(text(&value["left"])?),
            "later" => Report::Later(Later {
                page: Page {
                    url: text(&value["later"])?,
                    referer: text(&value["referer"])?,
                },
                after: Duration::from_secs(value["after"].as_u64()?),
            }),
            _ => Report::Visited {
                url: text(&value["visited"])?,
                outcome: outcome(&value)?,
                found: value["found"]
                    .as_array()?
                    .iter()
                    .map(found)
                    .collect::<Option<_>>()?,
                resident: resident(&value["resident"])?,
                item: Some(value["item"].take()).filter(|item| !item.is_null()),
            },
        })
    }
}

/// The key that says which report a line is.
const REPORTS: [&str; 6] = ["ready", "full", "done", "left", "later", "visited"];

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn resident(value: &Value) -> Option<Resident> {
    Some(Resident {
        now: Bytes(value[0].as_u64()?),
        highest: Bytes(value[1].as_u64()?),
    })
}

fn found(value: &Value) -> Option<Page> {
    Some(Page {
        url: text(&value[0])?,
        referer: text(&value[1])?,
    })
}

fn outcome(value: &Value) -> Option<Outcome> {
    Some(match value["as"].as_str()? {
        "parsed" => Outcome::Parsed {
            again: value["again"].as_u64().map(Duration::from_secs),
        },
        "missing" => Outcome::Missing,
        "failed" => Outcome::Failed,
        _ => return None,
    })
}
