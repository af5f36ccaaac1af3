//! A disk that passes everything on and takes it down.

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};

use super::{Event, Recording};
use crate::sync::{Arc, Mutex};
use crate::{DirLock, Disk, File, FileInfo, LockError, OpenMode};

/// Wraps another disk. Operations that change something run one at a time; reads and syncs do not.
#[derive(Debug)]
pub struct RecordingDisk {
    inner: Arc<dyn Disk>,
    tape: Arc<Mutex<Tape>>,
}

struct Tape {
    recording: Recording,
    number_next: u64,
}

/// Without the events, which may be many.
impl Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.recording.events.len();
        f.debug_struct("Tape").field("events", &events).finish_non_exhaustive()
    }
}

impl Tape {
    fn note(&mut self, event: Event) {
        self.recording.events.push(event);
    }

    fn number(&mut self) -> u64 {
        self.number_next += 1;
        self.number_next
    }
}

impl RecordingDisk {
    /// Records what is done to `inner` from now on. What lies below `root` (which is created when
    /// missing) is taken as it is, and as durable; nothing outside may be touched.
    ///
    /// # Errors
    /// When something below `root` cannot be read.
    pub fn new(inner: Arc<dyn Disk>, root: &Path) -> io::Result<Self> {
        inner.create_dir(root)?;
        let mut recording = Recording::default();
        copy(&*inner, root.to_owned(), &mut recording)?;
        Ok(Self { inner, tape: Arc::new(Mutex::new(Tape { recording, number_next: 0 })) })
    }

    /// A copy of what was recorded so far.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.tape.lock().recording.clone()
    }

    /// How many events were recorded so far: where in the recording the present moment is.
    #[must_use]
    pub fn position(&self) -> usize {
        self.tape.lock().recording.events.len()
    }

    fn change(&self, act: impl FnOnce() -> io::Result<()>, event: Event) -> io::Result<()> {
        let mut tape = self.tape.lock();
        act()?;
        tape.note(event);
        Ok(())
    }
}

fn copy(disk: &dyn Disk, directory: PathBuf, recording: &mut Recording) -> io::Result<()> {
    for name in disk.read_dir(&directory)? {
        let path = directory.join(name);
        let info = disk.metadata(&path)?;
        if info.is_dir {
            copy(disk, path, recording)?;
        } else {
            let mut bytes = vec![0; usize::try_from(info.len).map_err(io::Error::other)?];
            disk.open(&path, OpenMode::Read)?.read_exact_at(&mut bytes, 0)?;
            recording.files.push((path, bytes));
        }
    }
    recording.directories.push(directory);
    Ok(())
}

impl Disk for RecordingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut tape = self.tape.lock();
        let inner = self.inner.open(path, mode)?;
        let handle = tape.number();
        tape.note(Event::Opened { handle, path: path.to_owned(), mode });
        Ok(Arc::new(RecordingFile { inner, tape: Arc::clone(&self.tape), handle }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let event = Event::DirectoryCreated { path: path.to_owned() };
        self.change(|| self.inner.create_dir(path), event)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        self.inner.read_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let event = Event::Renamed { from: from.to_owned(), to: to.to_owned() };
        self.change(|| self.inner.rename(from, to), event)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let event = Event::Linked { from: from.to_owned(), to: to.to_owned() };
        self.change(|| self.inner.link(from, to), event)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let event = Event::Removed { path: path.to_owned() };
        self.change(|| self.inner.remove(path), event)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let begun = |sync| Event::DirectorySyncBegun { sync, path: path.to_owned() };
        record_sync(&self.tape, begun, || self.inner.sync_dir(path))
    }

    fn metadata(&self, path: &Path) -> io::Result<FileInfo> {
        self.inner.metadata(path)
    }

    fn lock(&self, path: &Path, content: &str) -> Result<Box<dyn DirLock>, LockError> {
        let mut tape = self.tape.lock();
        let lock = self.inner.lock(path, content)?;
        tape.note(Event::Locked { path: path.to_owned(), content: content.to_owned() });
        Ok(lock)
    }

    fn hold(&self, path: &Path) -> Result<Option<Box<dyn DirLock>>, LockError> {
        self.inner.hold(path)
    }

    fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.inner.identity(path)
    }

    fn available(&self, path: &Path) -> io::Result<u64> {
        self.inner.available(path)
    }
}

#[derive(Debug)]
struct RecordingFile {
    inner: Arc<dyn File>,
    tape: Arc<Mutex<Tape>>,
    handle: u64,
}

impl RecordingFile {
    fn sync(&self, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        record_sync(&self.tape, |sync| Event::SyncBegun { sync, handle: self.handle }, act)
    }
}

impl File for RecordingFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut tape = self.tape.lock();
        let count = self.inner.write_at(bytes, offset)?;
        tape.note(Event::Written { handle: self.handle, offset, bytes: bytes[..count].into() });
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(|| self.inner.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(|| self.inner.sync_all())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut tape = self.tape.lock();
        self.inner.set_len(len)?;
        tape.note(Event::LengthSet { handle: self.handle, len });
        Ok(())
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let mut tape = self.tape.lock();
        self.inner.allocate(offset, len)?;
        tape.note(Event::Allocated { handle: self.handle, offset, len });
        Ok(())
    }

    fn marks_first_writes(&self) -> bool {
        self.inner.marks_first_writes()
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}

fn record_sync(
    tape: &Mutex<Tape>,
    begun: impl FnOnce(u64) -> Event,
    act: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let sync = {
        let mut tape = tape.lock();
        let sync = tape.number();
        tape.note(begun(sync));
        sync
    };
    act()?;
    tape.lock().note(Event::SyncEnded { sync });
    Ok(())
}
