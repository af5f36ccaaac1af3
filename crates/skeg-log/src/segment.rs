//! A segment file: its header, its name, and the handle that writer, syncer and upkeep share.
//! Layout: `docs/format/log.md`.
//!
//! Invariants: header, file and directory entry are durable before CURRENT names the segment; a
//! salt is drawn for each file, so that bytes of a former one never verify; blocks lie below
//! `allocated`, so writing them needs no new space.
//! May not know: what is in the blocks.

use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicU64, Ordering::SeqCst};
use skeg_io::sync::{Mutex, OnceLock};
use skeg_io::{File, Io, OpenMode};

use crate::block::Mismatch;
use crate::current::{End, Position};
use crate::error::{LogError, corrupt, io_error};
use crate::failpoint::{Broken, breaks};
use crate::format::{FORMAT_VERSION, u32_at, u64_at};
use crate::numbered::Numbered;
use crate::small_file::write_all;

const MAGIC: [u8; 8] = *b"SKEGLOG\x1a";
/// Bytes of the header; the first block follows.
pub(crate) const HEADER_BYTES: u64 = 64;
/// Where the segments are.
pub(crate) const FILES: Numbered = Numbered::new("log", ".seg");
/// The spare's name in that folder.
pub(crate) const SPARE_NAME: &str = "spare";

/// The first bytes of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: u64,
    pub(crate) database_id: u128,
    pub(crate) salt: u64,
    /// The newest position when the file was prepared: all its blocks come later.
    pub(crate) after: Position,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.database_id.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.salt.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.after.epoch.to_le_bytes());
        bytes[56..60].copy_from_slice(&self.after.chain.to_le_bytes());
        let sum = skeg_simd::crc32c(0, &bytes[..60]);
        bytes[60..64].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(file: &Path, bytes: &[u8]) -> Result<Self, LogError> {
        let damage = |at: u64, expected: &str, found: String| {
            Err(corrupt(file, at, Mismatch::new(expected, found)))
        };
        let Some(bytes) = bytes.first_chunk::<{ HEADER_BYTES as usize }>() else {
            return damage(0, "a segment header", format!("{} bytes", bytes.len()));
        };
        if bytes[..8] != MAGIC {
            return damage(0, "the magic of a segment", format!("{:02x?}", &bytes[..8]));
        }
        let (sum, stored) = (skeg_simd::crc32c(0, &bytes[..60]), u32_at(bytes, 60));
        if sum != stored {
            return damage(60, &format!("header checksum {sum:08x}"), format!("{stored:08x}"));
        }
        let (version, length) = (u32_at(bytes, 8), u32_at(bytes, 12));
        if version != FORMAT_VERSION || u64::from(length) != HEADER_BYTES {
            return Err(LogError::Version {
                file: file.to_owned(),
                found: version,
                supported: FORMAT_VERSION,
                need: "open it with a newer skeg",
            });
        }
        Ok(Self {
            id: u64_at(bytes, 16),
            database_id: u128::from_le_bytes(
                *bytes[24..40].first_chunk().expect("sixteen bytes were cut out"),
            ),
            salt: u64_at(bytes, 40),
            after: Position { epoch: u64_at(bytes, 48), chain: u32_at(bytes, 56) },
        })
    }
}

/// A segment that is written to.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) salt: u64,
    /// See [`File::marks_first_writes`].
    pub(crate) marks_first_writes: bool,
    /// Bytes from the start of the file that have blocks on the disk.
    allocated: Mutex<u64>,
    /// Set once, when the writer has gone on to the next segment.
    end: OnceLock<End>,
    /// Segments are numbered in the order of writing; how far this one was synced is not kept here:
    /// the durable epoch says it.
    written_bytes: AtomicU64,
}

impl Segment {
    /// Makes a new segment durable: file, header, directory entry. CURRENT is still to name it.
    ///
    /// # Errors
    /// [`LogError::Full`] when there is no space (and no file left), others as they come.
    pub(crate) fn create(
        io: &Io,
        dir: &Path,
        header: &SegmentHeader,
        bytes: u64,
    ) -> Result<Self, LogError> {
        let path = FILES.path(dir, header.id);
        let folder = dir.join(FILES.folder);
        let file = io
            .disk
            .open(&path, OpenMode::CreateNew)
            .map_err(|error| io_error("create", &path, error))?;
        let filled = file
            .allocate(0, bytes)
            .map_err(|error| io_error("allocate", &path, error))
            .and_then(|()| write_all(&*file, &path, &header.encode(), 0));
        if let Err(error) = filled {
            crate::small_file::remove_if_there(&*io.disk, &path)?;
            return Err(error);
        }
        file.sync_all().map_err(|source| fsync_error(&path, source))?;
        if !breaks(Broken::ForgetsSegments) {
            io.disk.sync_dir(&folder).map_err(|source| fsync_error(&folder, source))?;
        }
        Ok(Self {
            id: header.id,
            path,
            marks_first_writes: file.marks_first_writes(),
            file,
            salt: header.salt,
            allocated: Mutex::new(bytes),
            end: OnceLock::new(),
            written_bytes: AtomicU64::new(HEADER_BYTES),
        })
    }

    /// Bytes that blocks may lie in.
    pub(crate) fn allocated(&self) -> u64 {
        *self.allocated.lock()
    }

    /// Allocates up to `bytes` from the start. The content stays.
    pub(crate) fn grow(&self, bytes: u64) -> Result<(), LogError> {
        let mut allocated = self.allocated.lock();
        if *allocated < bytes {
            self.file
                .allocate(*allocated, bytes - *allocated)
                .map_err(|error| io_error("allocate", &self.path, error))?;
            *allocated = bytes;
        }
        Ok(())
    }

    /// Frees what is allocated behind the last block of a segment that gets no more.
    pub(crate) fn trim(&self, length: u64) -> Result<(), LogError> {
        let mut allocated = self.allocated.lock();
        self.file.set_len(length).map_err(|error| io_error("cut", &self.path, error))?;
        *allocated = length;
        Ok(())
    }

    /// No more blocks will follow.
    pub(crate) fn finish(&self, end: End) {
        assert!(self.end.set(end).is_ok(), "a segment ends once");
    }

    /// Where it ends, once no more blocks will follow.
    pub(crate) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// Bytes up to the end of the last block written.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes.load(SeqCst)
    }

    pub(crate) fn set_written_bytes(&self, bytes: u64) {
        self.written_bytes.store(bytes, SeqCst);
    }
}

/// A failed fsync is never [`LogError::Full`]: see `small_file`.
pub(crate) fn fsync_error(file: &Path, source: std::io::Error) -> LogError {
    LogError::Io { operation: "fsync", file: file.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn example() -> SegmentHeader {
        SegmentHeader {
            id: 3,
            database_id: 1 << 90,
            salt: 0x1234_5678_9abc_def0,
            after: Position { epoch: 77, chain: 5 },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = example().encode();
        assert_eq!(SegmentHeader::decode(Path::new("x"), &bytes).unwrap(), example());
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = example().encode();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = SegmentHeader::decode(Path::new("x"), &bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}");
        }
    }
}
