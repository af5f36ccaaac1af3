//! Redis's dump files (RDB), read: bytes in, keys with their values out.
//!
//! All encodings that Redis up to 7.2 writes (versions 1 to 11): strings as integers and compressed,
//! ziplists, listpacks, intsets, zipmaps, quicklists. Streams and values of modules are stepped over.
//!
//! Invariants: input never panics it and never makes it allocate by a claimed length; what is returned was
//! whole; the checksum at the end is verified where there is one.
//! May not know: files, engines, commands.
#![forbid(unsafe_code)]

mod error;
mod lzf;
mod packed;
mod reader;
mod source;

pub use error::RdbError;
pub use reader::{Item, RdbReader, Value};
