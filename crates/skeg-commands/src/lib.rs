//! Commands: what they are called, what they take, what they do and reply. A transport feeds a
//! [`Session`] with arguments and sends what it replies; the server and the Node addon both do.
//!
//! A command is one file under `cmd/`: a [`Spec`] and a function. `npm run generate` enters it into
//! the table, from which dispatch, routing, COMMAND and the reference pages follow.
//!
//! Invariants:
//! - a handler changes data only through the shards that its specification made the session hold;
//! - it writes its whole reply or returns an error, which is then the reply;
//! - commands of one session take effect in order; what cannot run at once is delegated with its own
//!   copy of the arguments, and the session waits for it;
//! - GET and SET allocate nothing on their way through.
//!
//! May not know: sockets, TLS, napi, files.
#![forbid(unsafe_code)]

mod admission;
mod blocking;
mod bounds;
mod clients;
mod cmd;
mod config;
mod context;
mod cx;
mod deadline;
mod delegate;
mod describe;
mod direct;
mod dispatch;
mod draws;
mod element_scan;
mod error;
mod extended;
mod flow;
mod foreseen;
mod generated;
mod help;
mod host;
mod latency;
mod memory;
mod monitor;
mod number;
mod parse;
mod pause;
mod pool;
mod prepared;
mod ranges;
mod report;
mod session;
mod slowlog;
mod space;
mod spec;
mod stats;
mod string_options;
mod subscriptions;
mod syntax;
mod table;
mod timing;
mod transaction;
mod value;
mod vector;
mod wait;
mod walk;
mod watching;

use skeg_engine::glob;

pub use blocking::{Blocking, Plan, TakeHandler};
pub use clients::{Buffers, Client, ClientRegistry, Connection, Incoming, Origin};
pub use config::{Config, ConfigError};
pub use context::Context;
pub use cx::Cx;
pub use direct::Direct;
pub use error::CommandError;
pub use flow::{Complete, Completion, Flow};
pub use host::{Host, NetworkFigures, ProcessFigures, Shutdown};
pub use prepared::{Author, Prepared, Types};
pub use session::{Session, Turn};
pub use spec::{
    BoundRule, Category, ControlHandler, Find, Flags, Group, Handler, KeyFlags, Keys,
    MessageHandler, Outcome, SessionHandler, ShardHandler, Spec, StoredBytes, WalkHandler,
};
pub use stats::Lane;
pub use table::{CommandId, commands};
pub use walk::{Step, Walk};
