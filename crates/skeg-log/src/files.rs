//! Files as wholes: linking and copying them, removing a tree of our own.
//!
//! Invariants: a copy is synced before anything is told of it; a directory's entries are durable
//! only when the caller has synced it.
//! May not know: what is in the files.

use std::ops::Range;
use std::path::Path;

use skeg_io::{Disk, OpenMode};

use crate::error::{LogError, io_error};
use crate::segment::fsync_error;
use crate::small_file::{remove_if_there, write_all};

/// Bytes copied at a time.
const CHUNK_BYTES: u64 = 1 << 20;

/// Copies the first `bytes` of a file under a new name and syncs them.
pub(crate) fn copy(disk: &dyn Disk, from: &Path, to: &Path, bytes: u64) -> Result<(), LogError> {
    copy_range(disk, from, to, 0..bytes, &mut |_| Ok(()))
}

/// Copies a range of a file to the same place of another one, which is created for a range that begins
/// at 0, and syncs it. `tell` hears of every piece, and may end it.
pub(crate) fn copy_range(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    range: Range<u64>,
    tell: &mut dyn FnMut(u64) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let source = disk.open(from, OpenMode::Read).map_err(|error| io_error("open", from, error))?;
    let mode = if range.start == 0 { OpenMode::CreateNew } else { OpenMode::ReadWrite };
    let target = disk.open(to, mode).map_err(|error| io_error("create", to, error))?;
    let mut chunk = vec![0; (range.end - range.start).min(CHUNK_BYTES) as usize];
    let mut done = range.start;
    while done < range.end {
        let count = (range.end - done).min(CHUNK_BYTES) as usize;
        let read = source.read_exact_at(&mut chunk[..count], done);
        read.map_err(|error| io_error("read", from, error))?;
        write_all(&*target, to, &chunk[..count], done)?;
        done += count as u64;
        tell(count as u64)?;
    }
    target.sync_all().map_err(|error| fsync_error(to, error))
}

/// Writes the first `bytes` of a file over themselves and syncs them. An fsync alone is not enough for what another one
/// may have failed for: the kernel has taken its pages for clean since, and would leave them in memory.
pub(crate) fn write_again(disk: &dyn Disk, path: &Path, bytes: u64) -> Result<(), LogError> {
    let opened = disk.open(path, OpenMode::ReadWrite);
    let file = opened.map_err(|error| io_error("open", path, error))?;
    let mut chunk = vec![0; bytes.min(CHUNK_BYTES) as usize];
    let mut done = 0;
    while done < bytes {
        let piece = &mut chunk[..(bytes - done).min(CHUNK_BYTES) as usize];
        let read = file.read_exact_at(piece, done);
        read.map_err(|error| io_error("read", path, error))?;
        write_all(&*file, path, piece, done)?;
        done += piece.len() as u64;
    }
    file.sync_all().map_err(|error| fsync_error(path, error))
}

/// Gives a file a second name, unless the file system cannot do that: `false`.
pub(crate) fn link(disk: &dyn Disk, from: &Path, to: &Path) -> Result<bool, LogError> {
    match disk.link(from, to) {
        Ok(()) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::AlreadyExists
            ) || skeg_io::is_out_of_space(&error) =>
        {
            Err(io_error("link", to, error))
        }
        Err(_) => Ok(false),
    }
}

/// Gives a file a second name; where the file system cannot, a copy. Whether it is the same file.
pub(crate) fn link_or_copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<bool, LogError> {
    if link(disk, from, to)? {
        return Ok(true);
    }
    let bytes = disk.metadata(from).map_err(|error| io_error("look at", from, error))?.len;
    copy(disk, from, to, bytes).map(|()| false)
}

/// Creates a directory, durably; that it is there is no error.
pub(crate) fn create_dir(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    disk.create_dir(path).map_err(|error| io_error("create", path, error))
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    disk.sync_dir(path).map_err(|error| fsync_error(path, error))
}

/// Removes a directory with what is in it; that there is none is no error.
pub(crate) fn remove_tree(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    let names = match disk.read_dir(path) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return remove_if_there(disk, path);
        }
        Err(error) => return Err(io_error("list", path, error)),
    };
    for name in names {
        remove_tree(disk, &path.join(name))?;
    }
    remove_if_there(disk, path)
}
