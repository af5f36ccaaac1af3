//! A database directory that nobody has open: the handle that tools work with.
//!
//! Invariants: a handle keeps every opener away for as long as it lives; one that was opened to look
//! never writes a byte, so it works without rights to write.
//! May not know: what payloads mean; whoever does lends a [`crate::Replay`].

use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::{DirLock, Disk, Io};

use crate::error::{LogError, io_error};
use crate::layout::{self, LOCK_NAME};
use crate::types::LogOptions;

/// A database directory that is not open, to be looked at, checked, repaired or copied.
#[derive(Debug)]
pub struct Offline {
    pub(crate) io: Io,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    /// None when there is no lock file, so that nobody could be kept away.
    lock: Option<Box<dyn DirLock>>,
    writes: bool,
}

impl Offline {
    /// A handle that only looks: nothing is created, not even a lock file.
    ///
    /// # Errors
    /// [`LogError::NotFound`] when there is no directory, [`LogError::Locked`] when a process has
    /// the database open.
    pub fn open(io: &Io, dir: &Path) -> Result<Self, LogError> {
        check_directory(io, dir)?;
        let path = dir.join(LOCK_NAME);
        let lock = io.disk.hold(&path).map_err(|error| layout::refused(dir, &path, error))?;
        Ok(Self::new(io, dir, lock, false))
    }

    /// A handle that may change the directory. `holder` is for whoever finds it locked.
    ///
    /// # Errors
    /// As [`Offline::open`], and whatever keeps the lock file from being written.
    pub fn open_to_write(io: &Io, dir: &Path, holder: &str) -> Result<Self, LogError> {
        check_directory(io, dir)?;
        let options = LogOptions { holder: holder.to_owned(), ..LogOptions::default() };
        let lock = layout::lock(&*io.disk, dir, &options)?;
        Ok(Self::new(io, dir, lock, true))
    }

    fn new(io: &Io, dir: &Path, lock: Option<Box<dyn DirLock>>, writes: bool) -> Self {
        Self { io: io.clone(), disk: Arc::clone(&io.disk), dir: dir.to_owned(), lock, writes }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn may_write(&self) -> Result<(), LogError> {
        if self.writes { Ok(()) } else { Err(LogError::ReadOnly) }
    }

    /// Nobody could be kept away without a lock file; one that has appeared since tells that somebody
    /// came, and that what was read may be of several moments.
    pub(crate) fn check_alone(&self) -> Result<(), LogError> {
        let path = self.dir.join(LOCK_NAME);
        if self.lock.is_some() {
            return Ok(());
        }
        match self.disk.metadata(&path) {
            Ok(_) => Err(LogError::Locked {
                dir: self.dir.clone(),
                holder: "it was opened meanwhile".to_owned(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_error("look at", &path, error)),
        }
    }
}

fn check_directory(io: &Io, dir: &Path) -> Result<(), LogError> {
    match io.disk.metadata(dir) {
        Ok(info) if info.is_dir => Ok(()),
        Ok(_) => Err(LogError::NotADatabase { dir: dir.to_owned(), found: "a file".to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(LogError::NotFound { dir: dir.to_owned() })
        }
        Err(error) => Err(io_error("look at", dir, error)),
    }
}
