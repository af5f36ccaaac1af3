//! What `skeg serve` is told, from four sources: flags, environment, a TOML file, defaults.
//!
//! One table ([`SETTINGS`]) holds every setting: its name is the flag (`--max-connections`), the
//! variable (`SKEG_MAX_CONNECTIONS`) and the key of the file (`max-connections`). Help, parsing and
//! the refusal of unknown keys come from it; a new setting is one row and one field.
//!
//! Invariants: the file is applied first, then the environment, then the flags; every value is
//! checked where it stands, also one that a stronger source replaces; nothing but the file is
//! touched.
//!
//! May not know: the engine, sockets. [`ServeOptions`] is plain data.

mod error;
mod file;
mod load;
mod options;
mod parse;
mod settings;

pub use error::{ConfigError, Origin};
pub use load::{load, unknown_variables};
pub use options::{Durability, Eviction, LogLevel, ServeOptions, SyncTiming};
pub(crate) use parse::duration;
pub use settings::{SETTINGS, Section, Setting, find, nearest};
