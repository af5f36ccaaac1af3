//! A few hundred seeds of crashes and faults; `cargo run --release -p skeg-sim` plays any number.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Figures, Flaw, Plan, Themes, run};

/// Plays seeds and fails with the way to reproduce the first that fails.
fn play(seeds: std::ops::Range<u64>, themes: Themes) -> Figures {
    let mut figures = Figures::default();
    for seed in seeds {
        let outcome = run(&Plan::new(seed, themes), Flaw::None);
        if let Some(violation) = outcome.violation {
            let power = if themes == Themes::PowerLoss { " --power" } else { "" };
            panic!(
                "{violation}\nreproduce: cargo run --release -p skeg-sim -- --seed {seed}{power}"
            );
        }
        figures.add(&outcome.figures);
    }
    figures
}

#[test]
fn what_a_crash_leaves_is_a_prefix_with_all_that_was_acknowledged() {
    let figures = play(1_000_000..1_000_150, Themes::All);
    // It is worth nothing if it does not get everywhere.
    assert!(figures.operations > 3_000, "{figures}");
    assert!(figures.acknowledged > 300, "{figures}");
    assert!(figures.crashes_in_recovery > 30, "{figures}");
    assert!(figures.places.len() > 12, "{figures}");
    assert!(figures.faults.len() > 6, "{figures}");
    assert!(figures.poisoned > 3, "{figures}");
    assert!(figures.resharded > 10, "{figures}");
}

#[test]
fn a_power_loss_takes_nothing_that_was_acknowledged_as_durable() {
    let figures = play(2_000_000..2_000_150, Themes::PowerLoss);
    assert!(figures.crashes.keys().all(|kind| kind.starts_with("power loss")), "{figures}");
    assert!(figures.torn_tails > 20, "{figures}");
}

/// A string that is written in parts: the file, what makes it durable, the CURRENT that names it, the block with its
/// record, its removal.
#[test]
fn a_crash_at_any_step_of_a_string_with_a_file_of_its_own() {
    let mut figures = play(7_000_000..7_000_400, Themes::All);
    figures.add(&play(7_000_000..7_000_400, Themes::PowerLoss));
    let shown = figures.to_json(0);
    for place in ["create value", "allocate value", "write value", "sync value", "remove value"] {
        assert!(figures.places.contains_key(place), "{place}: {shown}");
    }
}

#[test]
fn a_seed_always_does_the_same() {
    for seed in 0..10 {
        let play = || {
            let outcome = run(&Plan::new(seed, Themes::All), Flaw::None);
            (outcome.digest, outcome.figures, outcome.violation)
        };
        assert_eq!(play(), play(), "seed {seed}");
    }
}
