//! Frames of the binary protocol: bytes in, requests out. `docs/protocol.md` describes every byte.
//!
//! Invariants: no input makes a function here panic; no allocation is sized by a claimed length.
//!
//! May not know: what a request does, or how it is answered.

mod fields;
mod header;
mod op;
mod packed;

pub use fields::{Fields, Malformed};
pub use header::{Flags, Frame, FrameError, Framed, HEADER_BYTES, PAYLOAD_BYTES_MAX};
pub use op::{Answer, Op};
pub use packed::{pack, unpack};
