//! The real disk: opening, renaming, removing, locking.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::directory;
use super::file::RealFile;
use crate::sync::Arc;
use crate::{DirLock, Disk, File, FileInfo, LockError, OpenMode};

/// How much of a lock file is read to tell who holds it.
const LOCK_CONTENT_BYTES_MAX: u64 = 4096;

/// The file system that the process sees.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl RealDisk {
    /// There is but one.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::ReadWrite => {
                options.write(true);
            }
            OpenMode::CreateNew => {
                options.write(true).create_new(true);
            }
        }
        let file = options.open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(RealFile::new(file)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        directory::create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            fs::remove_dir(path)
        } else {
            fs::remove_file(path)
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        directory::sync_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<FileInfo> {
        let metadata = fs::metadata(path)?;
        Ok(FileInfo { len: metadata.len(), is_dir: metadata.is_dir() })
    }

    fn lock(&self, path: &Path, content: &str) -> Result<Box<dyn DirLock>, LockError> {
        loop {
            let mut file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Err(held(&file)),
                Err(fs::TryLockError::Error(error)) => return Err(error.into()),
            }
            if is_still_at(&file, path)? {
                write_content(&mut file, content);
                return Ok(Box::new(RealLock { _file: file }));
            }
        }
    }

    fn hold(&self, path: &Path) -> Result<Option<Box<dyn DirLock>>, LockError> {
        loop {
            let file = match fs::File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            match file.try_lock_shared() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Err(held(&file)),
                Err(fs::TryLockError::Error(error)) => return Err(error.into()),
            }
            if is_still_at(&file, path)? {
                return Ok(Some(Box::new(RealLock { _file: file })));
            }
        }
    }

    fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        let metadata = fs::metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn available(&self, path: &Path) -> io::Result<u64> {
        let file_system = rustix::fs::statvfs(path)?;
        // Some file systems do not tell.
        if file_system.f_blocks == 0 {
            return Ok(u64::MAX);
        }
        Ok(file_system.f_bavail.saturating_mul(file_system.f_frsize))
    }
}

/// The open file description that carries the lock: the system frees it when the last reference is
/// closed.
#[derive(Debug)]
struct RealLock {
    _file: fs::File,
}

impl DirLock for RealLock {}

/// Whether `path` still leads to the file that was locked. If somebody removed it in between, a
/// lock on it keeps nobody out.
fn is_still_at(file: &fs::File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn held(file: &fs::File) -> LockError {
    let mut content = Vec::new();
    // What the holder wrote is only a hint: if it cannot be read, the lock is held all the same.
    let _ = file.take(LOCK_CONTENT_BYTES_MAX).read_to_end(&mut content);
    LockError::Held { content: String::from_utf8_lossy(&content).into_owned() }
}

/// Best effort, as the content is only a hint: a full disk must not keep anybody from opening.
fn write_content(file: &mut fs::File, content: &str) {
    let _ = file.set_len(0).and_then(|()| file.write_all(content.as_bytes()));
}
