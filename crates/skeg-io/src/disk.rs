//! Files and directories: what each operation promises, and what a crash may take back.
//!
//! Two crashes are told apart. When the **process** is killed, all that an operation returned from
//! stays. When the **power** fails, only what was synced stays for certain: of unsynced writes any
//! subset of pages may be there, a page may be torn, and a file may have its old length or a later
//! one; of unsynced directory entries (a creation, a rename, a removal) each may be there or not.
//!
//! Invariants: paths are passed as they are, relative ones to the working directory; nothing here
//! knows the names or the contents of files.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io;
use std::path::Path;

use crate::sync::Arc;

/// How [`Disk::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// An existing file, for reading only.
    Read,
    /// An existing file, for reading and writing. Its content stays.
    ReadWrite,
    /// A new, empty file for reading and writing; an error if the name is taken.
    CreateNew,
}

/// What [`Disk::metadata`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Length in bytes; of a directory, meaningless.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// Files and directories.
///
/// Every method returns the error of the operating system as it is; only what goes beyond that is
/// said below.
pub trait Disk: Send + Sync + Debug {
    /// Opens or creates a file. The entry of a created file is durable only after
    /// [`Disk::sync_dir`] of its directory.
    ///
    /// # Errors
    /// `NotFound` for a missing file (or directory of it), `AlreadyExists` for
    /// [`OpenMode::CreateNew`] on a taken name, `IsADirectory` for a directory.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Creates a directory and the missing ones above it. When it returns, the whole path is
    /// durable: the directory above each one created, and above the deepest that was already there,
    /// has been synced (the latter because an earlier process may have been killed just after it
    /// created it).
    ///
    /// # Errors
    /// `NotADirectory` or `AlreadyExists` when something else has the name. An existing directory
    /// is no error.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, sorted. Names that are not UTF-8 are left out: no file of ours has
    /// one.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Gives a file or directory a new name, replacing a file that had it, in one step. Durable
    /// only after [`Disk::sync_dir`] of the directories concerned; a power loss before leaves the
    /// old name, the new one, both or neither.
    ///
    /// # Errors
    /// `NotFound` for a missing source.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name; both lead to the same content from then on, and it stays until
    /// both are removed. Durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// `NotFound` for a missing source, `AlreadyExists` for a taken name, an error for a directory.
    /// File systems that have no such thing say so in different ways (`EPERM`, `ENOTSUP`, `EMLINK`,
    /// `EXDEV` to another one): whoever can do with a copy makes one.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file or an empty directory. Durable only after [`Disk::sync_dir`]. Open handles of
    /// a removed file go on working.
    ///
    /// # Errors
    /// `NotFound`, `DirectoryNotEmpty`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable: what was created, renamed or removed in it. The
    /// contents of the files are not: that is [`File::sync_all`].
    ///
    /// # Errors
    /// After a failure nothing is known about the entries; it must not be retried and taken for
    /// good.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Length and kind of a file or directory.
    ///
    /// # Errors
    /// `NotFound`.
    fn metadata(&self, path: &Path) -> io::Result<FileInfo>;

    /// Locks the file `path` (created when missing) against every other holder, in this process or
    /// another, and writes `content` into it, so that who is refused can say who holds it. Freed
    /// when the result is dropped or the process dies, however it dies: what the file contains
    /// never decides anything, so an empty or stale file never blocks. That `content` could not be
    /// written (a full disk) is no error.
    ///
    /// # Errors
    /// [`LockError::Held`] at once when another holder has it; this never waits.
    fn lock(&self, path: &Path, content: &str) -> Result<Box<dyn DirLock>, LockError>;

    /// Keeps every [`Disk::lock`] of `path` away without writing a byte, so that it works without
    /// rights to write; others may hold it in the same way. `None` when there is no such file: then
    /// nobody has locked it, and nobody is kept away.
    ///
    /// # Errors
    /// [`LockError::Held`] at once when somebody has locked it; this never waits.
    fn hold(&self, path: &Path) -> Result<Option<Box<dyn DirLock>>, LockError>;

    /// What identifies a file or directory whatever path leads to it: device and inode.
    ///
    /// # Errors
    /// `NotFound`.
    fn identity(&self, path: &Path) -> io::Result<(u64, u64)>;

    /// Bytes that the files below a directory may still grow by, as far as the system says; quotas may
    /// allow less.
    ///
    /// # Errors
    /// `NotFound`.
    fn available(&self, path: &Path) -> io::Result<u64>;
}

/// An open file. Closed when the last reference is dropped; closing syncs nothing.
pub trait File: Send + Sync + Debug {
    /// Reads at `offset` and returns how many bytes: fewer than asked for at any time, 0 at or
    /// behind the end.
    ///
    /// # Errors
    /// `Interrupted` when a signal came first: nothing was read, call again.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// As [`File::read_at`], but only what the system has in memory: it never waits for the medium.
    ///
    /// # Errors
    /// `WouldBlock` when it would have to wait, and where the system cannot tell.
    fn read_resident_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let _ = (bytes, offset);
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Says that `len` bytes from `offset` are read soon, so that the system may fetch them while the caller
    /// does something else. Never waits for the medium; where the system knows no such thing, nothing happens.
    fn will_read(&self, offset: u64, len: u64) {
        let _ = (offset, len);
    }

    /// Writes at `offset` and returns how many bytes were taken: perhaps fewer than given. A gap
    /// behind the former end reads as zeros. Durable only after [`File::sync_data`].
    ///
    /// # Errors
    /// `Interrupted` when a signal came first: nothing was written, call again. See
    /// [`is_out_of_space`]. After any other error the range may hold anything.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the content durable, and the length as far as reading the content needs it, down to
    /// the medium (`fdatasync`; on macOS std uses `F_FULLFSYNC`, as a plain `fsync` there leaves
    /// data in the drive's cache).
    ///
    /// # Errors
    /// After a failure the system may have marked unwritten pages as clean and dropped them: a
    /// later success says nothing about them. So a failed sync must never be retried and taken for
    /// good.
    fn sync_data(&self) -> io::Result<()>;

    /// [`File::sync_data`], and everything else the file system keeps about the file.
    ///
    /// # Errors
    /// As [`File::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// Cuts the file to `len` bytes, or extends it with zeros that have no blocks yet.
    ///
    /// # Errors
    /// When the file is not open for writing or the length is beyond what the file system can hold.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reserves real blocks for `len` bytes from `offset`, so that a later write there cannot run
    /// out of space, and extends the file to the end of the range when it is shorter. What was
    /// there stays; the rest reads as zeros. On a file system that cannot reserve, zeros are
    /// written behind the present end instead (holes inside stay holes). Nobody else may change the
    /// file's length meanwhile.
    ///
    /// # Errors
    /// See [`is_out_of_space`]: it says so now rather than at the write, and leaves the length as
    /// it was.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;

    /// Whether the file system keeps in its own books which parts of an allocated range have been written, and
    /// writes over those in place from then on. There the first write to a part makes the next sync dearer
    /// than later ones do, whatever is written.
    fn marks_first_writes(&self) -> bool {
        false
    }

    /// Length in bytes.
    ///
    /// # Errors
    /// As the operating system reports.
    fn len(&self) -> io::Result<u64>;

    /// Whether the length is 0.
    ///
    /// # Errors
    /// As [`File::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills all of `bytes` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends first; then `bytes` holds what there was, followed by
    /// what it held before.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match self.read_at(&mut bytes[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A held lock (see [`Disk::lock`] and [`Disk::hold`]). Dropping it frees the lock.
pub trait DirLock: Send + Sync + Debug {}

/// Why [`Disk::lock`] did not give the lock.
#[derive(Debug)]
pub enum LockError {
    /// Another holder has it; the caller may try again later.
    Held {
        /// What the holder wrote into the file: a hint, perhaps empty.
        content: String,
    },
    /// The file could not be opened or locked: missing rights, a read-only file system, a missing
    /// directory.
    Io(io::Error),
}

impl Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { content } if content.trim().is_empty() => f.write_str("already locked"),
            Self::Held { content } => write!(f, "already locked ({})", content.trim()),
            Self::Io(error) => write!(f, "cannot lock: {error}"),
        }
    }
}

impl Error for LockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Held { .. } => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether an error means that the disk or the user's share of it is full (`ENOSPC`, `EDQUOT`):
/// growth must wait, and nothing else is wrong.
#[must_use]
pub fn is_out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
