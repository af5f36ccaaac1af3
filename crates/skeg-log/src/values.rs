//! Bytes of records read back: a large value stays in the log only, or in a file of its own (`value_file.rs`); whoever
//! owns it knows its place.
//!
//! Invariants: what is handed out has the length and the checksum that were asked for, or it is an
//! error that names file and offset, also when it is a part of a value; no allocation is larger than the file; segments are opened for
//! reading when they are needed, and only so many stay open.
//! May not know: what the bytes mean, which segments are needed.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use skeg_io::sync::{Arc, Mutex};
use skeg_io::{Disk, File, Io, OpenMode};

use crate::block::Mismatch;
use crate::error::{LogError, corrupt, io_error};
use crate::segment;
use crate::value_file;

/// Segments that stay open for reading.
const OPEN_MAX: usize = 64;
/// The checksum of no bytes.
const SUM_SEED: u32 = 0;
/// A value that is not read whole is verified in parts of so many bytes.
pub const PART_BYTES: u32 = 256 << 10;

/// In the place of a segment's number this bit says that it is the number of a file of one value; no segment's
/// gets so far.
const OWN_FILE: u64 = 1 << 63;

/// Where bytes stand in the log, or in the file of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The segment, by its number; or the file of a value, by its number and [`Place::own_file`]'s bit.
    pub segment: u64,
    /// Offset in its file.
    pub offset: u64,
}

impl Place {
    /// Where the value stands that has the file of this number to itself.
    pub(crate) fn in_own_file(id: u64) -> Self {
        Self { segment: OWN_FILE | id, offset: value_file::HEADER_BYTES }
    }

    /// The number of the file that holds this value and nothing else, if it is in one. Such a value is never moved.
    #[must_use]
    pub fn own_file(self) -> Option<u64> {
        (self.segment & OWN_FILE != 0).then_some(self.segment & !OWN_FILE)
    }

    /// So many bytes behind it.
    #[must_use]
    pub fn plus(self, bytes: u64) -> Self {
        Self { offset: self.offset + bytes, ..self }
    }
}

/// Bytes at a place of the log, and what they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Logged {
    /// Where they begin.
    pub place: Place,
    /// How many they are.
    pub bytes: u32,
    /// Their checksum, by [`Logged::sum`].
    pub sum: u32,
}

impl Logged {
    /// The checksum of a value.
    #[must_use]
    pub fn sum(bytes: &[u8]) -> u32 {
        skeg_simd::crc32c(SUM_SEED, bytes)
    }

    /// One of its parts, by its number, given its checksum: [`PART_BYTES`] of the value, or what is left
    /// of it.
    ///
    /// # Panics
    /// When the value has no such part.
    #[must_use]
    pub fn part(&self, number: u32, sum: u32) -> Self {
        let start = number.checked_mul(PART_BYTES).filter(|start| *start < self.bytes);
        let start = start.expect("a part of the value");
        let bytes = PART_BYTES.min(self.bytes - start);
        Self { place: self.place.plus(start.into()), bytes, sum }
    }
}

/// Bytes of the log that have moved: recovery writes again what nobody witnesses as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where they stood.
    pub from: Place,
    /// How many they are.
    pub bytes: u64,
    /// Where they stand now.
    pub to: Place,
}

impl Moved {
    /// Where something of them stands now.
    #[must_use]
    pub fn apply(&self, place: Place) -> Option<Place> {
        let behind = place.offset.checked_sub(self.from.offset)?;
        let is_in = place.segment == self.from.segment && behind < self.bytes;
        is_in.then(|| self.to.plus(behind))
    }
}

/// Files that are open for reading.
#[derive(Debug, Default)]
struct Opened {
    /// The one that was opened last at the end.
    files: VecDeque<(u64, Arc<dyn File>)>,
    /// How often one was removed: who was opening one meanwhile does not keep it open.
    removals: u64,
}

/// Reads values back.
#[derive(Debug)]
pub struct ValueReader {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    open: Mutex<Opened>,
}

impl ValueReader {
    /// A reader of the segments of the database in `dir`.
    pub(crate) fn new(io: &Io, dir: &Path) -> Arc<Self> {
        Arc::new(Self { disk: Arc::clone(&io.disk), dir: dir.to_owned(), open: Mutex::default() })
    }

    /// Reads a value. It may wait for the medium.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when other bytes are there, or none; [`LogError::Io`].
    pub fn read(&self, value: &Logged) -> Result<Arc<[u8]>, LogError> {
        let (path, file) = self.file_of(value)?;
        let mut bytes = vec![0; value.bytes as usize];
        file.read_exact_at(&mut bytes, value.place.offset)
            .map_err(|error| io_error("read", &path, error))?;
        verify(&path, value, Logged::sum(&bytes))?;
        Ok(bytes.into())
    }

    /// Verifies a value without holding more than a part of it, and returns the checksums of its parts: with them each
    /// can be read by itself ([`Logged::part`]). It may wait for the medium.
    ///
    /// # Errors
    /// As [`ValueReader::read`].
    pub fn sum_parts(&self, value: &Logged) -> Result<Arc<[u32]>, LogError> {
        let (path, file) = self.file_of(value)?;
        let mut bytes = vec![0; value.bytes.min(PART_BYTES) as usize];
        let mut sum = SUM_SEED;
        let sums = (0..value.bytes.div_ceil(PART_BYTES)).map(|number| {
            let part = value.part(number, 0);
            let bytes = &mut bytes[..part.bytes as usize];
            file.read_exact_at(bytes, part.place.offset)
                .map_err(|error| io_error("read", &path, error))?;
            sum = skeg_simd::crc32c(sum, bytes);
            Ok(Logged::sum(bytes))
        });
        let sums = sums.collect::<Result<_, LogError>>()?;
        verify(&path, value, sum)?;
        Ok(sums)
    }

    /// The file that a value is in, if it is long enough.
    fn file_of(&self, value: &Logged) -> Result<(PathBuf, Arc<dyn File>), LogError> {
        let path = self.path(value.place.segment);
        let file = self.file(value.place.segment)?;
        let offset = value.place.offset;
        let length = file.len().map_err(|error| io_error("measure", &path, error))?;
        if offset.checked_add(u64::from(value.bytes)).is_none_or(|end| end > length) {
            let expected = format!("a value of {} bytes", value.bytes);
            let found = Mismatch::new(expected, format!("the end of the file at {length}"));
            return Err(corrupt(&path, offset, found));
        }
        Ok((path, file))
    }

    /// Reads a value without waiting for the medium: `None` when that cannot be, and for whatever else
    /// [`ValueReader::read`] would say.
    #[must_use]
    pub fn read_resident(&self, value: &Logged) -> Option<Arc<[u8]>> {
        let file = self.opened(value.place.segment)?;
        let mut bytes = vec![0; value.bytes as usize];
        let mut done = 0;
        while done < bytes.len() {
            let rest = &mut bytes[done..];
            match file.read_resident_at(rest, value.place.offset + done as u64) {
                Ok(0) | Err(_) => return None,
                Ok(count) => done += count,
            }
        }
        (Logged::sum(&bytes) == value.sum).then(|| bytes.into())
    }

    /// The file that [`Place::segment`] says.
    fn path(&self, segment: u64) -> PathBuf {
        match (Place { segment, offset: 0 }).own_file() {
            Some(id) => value_file::FILES.path(&self.dir, id),
            None => segment::FILES.path(&self.dir, segment),
        }
    }

    fn opened(&self, segment: u64) -> Option<Arc<dyn File>> {
        let open = self.open.lock();
        open.files.iter().rev().find(|(id, _)| *id == segment).map(|(_, file)| Arc::clone(file))
    }

    fn file(&self, segment: u64) -> Result<Arc<dyn File>, LogError> {
        if let Some(file) = self.opened(segment) {
            return Ok(file);
        }
        let removals = self.open.lock().removals;
        let path = self.path(segment);
        let file = match self.disk.open(&path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(corrupt(&path, 0, Mismatch::new("a file with a value", "no file")));
            }
            Err(error) => return Err(io_error("open", &path, error)),
        };
        let mut open = self.open.lock();
        let is_known = open.files.iter().any(|(id, _)| *id == segment);
        if !is_known && open.removals == removals {
            if open.files.len() == OPEN_MAX {
                open.files.pop_front();
            }
            open.files.push_back((segment, Arc::clone(&file)));
        }
        Ok(file)
    }

    /// A segment or the file of a value was removed: its space is free when nobody has it open any more.
    pub(crate) fn forget(&self, segment: u64) {
        let mut open = self.open.lock();
        open.removals += 1;
        open.files.retain(|(id, _)| *id != segment);
    }
}

fn verify(path: &Path, value: &Logged, sum: u32) -> Result<(), LogError> {
    if sum == value.sum {
        return Ok(());
    }
    let expected = format!("a value of checksum {:08x}", value.sum);
    let found = Mismatch::new(expected, format!("{sum:08x}"));
    Err(corrupt(path, value.place.offset, found))
}
