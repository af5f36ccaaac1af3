//! The simulated disk as the engine sees it. How tests steer it is in `control.rs`.

use std::io;
use std::path::{Path, PathBuf};

use super::directory::Inode;
use super::fault::{Failure, Fault, Operation, stopped};
use super::file::SimFile;
use super::file_system::{FileSystem, names};
use super::rng::SimRng;
use super::state::{Shared, State};
use crate::sync::Arc;
use crate::{DirLock, Disk, File, FileInfo, LockError, OpenMode};

/// The number of the simulated device.
const DEVICE: u64 = 1;

/// How much of a lock file is read to tell who holds it.
const LOCK_CONTENT_BYTES_MAX: usize = 4096;

/// A disk in memory that forgets, tears and fails as a real one may, deterministically from its
/// seed. Clones are the same disk. All paths, also relative ones, start at its top.
#[derive(Clone, Debug)]
pub struct SimDisk {
    pub(super) shared: Arc<Shared>,
}

impl SimDisk {
    /// An empty disk whose faults are drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_state(State::new(FileSystem::new(), SimRng::new(seed)))
    }

    pub(super) fn from_state(state: State) -> Self {
        Self { shared: Arc::new(Shared::new(state)) }
    }

    /// As [`Disk::open`].
    pub(crate) fn open_sim(&self, path: &Path, mode: OpenMode) -> io::Result<SimFile> {
        let create = mode == OpenMode::CreateNew;
        let writable = mode != OpenMode::Read;
        let operation = if create { Operation::Create } else { Operation::Open };
        let mut state = self.shared.state();
        let inode = state.whole(operation, path, |state| {
            if writable && state.read_only {
                return Err(Failure::ReadOnly.into());
            }
            let inode =
                if create { state.files.create_file(path)? } else { state.files.lookup(path)? };
            state.files.file(inode)?;
            Ok(inode)
        })?;
        Ok(SimFile::open(&self.shared, &mut state, inode, writable, path.to_owned()))
    }

    fn inspect<R>(
        &self,
        operation: Operation,
        path: &Path,
        look: impl FnOnce(&FileSystem, Inode) -> io::Result<R>,
    ) -> io::Result<R> {
        self.shared.state().whole(operation, path, |state| {
            let inode = state.files.lookup(path)?;
            look(&state.files, inode)
        })
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(self.open_sim(path, mode)?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let names = names(path);
        let mut above = PathBuf::from("/");
        let mut missing = false;
        for name in names {
            let directory = above.join(name);
            let found = self.inspect(Operation::Metadata, &directory, |files, inode| {
                files.directory(inode).map(|_| ())
            });
            match found {
                Ok(()) => {
                    above = directory;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            if !missing {
                self.sync_parent(&above)?;
                missing = true;
            }
            self.shared.state().whole(Operation::CreateDir, &directory, |state| {
                state.files.create_dir(&directory)
            })?;
            self.sync_dir(&above)?;
            above = directory;
        }
        if missing { Ok(()) } else { self.sync_parent(&above) }
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        self.inspect(Operation::ReadDir, path, |files, inode| {
            Ok(files.directory(inode)?.live().keys().cloned().collect())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.shared.state().whole(Operation::Rename, to, |state| state.files.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.shared.state().whole(Operation::Link, to, |state| state.files.link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.shared.state().whole(Operation::Remove, path, |state| state.files.remove(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.shared.state();
        let fault = state.begin(Operation::SyncDir, path)?;
        let inode = state.files.lookup(path)?;
        let mark = state.files.sequence();
        let State { files, rng, .. } = &mut *state;
        let directory = files.directory_mut(inode)?;
        match fault {
            None | Some(Fault::Short(_)) => {
                directory.persist(mark);
                files.collect();
                Ok(())
            }
            Some(Fault::Fail(failure)) => {
                directory.fail_sync(rng);
                Err(failure.into())
            }
            Some(Fault::Stop) => Err(stopped()),
        }
    }

    fn metadata(&self, path: &Path) -> io::Result<FileInfo> {
        self.inspect(Operation::Metadata, path, |files, inode| {
            Ok(match files.file(inode) {
                Ok(content) => FileInfo { len: content.len(), is_dir: false },
                Err(_) => FileInfo { len: 0, is_dir: true },
            })
        })
    }

    fn lock(&self, path: &Path, content: &str) -> Result<Box<dyn DirLock>, LockError> {
        let mut state = self.shared.state();
        let inode = state.whole(Operation::Lock, path, |state| {
            if state.read_only {
                return Err(Failure::ReadOnly.into());
            }
            match state.files.lookup(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    state.files.create_file(path)
                }
                other => other,
            }
        })?;
        if state.locked.contains_key(&inode) {
            return Err(held(&state, inode)?);
        }
        state.locked.insert(inode, 0);
        let sequence = state.files.advance();
        let fitting = state.fitting(state.files.file(inode)?, 0, content.len()).unwrap_or(0);
        let file = state.files.file_mut(inode)?;
        file.set_len(0, sequence);
        file.write(&content.as_bytes()[..fitting], 0, sequence);
        state.files.retain(inode);
        Ok(Box::new(SimLock { shared: Arc::clone(&self.shared), inode }))
    }

    fn hold(&self, path: &Path) -> Result<Option<Box<dyn DirLock>>, LockError> {
        let mut state = self.shared.state();
        let found = state.whole(Operation::Lock, path, |state| state.files.lookup(path));
        let inode = match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if state.locked.get(&inode) == Some(&0) {
            return Err(held(&state, inode)?);
        }
        *state.locked.entry(inode).or_default() += 1;
        state.files.retain(inode);
        Ok(Some(Box::new(SimLock { shared: Arc::clone(&self.shared), inode })))
    }

    fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.inspect(Operation::Metadata, path, |_, inode| Ok((DEVICE, inode)))
    }

    fn available(&self, path: &Path) -> io::Result<u64> {
        let free = self.shared.state().free_bytes();
        self.inspect(Operation::Metadata, path, |_, _| Ok(free))
    }
}

/// What who is refused is told.
fn held(state: &State, inode: Inode) -> io::Result<LockError> {
    let mut holder = vec![0; LOCK_CONTENT_BYTES_MAX];
    let count = state.files.file(inode)?.read(&mut holder, 0);
    Ok(LockError::Held { content: String::from_utf8_lossy(&holder[..count]).into_owned() })
}

impl SimDisk {
    /// Syncs the entry of a directory that is there already (see [`Disk::create_dir`]).
    fn sync_parent(&self, directory: &Path) -> io::Result<()> {
        directory.parent().map_or(Ok(()), |parent| self.sync_dir(parent))
    }
}

/// A held lock; the machine's end frees it too, as the next machine starts without any.
#[derive(Debug)]
struct SimLock {
    shared: Arc<Shared>,
    inode: Inode,
}

impl DirLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        match state.locked.get_mut(&self.inode) {
            Some(holders @ 2..) => *holders -= 1,
            _ => drop(state.locked.remove(&self.inode)),
        }
        state.files.release(self.inode);
    }
}
