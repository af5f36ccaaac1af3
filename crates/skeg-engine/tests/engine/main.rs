//! Tests of the engine through its public interface. The interleaving models run with
//! `cargo test -p skeg-engine --features shuttle --test engine shuttle_`, and only those then.

mod ahead;
mod durable;
mod evict;
mod evict_groups;
mod full;
mod memory;
mod model;
mod offline;
mod overwrite;
mod parts;
mod readings;
mod reshard;
#[cfg(feature = "shuttle")]
mod shuttle_compaction;
#[cfg(feature = "shuttle")]
mod shuttle_latches;
#[cfg(feature = "shuttle")]
mod shuttle_support;
#[cfg(feature = "shuttle")]
mod shuttle_walk;
mod snapshots;
mod support;
mod threads;
mod values;
mod vectors;
mod walk_along;
mod writings;
