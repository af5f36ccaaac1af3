//! Crashes in the middle of snapshots: at every write, sync, rename and removal that they make.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Figures, Flaw, Plan, Themes, run};

#[test]
fn a_crash_in_a_snapshot_leaves_the_old_state_or_the_new() {
    let mut figures = Figures::default();
    for seed in 3_000_000..3_000_300 {
        let outcome = run(&Plan::new(seed, Themes::Snapshots), Flaw::None);
        if let Some(violation) = outcome.violation {
            panic!("{violation}\nreproduce: --seed {seed} --snapshots");
        }
        figures.add(&outcome.figures);
    }
    // It is worth nothing if it does not get everywhere.
    let shown = figures.to_json(0);
    assert!(figures.snapshots > 30 && figures.snapshots_loaded > 30, "{shown}");
    assert!(figures.fell_back > 3, "{shown}");
    for place in ["create snapshot", "write snapshot", "sync snapshot", "remove segment"] {
        assert!(figures.places.contains_key(place), "{place}: {shown}");
    }
}
