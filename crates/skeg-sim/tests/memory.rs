//! Memory is short: what goes stays gone, nothing else goes, and the data keeps to its limit.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Figures, Flaw, Plan, Themes, run};

#[test]
fn what_is_evicted_stays_gone_and_nothing_else_goes() {
    let mut figures = Figures::default();
    for seed in 6_000_000..6_000_400 {
        let outcome = run(&Plan::new(seed, Themes::Memory), Flaw::None);
        if let Some(violation) = outcome.violation {
            panic!("{violation}\nreproduce: --seed {seed} --memory");
        }
        figures.add(&outcome.figures);
    }
    // It is worth nothing if little goes, or if most changes are refused.
    let shown = figures.to_json(0);
    assert!(figures.evicted > 200 && figures.kept_to_limit > 80, "{shown}");
    assert!(figures.groups > 20, "{shown}");
    assert!(figures.refused["Memory"] * 10 < figures.operations, "{shown}");
}
