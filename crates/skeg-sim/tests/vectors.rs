//! Crashes while segments of vectors are written, published, merged and forgotten: at every write, sync,
//! rename and removal.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Figures, Flaw, Plan, Themes, run};

#[test]
fn a_crash_in_a_flush_or_a_merge_leaves_the_old_state_or_the_new() {
    let mut figures = Figures::default();
    for seed in 5_000_000..5_000_300 {
        let outcome = run(&Plan::new(seed, Themes::Vectors), Flaw::None);
        if let Some(violation) = outcome.violation {
            panic!("{violation}\nreproduce: --seed {seed} --vectors");
        }
        figures.add(&outcome.figures);
    }
    // It is worth nothing if it does not get everywhere.
    let shown = figures.to_json(0);
    assert!(figures.vector_segments > 150 && figures.snapshots > 10, "{shown}");
    assert!(figures.vector_segments_beside > 0, "{shown}");
    for place in ["create vectors", "write vectors", "sync vectors", "remove vectors"] {
        assert!(figures.places.contains_key(place), "{place}: {shown}");
    }
}
