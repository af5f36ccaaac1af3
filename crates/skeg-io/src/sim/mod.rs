//! A simulated machine: a disk that loses, tears and fails as real ones may, and a clock,
//! randomness and threads under control. For tests only.
//!
//! Invariants:
//! - Everything random comes from seeds: the same operations give the same results.
//! - The disk does what the contract in `disk.rs` (of the crate) allows, and is as unkind as that
//!   contract permits. What must hold on every real file system must hold here, not the reverse.
//! - A crash gives a new disk; the old one and its handles answer every call with the error that
//!   [`is_stopped`] knows.
//!
//! Not modelled: sectors that cannot be read any more, and links.
//!
//! May not know: what the files mean.

mod blocks;
mod content;
mod control;
mod damage;
mod directory;
mod disk;
mod fault;
mod file;
mod file_system;
mod host;
mod machine;
mod outcome;
mod page;
mod rng;
mod state;

pub use damage::Damage;
pub use disk::SimDisk;
pub use fault::{Failure, Fault, FaultRates, Injection, Operation, is_stopped};
pub(crate) use file::SimFile;
pub use host::{SimClock, SimEntropy, SimThreads};
pub use machine::SimMachine;
pub use outcome::CrashPolicy;
pub use page::PAGE_BYTES;
pub use rng::SimRng;
