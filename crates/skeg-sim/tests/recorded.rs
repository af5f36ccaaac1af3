//! Every fsync that the promise needs is issued by the real back end: a recorded run of the real
//! engine loses nothing acknowledged when the power fails at any point of the recording.
#![allow(clippy::unwrap_used)]

use skeg_engine::SyncPolicy;
use skeg_sim::{Flaw, Recorded};

fn recorded(seed: u64, sync: SyncPolicy) -> Recorded {
    Recorded { seed, threads: 3, operations: 200, sync, points: 60, flaw: Flaw::None }
}

#[test]
fn a_recorded_run_survives_a_power_loss_at_any_point() {
    for (seed, sync) in
        [(1, SyncPolicy::EverySecond), (2, SyncPolicy::Always), (3, SyncPolicy::Never)]
    {
        let dir = tempfile::tempdir().unwrap();
        let figures = recorded(seed, sync).play(dir.path()).unwrap();
        assert!(figures.acknowledged_disk > 20, "{figures:?}");
        assert!(figures.acknowledged_kernel > 40, "{figures:?}");
        assert!(figures.syncs > 20 && figures.crashes > 150, "{figures:?}");
    }
}

#[test]
fn a_recorded_run_without_its_syncs_is_caught() {
    for flaw in [Flaw::IgnoresDataSync, Flaw::IgnoresDirectorySync, Flaw::IgnoresFullSync] {
        let dir = tempfile::tempdir().unwrap();
        let run = Recorded { flaw, ..recorded(4, SyncPolicy::EverySecond) };
        let caught = run.play(dir.path()).unwrap_err();
        assert!(!caught.is_empty(), "{flaw:?}");
    }
}
