//! The server of skeg: sockets, connections, the threads that serve them, and the executable.
//!
//! - [`Server`] serves an engine over RESP, on TCP and a Unix socket; it is a library, so that an
//!   embedding program serves the store that it has open.
//! - A thread takes turns (`event_loop.rs`): it serves what is ready (`connection.rs`), writes the log
//!   once, sends the replies (`worker.rs`, `output.rs`).
//! - Connections gather on one thread until it is busy, then spread (`spread.rs`).
//!
//! Invariants: commands of a connection take effect in order and replies leave in order; no reply
//! leaves before what it acknowledges has reached its level; no client makes the server hold more
//! memory for it than its limits say, or others wait for it longer than a turn's share.
//!
//! May not know: keyspace, log and vector internals, what a command means.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;

mod accept;
mod address;
mod connection;
mod error;
mod event_loop;
mod frames;
mod hub;
mod input;
mod listener;
mod mailbox;
mod options;
mod output;
mod server;
mod slab;
mod spread;
mod stats;
mod stream;
mod worker;

pub use error::ServeError;
pub use options::ServerOptions;
pub use server::{Server, ServerHandle};
