//! Checking, inspecting, repairing and copying a database that nobody has open.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use common::{Collect, DIR, Harness, Record, small_options};
use proptest::prelude::*;
use skeg_io::sim::{CrashPolicy, Damage, SimDisk, SimMachine, SimRng};
use skeg_io::{Disk, Io};
use skeg_log::{
    CheckReport, CopyOptions, ErrorKind, Found, Log, LogError, LogOptions, Offline, Outcome,
    RepairPlan, Replay, ReplayError, SegmentState, ShardId, SyncPolicy,
};

const LINKED: CopyOptions = CopyOptions { link: true, update: false };

/// A database of several segments that was killed in the middle of its work.
struct Subject {
    harness: Harness,
    disk: SimDisk,
    history: Vec<Record>,
}

/// Options of segments so small that a few blocks fill one.
fn tiny_options() -> LogOptions {
    LogOptions { segment_bytes: 16 << 10, ..small_options(SyncPolicy::Never) }
}

/// `blocks` blocks; all but the last two are synced.
fn subject(blocks: u64, bytes: usize) -> Subject {
    let mut harness = Harness::new(5, tiny_options());
    harness.open(0).unwrap();
    for block in 1..=blocks {
        harness.push((block % 4) as u16, bytes).unwrap();
        harness.push_many(&[0, 3], 20).unwrap();
        harness.write();
        harness.turn();
        if block % 5 == 0 || block + 2 == blocks {
            harness.log().sync().unwrap();
        }
    }
    harness.kill();
    let history = harness.history.values().flatten().cloned().collect();
    let disk = harness.machine.disk.after_kill();
    Subject { harness, disk, history }
}

impl Subject {
    /// Puts everything back as it was.
    fn heal(&mut self) {
        self.harness.machine.disk = self.disk.after_kill();
    }

    fn io(&self) -> Io {
        self.harness.machine.io()
    }

    fn offline(&self) -> Offline {
        Offline::open(&self.io(), Path::new(DIR)).unwrap()
    }

    fn check(&self) -> Result<CheckReport, LogError> {
        self.offline().check(&mut ())
    }

    fn plan(&self, shards: Option<u16>) -> Result<Option<RepairPlan>, LogError> {
        self.offline().plan_repair(shards, &mut || Box::new(()), &mut |_, _| {})
    }

    /// Plans and does it; how many records are left. They are the first ones of the history.
    fn repair(&self) -> u64 {
        repair(&self.harness.machine).unwrap();
        self.opens_as_prefix()
    }

    fn opens_as_prefix(&self) -> u64 {
        let mut replayed = Collect::default();
        let options = tiny_options();
        Log::open(&self.io(), Path::new(DIR), &options, &mut replayed).unwrap();
        assert!(self.history.starts_with(&replayed.records), "not a prefix");
        replayed.records.len() as u64
    }

    /// Files of the database: not the lock, not the spare.
    fn files(&self) -> Vec<PathBuf> {
        let files = self.disk.files().into_iter().map(PathBuf::from);
        files.filter(|path| !path.ends_with("LOCK") && !path.ends_with("spare")).collect()
    }

    fn length(&self, file: &Path) -> u64 {
        self.disk.contents(file).unwrap().len() as u64
    }
}

fn repair(machine: &SimMachine) -> Result<RepairPlan, LogError> {
    let offline = Offline::open_to_write(&machine.io(), Path::new(DIR), "repair")?;
    let plan = offline.plan_repair(Some(4), &mut || Box::new(()), &mut |_, _| {})?;
    let plan = plan.expect("it is damaged");
    offline.repair(&plan, &mut || Box::new(()))?;
    Ok(plan)
}

/// Every file of the disk with its bytes, by path.
fn contents(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), disk.contents(Path::new(&name)).unwrap());
    disk.files().into_iter().map(read).collect()
}

/// Whether the bytes of a damaged file are still somewhere, under whatever name.
fn is_kept(disk: &SimDisk, bytes: &[u8]) -> bool {
    contents(disk).iter().any(|(_, kept)| kept == bytes)
}

#[test]
fn an_untouched_database_is_sound_and_checking_changes_nothing() {
    let mut subject = subject(30, 2000);
    let before = contents(&subject.disk);
    subject.harness.machine.disk.set_read_only(true);
    let report = subject.check().unwrap();
    assert_eq!((report.damage, report.outcome), (vec![], Outcome::Opens));
    assert_eq!(report.records, subject.history.len() as u64);
    assert_eq!(report.last_epoch.unwrap().0, 30);
    assert!(report.segments > 3 && report.unsynced_blocks > 0);
    assert!(subject.plan(None).unwrap().is_none(), "nothing to repair");
    assert_eq!(contents(&subject.harness.machine.disk), before);
    subject.heal();
    subject.harness.machine.disk.set_read_only(false);
    assert_eq!(subject.opens_as_prefix(), subject.history.len() as u64);
}

#[test]
fn an_open_database_is_refused_and_a_looker_keeps_openers_away() {
    let mut harness = Harness::new(5, tiny_options());
    harness.open(0).unwrap();
    let io = harness.machine.io();
    let open = |io: &Io| Offline::open(io, Path::new(DIR)).map(drop).map_err(|e| e.kind());
    assert_eq!(open(&io), Err(ErrorKind::Locked));
    harness.close().unwrap();
    let looker = Offline::open(&io, Path::new(DIR)).unwrap();
    assert_eq!(open(&io), Ok(()), "several may look");
    assert_eq!(harness.open(0).unwrap_err().kind(), ErrorKind::Locked);
    let plan = looker.plan_repair(None, &mut || Box::new(()), &mut |_, _| {}).unwrap();
    assert!(plan.is_none());
    drop(looker);
    harness.open(0).unwrap();
    assert_eq!(open(&SimMachine::new(1).io()), Err(ErrorKind::Caller), "there is no directory");
}

#[test]
fn every_changed_byte_is_named_with_file_and_offset() {
    let mut subject = subject(12, 700);
    let ends = segment_ends(&subject);
    let witnessed = 10;
    for file in subject.files() {
        let length = ends.iter().find(|(path, ..)| *path == file).map(|(_, end, _)| *end);
        let length = length.unwrap_or_else(|| subject.length(&file));
        let step = if length > 2000 { 13 } else { 1 };
        for offset in (0..length).step_by(step) {
            subject.heal();
            let bit = (offset % 8) as u8;
            subject.harness.machine.disk.damage(&file, &Damage::FlipBit { offset, bit }).unwrap();
            let report = subject.check().unwrap();
            if report.is_sound() {
                let last = report.last_epoch.unwrap().0;
                assert!(last >= witnessed, "byte {offset} of {} unnoticed", file.display());
                assert_ne!(report.outcome, Outcome::Opens, "byte {offset} of {}", file.display());
                continue;
            }
            let found = &report.damage[0];
            assert_eq!(report.outcome, Outcome::Refuses);
            assert_eq!(found.file, file, "byte {offset}: {found:?}");
            assert!(found.offset < length.max(64), "{found:?}");
            // What check says is what an open says.
            let opened = Log::open(&subject.io(), Path::new(DIR), &tiny_options(), &mut ());
            match opened.unwrap_err() {
                LogError::Corrupt(same) => assert_eq!(*same, *found),
                other => panic!("{other}"),
            }
        }
    }
}

/// Where the blocks of each segment end, and how many there are.
fn segment_ends(subject: &Subject) -> Vec<(PathBuf, u64, u64)> {
    let offline = subject.offline();
    let summary = offline.summary().unwrap();
    let mut ends = Vec::new();
    for info in &summary.segments {
        let (mut end, mut blocks) = (64, 0);
        offline
            .walk_segment(info, &mut |found| {
                match found {
                    Found::Block(block) => {
                        assert_eq!(block.records().count() as u64, block.records);
                        (end, blocks) = (block.offset + block.bytes, blocks + 1);
                    }
                    Found::Bad { .. } => panic!("{found:?}"),
                    Found::Free { .. } => {}
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        ends.push((info.path.clone(), end, blocks));
    }
    ends
}

#[test]
fn a_summary_and_a_walk_show_what_is_there() {
    let subject = subject(30, 2000);
    let summary = subject.offline().summary().unwrap();
    let current = summary.current.unwrap();
    assert_eq!(summary.manifest.unwrap(), current.database_id);
    assert_eq!(current.shards, 4);
    let states: Vec<_> = summary.segments.iter().map(|info| info.state).collect();
    assert!(states.iter().any(|state| matches!(state, SegmentState::Sealed { .. })));
    assert!(states.contains(&SegmentState::Open) && !states.contains(&SegmentState::Unnamed));
    let blocks: u64 = segment_ends(&subject).iter().map(|(_, _, blocks)| blocks).sum();
    assert!(blocks >= 30, "{blocks}");
}

#[test]
fn a_torn_tail_is_no_damage_and_its_place_is_told() {
    let mut subject = subject(12, 700);
    let (file, end, _) =
        segment_ends(&subject).into_iter().rfind(|(_, _, blocks)| *blocks > 0).unwrap();
    subject.heal();
    let torn = Damage::FlipBit { offset: end - 10, bit: 1 };
    subject.harness.machine.disk.damage(&file, &torn).unwrap();
    let report = subject.check().unwrap();
    assert!(report.is_sound());
    match report.outcome {
        Outcome::Cuts { file: at, offset, bytes } => {
            assert_eq!(at, file);
            assert!(offset < end && offset + bytes >= end - 8 && bytes > 0);
        }
        other => panic!("{other:?}"),
    }
    assert!(subject.plan(None).unwrap().is_none(), "an open does that by itself");
}

#[test]
fn leftovers_are_named() {
    let subject = subject(12, 700);
    let disk = &subject.harness.machine.disk;
    for name in ["CURRENT.new", "log/00000077.seg"] {
        disk.import(&Harness::path(name), b"half a fi").unwrap();
    }
    let report = subject.check().unwrap();
    let names: Vec<_> = report.leftovers.into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, [Harness::path("log/00000077.seg"), Harness::path("CURRENT.new")]);
    assert_eq!(subject.opens_as_prefix(), subject.history.len() as u64);
    assert!(!disk.files().iter().any(|name| name.contains("77") || name.ends_with("new")));
}

#[test]
fn several_damaged_places_are_all_listed() {
    let subject = subject(30, 2000);
    let sealed: Vec<_> = segment_ends(&subject).into_iter().filter(|(_, _, b)| *b > 2).collect();
    let files = [&sealed[0].0, &sealed[1].0];
    for file in files {
        let disk = &subject.harness.machine.disk;
        disk.damage(file, &Damage::FlipBit { offset: 3000, bit: 2 }).unwrap();
    }
    let manifest = Harness::path("MANIFEST");
    let report = subject.check().unwrap();
    let found: Vec<_> = report.damage.iter().map(|damage| &damage.file).collect();
    assert_eq!(found, files);
    let disk = &subject.harness.machine.disk;
    disk.damage(&manifest, &Damage::FlipBit { offset: 30, bit: 2 }).unwrap();
    let report = subject.check().unwrap();
    assert_eq!(report.damage.len(), 3);
    assert_eq!(report.damage[0].file, manifest, "what an open stops at comes first");
}

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

#[test]
fn a_newer_version_is_neither_checked_nor_repaired() {
    for (name, sum_at) in [("MANIFEST", None), ("CURRENT", None), ("log/00000002.seg", Some(60))] {
        let subject = subject(12, 700);
        let file = Harness::path(name);
        let disk = &subject.harness.machine.disk;
        let mut bytes = disk.contents(&file).unwrap();
        bytes[8] = 4;
        let sum_at = sum_at.unwrap_or(bytes.len() - 4);
        let sum = skeg_simd::crc32c(0, &bytes[..sum_at]);
        bytes[sum_at..sum_at + 4].copy_from_slice(&sum.to_le_bytes());
        disk.import(&file, &bytes).unwrap();
        assert_eq!(subject.check().unwrap_err().kind(), ErrorKind::Version, "{name}");
        assert_eq!(subject.plan(Some(4)).unwrap_err().kind(), ErrorKind::Version, "{name}");
    }
}

#[test]
fn a_repair_without_space_changes_nothing_and_can_be_done_later() {
    let subject = subject(30, 2000);
    let disk = &subject.harness.machine.disk;
    let file = segment_ends(&subject)[2].0.clone();
    disk.damage(&file, &Damage::Zero { offset: 6000, len: 9 }).unwrap();
    let before = contents(disk);
    disk.set_capacity(disk.used_bytes(), skeg_io::sim::Failure::OutOfSpace);
    assert_eq!(repair(&subject.harness.machine).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(contents(disk).len(), before.len());
    assert!(before.iter().all(|(name, bytes)| name.ends_with("LOCK") || is_kept(disk, bytes)));
    disk.set_capacity(u64::MAX, skeg_io::sim::Failure::OutOfSpace);
    assert!(subject.repair() > 0);
}

/// A check foretells what an open does, whatever crash came before.
#[test]
fn after_any_crash_a_check_says_what_the_open_does() {
    let (mut cut, mut left_over) = (0, 0);
    for seed in 0..60 {
        let mut rng = SimRng::new(seed);
        let mut harness = Harness::new(seed, tiny_options());
        harness.open(0).unwrap();
        for _ in 0..4 {
            for _ in 0..rng.below(12) {
                let bytes = rng.index(3000);
                harness.push(rng.below(4) as u16, bytes).unwrap();
                harness.write();
                harness.turn();
                if rng.below(5) == 0 {
                    harness.log().sync().unwrap();
                }
            }
            let policy = if rng.coin() { CrashPolicy::AnySubset } else { CrashPolicy::KeepAll };
            harness.crash(policy);
            // Now and then the next open dies on its way.
            if rng.coin() {
                let changes = harness.machine.disk.changes();
                harness.machine.disk.stop_at(changes + 1 + rng.below(16));
                let _ = harness.open(0);
                harness.kill();
            }
            let offline = Offline::open(&harness.machine.io(), Path::new(DIR)).unwrap();
            let report = offline.check(&mut ()).unwrap();
            drop(offline);
            assert!(report.is_sound(), "seed {seed}: {report:?}");
            let identity = |file| harness.machine.disk.identity(file).ok();
            let names = report.leftovers.iter().map(|(file, _)| file);
            let leftovers: Vec<_> = names.map(|file| (file, identity(file))).collect();
            let recovered = harness.open(0).unwrap();
            let told = match report.outcome {
                Outcome::Cuts { bytes, .. } => bytes,
                _ => 0,
            };
            assert_eq!(told, recovered.cut_bytes, "seed {seed}");
            assert_eq!(report.records, recovered.records, "seed {seed}");
            assert_eq!(report.last_epoch, Some(recovered.last_epoch), "seed {seed}");
            assert_eq!(report.unsynced_blocks, recovered.rewritten_blocks, "seed {seed}");
            for (file, identity) in leftovers {
                // The number of a segment that was never named is given to the next one.
                assert_ne!(harness.machine.disk.identity(file).ok(), identity, "seed {seed}");
            }
            cut += u64::from(told > 0);
            left_over += report.leftovers.len();
        }
    }
    assert!(cut > 5 && left_over > 5, "both happen: {cut} cut, {left_over} left over");
}

/// Files that may not be read are an error of the system, not damage.
#[test]
fn missing_rights_are_told_from_damage() {
    use skeg_io::sim::{Failure, Fault, Injection, Operation};
    let mut subject = subject(12, 700);
    for name in ["MANIFEST", "CURRENT", "log/00000002.seg"] {
        subject.heal();
        let fault = Fault::Fail(Failure::PermissionDenied);
        let injection = Injection::always(Operation::Open, fault).on(name);
        subject.harness.machine.disk.inject(injection);
        assert_eq!(subject.check().unwrap_err().kind(), ErrorKind::Io, "{name}");
        assert_eq!(subject.plan(Some(4)).unwrap_err().kind(), ErrorKind::Io, "{name}");
    }
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
    let mut harness = Harness::new(5, tiny_options());
    harness.open(0).unwrap();
    let current = Harness::path("CURRENT");
    let older = harness.machine.disk.contents(&current).unwrap();
    for _ in 0..30 {
        harness.push(0, 2000).unwrap();
        harness.write();
        harness.turn();
        harness.log().sync().unwrap();
    }
    harness.close().unwrap();
    harness.machine.kill();
    harness.machine.disk.import(&current, &older).unwrap();
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

#[test]
fn a_copy_is_a_database_of_its_own() {
    let subject = subject(30, 2000);
    let io = subject.io();
    for (target, link) in [("/copy/linked", true), ("/copy/plain", false)] {
        let offline = subject.offline();
        let target = Path::new(target);
        let options = CopyOptions { link, update: false };
        let copied = offline.copy_to(target, options, &mut || Box::new(())).unwrap();
        assert_eq!((copied.linked > 0, copied.reused), (link, 0));
        let again = offline.copy_to(target, options, &mut || Box::new(()));
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Caller, "it is not empty");
        let update = CopyOptions { link, update: true };
        let again = offline.copy_to(target, update, &mut || Box::new(())).unwrap();
        assert_eq!(again.reused, copied.files, "nothing is copied twice");
    }
    assert_eq!(subject.opens_as_prefix(), subject.history.len() as u64);
    for target in ["/copy/linked", "/copy/plain"] {
        let mut replayed = Collect::default();
        Log::open(&io, Path::new(target), &tiny_options(), &mut replayed).unwrap();
        assert_eq!(replayed.records, subject.history);
    }
    let file = segment_ends(&subject)[0].0.clone();
    subject.harness.machine.disk.damage(&file, &Damage::Zero { offset: 100, len: 50 }).unwrap();
    let copied = subject.offline().copy_to(Path::new("/bad"), LINKED, &mut || Box::new(()));
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::Corrupt, "damage is not copied");
    assert!(subject.harness.machine.disk.metadata(Path::new("/bad")).is_err());
}

/// A copy struck anywhere is a whole database or none that opens.
#[test]
fn a_copy_may_be_struck_at_every_operation() {
    let mut subject = subject(8, 2000);
    let target = Path::new("/copy/db");
    for change in 1.. {
        subject.heal();
        let disk = subject.harness.machine.disk.clone();
        disk.stop_at(disk.changes() + change);
        let done = subject.offline().copy_to(target, LINKED, &mut || Box::new(())).is_ok();
        subject.harness.machine.crash(CrashPolicy::AnySubset);
        let checked = Offline::open(&subject.io(), target).and_then(|copy| copy.check(&mut ()));
        match checked {
            Ok(report) if report.is_sound() => {
                assert_eq!(report.records, subject.history.len() as u64, "struck at {change}");
            }
            Ok(_) | Err(_) => assert!(!done, "struck at {change}"),
        }
        assert!(subject.check().unwrap().is_sound(), "the source is as it was");
        if done {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_in_any_file_never_panic(
        which: prop::sample::Index,
        at: prop::sample::Index,
        bytes in prop::collection::vec(any::<u8>(), 1..300),
        whole: bool,
        seed: u64,
    ) {
        thread_local! {
            static SUBJECT: std::cell::RefCell<Subject> = subject(12, 700).into();
        }
        SUBJECT.with_borrow_mut(|subject| -> Result<(), TestCaseError> {
            subject.heal();
            let mut files = subject.files();
            files.sort();
            let file = files[which.index(files.len())].clone();
            let offset = at.index(subject.length(&file) as usize) as u64;
            let disk = &subject.harness.machine.disk;
            if whole {
                let mut random = vec![0; SimRng::new(seed).index(9000)];
                SimRng::new(seed).fill(&mut random);
                disk.import(&file, &random).unwrap();
            } else {
                disk.damage(&file, &Damage::Overwrite { offset, bytes }).unwrap();
            }
            let offline = subject.offline();
            for info in &offline.summary().unwrap().segments {
                let _ = offline.walk_segment(info, &mut |_| ControlFlow::Continue(()));
            }
            drop(offline);
            match subject.check() {
                Ok(report) if report.is_sound() => {
                    prop_assert_eq!(subject.opens_as_prefix(), report.records);
                }
                Ok(report) => {
                    let opened = Log::open(&subject.io(), Path::new(DIR), &tiny_options(), &mut ());
                    match opened.unwrap_err() {
                        LogError::Corrupt(same) => prop_assert_eq!(&*same, &report.damage[0]),
                        other => prop_assert!(false, "{}", other),
                    }
                    let plan = repair(&subject.harness.machine).unwrap();
                    prop_assert_eq!(subject.opens_as_prefix(), plan.records);
                }
                Err(error) => panic!("{error}"),
            }
            Ok(())
        })?;
    }
}
