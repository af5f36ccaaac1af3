//! The harness bites: a disk that breaks one promise, and a store that lies, are caught within a few
//! seeds. Were one of these to pass, the silence of the other tests would mean nothing.
#![allow(clippy::unwrap_used)]

use skeg_sim::{Flaw, Plan, Themes, run};

/// Seeds in which each flaw must be caught.
const SEEDS: u64 = 60;

fn is_caught(flaw: Flaw) {
    let violation = (0..SEEDS).find_map(|seed| {
        let plan = Plan::new(seed, Themes::PowerLoss);
        assert_eq!(run(&plan, Flaw::None).violation, None, "the plan itself is sound");
        run(&plan, flaw).violation
    });
    assert!(violation.is_some(), "{flaw:?} was not caught");
}

#[test]
fn a_disk_that_does_not_sync_directories() {
    is_caught(Flaw::IgnoresDirectorySync);
}

#[test]
fn a_disk_that_does_not_sync_data() {
    is_caught(Flaw::IgnoresDataSync);
}

#[test]
fn a_disk_that_does_not_sync_new_files() {
    is_caught(Flaw::IgnoresFullSync);
}

#[test]
fn a_disk_that_acknowledges_a_sync_before_it_is_done() {
    is_caught(Flaw::SyncsLate);
}

#[test]
fn a_disk_that_writes_less_than_it_says() {
    is_caught(Flaw::ForgetsHalfOfAWrite);
}

#[test]
fn a_disk_that_forgets_writes() {
    is_caught(Flaw::ForgetsWrites);
}

#[test]
fn a_disk_that_writes_to_the_wrong_place() {
    is_caught(Flaw::MisplacesWrites);
}

#[test]
fn a_store_that_acknowledges_as_durable_what_is_only_written() {
    is_caught(Flaw::AcknowledgesBeforeSync);
}
