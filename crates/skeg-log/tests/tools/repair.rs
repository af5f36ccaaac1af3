//! Repairs: what is kept, what is lost, and that a repair may be struck.

use std::path::{Path, PathBuf};

use skeg_io::sim::{CrashPolicy, Damage, Failure, Fault, Injection, Operation};
use skeg_io::{Disk, Io};
use skeg_log::{ErrorKind, Log, Offline, Replay, ReplayError, ShardId};

use crate::common::{self, Collect, DIR, Harness, with_an_older_current};
use crate::{Subject, contents, is_kept, repair, segment_ends, subject, tiny_options};

/// A replay that refuses the records of a kind.
struct Refuses(Vec<u8>);

impl Replay for Refuses {
    fn record(&mut self, _: ShardId, _: u8, payload: &[u8]) -> Result<(), ReplayError> {
        if payload == self.0 { Err(ReplayError("it cannot be read".into())) } else { Ok(()) }
    }
}

#[test]
fn a_record_that_verifies_and_cannot_be_replayed_is_damage_and_ends_the_prefix() {
    let subject = subject(12, 700);
    let (_, _, payload) = &subject.history[10];
    let report = subject.offline().check(&mut Refuses(payload.clone())).unwrap();
    assert!(report.damage[0].found.contains("it cannot be read"), "{report:?}");
    assert!(report.damage[0].offset >= 64);
    let io = subject.io();
    let offline = Offline::open_to_write(&io, Path::new(DIR), "repair").unwrap();
    let mut fresh = || Box::new(Refuses(payload.clone())) as Box<dyn Replay>;
    let mut lost = 0;
    let plan = offline.plan_repair(None, &mut fresh, &mut |_, _| lost += 1).unwrap().unwrap();
    assert!(plan.records <= 10 && plan.records >= 8, "{plan:?}");
    assert_eq!(plan.records + lost, subject.history.len() as u64, "what is lost is shown");
    offline.repair(&plan, &mut fresh).unwrap();
    drop(offline);
    assert_eq!(subject.opens_as_prefix(), plan.records);
}

#[test]
fn what_is_damaged_in_the_middle_is_repaired_to_the_prefix_before_it() {
    let mut subject = subject(30, 2000);
    let segments: Vec<_> =
        segment_ends(&subject).into_iter().filter(|(_, _, blocks)| *blocks > 3).collect();
    let all = subject.history.len() as u64;
    let (first, middle) = (&segments[0].0.clone(), &segments[1].0.clone());
    let len = 2200;
    let damages = [
        (middle, Damage::FlipBit { offset: 3000, bit: 1 }),
        (middle, Damage::Zero { offset: 4096, len: 4096 }),
        (middle, Damage::Copy { from: middle.clone(), from_offset: 64, offset: 5000, len }),
        (middle, Damage::Copy { from: first.clone(), from_offset: 64, offset: 64, len }),
        (middle, Damage::FlipBit { offset: 20, bit: 0 }),
        (first, Damage::FlipBit { offset: 3000, bit: 1 }),
        (first, Damage::FlipBit { offset: 3, bit: 1 }),
    ];
    for (file, damage) in damages {
        subject.heal();
        subject.harness.machine.disk.damage(file, &damage).unwrap();
        let damaged = contents(&subject.harness.machine.disk);
        assert_eq!(subject.check().unwrap().damage[0].file, *file, "{damage:?}");
        let plan = subject.plan(None).unwrap().unwrap();
        assert_eq!(contents(&subject.harness.machine.disk), damaged, "a plan changes nothing");
        let left = subject.repair();
        assert_eq!(left, plan.records, "{damage:?}");
        assert!(left < all && (left > 0 || file == first), "{damage:?} leaves {left}");
        assert!(plan.drops.iter().any(|drop| drop.file == *file), "{plan:?}");
        let dropped: u64 = plan.drops.iter().map(|drop| drop.records).sum();
        assert!(dropped > 0 && left + dropped < all, "{dropped} of {all}, {left} left");
        for (name, bytes) in &damaged {
            if name.ends_with("LOCK") || name.ends_with("spare") {
                continue;
            }
            let kept = plan.segments_kept.contains(&PathBuf::from(name));
            assert!(kept || is_kept(&subject.harness.machine.disk, bytes), "{name} is gone");
        }
    }
}

#[test]
fn missing_cut_and_foreign_files_are_repaired() {
    let mut subject = subject(30, 2000);
    let ends: Vec<_> = segment_ends(&subject).into_iter().filter(|(_, _, b)| *b > 3).collect();
    let all = subject.history.len() as u64;
    let middle = ends[1].0.clone();
    subject.harness.machine.disk.remove(&middle).unwrap();
    let plan = subject.plan(None).unwrap().unwrap();
    assert!(plan.drops.iter().any(|drop| drop.file == middle && drop.unreadable.is_some()));
    let left = subject.repair();
    assert!(left > 0 && left < all / 2, "{left}");

    subject.heal();
    let bytes = subject.disk.contents(&middle).unwrap()[..5000].to_vec();
    subject.harness.machine.disk.import(&middle, &bytes).unwrap();
    assert_eq!(subject.check().unwrap().damage[0].offset, 5000);
    assert!(subject.repair() > left);

    for names in [&["MANIFEST"][..], &["CURRENT"], &["MANIFEST", "CURRENT"]] {
        subject.heal();
        for name in names {
            subject.harness.machine.disk.remove(&Harness::path(name)).unwrap();
        }
        let report = subject.check().unwrap();
        assert_eq!(report.damage[0].file, Harness::path(names[0]), "{names:?}");
        if names.contains(&"CURRENT") {
            assert_eq!(subject.plan(None).unwrap_err().kind(), ErrorKind::Caller, "shards?");
        }
        assert_eq!(subject.repair(), all, "{names:?}: nothing is lost with small files");
    }

    let mut other = Harness::new(99, tiny_options());
    other.open(0).unwrap();
    other.close().unwrap();
    for name in ["MANIFEST", "CURRENT"] {
        subject.heal();
        let foreign = other.machine.disk.contents(&Harness::path(name)).unwrap();
        subject.harness.machine.disk.import(&Harness::path(name), &foreign).unwrap();
        assert!(!subject.check().unwrap().is_sound());
        assert_eq!(subject.repair(), all, "a {name} of another database");
    }
}

#[test]
fn a_stray_segment_of_another_database_is_moved_away() {
    let mut other = Harness::new(99, tiny_options());
    other.open(0).unwrap();
    let foreign = other.machine.disk.contents(&Harness::path("log/00000002.seg")).unwrap();
    let subject = subject(12, 700);
    let stray = Harness::path("log/00000050.seg");
    subject.harness.machine.disk.import(&stray, &foreign).unwrap();
    assert_eq!(subject.check().unwrap().damage[0].file, stray);
    assert_eq!(subject.repair(), subject.history.len() as u64);
    assert!(is_kept(&subject.harness.machine.disk, &foreign));
}

/// A snapshot needs the log to stay where it is, so what a failed fsync has left in memory only stays with it.
#[test]
fn what_an_fsync_failed_for_is_on_the_disk_after_a_repair() {
    let mut other = Harness::new(99, tiny_options());
    other.open(0).unwrap();
    let foreign = other.machine.disk.contents(&Harness::path("log/00000002.seg")).unwrap();
    let mut all_read = 0;
    for seed in 0..20 {
        let mut harness = Harness::new(seed, tiny_options());
        harness.open(0).unwrap();
        common::push_some(&mut harness, 12);
        common::snapshot(&mut harness, |_| {}).unwrap();
        common::push_some(&mut harness, 8);
        harness.write();
        let fault = Fault::Fail(Failure::Io);
        harness.machine.disk.inject(Injection::once(Operation::Sync, fault).on(".seg"));
        harness.log().sync().unwrap_err();
        harness.kill();
        harness.machine.disk.import(&Harness::path("log/00000050.seg"), &foreign).unwrap();
        let plan = repair(&harness.machine).unwrap();
        all_read += u32::from(plan.last_epoch.0 == *harness.history.keys().last().unwrap());
        harness.crash(CrashPolicy::DropAll);
        common::open(&mut harness, plan.last_epoch.0).unwrap();
    }
    assert!(all_read > 5, "{all_read}: what is in memory can be read");
}

#[test]
fn a_repair_without_space_changes_nothing_and_can_be_done_later() {
    let subject = subject(30, 2000);
    let disk = &subject.harness.machine.disk;
    let file = segment_ends(&subject)[2].0.clone();
    disk.damage(&file, &Damage::Zero { offset: 6000, len: 9 }).unwrap();
    let before = contents(disk);
    disk.set_capacity(disk.used_bytes(), Failure::OutOfSpace);
    assert_eq!(repair(&subject.harness.machine).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(contents(disk).len(), before.len());
    assert!(before.iter().all(|(name, bytes)| name.ends_with("LOCK") || is_kept(disk, bytes)));
    disk.set_capacity(u64::MAX, Failure::OutOfSpace);
    assert!(subject.repair() > 0);
}

/// Recoveries rewrite tails into new segments and may leave the old ones untrimmed.
#[test]
fn without_current_the_history_is_found_through_rewritten_tails() {
    for seed in 0..12 {
        let mut harness = Harness::new(seed, tiny_options());
        for round in 0..5 {
            harness.open(0).unwrap();
            for number in 0..6 {
                harness.push(number % 4, 1500).unwrap();
                harness.write();
                harness.turn();
            }
            if round % 2 == 0 {
                harness.log().sync().unwrap();
                harness.push(1, 100).unwrap();
                harness.write();
            }
            let changes = harness.machine.disk.changes();
            harness.kill();
            // The next recovery is cut short, before or behind its CURRENT.
            harness.machine.disk.stop_at(changes + 1 + (seed + round) % 12);
            let _ = harness.open(0);
            harness.kill();
        }
        let at_least = harness.open(0).unwrap().last_epoch.0;
        harness.kill();
        let history = harness.history.values().flatten().cloned().collect();
        let subject = Subject { disk: harness.machine.disk.clone(), history, harness };
        subject.harness.machine.disk.remove(&Harness::path("CURRENT")).unwrap();
        let plan = subject.plan(Some(4)).unwrap().unwrap();
        assert_eq!(plan.last_epoch.0, at_least, "seed {seed}");
        assert_eq!(subject.repair(), subject.history.len() as u64, "seed {seed}");
    }
}

#[test]
fn without_current_and_without_the_beginning_nothing_is_made_up() {
    let subject = subject(30, 2000);
    let first = segment_ends(&subject)[0].0.clone();
    let disk = &subject.harness.machine.disk;
    disk.remove(&first).unwrap();
    disk.remove(&Harness::path("CURRENT")).unwrap();
    let before = contents(disk);
    let refused = subject.plan(Some(4)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    assert!(refused.to_string().contains("the beginning of the history"), "{refused}");
    assert_eq!(contents(disk), before);
}

#[test]
fn an_older_current_loses_nothing() {
    let harness = with_an_older_current(tiny_options(), 30);
    let history = harness.history.values().flatten().cloned().collect();
    let subject = Subject { disk: harness.machine.disk.clone(), history, harness };
    assert!(!subject.check().unwrap().is_sound());
    assert_eq!(subject.repair(), 30);
}

#[test]
fn a_repaired_database_goes_on_and_can_be_repaired_again() {
    let mut subject = subject(30, 2000);
    let file = segment_ends(&subject)[2].0.clone();
    subject.harness.machine.disk.damage(&file, &Damage::Zero { offset: 2000, len: 9 }).unwrap();
    let left = subject.repair();
    subject.harness.history.clear();
    let mut replayed = Collect::default();
    let open = |io: &Io, replayed: &mut Collect| {
        Log::open(io, Path::new(DIR), &tiny_options(), replayed).unwrap().0
    };
    subject.harness.log = Some(open(&subject.io(), &mut replayed));
    subject.harness.push(1, 500).unwrap();
    subject.harness.write();
    subject.harness.log().sync().unwrap();
    subject.harness.log().close().unwrap();
    subject.harness.kill();
    assert!(subject.check().unwrap().is_sound());
    let mut replayed = Collect::default();
    drop(open(&subject.io(), &mut replayed));
    assert_eq!(replayed.records.len() as u64, left + 1);
    subject.harness.machine.disk.remove(&Harness::path("CURRENT")).unwrap();
    let plan = repair(&subject.harness.machine).unwrap();
    assert_eq!(plan.records, left + 1);
    subject.harness.machine.disk.remove(&Harness::path("MANIFEST")).unwrap();
    let opened = Log::open(&subject.io(), Path::new(DIR), &tiny_options(), &mut ());
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupt, "never taken for an empty one");
    assert!(plan.originals.ends_with("damaged-2"), "the first originals stay where they are");
}

/// A repair is struck at each of its operations, in each way, started again, and struck again.
#[test]
fn a_repair_may_be_struck_at_every_operation() {
    let mut subject = subject(14, 2000);
    let file = segment_ends(&subject).into_iter().filter(|(_, _, b)| *b > 3).nth(1).unwrap().0;
    let strikes = [
        (vec!["CURRENT"], None),
        (vec![], Some(Damage::FlipBit { offset: 4000, bit: 3 })),
        (vec!["MANIFEST", "CURRENT"], Some(Damage::Zero { offset: 4096, len: 100 })),
    ];
    let ends = [
        None,
        Some(CrashPolicy::DropAll),
        Some(CrashPolicy::KeepAll),
        Some(CrashPolicy::AnySubset),
    ];
    for (missing, damage) in strikes {
        subject.heal();
        let disk = &subject.harness.machine.disk;
        missing.iter().for_each(|name| disk.remove(&Harness::path(name)).unwrap());
        if let Some(damage) = &damage {
            disk.damage(&file, damage).unwrap();
        }
        // What the damaged database consists of is on the medium: only the repair is struck.
        subject.harness.machine.crash(CrashPolicy::KeepAll);
        let spoilt = subject.harness.machine.disk.after_kill();
        let originals = contents(&spoilt);
        let before = subject.harness.machine.disk.changes();
        repair(&subject.harness.machine).unwrap();
        let after = subject.harness.machine.disk.changes() - before;
        let expected = subject.opens_as_prefix();
        for change in 1..=after {
            // A kill each time, and one of the power losses.
            let power_loss = 1 + change as usize % (ends.len() - 1);
            for number in [0, power_loss] {
                let place = format!("{missing:?} {damage:?} struck at {change}, {number}");
                subject.harness.machine.disk = spoilt.after_kill();
                // The second attempt may be struck as well, somewhere else.
                for strike in [change, 1 + change * 7 % after] {
                    let machine = &mut subject.harness.machine;
                    machine.disk.stop_at(machine.disk.changes() + strike);
                    let finished = repair(machine).is_ok();
                    match ends[number] {
                        None => machine.kill(),
                        Some(policy) => machine.crash(policy),
                    }
                    let is_sound = subject.check().unwrap().is_sound();
                    assert!(!finished || is_sound, "{place}: it was done");
                    if is_sound {
                        break;
                    }
                }
                if !subject.check().unwrap().is_sound() {
                    repair(&subject.harness.machine).unwrap();
                }
                assert_eq!(subject.opens_as_prefix(), expected, "{place}");
                let now = contents(&subject.harness.machine.disk);
                for (name, bytes) in &originals {
                    let own = name.ends_with("LOCK") || name.ends_with("spare");
                    let kept = || now.iter().any(|(_, kept)| kept == bytes);
                    assert!(own || kept(), "{place}: {name} is gone");
                }
            }
        }
    }
}
