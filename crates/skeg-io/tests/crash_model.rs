//! What a power loss may leave of files: what was synced is always there, of the rest any part.
#![cfg(not(feature = "shuttle"))]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use skeg_io::sim::{CrashPolicy, PAGE_BYTES, SimDisk, SimRng};
use skeg_io::sync::Arc;
use skeg_io::{Disk, File, OpenMode};

const PATH: &str = "/file";

#[derive(Clone, Debug)]
enum Step {
    Write { offset: usize, len: usize },
    SetLen(usize),
    Allocate { offset: usize, len: usize },
    Sync,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let offset = 0usize..5 * PAGE_BYTES;
    prop_oneof![
        6 => (offset.clone(), 1usize..2 * PAGE_BYTES)
            .prop_map(|(offset, len)| Step::Write { offset, len }),
        2 => offset.clone().prop_map(Step::SetLen),
        1 => (offset, 1usize..2 * PAGE_BYTES)
            .prop_map(|(offset, len)| Step::Allocate { offset, len }),
        1 => Just(Step::Sync),
        1 => Just(Step::Kill),
    ]
}

/// The file after each step since the last sync; the first state is the durable one.
struct Model {
    states: Vec<Vec<u8>>,
}

impl Model {
    fn live(&self) -> &Vec<u8> {
        self.states.last().unwrap()
    }

    fn check_any(&self, found: &[u8]) {
        assert!(
            self.states.iter().any(|state| state.len() == found.len()),
            "a length of {} was never there",
            found.len()
        );
        for start in (0..found.len()).step_by(PAGE_BYTES) {
            let end = (start + PAGE_BYTES).min(found.len());
            let page = &found[start..end];
            let states: BTreeSet<Vec<u8>> =
                self.states.iter().map(|state| padded(state, start, end)).collect();
            if states.contains(page) {
                continue;
            }
            let head = states.iter().map(|state| same(page.iter(), state.iter())).max();
            let tail = states.iter().map(|state| same(page.iter().rev(), state.iter().rev())).max();
            assert!(
                head.unwrap() + tail.unwrap() >= page.len(),
                "the page at {start} mixes more than two states"
            );
        }
    }
}

fn padded(state: &[u8], start: usize, end: usize) -> Vec<u8> {
    let mut page = state[start.min(state.len())..end.min(state.len())].to_vec();
    page.resize(end - start, 0);
    page
}

fn same<'a>(left: impl Iterator<Item = &'a u8>, right: impl Iterator<Item = &'a u8>) -> usize {
    left.zip(right).take_while(|(left, right)| left == right).count()
}

fn new_file(disk: &SimDisk) -> Arc<dyn File> {
    let file = disk.open(Path::new(PATH), OpenMode::CreateNew).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file
}

fn after(disk: &SimDisk, rng: &mut SimRng, policy: CrashPolicy) -> Vec<u8> {
    disk.after_power_loss(rng, policy).contents(Path::new(PATH)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_power_loss_leaves_what_was_synced_and_any_part_of_the_rest(
        steps in prop::collection::vec(step(), 1..24),
        seed in any::<u64>(),
    ) {
        let mut disk = SimDisk::new(seed);
        let mut rng = SimRng::new(seed);
        let mut file = new_file(&disk);
        let mut model = Model { states: vec![Vec::new()] };
        for (number, step) in steps.into_iter().enumerate() {
            let mut live = model.live().clone();
            match step {
                Step::Write { offset, len } => {
                    let bytes = vec![u8::try_from(number + 1).unwrap(); len];
                    prop_assert_eq!(file.write_at(&bytes, offset as u64).unwrap(), len);
                    live.resize(live.len().max(offset + len), 0);
                    live[offset..offset + len].copy_from_slice(&bytes);
                    model.states.push(live);
                }
                Step::SetLen(len) => {
                    file.set_len(len as u64).unwrap();
                    live.resize(len, 0);
                    model.states.push(live);
                }
                Step::Allocate { offset, len } => {
                    file.allocate(offset as u64, len as u64).unwrap();
                    live.resize(live.len().max(offset + len), 0);
                    model.states.push(live);
                }
                Step::Sync => {
                    file.sync_data().unwrap();
                    model.states = vec![live];
                }
                Step::Kill => {
                    disk = disk.kill();
                    prop_assert!(file.len().is_err());
                    file = disk.open(Path::new(PATH), OpenMode::ReadWrite).unwrap();
                }
            }
            prop_assert_eq!(&disk.contents(Path::new(PATH)).unwrap(), model.live());
            prop_assert_eq!(&after(&disk, &mut rng, CrashPolicy::DropAll), &model.states[0]);
            prop_assert_eq!(&after(&disk, &mut rng, CrashPolicy::KeepAll), model.live());
            model.check_any(&after(&disk, &mut rng, CrashPolicy::AnySubset));
        }
        // What is found is durable: a second power loss changes nothing.
        let mut found = disk.crash(&mut rng, CrashPolicy::AnySubset);
        let bytes = found.contents(Path::new(PATH)).unwrap();
        model.check_any(&bytes);
        found = found.crash(&mut rng, CrashPolicy::DropAll);
        prop_assert_eq!(found.contents(Path::new(PATH)).unwrap(), bytes);
    }
}

#[test]
fn every_subset_of_unsynced_pages_occurs() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk);
    file.set_len(4 * PAGE_BYTES as u64).unwrap();
    file.sync_all().unwrap();
    for page in 0..4u64 {
        file.write_at(&[1; PAGE_BYTES], page * PAGE_BYTES as u64).unwrap();
    }
    let mut rng = SimRng::new(2);
    let mut subsets = BTreeSet::new();
    for _ in 0..2000 {
        let found = after(&disk, &mut rng, CrashPolicy::AnySubset);
        let pages = found.chunks(PAGE_BYTES);
        subsets.insert(pages.map(|page| page == [1; PAGE_BYTES]).collect::<Vec<_>>());
    }
    assert_eq!(subsets.len(), 16);
}

#[test]
fn pages_tear_at_any_byte_in_either_order() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk);
    file.write_at(&[1; PAGE_BYTES], 0).unwrap();
    file.sync_data().unwrap();
    file.write_at(&[2; PAGE_BYTES], 0).unwrap();
    let mut rng = SimRng::new(3);
    let (mut new_first, mut old_first) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4000 {
        let found = after(&disk, &mut rng, CrashPolicy::AnySubset);
        let boundary = found.iter().take_while(|&&byte| byte == found[0]).count();
        let boundaries = if found[0] == 2 { &mut new_first } else { &mut old_first };
        boundaries.insert(boundary);
    }
    assert!(new_first.len() > 50 && old_first.len() > 50);
    assert!(new_first.contains(&PAGE_BYTES) && old_first.contains(&PAGE_BYTES));
    assert!(new_first.iter().any(|boundary| boundary % 512 != 0));
}

#[test]
fn a_growing_file_may_be_longer_or_shorter_than_its_data() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk);
    for page in 0..3u64 {
        file.write_at(&[7; PAGE_BYTES], page * PAGE_BYTES as u64).unwrap();
    }
    let mut rng = SimRng::new(4);
    let (mut lengths, mut holes) = (BTreeSet::new(), 0);
    for _ in 0..500 {
        let found = after(&disk, &mut rng, CrashPolicy::AnySubset);
        lengths.insert(found.len());
        holes += usize::from(found.chunks(PAGE_BYTES).any(|page| page == [0; PAGE_BYTES]));
    }
    assert_eq!(lengths.len(), 4, "{lengths:?}");
    assert!(holes > 20);
}

#[test]
fn a_length_from_after_a_cut_never_shows_bytes_from_before_it() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk);
    file.write_at(&[7; 8192], 0).unwrap();
    file.sync_data().unwrap();
    file.set_len(100).unwrap();
    file.set_len(9000).unwrap();
    let mut rng = SimRng::new(5);
    let mut seen = BTreeSet::new();
    for _ in 0..500 {
        let found = after(&disk, &mut rng, CrashPolicy::AnySubset);
        seen.insert(found.len());
        if found.len() == 9000 {
            assert!(found[..100].iter().all(|&byte| byte == 7));
            assert!(found[100..].iter().all(|&byte| byte == 0));
        }
    }
    assert_eq!(seen, BTreeSet::from([100, 8192, 9000]));
}

#[test]
fn a_sync_covers_what_was_written_before_it_began() {
    let disk = SimDisk::new(1);
    let file = new_file(&disk);
    file.write_at(b"before", 0).unwrap();
    disk.pause_syncs();
    std::thread::scope(|scope| {
        let sync = scope.spawn(|| file.sync_data());
        while disk.changes() < 4 {
            std::thread::yield_now();
        }
        file.write_at(b"during", 0).unwrap();
        assert_eq!(after(&disk, &mut SimRng::new(1), CrashPolicy::DropAll), b"");
        disk.resume_syncs();
        sync.join().unwrap().unwrap();
    });
    assert_eq!(after(&disk, &mut SimRng::new(1), CrashPolicy::DropAll), b"before");
    assert_eq!(disk.contents(Path::new(PATH)).unwrap(), b"during");
}

#[test]
fn the_same_seeds_give_the_same_crash() {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        let file = new_file(&disk);
        for number in 0..40u8 {
            file.write_at(&[number; 3000], u64::from(number) * 1500).unwrap();
        }
        after(&disk, &mut SimRng::new(seed), CrashPolicy::AnySubset)
    };
    assert_eq!(run(9), run(9));
    assert_ne!(run(9), run(10));
}
