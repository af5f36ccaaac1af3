//! Damage against torn tails: what a crash can leave is cut, everything else stops the open and
//! names file and offset.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{Harness, Record, small_options, with_an_older_current};
use skeg_io::sim::{Damage, SimDisk, SimRng};
use skeg_io::{Disk, OpenMode};
use skeg_log::{ErrorKind, LogError, SyncPolicy};

const SEGMENT_HEADER_BYTES: u64 = 64;

/// A database that was killed, and copies of its disk to be damaged.
struct Victim {
    harness: Harness,
    disk: SimDisk,
    history: BTreeMap<u64, Vec<Record>>,
}

/// `blocks` blocks in one segment, an fsync after those named.
fn victim(blocks: u64, synced_after: &[u64]) -> Victim {
    let mut harness = Harness::new(5, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    for block in 1..=blocks {
        harness.push((block % 4) as u16, 100 + block as usize).unwrap();
        harness.push(((block + 1) % 4) as u16, 50).unwrap();
        harness.write();
        if synced_after.contains(&block) {
            harness.log().sync().unwrap();
        }
    }
    harness.kill();
    Victim::new(harness)
}

impl Victim {
    fn new(harness: Harness) -> Self {
        let (disk, history) = (harness.machine.disk.clone(), harness.history.clone());
        Self { harness, disk, history }
    }

    /// Puts the disk back as it was before any damage.
    fn heal(&mut self) {
        self.harness.log = None;
        self.harness.machine.disk = self.disk.after_kill();
        self.harness.history.clone_from(&self.history);
    }

    fn damage(&mut self, file: &Path, damage: &Damage) {
        self.heal();
        self.harness.machine.disk.damage(file, damage).unwrap();
    }

    /// The last epoch after opening.
    fn opens_at(&mut self) -> u64 {
        match self.harness.open(0) {
            Ok(recovered) => recovered.last_epoch.0,
            Err(error) => panic!("did not open: {error}"),
        }
    }

    fn is_refused(&mut self) -> LogError {
        match self.harness.open(0) {
            Ok(recovered) => panic!("opened at epoch {}", recovered.last_epoch.0),
            Err(error) => error,
        }
    }

    fn is_damaged(&mut self, file: &Path) -> u64 {
        match self.is_refused() {
            LogError::Corrupt(found) => {
                assert_eq!(found.file, file, "{found:?}");
                assert!(!found.expected.is_empty() && !found.found.is_empty(), "{found:?}");
                assert!(found.remedy.contains("repair"), "{found:?}");
                found.offset
            }
            other => panic!("refused for another reason: {other}"),
        }
    }
}

fn segment() -> PathBuf {
    Harness::path("log/00000002.seg")
}

/// Offsets of the blocks, and the end of the last one, read from their headers.
fn block_offsets(disk: &SimDisk, file: &Path) -> Vec<u64> {
    let bytes = disk.contents(file).unwrap();
    let mut offsets = vec![SEGMENT_HEADER_BYTES];
    let mut at = SEGMENT_HEADER_BYTES as usize;
    while bytes[at..].starts_with(b"SBLK") {
        let entries = u64::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
        let payload = u64::from_le_bytes(bytes[at + 24..at + 32].try_into().unwrap());
        at += (48 + entries * 8 + payload).next_multiple_of(8) as usize;
        offsets.push(at as u64);
    }
    offsets
}

/// However little room an orderly close finds behind the last block, a bit turned in that is damage.
#[test]
fn a_close_witnesses_the_last_block_of_a_full_segment() {
    let options = small_options(SyncPolicy::Never);
    for left in (0..80).step_by(8) {
        let mut harness = Harness::new(7, options.clone());
        harness.open(0).unwrap();
        harness.push(0, 100).unwrap();
        harness.write();
        let offsets = block_offsets(&harness.machine.disk, &segment());
        // A longer record has a longer length.
        let front = offsets[1] - offsets[0] - 100 + 8;
        let end = harness.machine.disk.metadata(&segment()).unwrap().len;
        let bytes = end - offsets[1] - front - left;
        harness.push(0, bytes as usize).unwrap();
        harness.turn();
        let offsets = block_offsets(&harness.machine.disk, &segment());
        let room = end - offsets[2];
        assert!((left..=left + 8).contains(&room), "{room} bytes are left and not {left}");
        harness.close().unwrap();
        let mut victim = Victim::new(harness);
        victim.damage(&segment(), &Damage::FlipBit { offset: offsets[1] + 500, bit: 3 });
        assert_eq!(victim.is_damaged(&segment()), offsets[1], "with {left} bytes left");
    }
}

#[test]
fn the_last_block_may_be_torn_at_every_byte() {
    let mut victim = victim(5, &[2]);
    let offsets = block_offsets(&victim.disk, &segment());
    assert_eq!(offsets.len(), 6);
    let whole = victim.disk.contents(&segment()).unwrap();
    for torn_at in offsets[4]..offsets[5] {
        for filler in [0, 0xa5] {
            let rest = vec![filler; (offsets[5] - torn_at) as usize];
            let same = whole[torn_at as usize..offsets[5] as usize] == rest;
            victim.damage(&segment(), &Damage::Overwrite { offset: torn_at, bytes: rest });
            assert_eq!(victim.opens_at(), if same { 5 } else { 4 }, "torn at {torn_at}");
        }
    }
}

#[test]
fn a_torn_block_in_the_unsynced_tail_takes_the_later_ones_with_it() {
    let mut victim = victim(6, &[2]);
    let offsets = block_offsets(&victim.disk, &segment());
    for block in 3..6 {
        victim.damage(&segment(), &Damage::Zero { offset: offsets[block - 1], len: 4096 });
        assert_eq!(victim.opens_at(), block as u64 - 1);
        // What was cut does not come back, and a second life goes on from there.
        victim.harness.push(0, 10).unwrap();
        victim.harness.write();
        victim.harness.kill();
        assert_eq!(victim.opens_at(), block as u64);
    }
}

#[test]
fn every_flipped_bit_in_a_witnessed_block_is_damage() {
    let mut victim = victim(5, &[3]);
    let offsets = block_offsets(&victim.disk, &segment());
    for block in 0..3 {
        for offset in offsets[block]..offsets[block + 1] {
            let bit = (offset % 8) as u8;
            victim.damage(&segment(), &Damage::FlipBit { offset, bit });
            let found = victim.is_damaged(&segment());
            assert_eq!(found, offsets[block], "the block of byte {offset} is named");
        }
    }
    for offset in offsets[3]..offsets[5] {
        victim.damage(&segment(), &Damage::FlipBit { offset, bit: 3 });
        let last = victim.opens_at();
        assert_eq!(last, if offset < offsets[4] { 3 } else { 4 }, "not witnessed: cut");
    }
}

#[test]
fn every_flipped_bit_in_the_small_files_and_headers_is_damage() {
    let mut victim = victim(3, &[3]);
    for name in ["MANIFEST", "CURRENT", "log/00000002.seg"] {
        let file = Harness::path(name);
        let length = (victim.disk.contents(&file).unwrap().len() as u64).min(SEGMENT_HEADER_BYTES);
        for offset in 0..length {
            victim.damage(&file, &Damage::FlipBit { offset, bit: (offset % 8) as u8 });
            victim.is_damaged(&file);
        }
    }
}

#[test]
fn zeroed_moved_and_stale_pages_in_witnessed_blocks_are_damage() {
    let mut harness = Harness::new(5, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    for _ in 0..10 {
        harness.push(0, 4096 - 9 - 56).unwrap();
        harness.write();
    }
    harness.log().sync().unwrap();
    harness.push(0, 1).unwrap();
    harness.write();
    harness.kill();
    let mut victim = Victim::new(harness);
    let offsets = block_offsets(&victim.disk, &segment());
    assert_eq!(offsets[1] - offsets[0], offsets[2] - offsets[1], "blocks of the same size");
    victim.damage(&segment(), &Damage::Zero { offset: 4096, len: 4096 });
    victim.is_damaged(&segment());
    let (from, from_offset, offset) = (segment(), offsets[6], offsets[2]);
    let len = offsets[1] - offsets[0];
    victim.damage(&segment(), &Damage::Copy { from, from_offset, offset, len });
    assert_eq!(victim.is_damaged(&segment()), offsets[2], "a block from another place");
    let older = victim.disk.contents(&segment()).unwrap()[..offsets[4] as usize].to_vec();
    victim.heal();
    victim.harness.machine.disk.import(&segment(), &older).unwrap();
    assert_eq!(victim.harness.open(0).unwrap().last_epoch.0, 4, "nobody witnesses more");
    victim.harness.close().unwrap();
}

/// Whatever happens to the bytes, an open ends with a prefix of the history or with an error.
#[test]
fn arbitrary_damage_never_panics_and_never_invents() {
    let mut harness = Harness::new(5, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    for number in 0..120_u16 {
        harness.push(number % 4, 50 + usize::from(number) * 11).unwrap();
        harness.push_many(&[0, 3], 100).unwrap();
        harness.write();
        harness.turn();
        if number % 20 == 19 {
            harness.log().sync().unwrap();
        }
    }
    harness.kill();
    let mut victim = Victim::new(harness);
    let mut rng = SimRng::new(8);
    let files: Vec<PathBuf> = victim.disk.files().iter().map(PathBuf::from).collect();
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..400 {
        let file = &files[rng.index(files.len())];
        let length = victim.disk.contents(file).unwrap().len() as u64;
        let offset = rng.below(length + 1);
        let damage = match rng.below(4) {
            0 => Damage::FlipBit { offset, bit: rng.below(8) as u8 },
            1 => Damage::Zero { offset, len: 1 + rng.below(5000) },
            2 => {
                let mut bytes = vec![0; 1 + rng.index(100)];
                rng.fill(&mut bytes);
                Damage::Overwrite { offset, bytes }
            }
            _ => {
                let from = files[rng.index(files.len())].clone();
                let from_offset = rng.below(70_000);
                Damage::Copy { from, from_offset, offset, len: 1 + rng.below(5000) }
            }
        };
        victim.damage(file, &damage);
        match victim.harness.open(0) {
            Ok(_) => opened += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage:?} in {}", file.display());
                refused += 1;
            }
        }
    }
    assert!(opened > 20 && refused > 20, "both happen: {opened} opened, {refused} refused");
}

#[test]
fn a_longer_or_shorter_file_is_a_tail_when_nothing_is_missing() {
    let mut victim = victim(4, &[2]);
    let offsets = block_offsets(&victim.disk, &segment());
    let set_len = |victim: &mut Victim, length: u64| {
        victim.heal();
        let disk = &victim.harness.machine.disk;
        disk.open(&segment(), OpenMode::ReadWrite).unwrap().set_len(length).unwrap();
    };
    set_len(&mut victim, 10 << 20);
    assert_eq!(victim.opens_at(), 4);
    set_len(&mut victim, offsets[4]);
    assert_eq!(victim.opens_at(), 4);
    set_len(&mut victim, offsets[4] - 1);
    assert_eq!(victim.opens_at(), 3);
    set_len(&mut victim, SEGMENT_HEADER_BYTES - 1);
    victim.is_damaged(&segment());
}

#[test]
fn missing_files_stop_the_open() {
    let mut victim = victim(3, &[3]);
    for name in ["MANIFEST", "CURRENT", "log/00000002.seg"] {
        victim.heal();
        let file = Harness::path(name);
        victim.harness.machine.disk.remove(&file).unwrap();
        victim.is_damaged(&file);
    }
}

#[test]
fn leftovers_of_a_crash_are_removed() {
    let mut victim = victim(3, &[3]);
    victim.heal();
    let disk = &victim.harness.machine.disk;
    for name in ["CURRENT.new", "MANIFEST.new", "log/00000077.seg"] {
        disk.import(&Harness::path(name), b"half a fi").unwrap();
    }
    assert_eq!(victim.opens_at(), 3);
    let files = victim.harness.machine.disk.files();
    assert!(!files.iter().any(|name| name.ends_with(".new") || name.contains("77")), "{files:?}");
}

#[test]
fn an_older_current_beside_newer_segments_stops_the_open() {
    let harness = with_an_older_current(small_options(SyncPolicy::Never), 100);
    let mut victim = Victim::new(harness);
    victim.heal();
    victim.is_damaged(&segment());
}

#[test]
fn a_foreign_or_renamed_segment_stops_the_open() {
    let mut other = Harness::new(99, small_options(SyncPolicy::Never));
    other.open(0).unwrap();
    let foreign = other.machine.disk.contents(&segment()).unwrap();
    let mut victim = victim(3, &[3]);
    victim.heal();
    victim.harness.machine.disk.import(&segment(), &foreign).unwrap();
    assert_eq!(victim.is_damaged(&segment()), 24);
    victim.heal();
    let stray = Harness::path("log/00000050.seg");
    victim.harness.machine.disk.import(&stray, &foreign).unwrap();
    assert_eq!(victim.is_damaged(&stray), 24, "also beside what CURRENT names");
    victim.heal();
    let own = victim.disk.contents(&segment()).unwrap();
    victim.harness.machine.disk.import(&stray, &own).unwrap();
    assert_eq!(victim.is_damaged(&stray), 16);
}

#[test]
fn unknown_versions_are_told_from_damage() {
    let mut victim = victim(3, &[3]);
    for (name, sum_at) in [("MANIFEST", None), ("CURRENT", None), ("log/00000002.seg", Some(60))] {
        let file = Harness::path(name);
        let mut bytes = victim.disk.contents(&file).unwrap();
        bytes[8] = 4;
        let sum_at = sum_at.unwrap_or(bytes.len() - 4);
        let sum = skeg_simd::crc32c(0, &bytes[..sum_at]);
        bytes[sum_at..sum_at + 4].copy_from_slice(&sum.to_le_bytes());
        victim.heal();
        victim.harness.machine.disk.import(&file, &bytes).unwrap();
        assert_eq!(victim.is_refused().kind(), ErrorKind::Version, "{name}");
    }
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let mut harness = Harness::new(5, small_options(SyncPolicy::Never));
    let current = Harness::path("CURRENT");
    harness.machine.disk.import(&current, b"MANIFEST-000004\n").unwrap();
    assert_eq!(harness.open(0).unwrap_err().kind(), ErrorKind::Caller);
    assert_eq!(harness.machine.disk.contents(&current).unwrap(), b"MANIFEST-000004\n");
}

#[test]
fn a_file_without_rights_is_an_error_of_the_system() {
    use skeg_io::sim::{Failure, Fault, Injection, Operation};
    let mut victim = victim(3, &[3]);
    for name in ["MANIFEST", "CURRENT", "log/00000002.seg"] {
        victim.heal();
        let fault = Fault::Fail(Failure::PermissionDenied);
        victim.harness.machine.disk.inject(Injection::once(Operation::Open, fault).on(name));
        assert_eq!(victim.is_refused().kind(), ErrorKind::Io, "{name}");
    }
}
