//! RESP2, RESP3 and binary frames: bytes in, commands out; values in, bytes out. No I/O.
//!
//! - [`Parser`] finds the commands in what a client sent; [`Args`] are ranges into those bytes.
//! - [`Reply`] collects what is sent back, in the version that the connection speaks.
//! - [`frame`] has the binary protocol: headers, and the fields of payloads.
//! - [`client`] is the other side: it encodes commands and decodes replies.
//!
//! Invariants: no input makes a function here panic; no allocation is sized by a claimed length;
//! a byte is looked at a fixed number of times, however the input was cut into reads; every limit is checked before
//! the bytes that would break it are asked for.
//!
//! May not know: sockets, sessions, what a command means.
#![forbid(unsafe_code)]

mod ahead;
mod args;
pub mod client;
mod error;
pub mod frame;
mod inline;
mod limits;
mod number;
mod parser;
mod reply;

pub use ahead::{ArgumentsAhead, FirstArguments};
pub use args::{Args, ArgsBuf, ArgsIter};
pub use error::ProtocolError;
pub use inline::{UnbalancedQuotes, split_line};
pub use limits::Limits;
pub use number::{write_double, write_int};
pub use parser::{Parsed, Parser};
pub use reply::{Deferred, Reply, Version};
