//! Crashes and faults over the whole store, from seeds.
//!
//! A seed gives a scenario (`scenario.rs`, as data `plan.rs`): databases with random options, connections that change
//! them in every way the engine knows, a clock that jumps, faults of the disk, and crashes in the
//! middle of any operation, also of recovery. The runner (`run.rs`) plays it on the simulated machine
//! of skeg-io, single-threaded, so that a seed always does the same. The oracle (`oracle.rs`) keeps a
//! plain sequential model and says after every crash whether what was found is a prefix of the
//! history with all in it that was acknowledged. `serial` checks histories of concurrent clients for
//! strict serialisability.
//!
//! Invariants: nothing here knows file formats; every judgement is made from what a user of the
//! engine can see. A failure says how to reproduce it.
//!
//! May not know: file formats, and nothing may use it: tests only.
#![forbid(unsafe_code)]

mod ahead;
mod apply;
mod backup;
mod client;
mod commands;
mod contents;
mod damage;
mod describe;
mod disk;
mod dump;
mod elements;
mod figures;
mod fill;
mod groups;
mod memory;
mod model;
mod op;
mod oracle;
mod plan;
mod recorded;
mod run;
mod scenario;
pub mod serial;
mod threads;

mod shrink;
mod state;
mod work;

pub use disk::Flaw;
pub use figures::Figures;
pub use plan::{Plan, Themes};
pub use recorded::{Recorded, RecordedFigures};
pub use run::{Outcome, Violation, run};
pub use shrink::shrink;
pub use skeg_log::Broken;
