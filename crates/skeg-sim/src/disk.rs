//! A disk between the engine and the simulated one: it sees which faults struck and where the
//! machine stopped, and can be given a flaw, to show that the harness notices.
//!
//! Invariant: without a flaw everything is passed on as it is.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use skeg_io::sim::is_stopped;
use skeg_io::sync::{Arc, Mutex};
use skeg_io::{DirLock, Disk, File, FileInfo, LockError, OpenMode, is_out_of_space};
use skeg_log::Broken;

use crate::figures::Figures;

/// What is wrong: a promise of skeg-io that the disk breaks without saying so, or one of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// It keeps its promises.
    #[default]
    None,
    /// Syncing a directory does nothing.
    IgnoresDirectorySync,
    /// Syncing the data of a file does nothing.
    IgnoresDataSync,
    /// Syncing a file wholly does nothing.
    IgnoresFullSync,
    /// A sync of data is acknowledged at once and done when the next one comes: a lying cache.
    SyncsLate,
    /// Of some writes only a part is done, and all of it acknowledged.
    ForgetsHalfOfAWrite,
    /// Some writes are not done, and acknowledged.
    ForgetsWrites,
    /// Some writes land at the next page instead.
    MisplacesWrites,
    /// Not the disk but the store lies: what was only written is acknowledged as durable.
    AcknowledgesBeforeSync,
    /// The store breaks a promise about snapshots.
    Breaks(Broken),
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) faults: BTreeMap<String, u64>,
    /// The operation that the machine stopped in.
    pub(crate) stopped_in: Option<String>,
    /// A sync has failed: what the system held unsynced may be gone without a power loss.
    pub(crate) sync_failed: bool,
    /// A sync of a directory has failed.
    pub(crate) directory_sync_failed: bool,
    /// Any fault but an interruption or a short read or write.
    pub(crate) hard_faults: u64,
    writes: u64,
    late: Option<Arc<dyn File>>,
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct WatchedDisk {
    inner: Arc<dyn Disk>,
    watch: Watch,
}

#[derive(Clone, Debug)]
struct Watch {
    seen: Arc<Mutex<Seen>>,
    flaw: Flaw,
}

impl WatchedDisk {
    pub(crate) fn new(inner: Arc<dyn Disk>, seen: &Arc<Mutex<Seen>>, flaw: Flaw) -> Self {
        Self { inner, watch: Watch { seen: Arc::clone(seen), flaw } }
    }
}

/// The kind of a file, by its name.
fn kind(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("/");
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("seg") => "segment",
        Some("snap") => "snapshot",
        Some("vec") => "vectors",
        Some("val") => "value",
        _ => name,
    }
}

impl Watch {
    fn note<T>(&self, operation: &str, path: &Path, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.failed(operation, path, error);
        }
        result
    }

    fn failed(&self, operation: &str, path: &Path, error: &io::Error) {
        let mut seen = self.seen.lock();
        let place = || format!("{operation} {}", kind(path));
        if is_stopped(error) {
            seen.stopped_in.get_or_insert_with(place);
            return;
        }
        let sync = operation.starts_with("sync");
        let name = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists => return,
            io::ErrorKind::Interrupted => "interrupted",
            _ if is_out_of_space(error) => "out of space",
            _ => "failed",
        };
        seen.sync_failed |= sync;
        seen.directory_sync_failed |= operation.ends_with("directory");
        seen.hard_faults += u64::from(name != "interrupted");
        Figures::count(&mut seen.faults, format!("{operation} {name}"));
    }

    fn short(&self, operation: &str) {
        Figures::count(&mut self.seen.lock().faults, format!("{operation} short"));
    }
}

impl Disk for WatchedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let operation = if mode == OpenMode::CreateNew { "create" } else { "open" };
        let inner = self.watch.note(operation, path, self.inner.open(path, mode))?;
        Ok(Arc::new(WatchedFile { inner, watch: self.watch.clone(), path: path.into() }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.watch.note("create directory", path, self.inner.create_dir(path))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        self.watch.note("list", path, self.inner.read_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.watch.note("rename", to, self.inner.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.watch.note("link", to, self.inner.link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.watch.note("remove", path, self.inner.remove(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.watch.flaw == Flaw::IgnoresDirectorySync {
            return Ok(());
        }
        self.watch.note("sync directory", path, self.inner.sync_dir(path))
    }

    fn metadata(&self, path: &Path) -> io::Result<FileInfo> {
        self.watch.note("look at", path, self.inner.metadata(path))
    }

    fn lock(&self, path: &Path, content: &str) -> Result<Box<dyn DirLock>, LockError> {
        let result = self.inner.lock(path, content);
        if let Err(LockError::Io(error)) = &result {
            self.watch.failed("lock", path, error);
        }
        result
    }

    fn hold(&self, path: &Path) -> Result<Option<Box<dyn DirLock>>, LockError> {
        self.inner.hold(path)
    }

    fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.watch.note("look at", path, self.inner.identity(path))
    }

    fn available(&self, path: &Path) -> io::Result<u64> {
        self.watch.note("look at", path, self.inner.available(path))
    }
}

#[derive(Debug)]
struct WatchedFile {
    inner: Arc<dyn File>,
    watch: Watch,
    path: Box<Path>,
}

/// Page size of flaws.
const PAGE_BYTES: u64 = 4096;

impl WatchedFile {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let number = {
            let mut seen = self.watch.seen.lock();
            seen.writes += 1;
            seen.writes
        };
        let strikes = number.is_multiple_of(5);
        match self.watch.flaw {
            Flaw::ForgetsHalfOfAWrite if strikes => {
                self.inner.write_at(&bytes[..bytes.len().div_ceil(2)], offset)?;
                Ok(bytes.len())
            }
            Flaw::ForgetsWrites if strikes => Ok(bytes.len()),
            Flaw::MisplacesWrites if strikes => self.inner.write_at(bytes, offset + PAGE_BYTES),
            _ => self.inner.write_at(bytes, offset),
        }
    }

    fn sync(&self, act: impl FnOnce(&dyn File) -> io::Result<()>) -> io::Result<()> {
        if self.watch.flaw != Flaw::SyncsLate {
            return act(&*self.inner);
        }
        let late = self.watch.seen.lock().late.replace(Arc::clone(&self.inner));
        late.map_or(Ok(()), |file| file.sync_data())
    }
}

impl File for WatchedFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let result = self.inner.read_at(bytes, offset);
        self.watch.note("read", &self.path, result)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let count = self.watch.note("write", &self.path, self.write(bytes, offset))?;
        if count < bytes.len() {
            self.watch.short("write");
        }
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.watch.flaw == Flaw::IgnoresDataSync {
            return Ok(());
        }
        self.watch.note("sync", &self.path, self.sync(|file| file.sync_data()))
    }

    fn sync_all(&self) -> io::Result<()> {
        if self.watch.flaw == Flaw::IgnoresFullSync {
            return Ok(());
        }
        self.watch.note("sync", &self.path, self.sync(|file| file.sync_all()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.watch.note("cut", &self.path, self.inner.set_len(len))
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.watch.note("allocate", &self.path, self.inner.allocate(offset, len))
    }

    fn marks_first_writes(&self) -> bool {
        self.inner.marks_first_writes()
    }

    fn len(&self) -> io::Result<u64> {
        self.watch.note("look at", &self.path, self.inner.len())
    }
}
