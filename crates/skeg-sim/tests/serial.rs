//! Threads on one engine, over several shards: what they see is strictly serialisable.
#![allow(clippy::unwrap_used)]

use skeg_sim::serial::{EngineRun, check};

fn run(seed: u64, keys: u64, dir: Option<&std::path::Path>) {
    let dir = dir.map(std::path::Path::to_owned);
    let run = EngineRun { seed, dir, threads: 4, transactions: 600, keys };
    let history = run.record().unwrap();
    let checked = check(&history);
    assert!(checked.anomalies.is_empty(), "{}", checked.anomalies[0]);
    assert_eq!(checked.transactions, 2_400);
    assert!(checked.edges > 3_000, "{checked:?}");
}

#[test]
fn threads_in_memory_see_a_strictly_serialisable_history() {
    for (seed, keys) in [(1, 2), (2, 8), (3, 40)] {
        run(seed, keys, None);
    }
}

#[test]
fn threads_on_a_durable_store_see_a_strictly_serialisable_history() {
    for (seed, keys) in [(4, 3), (5, 20)] {
        let dir = tempfile::tempdir().unwrap();
        run(seed, keys, Some(dir.path()));
    }
}
