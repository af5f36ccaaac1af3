//! The client's side: commands out, replies in. For `skeg cli`, embedded callers and tests.

mod decode;
mod encode;
mod value;

pub use decode::{DecodeError, Decoder};
pub use encode::encode_command;
pub use value::Value;
