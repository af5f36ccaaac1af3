//! Crashes in the middle of backups, and of snapshots beside them.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Figures, Flaw, Plan, Themes, run};

#[test]
fn a_crash_in_a_backup_leaves_the_old_one_or_the_new() {
    let mut figures = Figures::default();
    for seed in 5_000_000..5_000_250 {
        let outcome = run(&Plan::new(seed, Themes::Backups), Flaw::None);
        if let Some(violation) = outcome.violation {
            panic!("{violation}\nreproduce: --seed {seed} --backups");
        }
        figures.add(&outcome.figures);
    }
    // It is worth nothing if it does not get everywhere.
    let shown = figures.to_json(0);
    assert!(figures.backups > 100 && figures.backups_judged > 100, "{shown}");
    assert!(figures.snapshots > 100, "{shown}");
    for place in ["write segment", "sync segment", "rename MANIFEST", "remove BACKUP.unfinished"] {
        assert!(figures.places.contains_key(place), "{place}: {shown}");
    }
}
