//! The server over real sockets, with the store and its log behind it.
#![allow(clippy::unwrap_used, reason = "all of it is test")]

mod blocking;
mod common;
mod durable;
mod limits;
mod pubsub;
mod stop;
mod watch;
mod wire;
