//! A handle to a simulated file.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use super::directory::Inode;
use super::fault::{Failure, Fault, Operation, stopped};
use super::page::{page_of, pages_for};
use super::state::{Shared, State};
use crate::File;
use crate::sync::Arc;

/// See [`File`]. Closed when dropped; works on after its entry was removed, not after a crash.
#[derive(Debug)]
pub(crate) struct SimFile {
    shared: Arc<Shared>,
    inode: Inode,
    writable: bool,
    /// As it was opened; only faults look at it.
    path: PathBuf,
}

impl SimFile {
    /// A handle to `inode`, which `state` (that of `shared`) counts from here on.
    pub(super) fn open(
        shared: &Arc<Shared>,
        state: &mut State,
        inode: Inode,
        writable: bool,
        path: PathBuf,
    ) -> Self {
        state.files.retain(inode);
        Self { shared: Arc::clone(shared), inode, writable, path }
    }

    /// Ends a sync that began at `mark`.
    pub(crate) fn finish_sync(&self, mark: u64) -> io::Result<()> {
        self.shared.state().files.file_mut(self.inode)?.persist(mark);
        Ok(())
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(Errno::BADF.into()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.shared.state();
        let fault = state.begin(Operation::Sync, &self.path)?;
        // What is written while the sync runs is not covered by it.
        let mark = state.files.sequence();
        state.syncs_waiting += 1;
        while state.syncs_paused && !state.stopped {
            state = self.shared.resumed.wait(state);
        }
        state.syncs_waiting -= 1;
        match fault {
            None | Some(Fault::Short(_)) => {
                state.running()?;
                state.files.file_mut(self.inode)?.persist(mark);
                Ok(())
            }
            Some(Fault::Fail(failure)) => {
                let State { files, rng, .. } = &mut *state;
                files.file_mut(self.inode)?.fail_sync(rng);
                Err(failure.into())
            }
            Some(Fault::Stop) => Err(stopped()),
        }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.shared.state().files.release(self.inode);
    }
}

impl File for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.shared.state();
        let bytes = match state.begin(Operation::Read, &self.path)? {
            None => bytes,
            Some(Fault::Short(bytes_max)) => {
                let count = bytes.len().min(bytes_max.max(1));
                &mut bytes[..count]
            }
            Some(Fault::Fail(failure)) => return Err(failure.into()),
            Some(Fault::Stop) => return Err(stopped()),
        };
        Ok(state.files.file(self.inode)?.read(bytes, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        let mut state = self.shared.state();
        let fault = state.begin(Operation::Write, &self.path)?;
        let fitting = state.fitting(state.files.file(self.inode)?, offset, bytes.len())?;
        let (count, result) = match fault {
            None => (fitting, Ok(fitting)),
            Some(Fault::Short(bytes_max)) => {
                let count = fitting.min(bytes_max.max(1));
                (count, Ok(count))
            }
            // What a write that fails has done is anybody's guess.
            Some(Fault::Fail(Failure::Io)) => {
                (state.rng.index(fitting + 1), Err(Failure::Io.into()))
            }
            Some(Fault::Fail(failure)) => return Err(failure.into()),
            Some(Fault::Stop) => (state.rng.index(fitting + 1), Err(stopped())),
        };
        let sequence = state.files.advance();
        state.files.file_mut(self.inode)?.write(&bytes[..count], offset, sequence);
        result
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if !self.writable {
            return Err(Errno::INVAL.into());
        }
        self.shared.state().whole(Operation::SetLen, &self.path, |state| {
            let sequence = state.files.advance();
            state.files.file_mut(self.inode)?.set_len(len, sequence);
            Ok(())
        })
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = offset.checked_add(len).ok_or(Errno::INVAL)?;
        if len == 0 {
            return Ok(());
        }
        self.check_writable()?;
        self.shared.state().whole(Operation::Allocate, &self.path, |state| {
            let pages = page_of(offset)..pages_for(end);
            state.check_space(state.files.file(self.inode)?, &pages)?;
            let sequence = state.files.advance();
            state.files.file_mut(self.inode)?.allocate(offset, len, sequence);
            Ok(())
        })
    }

    fn marks_first_writes(&self) -> bool {
        true
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.shared.state();
        match state.begin(Operation::Metadata, &self.path)? {
            Some(Fault::Fail(failure)) => Err(failure.into()),
            Some(Fault::Stop) => Err(stopped()),
            None | Some(Fault::Short(_)) => Ok(state.files.file(self.inode)?.len()),
        }
    }
}
