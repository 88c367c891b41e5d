//! The console of real processes, over the Unix socket.

#[path = "../process/mod.rs"]
mod process;

mod ends;
mod host;
mod hostile;
mod loops;
mod sessions;
