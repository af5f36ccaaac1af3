//! What a power loss may leave of directories: each unsynced entry goes its own way.
#![cfg(not(feature = "shuttle"))]
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use skeg_io::sim::{CrashPolicy, SimDisk, SimRng};
use skeg_io::{Disk, OpenMode};

const POLICIES: [CrashPolicy; 3] =
    [CrashPolicy::DropAll, CrashPolicy::KeepAll, CrashPolicy::AnySubset];

fn path(text: &str) -> &Path {
    Path::new(text)
}

#[test]
fn a_rename_leaves_old_new_both_or_neither() {
    let disk = SimDisk::new(1);
    disk.import(path("/d/new"), b"content").unwrap();
    disk.import(path("/d/CURRENT"), b"former").unwrap();
    disk.rename(path("/d/new"), path("/d/CURRENT")).unwrap();
    let mut rng = SimRng::new(1);
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let found = disk.after_power_loss(&mut rng, CrashPolicy::AnySubset);
        let current = found.contents(path("/d/CURRENT")).unwrap();
        seen.insert((found.metadata(path("/d/new")).is_ok(), current == b"content"));
    }
    assert_eq!(seen.len(), 4, "a replaced name never vanishes, all else occurs: {seen:?}");
    disk.sync_dir(path("/d")).unwrap();
    for policy in POLICIES {
        let found = disk.after_power_loss(&mut rng, policy);
        assert_eq!(found.read_dir(path("/d")).unwrap(), ["CURRENT"]);
        assert_eq!(found.contents(path("/d/CURRENT")).unwrap(), b"content");
    }
}

#[test]
fn a_synced_file_without_a_synced_entry_may_vanish() {
    let disk = SimDisk::new(1);
    disk.create_dir(path("/d")).unwrap();
    let file = disk.open(path("/d/a"), OpenMode::CreateNew).unwrap();
    file.write_at(b"synced", 0).unwrap();
    file.sync_all().unwrap();
    let mut rng = SimRng::new(1);
    let found = disk.after_power_loss(&mut rng, CrashPolicy::DropAll);
    assert!(found.files().is_empty());
    disk.sync_dir(path("/d")).unwrap();
    let found = disk.after_power_loss(&mut rng, CrashPolicy::DropAll);
    assert_eq!(found.contents(path("/d/a")).unwrap(), b"synced");
}

#[test]
fn a_removed_file_may_come_back_with_its_content() {
    let disk = SimDisk::new(1);
    disk.import(path("/d/a"), b"content").unwrap();
    disk.remove(path("/d/a")).unwrap();
    assert_eq!(disk.used_bytes(), 0);
    let mut rng = SimRng::new(1);
    let found = disk.after_power_loss(&mut rng, CrashPolicy::DropAll);
    assert_eq!(found.contents(path("/d/a")).unwrap(), b"content");
    assert_eq!(found.used_bytes(), 4096);
    disk.sync_dir(path("/d")).unwrap();
    let found = disk.after_power_loss(&mut rng, CrashPolicy::DropAll);
    assert!(found.files().is_empty());
}

#[test]
fn a_created_directory_is_durable_with_those_above() {
    let disk = SimDisk::new(1);
    disk.create_dir(path("/a/b/c")).unwrap();
    let found = disk.crash(&mut SimRng::new(1), CrashPolicy::DropAll);
    assert!(found.metadata(path("/a/b/c")).unwrap().is_dir);
}

#[test]
fn creating_a_directory_again_makes_an_interrupted_creation_durable() {
    // Stopped between creating and syncing: the second change is the sync of the directory above.
    for seed in 0..8 {
        let disk = SimDisk::new(seed);
        disk.stop_at(2);
        assert!(disk.create_dir(path("/a")).is_err());
        let disk = disk.kill();
        disk.create_dir(path("/a")).unwrap();
        let found = disk.crash(&mut SimRng::new(seed), CrashPolicy::DropAll);
        assert!(found.metadata(path("/a")).unwrap().is_dir);
    }
}

#[test]
fn renames_of_directories_cut_in_the_middle_do_no_harm() {
    let disk = SimDisk::new(1);
    for directory in ["/a", "/b"] {
        disk.create_dir(path(directory)).unwrap();
    }
    disk.rename(path("/a"), path("/b/a")).unwrap();
    disk.rename(path("/b/a"), path("/a")).unwrap();
    disk.rename(path("/b"), path("/a/b")).unwrap();
    let mut rng = SimRng::new(1);
    for _ in 0..100 {
        let found = disk.after_power_loss(&mut rng, CrashPolicy::AnySubset);
        assert!(found.files().is_empty());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(usize, usize),
    Rename((usize, usize), (usize, usize)),
    Remove(usize, usize),
    Sync(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0usize..2, 0usize..3);
    prop_oneof![
        4 => place().prop_map(|(directory, name)| Step::Create(directory, name)),
        3 => (place(), place()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => place().prop_map(|(directory, name)| Step::Remove(directory, name)),
        2 => (0usize..2).prop_map(Step::Sync),
    ]
}

type Place = (usize, usize);

/// Per place, what it led to at each moment since its directory was last synced.
type Histories = BTreeMap<Place, Vec<Option<u8>>>;

fn path_of((directory, name): Place) -> PathBuf {
    PathBuf::from(format!("/{directory}/{name}"))
}

fn found_at(disk: &SimDisk, place: Place) -> Option<u8> {
    disk.contents(&path_of(place)).ok().map(|bytes| bytes[0])
}

fn places() -> impl Iterator<Item = Place> {
    (0..2).flat_map(|directory| (0..3).map(move |name| (directory, name)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn each_entry_is_found_as_it_was_at_some_moment_since_its_directory_was_synced(
        steps in prop::collection::vec(step(), 1..30),
        seed in any::<u64>(),
    ) {
        let disk = SimDisk::new(seed);
        let mut rng = SimRng::new(seed);
        for directory in 0..2 {
            disk.create_dir(Path::new(&format!("/{directory}"))).unwrap();
        }
        let mut histories: Histories = places().map(|place| (place, vec![None])).collect();
        let live = |histories: &Histories, place| *histories[&place].last().unwrap();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Create(directory, name) => {
                    let place = (directory, name);
                    let created = disk.open(&path_of(place), OpenMode::CreateNew);
                    prop_assert_eq!(created.is_ok(), live(&histories, place).is_none());
                    if let Ok(file) = created {
                        let content = u8::try_from(number).unwrap();
                        file.write_at(&[content], 0).unwrap();
                        file.sync_all().unwrap();
                        histories.get_mut(&place).unwrap().push(Some(content));
                    }
                }
                Step::Rename(from, to) => {
                    let content = live(&histories, from);
                    let renamed = disk.rename(&path_of(from), &path_of(to));
                    prop_assert_eq!(renamed.is_ok(), content.is_some());
                    if renamed.is_ok() && from != to {
                        histories.get_mut(&from).unwrap().push(None);
                        histories.get_mut(&to).unwrap().push(content);
                    }
                }
                Step::Remove(directory, name) => {
                    let place = (directory, name);
                    let removed = disk.remove(&path_of(place));
                    prop_assert_eq!(removed.is_ok(), live(&histories, place).is_some());
                    if removed.is_ok() {
                        histories.get_mut(&place).unwrap().push(None);
                    }
                }
                Step::Sync(directory) => {
                    disk.sync_dir(Path::new(&format!("/{directory}"))).unwrap();
                    for (place, history) in &mut histories {
                        if place.0 == directory {
                            *history = history.split_off(history.len() - 1);
                        }
                    }
                }
            }
            let dropped = disk.after_power_loss(&mut rng, CrashPolicy::DropAll);
            let kept = disk.after_power_loss(&mut rng, CrashPolicy::KeepAll);
            let any = disk.after_power_loss(&mut rng, CrashPolicy::AnySubset);
            for (&place, history) in &histories {
                prop_assert_eq!(found_at(&disk, place), live(&histories, place));
                prop_assert_eq!(found_at(&dropped, place), history[0]);
                prop_assert_eq!(found_at(&kept, place), live(&histories, place));
                prop_assert!(history.contains(&found_at(&any, place)));
            }
        }
    }
}
