//! The spare: a file of allocated blocks and no content, given up piece by piece when the disk is
//! full and something must be written all the same.
//!
//! Invariants: it covers the unsynced bytes that are allowed, and CURRENT beside them, so that
//! recovery can rewrite a tail on a full disk; a share stays for that whatever is asked for.
//! May not know: who gets the blocks.

use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::{File, Io, OpenMode};

use crate::error::{LogError, io_error};
use crate::segment::{FILES, SPARE_NAME, fsync_error};

/// Kept beside the unsynced bytes for CURRENT's replacement.
pub(crate) const CURRENT_BYTES: u64 = 64 << 10;
/// What recovery and releases leave of it, whatever happens.
const FLOOR_BYTES: u64 = 2 * CURRENT_BYTES;

/// The spare file.
#[derive(Debug)]
pub(crate) struct Spare {
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    bytes: u64,
}

impl Spare {
    /// The spare as it is found; none is an empty one. A power loss may have left its length without
    /// its blocks: they are allocated again, or, where there is no space for them, those it has are
    /// given up.
    pub(crate) fn open(io: &Io, dir: &Path) -> Result<Self, LogError> {
        let path = dir.join(FILES.folder).join(SPARE_NAME);
        let file = match io.disk.open(&path, OpenMode::ReadWrite) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, file: None, bytes: 0 });
            }
            Err(error) => return Err(io_error("open", &path, error)),
        };
        let bytes = file.len().map_err(|error| io_error("measure", &path, error))?;
        let mut spare = Self { path, file: Some(file), bytes: 0 };
        match spare.allocate(bytes) {
            Err(LogError::Full { .. }) => {
                spare.bytes = bytes;
                spare.cut(0)?;
            }
            other => other?,
        }
        Ok(spare)
    }

    /// Allocates all of it up to `bytes`, durably.
    fn allocate(&mut self, bytes: u64) -> Result<(), LogError> {
        let path = &self.path;
        if let Some(file) = &self.file
            && bytes > self.bytes
        {
            file.allocate(self.bytes, bytes - self.bytes)
                .map_err(|error| io_error("allocate", path, error))?;
            file.sync_all().map_err(|error| fsync_error(path, error))?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Cuts it to `bytes`.
    fn cut(&mut self, bytes: u64) -> Result<(), LogError> {
        if bytes < self.bytes
            && let Some(file) = &self.file
        {
            file.set_len(bytes).map_err(|error| io_error("cut", &self.path, error))?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// For a database that is not written to.
    pub(crate) fn none() -> Self {
        Self { path: PathBuf::new(), file: None, bytes: 0 }
    }

    /// Unsynced bytes that it covers.
    pub(crate) fn allowed(&self) -> u64 {
        self.bytes.saturating_sub(CURRENT_BYTES)
    }

    /// Grows until it covers so many unsynced bytes, durably.
    pub(crate) fn grow(&mut self, io: &Io, allowed: u64) -> Result<(), LogError> {
        let bytes = allowed + CURRENT_BYTES;
        if self.file.is_none() && self.bytes < bytes {
            let path = &self.path;
            let file = io.disk.open(path, OpenMode::CreateNew);
            self.file = Some(file.map_err(|error| io_error("create", path, error))?);
            if let Some(folder) = path.parent() {
                io.disk.sync_dir(folder).map_err(|error| fsync_error(folder, error))?;
            }
        }
        self.allocate(bytes)
    }

    /// Grows to what recovery needs at the least, if there is space for that.
    pub(crate) fn grow_to_least(&mut self, io: &Io) -> Result<(), LogError> {
        match self.grow(io, FLOOR_BYTES - CURRENT_BYTES) {
            Ok(()) | Err(LogError::Full { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Unsynced bytes that it would cover after giving up `bytes`; `None` when it cannot.
    pub(crate) fn allowed_without(&self, bytes: u64) -> Option<u64> {
        let left = self.bytes.checked_sub(bytes)?;
        (left >= FLOOR_BYTES).then(|| left - CURRENT_BYTES)
    }

    /// Gives up blocks until it covers so many unsynced bytes.
    pub(crate) fn shrink(&mut self, allowed: u64) -> Result<(), LogError> {
        self.cut(allowed + CURRENT_BYTES)
    }
}
