//! A file beside the log while it is written: a snapshot, a segment of vectors, or a value.
//!
//! Invariants: what the disk cannot hold, with room to spare for the log, is refused before anything is written;
//! blocks are reserved before they are written; a file that is not kept is removed when it is dropped, or by
//! the next open.
//! May not know: what is in it, when it is to be kept.

use std::io::ErrorKind::{DirectoryNotEmpty, NotFound};
use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::{File, OpenMode};

use crate::core::Core;
use crate::error::{LogError, io_error};
use crate::numbered::Numbered;
use crate::segment::fsync_error;
use crate::small_file::{remove_if_there, write_all};
use crate::types::LogOptions;

/// A file is reserved in steps of this, or of a segment if that is smaller: it is never much larger than
/// what is in it.
const STEP_BYTES: u64 = 4 << 20;
/// The log keeps at least this beside such a file, or a segment if that is smaller.
const BESIDE_BYTES: u64 = 16 << 20;

/// What is written is made durable in portions of this: one fsync of all of it would keep the disk
/// from the log's fsyncs for long.
const PORTION_BYTES: u64 = 8 << 20;

/// What is written goes to the system in pieces of this, and others have the processor between them: nobody
/// in there makes room while a write of it goes on.
const PIECE_BYTES: usize = 16 << 10;

/// Bytes that must be left for the log beside such a file.
pub(crate) fn beside_bytes(options: &LogOptions) -> u64 {
    BESIDE_BYTES.min(options.segment_bytes)
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct SideFile {
    core: Arc<Core>,
    folder: PathBuf,
    path: PathBuf,
    file: Arc<dyn File>,
    allocated: u64,
    /// Bytes written since the last fsync.
    unsynced: u64,
    kept: bool,
}

impl SideFile {
    /// Creates the file `id` of a kind, in place of what has that name, if the disk has room for `expected`
    /// bytes and for `beside`.
    pub(crate) fn create(
        core: &Arc<Core>,
        files: Numbered,
        id: u64,
        expected: u64,
        beside: u64,
    ) -> Result<Self, LogError> {
        core.condition.check()?;
        core.make_room(expected.saturating_add(beside))?;
        let disk = &*core.io.disk;
        let (folder, path) = (core.dir.join(files.folder), files.path(&core.dir, id));
        if let Err(error) = disk.create_dir(&folder) {
            make_again(core, &folder)?;
            return Err(io_error("create", &folder, error));
        }
        remove_if_there(disk, &path)?;
        let file = disk
            .open(&path, OpenMode::CreateNew)
            .map_err(|error| io_error("create", &path, error))?;
        Ok(Self {
            core: Arc::clone(core),
            folder,
            path,
            file,
            allocated: 0,
            unsynced: 0,
            kept: false,
        })
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    fn allocate(&mut self, bytes: u64) -> Result<(), LogError> {
        while bytes > self.allocated {
            let allocated = self.file.allocate(self.allocated, bytes - self.allocated);
            match allocated.map_err(|error| io_error("allocate", &self.path, error)) {
                Ok(()) => self.allocated = bytes,
                // Others have taken the room, or a quota allows less of it.
                Err(LogError::Full { .. })
                    if self.core.upkeeper.lock().give_up_oldest(&self.core)? => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> Result<(), LogError> {
        self.file.set_len(bytes).map_err(|error| io_error("cut", &self.path, error))?;
        self.allocated = bytes;
        Ok(())
    }

    /// Sees to it that there are blocks up to `end`.
    pub(crate) fn make_room(&mut self, end: u64) -> Result<(), LogError> {
        match self.wanting(end) {
            Some(bytes) => self.allocate(self.allocated + bytes),
            None => Ok(()),
        }
    }

    /// How many more bytes it takes of the disk when something is written up to `end`, if it does.
    pub(crate) fn wanting(&self, end: u64) -> Option<u64> {
        let step = STEP_BYTES.min(self.core.options.segment_bytes);
        (end > self.allocated).then(|| end + step - self.allocated)
    }

    pub(crate) fn write(&mut self, bytes: &[u8], offset: u64) -> Result<(), LogError> {
        for (piece, from) in bytes.chunks(PIECE_BYTES).zip((offset..).step_by(PIECE_BYTES)) {
            self.write_piece(piece, from)?;
        }
        Ok(())
    }

    /// Writes in one go.
    pub(crate) fn write_piece(&mut self, bytes: &[u8], offset: u64) -> Result<(), LogError> {
        self.make_room(offset + bytes.len() as u64)?;
        write_all(&*self.file, &self.path, bytes, offset)?;
        self.core.io.threads.give_way();
        self.unsynced += bytes.len() as u64;
        if self.unsynced >= PORTION_BYTES {
            self.file.sync_data().map_err(|error| fsync_error(&self.path, error))?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Gives the file its length and makes it durable, and with `entry` its directory entry, too.
    pub(crate) fn complete(&mut self, length: u64, entry: bool) -> Result<(), LogError> {
        self.cut(length)?;
        self.file.sync_all().map_err(|error| fsync_error(&self.path, error))?;
        if entry {
            let synced = self.core.io.disk.sync_dir(&self.folder);
            synced.map_err(|error| fsync_error(&self.folder, error))?;
        }
        Ok(())
    }

    /// The file stays.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }
}

/// The folder could not be made durable. No later sync would tell that its entry is lost, so it goes,
/// and the next file makes it again. One that holds files was durable before.
fn make_again(core: &Core, folder: &Path) -> Result<(), LogError> {
    match core.io.disk.remove(folder) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), NotFound | DirectoryNotEmpty) => Ok(()),
        Err(error) => Err(core.poison(io_error("remove", folder, error).to_string())),
    }
}

impl Drop for SideFile {
    fn drop(&mut self) {
        if !self.kept && !self.core.condition.is_closed() {
            // What cannot be removed now is at the next open.
            let _ = remove_if_there(&*self.core.io.disk, &self.path);
        }
    }
}
