//! Checking and inspecting a database that nobody has open; repairing (`repair.rs`) and copying (`copy.rs`) it.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

#[path = "../common/mod.rs"]
mod common;
mod copy;
mod repair;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use common::{Collect, DIR, Harness, Record, small_options};
use proptest::prelude::*;
use skeg_io::sim::{CrashPolicy, Damage, SimDisk, SimMachine, SimRng};
use skeg_io::{Disk, Io};
use skeg_log::{
    CheckReport, CopyOptions, ErrorKind, Found, Log, LogError, LogOptions, Offline, Outcome,
    RepairPlan, SegmentState, SyncPolicy,
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
