//! The crawl of `examples/crawl.rs`, whose modules these are: a server, a client,
//! and three spiders, one of which keeps each response.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use crate::engine::Crawl;
use crate::server::Server;
use crate::site::Site;
use crate::spiders::{SpiderName, Spiders};

/// How many pages are crawled, once: what a crawl is slow at first with is a part of it.
pub(crate) const PAGES: u64 = 4_000;

/// The pages below a folder; ends the process if it cannot be read.
pub(crate) fn site(folder: &Path) -> Arc<Site> {
    Arc::new(done(Site::open(folder).map_err(Into::into)))
}

/// Crawls `pages` pages of `site`, from the server's start to the last request
/// that is dropped; ends the process if that fails.
pub(crate) fn crawl(site: &Arc<Site>, pages: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let site = Arc::clone(site);
    done(runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            let server = Server::start(site).await?;
            let spiders = Spiders::new(Some(SpiderName::Api));
            let mut crawl = Box::new(Crawl::new(&server.url(), spiders)?);
            crawl.seed().await?;
            crawl.run(pages as usize, |_| {}).await?;
            crawl.close();
            Ok(())
        })
    }));
}

fn done<T>(result: Result<T, Box<dyn Error>>) -> T {
    result.unwrap_or_else(|why| {
        eprintln!("the crawl: {why}");
        std::process::exit(1);
    })
}
