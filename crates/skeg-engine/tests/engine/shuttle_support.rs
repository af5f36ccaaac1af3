//! What the interleaving models of an engine on disk share: shuttle's schedulers, and what the log's threads do.

use std::path::Path;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use skeg_engine::{Engine, EngineOptions};
use skeg_io::Io;
use skeg_io::sync::Arc;

/// Runs a scenario under random schedules, and under so many that preempt it in a few places only.
pub(crate) fn check(iterations: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    let again = Arc::clone(&scenario);
    let mut config = Config::new();
    // Deep enough for opening a database.
    config.stack_size = 1 << 18;
    Runner::new(RandomScheduler::new(iterations), config.clone()).run(move || scenario());
    Runner::new(PctScheduler::new(3, iterations), config).run(move || again());
}

/// Opens a database of one shard without threads, whose snapshots are taken by hand.
pub(crate) fn open(io: &Io, options: EngineOptions) -> Engine {
    let snapshot_log_bytes = 1 << 20;
    let options = EngineOptions { shards: Some(1), home_threads: 0, snapshot_log_bytes, ..options };
    Engine::open(io, Some(Path::new("/db")), &options).unwrap()
}

/// What the log's threads would do.
pub(crate) fn turn(engine: &Engine) {
    let log = engine.log().unwrap();
    log.try_write();
    log.maintain().unwrap();
    log.sync().unwrap();
}
