//! A large program with a million live blocks, made by libraries that services
//! use, and a snapshot of it: `endler-large SNAPSHOT`.
//!
//! What it makes is never looked at; it is only many blocks of many types, born at
//! many stacks. `tests/large.sh` measures what typing and reporting them cost.

mod served;
mod texts;

use std::process::ExitCode;

#[global_allocator]
static HEAP: endler::Heap = endler::Heap::system();

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: endler-large SNAPSHOT");
        return ExitCode::from(2);
    };
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter("endler_large=warn")
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("it is the first");
    let served = served::all();
    let texts = texts::all();
    let written = endler::snapshot_to(&path);
    std::hint::black_box((&served, &texts));
    match written {
        Ok(info) => {
            println!("{info:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("endler-large: {error}");
            ExitCode::FAILURE
        }
    }
}
