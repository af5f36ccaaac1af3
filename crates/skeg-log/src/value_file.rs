//! Files of one value each: a value that is too large to go through memory is written beside the log, in pieces, and
//! CURRENT names its file before the record that gives it to a key. Layout: `docs/format/values.md`.
//!
//! Invariants: a file that CURRENT names is durable whole; it is named before anything says where the value is, and
//! as long as a snapshot says it, somebody reads it, or its record is replayed; it is never changed, and no number is
//! named twice, so bytes that were read once stay right; what was never given to a key
//! leaves nothing.
//! May not know: keys, what the value is for.

use std::collections::BTreeMap;
use std::path::Path;

use skeg_io::sync::atomic::{AtomicBool, Ordering::SeqCst};
use skeg_io::sync::{Arc, Mutex};
use skeg_io::{Disk, File, OpenMode};

use crate::block::Mismatch;
use crate::core::Core;
use crate::current::{Current, ValueRef};
use crate::error::{LogError, corrupt, io_error};
use crate::failpoint::{Broken, breaks};
use crate::format::{FORMAT_VERSION, u32_at, u64_at};
use crate::log::Log;
use crate::numbered::{Numbered, open_named};
use crate::side::{SideFile, beside_bytes};
use crate::types::Epoch;
use crate::upkeep::Upkeeper;
use crate::values::{Logged, PART_BYTES, Place, ValueReader};

/// Where the files are.
pub(crate) const FILES: Numbered = Numbered::new("values", ".val");
/// Bytes of the header; the value follows.
pub(crate) const HEADER_BYTES: u64 = 64;
const MAGIC: [u8; 8] = *b"SKEGVAL\x1a";

/// The first bytes of a file.
fn header(id: u64, database_id: u128) -> [u8; HEADER_BYTES as usize] {
    let mut bytes = [0; HEADER_BYTES as usize];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
    bytes[16..24].copy_from_slice(&id.to_le_bytes());
    bytes[24..40].copy_from_slice(&database_id.to_le_bytes());
    let sum = skeg_simd::crc32c(0, &bytes[..60]);
    bytes[60..64].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn check_header(
    file: &Path,
    bytes: &[u8; HEADER_BYTES as usize],
    expected: &[u8; HEADER_BYTES as usize],
) -> Result<(), LogError> {
    let (sum, stored) = (skeg_simd::crc32c(0, &bytes[..60]), u32_at(bytes, 60));
    if bytes[..8] == MAGIC && sum == stored && u32_at(bytes, 8) != FORMAT_VERSION {
        return Err(LogError::Version {
            file: file.to_owned(),
            found: u32_at(bytes, 8),
            supported: FORMAT_VERSION,
            need: "open it with a newer skeg",
        });
    }
    match bytes.iter().zip(expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(at) => {
            let expected = format!("the header of value {} of this database", u64_at(expected, 16));
            Err(corrupt(file, at as u64, Mismatch::new(expected, "another one")))
        }
    }
}

/// Verifies that the files that CURRENT names are there, have their lengths, and are its own. What is in them is
/// verified when it is read.
pub(crate) fn find_all(disk: &dyn Disk, dir: &Path, current: &Current) -> Result<(), LogError> {
    current
        .values
        .iter()
        .try_for_each(|named| find(disk, dir, current.database_id, named).map(drop))
}

pub(crate) fn find(
    disk: &dyn Disk,
    dir: &Path,
    database_id: u128,
    named: &ValueRef,
) -> Result<Arc<dyn File>, LogError> {
    let path = FILES.path(dir, named.id);
    let file = open_named(disk, &path, "value", named.length)?;
    let mut bytes = [0; HEADER_BYTES as usize];
    file.read_exact_at(&mut bytes, 0).map_err(|error| io_error("read", &path, error))?;
    check_header(&path, &bytes, &header(named.id, database_id))?;
    Ok(file)
}

/// Verifies a file that CURRENT names, with all that is in it.
pub(crate) fn verify(
    disk: &dyn Disk,
    dir: &Path,
    database_id: u128,
    named: &ValueRef,
    reader: &ValueReader,
) -> Result<(), LogError> {
    find(disk, dir, database_id, named)?;
    match named.logged() {
        Some(value) => reader.sum_parts(&value).map(drop),
        None => {
            let found = Mismatch::new("a value below 4 GiB", named.length.to_string());
            Err(corrupt(&FILES.path(dir, named.id), 0, found))
        }
    }
}

/// The files of a database whose CURRENT is lost, as one would name them: those with a header of its.
pub(crate) fn all_there(
    disk: &dyn Disk,
    dir: &Path,
    database_id: u128,
) -> Result<Vec<ValueRef>, LogError> {
    let mut found = Vec::new();
    for id in FILES.ids(disk, dir)? {
        let path = FILES.path(dir, id);
        let failed = |error| io_error("read", &path, error);
        let file = disk.open(&path, OpenMode::Read).map_err(failed)?;
        let length = file.len().map_err(failed)?;
        let mut piece = vec![0; PART_BYTES as usize];
        let (mut at, mut sum) = (HEADER_BYTES, Logged::sum(&[]));
        if length < HEADER_BYTES {
            continue;
        }
        let mut first = [0; HEADER_BYTES as usize];
        file.read_exact_at(&mut first, 0).map_err(failed)?;
        if check_header(&path, &first, &header(id, database_id)).is_err() {
            continue;
        }
        while at < length {
            let bytes = (length - at).min(PART_BYTES.into()) as usize;
            file.read_exact_at(&mut piece[..bytes], at).map_err(failed)?;
            sum = skeg_simd::crc32c(sum, &piece[..bytes]);
            at += bytes as u64;
        }
        found.push(ValueRef { id, length, sum, needed: 1 });
    }
    found.sort_unstable_by_key(|named| named.id);
    Ok(found)
}

impl ValueRef {
    /// Where the value is; `None` for one that is longer than any.
    fn logged(&self) -> Option<Logged> {
        let bytes = u32::try_from(self.length - HEADER_BYTES).ok()?;
        Some(Logged { place: Place::in_own_file(self.id), bytes, sum: self.sum })
    }
}

/// Which files have to stay although no entry and no snapshot says that they are needed.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<BTreeMap<u64, Pin>>);

#[derive(Clone, Copy, Debug)]
enum Pin {
    /// It has no record yet, and may get one.
    Held,
    /// Its record is in this epoch or in an earlier one; in 0 when it will never have one.
    Recorded(Epoch),
}

impl Pins {
    /// What is there when a log is opened: which record has given it to a key is not known.
    pub(crate) fn of(current: &Current, last: Epoch) -> Self {
        let pins = current.values.iter().map(|named| (named.id, Pin::Recorded(last)));
        Self(Mutex::new(pins.collect()))
    }

    /// Whether an open that replays epochs from `needed` on may meet the record of a file.
    pub(crate) fn holds(&self, id: u64, needed: Epoch) -> bool {
        match self.0.lock().get(&id) {
            Some(Pin::Held) => true,
            Some(Pin::Recorded(epoch)) => *epoch >= needed,
            None => false,
        }
    }

    fn set(&self, id: u64, pin: Option<Pin>) {
        let mut pins = self.0.lock();
        match pin {
            Some(pin) => pins.insert(id, pin),
            None => pins.remove(&id),
        };
    }

    /// A file is removed.
    pub(crate) fn forget(&self, id: u64) {
        self.set(id, None);
    }
}

/// A value that is being written. Dropped before [`ValueWriter::publish`], it leaves nothing.
#[derive(Debug)]
pub struct ValueWriter {
    side: SideFile,
    id: u64,
    /// Bytes that must stay free on the disk.
    beside: u64,
    length: u64,
    sum: u32,
}

impl ValueWriter {
    /// Bytes of the value so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.length - HEADER_BYTES
    }

    /// Appends a piece. It may wait for the medium.
    ///
    /// # Errors
    /// [`LogError::Full`], [`LogError::Io`], and what refuses writes: the value is to be given up; nothing else is
    /// wrong.
    ///
    /// # Panics
    /// When the value becomes longer than a [`Logged`] can say.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), LogError> {
        let end = self.length + piece.len() as u64;
        assert!(end - HEADER_BYTES <= u64::from(u32::MAX), "a value below 4 GiB");
        let core = self.side.core();
        core.condition.check()?;
        if let Some(bytes) = self.side.wanting(end) {
            core.make_room(self.beside.saturating_add(bytes))?;
        }
        self.side.write(piece, self.length)?;
        self.sum = skeg_simd::crc32c(self.sum, piece);
        self.length = end;
        Ok(())
    }

    /// Makes the file durable and lets CURRENT name it. What is returned is for the record that gives the value to a
    /// key.
    ///
    /// # Errors
    /// As [`ValueWriter::write`]; [`LogError::Poisoned`]: the log has failed, now or earlier.
    pub fn publish(mut self) -> Result<ValueFile, LogError> {
        self.side.complete(self.length, !breaks(Broken::ForgetsValueEntries))?;
        let core = Arc::clone(self.side.core());
        let mut upkeeper = core.upkeeper.lock();
        core.condition.check()?;
        let mut next = upkeeper.sealed(&core);
        let needed = next.all_snapshots();
        let named = ValueRef { id: self.id, length: self.length, sum: self.sum, needed };
        next.values.push(named);
        next.next_segment = next.next_segment.max(self.id + 1);
        next.values.sort_unstable_by_key(|named| named.id);
        core.value_pins.set(self.id, Some(Pin::Held));
        let published = match breaks(Broken::NamesValuesLate) {
            true => Ok(()),
            false => upkeeper.publish_or_poison(&core, next),
        };
        // After any other failure it is unknown which CURRENT a crash would leave.
        match matches!(published, Err(LogError::Full { .. })) {
            true => core.value_pins.forget(self.id),
            false => self.side.keep(),
        }
        published?;
        // As much as if the log had it: what counts is what there is to be written before the next snapshot.
        core.history_bytes.fetch_add(self.length, SeqCst);
        core.space.update(|room| room.wrote_beside(self.length));
        let trimmed = upkeeper.trim();
        *core.inventory.lock() = upkeeper.inventory();
        drop(upkeeper);
        let value = named.logged().expect("it was not let grow longer");
        let file = ValueFile { core, id: self.id, value, is_recorded: AtomicBool::new(false) };
        trimmed.map(|()| file)
    }
}

/// A value that CURRENT names and no record yet. Dropped before it has one, it is nobody's: the next snapshot removes it.
#[derive(Debug)]
pub struct ValueFile {
    core: Arc<Core>,
    id: u64,
    value: Logged,
    is_recorded: AtomicBool,
}

impl ValueFile {
    /// Where the value is.
    #[must_use]
    pub fn value(&self) -> Logged {
        self.value
    }

    /// The record that gives it to a key was pushed, in this epoch.
    pub fn recorded(&self, epoch: Epoch) {
        self.is_recorded.store(true, SeqCst);
        let epoch = if breaks(Broken::ForgetsValueRecords) { Epoch(0) } else { epoch };
        self.core.value_pins.set(self.id, Some(Pin::Recorded(epoch)));
    }

    /// Whether a record has given it to a key.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.is_recorded.load(SeqCst)
    }

    /// Removes a file that no record was pushed for, and that nobody will push one for. It may wait for the medium.
    ///
    /// # Errors
    /// What keeps CURRENT from being replaced; then the next snapshot removes it.
    pub fn discard(&self) -> Result<(), LogError> {
        if self.is_recorded() {
            return Ok(());
        }
        let core = &self.core;
        let mut upkeeper = core.upkeeper.lock();
        core.condition.check()?;
        let mut next = upkeeper.sealed(core);
        next.values.retain(|named| named.id != self.id);
        upkeeper.publish_or_poison(core, next)?;
        let trimmed = upkeeper.trim();
        *core.inventory.lock() = upkeeper.inventory();
        upkeeper.remove_value(core, self.id)?;
        trimmed
    }
}

impl Drop for ValueFile {
    fn drop(&mut self) {
        if !self.is_recorded() && self.core.value_pins.holds(self.id, Epoch(u64::MAX)) {
            self.core.value_pins.set(self.id, Some(Pin::Recorded(Epoch(0))));
        }
    }
}

impl Log {
    /// Begins a value that is to have a file to itself.
    ///
    /// # Errors
    /// [`LogError::Full`] when the disk has no room for what the log and the next snapshot may need,
    /// [`LogError::Io`], and what refuses writes. Nothing has changed then.
    pub fn start_value(&self) -> Result<ValueWriter, LogError> {
        let core = self.core();
        core.condition.check()?;
        let (id, database_id) = core.upkeeper.lock().next_value();
        // What it takes must not be what the next snapshot needs.
        let beside = core.snapshot_room().unwrap_or_else(|| beside_bytes(&core.options));
        let mut side = SideFile::create(core, FILES, id, HEADER_BYTES, beside)?;
        side.write(&header(id, database_id), 0)?;
        Ok(ValueWriter { side, id, beside, length: HEADER_BYTES, sum: Logged::sum(&[]) })
    }
}

impl Upkeeper {
    /// Number for the next value, and the database's id. None is used twice: readers know bytes by it, and backups.
    fn next_value(&mut self) -> (u64, u128) {
        self.values_begun = (self.values_begun + 1).max(self.current.next_segment);
        (self.values_begun, self.current.database_id)
    }

    /// Removes the file of a value that no CURRENT names any more.
    pub(crate) fn remove_value(&mut self, core: &Core, id: u64) -> Result<(), LogError> {
        core.value_pins.forget(id);
        let removed = self.remove(core, FILES.path(&core.dir, id));
        core.values.forget(Place::in_own_file(id).segment);
        removed
    }
}

impl Core {
    /// Whether a file is needed by an open that loads the snapshot which is published now and replays epochs from
    /// `needed` on, or by anybody now: whose values are `kept`.
    pub(crate) fn needs_value(&self, id: u64, needed: Epoch, is_kept: bool) -> bool {
        is_kept && !breaks(Broken::DropsValues) || self.value_pins.holds(id, needed)
    }
}
