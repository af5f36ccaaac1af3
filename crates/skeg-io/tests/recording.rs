//! A run on the real disk, replayed with the power failing at every point of it.
#![cfg(not(feature = "shuttle"))]
#![allow(clippy::unwrap_used)]

use std::io;
use std::path::Path;

use skeg_io::record::{Event, RecordingDisk, Replay};
use skeg_io::sim::{CrashPolicy, SimDisk, SimRng};
use skeg_io::sync::Arc;
use skeg_io::{Disk, OpenMode, RealDisk};

/// Replaces a small file as it must be done: write new, sync, rename, sync the directory.
fn replace(disk: &dyn Disk, directory: &Path, bytes: &[u8]) -> io::Result<()> {
    let (new, current) = (directory.join("new"), directory.join("CURRENT"));
    let file = disk.open(&new, OpenMode::CreateNew)?;
    file.write_at(bytes, 0)?;
    file.sync_all()?;
    disk.rename(&new, &current)?;
    disk.sync_dir(directory)
}

/// The same without syncing the file.
fn replace_carelessly(disk: &dyn Disk, directory: &Path, bytes: &[u8]) -> io::Result<()> {
    let (new, current) = (directory.join("new"), directory.join("CURRENT"));
    let file = disk.open(&new, OpenMode::CreateNew)?;
    file.write_at(bytes, 0)?;
    disk.rename(&new, &current)?;
    disk.sync_dir(directory)
}

type Replacing = fn(&dyn Disk, &Path, &[u8]) -> io::Result<()>;

/// How often, over all points and several power losses at each, neither the old nor the new content
/// was found.
fn losses(replace: Replacing) -> usize {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (vec![1; 5000], vec![2; 9000]);
    let current = root.path().join("CURRENT");
    std::fs::write(&current, &old).unwrap();
    let disk = RecordingDisk::new(Arc::new(RealDisk::new()), root.path()).unwrap();
    replace(&disk, root.path(), &new).unwrap();
    assert_eq!(std::fs::read(&current).unwrap(), new);

    let recording = disk.recording();
    let mut replay = Replay::new(&recording).unwrap();
    let mut rng = SimRng::new(1);
    let mut lost = 0;
    loop {
        for _ in 0..50 {
            let found = replay.disk().after_power_loss(&mut rng, CrashPolicy::AnySubset);
            let found = found.contents(&current).unwrap_or_default();
            lost += usize::from(found != old && found != new);
        }
        if !replay.step_part(1000).unwrap() {
            break;
        }
    }
    assert_eq!(replay.position(), recording.events().len());
    assert_eq!(replay.disk().contents(&current).unwrap(), new);
    lost
}

#[test]
fn careful_replacement_survives_a_power_loss_at_every_point() {
    assert_eq!(losses(replace), 0);
}

#[test]
fn careless_replacement_is_caught() {
    assert!(losses(replace_carelessly) > 0);
}

#[test]
fn what_was_written_during_a_sync_is_not_taken_for_durable() {
    let inner = SimDisk::new(1);
    let root = Path::new("/d");
    let path = root.join("file");
    let disk = RecordingDisk::new(Arc::new(inner.clone()), root).unwrap();
    let file = disk.open(&path, OpenMode::CreateNew).unwrap();
    disk.sync_dir(root).unwrap();
    file.write_at(b"before", 0).unwrap();
    inner.pause_syncs();
    std::thread::scope(|scope| {
        let sync = scope.spawn(|| file.sync_data());
        let begun = |event: &Event| matches!(event, Event::SyncBegun { .. });
        while !disk.recording().events().iter().any(begun) {
            std::thread::yield_now();
        }
        file.write_at(b"during", 0).unwrap();
        inner.resume_syncs();
        sync.join().unwrap().unwrap();
    });
    let recording = disk.recording();
    let mut replay = Replay::new(&recording).unwrap();
    while replay.step().unwrap() {}
    let found = replay.disk().after_power_loss(&mut SimRng::new(1), CrashPolicy::DropAll);
    assert_eq!(found.contents(&path).unwrap(), b"before");
}

#[test]
fn what_failed_is_not_replayed() {
    let root = tempfile::tempdir().unwrap();
    let disk = RecordingDisk::new(Arc::new(RealDisk::new()), root.path()).unwrap();
    assert!(disk.open(&root.path().join("missing"), OpenMode::Read).is_err());
    assert!(disk.remove(&root.path().join("missing")).is_err());
    assert!(disk.sync_dir(&root.path().join("missing")).is_err());
    let recording = disk.recording();
    let mut replay = Replay::new(&recording).unwrap();
    assert!(!recording.events().iter().any(|event| matches!(event, Event::SyncEnded { .. })));
    while replay.step().is_ok_and(|more| more) {}
    assert!(replay.disk().files().is_empty());
}
