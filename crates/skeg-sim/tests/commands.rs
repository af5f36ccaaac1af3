//! Every command that writes has changed something before a crash, and what it changed was there behind it.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Figures, Flaw, Plan, Themes, run};

/// Seeds within which each must have changed something.
const SEEDS: u64 = 4_000;

/// What changes nothing that can be seen: it makes values anew as they are.
const CHANGES_NOTHING: &[&str] = &["debug|loadaof", "debug|reload"];

/// What needs more seeds than these: the figures that are kept of many have them.
const RARE: &[&str] = &["skeg.cas", "skeg.vdel", "smove"];

/// What is no command of shards; `commands/table.rs` says why.
const ELSEWHERE: &[&str] = &["skeg.vindex.consolidate"];

#[test]
fn every_command_that_writes_changes_something() {
    let writes = skeg_commands::commands().iter().filter(|spec| spec.writes());
    let names = writes.map(|spec| spec.name).chain(["multi"]);
    let left_out =
        |name: &&str| [CHANGES_NOTHING, RARE, ELSEWHERE].iter().any(|names| names.contains(name));
    let wanted: Vec<&str> = names.filter(|name| !left_out(name)).collect();
    let mut figures = Figures::default();
    for seed in 7_000_000..7_000_000 + SEEDS {
        let (themes, option) = match seed % 3 {
            0 => (Themes::All, ""),
            1 => (Themes::PowerLoss, "--power"),
            _ => (Themes::Memory, "--memory"),
        };
        let outcome = run(&Plan::new(seed, themes), Flaw::None);
        if let Some(violation) = outcome.violation {
            panic!("{violation}\nreproduce: --seed {seed} {option}");
        }
        figures.add(&outcome.figures);
        if wanted.iter().all(|name| figures.changed_by.contains_key(*name)) {
            return;
        }
    }
    let missing = wanted.iter().filter(|name| !figures.changed_by.contains_key(**name));
    panic!("changed nothing: {:?}", missing.collect::<Vec<_>>());
}
