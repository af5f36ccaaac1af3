//! What MANIFEST and CURRENT have in common: frame, checksum, and how one replaces another.
//!
//! Frame: magic (8), version u32, length of the file u32, content, CRC-32C over all before.
//!
//! Invariants: a file is replaced by write-new, fsync, rename, fsync of the directory, and a
//! failure of any step is an error; so a reader finds the old one or the new one, whole.
//! May not know: what is in the files.

use std::path::{Path, PathBuf};

use skeg_io::{Disk, OpenMode};

use crate::block::Mismatch;
use crate::error::{LogError, corrupt, io_error};
use crate::failpoint::{Broken, breaks};
use crate::format::{FORMAT_VERSION, u32_at};

const FRAME_BYTES: usize = 16;
const SUM_BYTES: usize = 4;
/// Larger than any file of ours; what claims more is not read at all.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Appends the fields of a file in order.
#[derive(Debug)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    pub(crate) fn new(magic: [u8; 8], version: u32) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&magic);
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        Self(bytes)
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u16(self, number: u16) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// Fills in length and checksum.
    pub(crate) fn seal(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() + SUM_BYTES).expect("small files are small");
        self.0[12..16].copy_from_slice(&length.to_le_bytes());
        let sum = skeg_simd::crc32c(0, &self.0);
        self.bytes(&sum.to_le_bytes()).0
    }
}

/// Verifies the frame and returns version and content. `None` for a magic that is not ours; versions up to
/// `newest` are known.
pub(crate) fn open_frame<'a>(
    file: &Path,
    bytes: &'a [u8],
    magic: [u8; 8],
    newest: u32,
) -> Result<Option<(u32, &'a [u8])>, LogError> {
    let damage = |offset: usize, expected: String, found: String| {
        Err(corrupt(file, offset as u64, Mismatch::new(expected, found)))
    };
    if bytes.first_chunk::<8>() != Some(&magic) {
        return Ok(None);
    }
    if bytes.len() < FRAME_BYTES + SUM_BYTES {
        return damage(8, "a whole file".into(), format!("{} bytes", bytes.len()));
    }
    let claimed = u32_at(bytes, 12) as usize;
    if claimed != bytes.len() {
        return damage(12, format!("length {}", bytes.len()), format!("{claimed}"));
    }
    let end = bytes.len() - SUM_BYTES;
    let (sum, stored) = (skeg_simd::crc32c(0, &bytes[..end]), u32_at(bytes, end));
    if sum != stored {
        return damage(0, format!("checksum {sum:08x}"), format!("{stored:08x}"));
    }
    let version = u32_at(bytes, 8);
    if !(FORMAT_VERSION..=newest).contains(&version) {
        return Err(LogError::Version {
            file: file.to_owned(),
            found: version,
            supported: newest,
            need: "open it with a newer skeg",
        });
    }
    Ok(Some((version, &bytes[FRAME_BYTES..end])))
}

/// Reads a whole small file; `None` when there is none.
pub(crate) fn read(disk: &dyn Disk, file: &Path) -> Result<Option<Vec<u8>>, LogError> {
    let opened = match disk.open(file, OpenMode::Read) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("open", file, error)),
    };
    let length = opened.len().map_err(|error| io_error("measure", file, error))?;
    if length > FILE_BYTES_MAX {
        let found = Mismatch::new("a small file", format!("{length} bytes"));
        return Err(corrupt(file, 0, found));
    }
    let mut bytes = vec![0; length as usize];
    opened.read_exact_at(&mut bytes, 0).map_err(|error| io_error("read", file, error))?;
    Ok(Some(bytes))
}

/// The name under which a replacement is written.
pub(crate) fn new_name(file: &Path) -> PathBuf {
    file.with_extension("new")
}

/// Replaces `file` by `bytes`. What a failure leaves is removed by the next try.
///
/// # Errors
/// [`LogError::Full`] only before anything has changed; after any other error it is unknown which
/// of both files a crash would leave.
pub(crate) fn replace(disk: &dyn Disk, file: &Path, bytes: &[u8]) -> Result<(), LogError> {
    let new = if breaks(Broken::ReplacesInPlace) { file.to_owned() } else { new_name(file) };
    let dir = file.parent().expect("files of a database lie in its directory");
    remove_if_there(disk, &new)?;
    let opened =
        disk.open(&new, OpenMode::CreateNew).map_err(|error| io_error("create", &new, error))?;
    let filled = opened
        .allocate(0, bytes.len() as u64)
        .map_err(|error| io_error("allocate", &new, error))
        .and_then(|()| write_all(&*opened, &new, bytes, 0));
    if let Err(error) = filled {
        remove_if_there(disk, &new)?;
        return Err(error);
    }
    if !breaks(Broken::ReplacesUnsynced) {
        opened.sync_all().map_err(|error| sync_error(&new, error))?;
    }
    disk.rename(&new, file).map_err(|error| io_error("rename", &new, error))?;
    if breaks(Broken::ForgetsRenames) {
        return Ok(());
    }
    disk.sync_dir(dir).map_err(|error| sync_error(dir, error))
}

/// A failed fsync is never [`LogError::Full`], whatever the system calls it: nothing is known any
/// more about what was written.
fn sync_error(file: &Path, source: std::io::Error) -> LogError {
    LogError::Io { operation: "fsync", file: file.to_owned(), source }
}

/// Removes a file; that there is none is no error.
pub(crate) fn remove_if_there(disk: &dyn Disk, file: &Path) -> Result<(), LogError> {
    match disk.remove(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io_error("remove", file, error))
        }
        _ => Ok(()),
    }
}

/// Writes all of `bytes`, through short writes and interruptions.
pub(crate) fn write_all(
    opened: &dyn skeg_io::File,
    file: &Path,
    bytes: &[u8],
    offset: u64,
) -> Result<(), LogError> {
    let mut done = 0;
    while done < bytes.len() {
        match opened.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io_error("write", file, std::io::ErrorKind::StorageFull.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_error("write", file, error)),
        }
    }
    Ok(())
}
