//! Directories of the real disk: creating them durably, syncing them.

use std::fs;
use std::io;
use std::path::Path;

/// `fsync` of a directory. A file system that has no such notion says `EINVAL`; there is nothing to
/// wait for then.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    let directory = fs::File::open(path)?;
    if !directory.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    match directory.sync_all() {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Creates `path` and what is missing above it, each entry synced before the next is made.
pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    // Links are not resolved, but every part gets something above it.
    let mut deepest = std::path::absolute(path)?;
    while !deepest.try_exists()? {
        missing.push(deepest.clone());
        if !deepest.pop() {
            return Err(io::ErrorKind::NotFound.into());
        }
    }
    if !deepest.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    sync_parent_if_allowed(&deepest)?;
    for directory in missing.into_iter().rev() {
        match fs::create_dir(&directory) {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            other => other?,
        }
        if let Some(parent) = directory.parent() {
            sync_dir(parent)?;
        }
    }
    Ok(())
}

/// The entry of a directory that was found is synced too: a process that was killed may have made
/// it. One that we may not open for reading belongs to somebody else, and so does what is in it.
fn sync_parent_if_allowed(directory: &Path) -> io::Result<()> {
    match directory.parent().map(sync_dir) {
        Some(Err(error)) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}
