//! Crashes in the middle of snapshots: at every write, sync, rename and removal that they make.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Broken, Figures, Flaw, Plan, Themes, run};

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
    for place in ["create snapshot", "write snapshot", "sync snapshot", "remove segment"] {
        assert!(figures.places.contains_key(place), "{place}: {shown}");
    }
}

/// Seeds in which each broken promise must be caught.
const SEEDS: u64 = 400;

fn is_caught(broken: Broken) {
    let violation = (0..SEEDS)
        .find_map(|seed| run(&Plan::new(seed, Themes::Snapshots), Flaw::Breaks(broken)).violation);
    assert!(violation.is_some(), "{broken:?} was not caught");
}

#[test]
fn a_snapshot_that_is_published_before_its_epochs_are_durable() {
    is_caught(Broken::PublishesEarly);
}

#[test]
fn a_snapshot_whose_directory_entry_is_not_synced() {
    is_caught(Broken::ForgetsTheDirectory);
}

#[test]
fn segments_that_are_removed_before_current_is_durable() {
    is_caught(Broken::RemovesEarly);
}

#[test]
fn a_replay_that_ignores_the_places_of_shards() {
    is_caught(Broken::IgnoresPlaces);
}
