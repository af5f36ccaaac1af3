//! Faults of the simulated disk: failing, filling up, stopping, damage.
#![cfg(not(feature = "shuttle"))]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use skeg_io::sim::{
    CrashPolicy, Damage, Failure, Fault, FaultRates, Injection, Operation, PAGE_BYTES, SimDisk,
    SimRng, is_stopped,
};
use skeg_io::sync::Arc;
use skeg_io::{Disk, File, LockError, OpenMode, is_out_of_space};

const PAGE: u64 = PAGE_BYTES as u64;

fn path() -> &'static Path {
    Path::new("/file")
}

fn disk_with(bytes: &[u8]) -> (SimDisk, Arc<dyn File>) {
    seeded_disk_with(1, bytes)
}

fn seeded_disk_with(seed: u64, bytes: &[u8]) -> (SimDisk, Arc<dyn File>) {
    let disk = SimDisk::new(seed);
    disk.import(path(), bytes).unwrap();
    let file = disk.open(path(), OpenMode::ReadWrite).unwrap();
    (disk, file)
}

fn durable(disk: &SimDisk) -> Vec<u8> {
    let found = disk.after_power_loss(&mut SimRng::new(1), CrashPolicy::DropAll);
    found.contents(path()).unwrap()
}

#[test]
fn a_failed_sync_loses_pages_and_a_later_one_does_not_bring_them_back() {
    let (mut written, mut lost, mut evicted) = (0, 0, 0);
    for seed in 0..60 {
        let (disk, file) = seeded_disk_with(seed, &[1; PAGE_BYTES]);
        file.write_at(&[2; PAGE_BYTES], 0).unwrap();
        disk.inject(Injection::once(Operation::Sync, Fault::Fail(Failure::Io)));
        assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
        file.sync_data().unwrap();
        match (disk.contents(path()).unwrap()[0], durable(&disk)[0]) {
            (2, 2) => written += 1,
            (2, 1) => lost += 1,
            (1, 1) => evicted += 1,
            other => panic!("seen and found: {other:?}"),
        }
    }
    assert!(written > 5 && lost > 5 && evicted > 5, "{written} {lost} {evicted}");
}

#[test]
fn writing_a_page_again_after_a_failed_sync_gets_it_written() {
    for seed in 0..60 {
        let (disk, file) = seeded_disk_with(seed, &[1; PAGE_BYTES]);
        file.write_at(&[2; PAGE_BYTES], 0).unwrap();
        disk.inject(Injection::once(Operation::Sync, Fault::Fail(Failure::Io)));
        file.sync_data().unwrap_err();
        file.write_at(&[3; 10], 100).unwrap();
        let seen = disk.contents(path()).unwrap();
        file.sync_data().unwrap();
        assert_eq!(durable(&disk), seen);
    }
}

#[test]
fn cutting_a_page_after_a_failed_sync_keeps_the_rest_of_it() {
    for seed in 0..60 {
        let (disk, file) = seeded_disk_with(seed, &[1; PAGE_BYTES]);
        file.write_at(&[2; PAGE_BYTES], 0).unwrap();
        disk.inject(Injection::once(Operation::Sync, Fault::Fail(Failure::Io)));
        file.sync_data().unwrap_err();
        file.set_len(1000).unwrap();
        let seen = disk.contents(path()).unwrap();
        file.sync_data().unwrap();
        assert_eq!(durable(&disk), seen);
    }
}

#[test]
fn a_failed_directory_sync_loses_entries() {
    let mut found_durable = BTreeSet::new();
    for seed in 0..30 {
        let disk = SimDisk::new(seed);
        disk.open(path(), OpenMode::CreateNew).unwrap();
        disk.inject(Injection::once(Operation::SyncDir, Fault::Fail(Failure::Io)));
        disk.sync_dir(Path::new("/")).unwrap_err();
        disk.sync_dir(Path::new("/")).unwrap();
        assert_eq!(disk.files().len(), 1);
        let found = disk.crash(&mut SimRng::new(1), CrashPolicy::KeepAll);
        found_durable.insert(found.files().len());
    }
    assert_eq!(found_durable, BTreeSet::from([0, 1]));
}

#[test]
fn failed_writes_may_have_been_done_in_part() {
    let mut progress = BTreeSet::new();
    for seed in 0..50 {
        let (disk, file) = seeded_disk_with(seed, &[0; 8]);
        disk.inject(Injection::once(Operation::Write, Fault::Fail(Failure::Io)));
        assert_eq!(file.write_at(&[1; 8], 0).unwrap_err().raw_os_error(), Some(5));
        let bytes = disk.contents(path()).unwrap();
        progress.insert(bytes.iter().take_while(|&&byte| byte == 1).count());
    }
    assert_eq!(progress, (0..=8).collect());
}

#[test]
fn full_disks_take_what_fits_then_refuse_then_go_on() {
    for (full, kind) in [
        (Failure::OutOfSpace, ErrorKind::StorageFull),
        (Failure::OverQuota, ErrorKind::QuotaExceeded),
    ] {
        let (disk, file) = disk_with(&[1; PAGE_BYTES]);
        disk.import(Path::new("/other"), &[1; 2 * PAGE_BYTES]).unwrap();
        disk.set_capacity(5 * PAGE, full);
        assert_eq!(disk.used_bytes(), 3 * PAGE);
        assert_eq!(file.write_at(&[2; 4 * PAGE_BYTES], 100).unwrap(), 3 * PAGE_BYTES - 100);
        let error = file.write_at(&[2; 1], 3 * PAGE).unwrap_err();
        assert!(is_out_of_space(&error));
        assert_eq!(error.kind(), kind);
        assert_eq!(file.write_at(&[3; 10], 50).unwrap(), 10, "blocks that are there can be used");
        assert_eq!(file.len().unwrap(), 3 * PAGE);
        let other = disk.open(Path::new("/other"), OpenMode::Read).unwrap();
        disk.remove(Path::new("/other")).unwrap();
        assert!(file.write_at(&[2; 1], 3 * PAGE).is_err(), "an open file keeps its blocks");
        drop(other);
        assert_eq!(file.write_at(&[2; 1], 3 * PAGE).unwrap(), 1);
    }
}

#[test]
fn reserving_is_whole_or_refused_and_survives_a_crash() {
    let (disk, file) = disk_with(b"");
    disk.set_capacity(4 * PAGE, Failure::OutOfSpace);
    assert!(is_out_of_space(&file.allocate(0, 4 * PAGE + 1).unwrap_err()));
    assert_eq!((file.len().unwrap(), disk.used_bytes()), (0, 0));
    file.allocate(0, 4 * PAGE).unwrap();
    file.sync_all().unwrap();
    let disk = disk.crash(&mut SimRng::new(1), CrashPolicy::DropAll);
    assert_eq!(disk.used_bytes(), 4 * PAGE);
    let file = disk.open(path(), OpenMode::ReadWrite).unwrap();
    assert_eq!(file.write_at(&[1; 4 * PAGE_BYTES], 0).unwrap(), 4 * PAGE_BYTES);
    file.set_len(PAGE).unwrap();
    assert_eq!(disk.used_bytes(), PAGE);
}

#[test]
fn injections_strike_by_operation_path_and_count() {
    let (disk, file) = disk_with(b"0123456789");
    let other = disk.open(Path::new("/other"), OpenMode::CreateNew).unwrap();
    let fault = Fault::Fail(Failure::Interrupted);
    disk.inject(
        Injection { times: 2, ..Injection::once(Operation::Write, fault) }.on("fil").after(1),
    );
    assert!(other.write_at(b"x", 0).is_ok());
    assert!(file.write_at(b"x", 0).is_ok());
    for _ in 0..2 {
        assert_eq!(file.write_at(b"y", 0).unwrap_err().kind(), ErrorKind::Interrupted);
    }
    assert!(file.write_at(b"z", 0).is_ok());

    disk.inject(Injection::once(Operation::Write, Fault::Short(3)));
    assert_eq!(file.write_at(b"abcdef", 0).unwrap(), 3);
    disk.inject(Injection::once(Operation::Read, Fault::Short(4)));
    assert_eq!(file.read_at(&mut [0; 10], 0).unwrap(), 4);
    assert_eq!(disk.contents(path()).unwrap(), b"abc3456789");

    disk.inject(Injection::always(Operation::Open, Fault::Fail(Failure::PermissionDenied)));
    for _ in 0..3 {
        let denied = disk.open(path(), OpenMode::Read).unwrap_err();
        assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
    }
    disk.clear_injections();
    assert!(disk.open(path(), OpenMode::Read).is_ok());
}

#[test]
fn interrupted_reads_are_taken_up_again() {
    let (disk, file) = disk_with(b"0123456789");
    disk.inject(Injection::once(Operation::Read, Fault::Short(3)));
    disk.inject(Injection::once(Operation::Read, Fault::Fail(Failure::Interrupted)));
    let mut bytes = [0; 10];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"0123456789");
}

#[test]
fn rates_make_operations_fail_by_themselves() {
    let (disk, file) = disk_with(&[0; PAGE_BYTES]);
    disk.set_fault_rates(FaultRates {
        read_failed_per_million: 100_000,
        write_failed_per_million: 100_000,
        sync_failed_per_million: 100_000,
        out_of_space_per_million: 100_000,
        short_per_million: 100_000,
        interrupted_per_million: 100_000,
    });
    let mut kinds = BTreeSet::new();
    let mut short = 0;
    for _ in 0..300 {
        let written = file.write_at(&[1; PAGE_BYTES], 0);
        short += usize::from(written.as_ref().is_ok_and(|&count| count < PAGE_BYTES));
        let read = file.read_at(&mut [0; PAGE_BYTES], 0);
        for error in [written.err(), read.err(), file.sync_data().err()].into_iter().flatten() {
            kinds.insert(format!("{:?}", error.kind()));
        }
    }
    let expected = ["Interrupted", "StorageFull", "Uncategorized"].map(str::to_owned);
    assert_eq!(kinds, BTreeSet::from(expected));
    assert!(short > 0);
    assert!(disk.after_kill().open(path(), OpenMode::Read).is_ok());
}

#[test]
fn read_only_disks_can_be_read_and_nothing_else() {
    let (disk, file) = disk_with(b"abc");
    disk.set_read_only(true);
    let reader = disk.open(path(), OpenMode::Read).unwrap();
    assert_eq!(reader.read_at(&mut [0; 3], 0).unwrap(), 3);
    let refused = [
        file.write_at(b"x", 0).map(drop),
        file.set_len(0),
        file.allocate(0, 10),
        disk.open(path(), OpenMode::ReadWrite).map(drop),
        disk.open(Path::new("/new"), OpenMode::CreateNew).map(drop),
        disk.create_dir(Path::new("/directory")),
        disk.rename(path(), Path::new("/new")),
        disk.remove(path()),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    }
    assert!(matches!(disk.lock(Path::new("/LOCK"), ""), Err(LockError::Io(_))));
    disk.set_read_only(false);
    assert!(disk.lock(Path::new("/LOCK"), "").is_ok());
}

/// Writes, publishes by rename and removes, as a store does; each step is one change.
fn publish(disk: &SimDisk) -> std::io::Result<()> {
    disk.create_dir(Path::new("/d"))?;
    let file = disk.open(Path::new("/d/new"), OpenMode::CreateNew)?;
    file.allocate(0, PAGE)?;
    file.write_at(&[5; PAGE_BYTES], 0)?;
    file.set_len(100)?;
    file.sync_all()?;
    disk.rename(Path::new("/d/new"), Path::new("/d/CURRENT"))?;
    disk.sync_dir(Path::new("/d"))?;
    disk.remove(Path::new("/d/CURRENT"))
}

#[test]
fn a_machine_stops_at_every_change() {
    let whole = SimDisk::new(1);
    publish(&whole).unwrap();
    let changes = whole.changes();
    assert_eq!(changes, 10);
    for change in 1..=changes {
        for seed in 0..10 {
            let disk = SimDisk::new(seed);
            let _lock = disk.lock(Path::new("/LOCK"), "").unwrap();
            disk.stop_at(change);
            assert!(is_stopped(&publish(&disk).unwrap_err()));
            assert!(disk.is_stopped());
            assert!(is_stopped(&disk.read_dir(Path::new("/")).unwrap_err()));
            let killed = disk.kill();
            assert!(killed.lock(Path::new("/LOCK"), "").is_ok(), "locks die with their machine");
            let found = disk.crash(&mut SimRng::new(seed), CrashPolicy::AnySubset);
            if let Ok(bytes) = found.contents(Path::new("/d/CURRENT")) {
                assert_eq!(bytes, [5; 100], "what was synced before it was published is whole");
            }
            let _ = killed.create_dir(Path::new("/d"));
            assert!(killed.read_dir(Path::new("/d")).is_ok());
        }
    }
    let never = SimDisk::new(1);
    never.stop_at(changes + 1);
    publish(&never).unwrap();
}

#[test]
fn handles_and_waiting_syncs_end_with_their_machine() {
    let (disk, file) = disk_with(b"abc");
    disk.pause_syncs();
    std::thread::scope(|scope| {
        let before = disk.changes();
        let sync = scope.spawn(|| file.sync_data());
        while disk.changes() == before {
            std::thread::yield_now();
        }
        let found = disk.kill();
        assert!(is_stopped(&sync.join().unwrap().unwrap_err()));
        assert_eq!(found.contents(path()).unwrap(), b"abc");
    });
    for result in [file.write_at(b"x", 0).map(drop), file.len().map(drop), file.sync_all()] {
        assert!(is_stopped(&result.unwrap_err()));
    }
    drop(file);
}

#[test]
fn damage_is_seen_and_survives_crashes() {
    let content: Vec<u8> = (0..3 * PAGE_BYTES).map(|at| (at / PAGE_BYTES + 1) as u8).collect();
    let damages = [
        Damage::FlipBit { offset: 5000, bit: 7 },
        Damage::Zero { offset: PAGE, len: PAGE },
        Damage::Copy { from: path().into(), from_offset: 0, offset: 2 * PAGE, len: PAGE },
        Damage::Overwrite { offset: 10, bytes: vec![9; 3] },
        Damage::Zero { offset: 3 * PAGE - 5, len: 100 },
    ];
    let first_changed = [5000, PAGE, 2 * PAGE, 10, 3 * PAGE - 5];
    for (damage, first) in damages.iter().zip(first_changed) {
        let (disk, file) = disk_with(&content);
        disk.damage(path(), damage).unwrap();
        let seen = disk.contents(path()).unwrap();
        assert_eq!(seen.len(), content.len());
        let changed = seen.iter().zip(&content).position(|(seen, was)| seen != was).unwrap();
        assert_eq!(changed as u64, first);
        file.sync_all().unwrap();
        assert_eq!(durable(&disk), seen);
    }
    let (disk, _file) = disk_with(b"");
    disk.damage(path(), &Damage::FlipBit { offset: 0, bit: 0 }).unwrap();
    assert!(disk.contents(path()).unwrap().is_empty());
}
