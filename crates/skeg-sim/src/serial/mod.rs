//! Is what concurrent clients saw strictly serialisable?
//!
//! The method is Elle's for lists that are only appended to (Kingsbury and Alvaro, "Elle: Inferring
//! Isolation Anomalies from Experimental Observations", VLDB 2020): every appended token is unique, so
//! a read shows in which order all appends before it took effect. From that follow the dependencies
//! between transactions: who overwrote whom (ww), who read from whom (wr), who was overwritten after
//! being read (rw). Together with the order in real time and the order within each connection they
//! must have no cycle. As the server tells how long a list has become, also appends that nobody read
//! have their place.
//!
//! Invariant: what is reported follows from the history alone; a history without a complaint may
//! still be wrong, one with a complaint cannot be right.

mod check;
mod engine;
mod graph;
mod history;
mod versions;

pub use check::{Anomaly, Checked, check};
pub use engine::EngineRun;
pub use graph::Because;
pub use history::{Action, Fate, History, Token, Transaction, place_of, token_text, tokens_of};
