//! How tests steer a simulated disk: faults, space, crashes, and a look inside.

use std::io;
use std::path::Path;

use super::disk::SimDisk;
use super::fault::{Failure, FaultRates, Injection};
use super::outcome::CrashPolicy;
use super::page::PAGE_BYTES;
use super::rng::SimRng;
use crate::{Disk, OpenMode};

impl SimDisk {
    /// Makes operations fail by themselves from now on.
    pub fn set_fault_rates(&self, rates: FaultRates) {
        self.shared.state().faults.rates = rates;
    }

    /// Adds a fault on demand. Of several that match an operation, the first that is due strikes.
    pub fn inject(&self, injection: Injection) {
        self.shared.state().faults.injections.push(injection);
    }

    /// Takes back all faults on demand.
    pub fn clear_injections(&self) {
        self.shared.state().faults.injections.clear();
    }

    /// Gives the disk room for `bytes` in all, in whole pages; `full` is the error when they are
    /// used up ([`Failure::OutOfSpace`] or [`Failure::OverQuota`]).
    pub fn set_capacity(&self, bytes: u64, full: Failure) {
        let mut state = self.shared.state();
        state.capacity_bytes = bytes;
        state.full = full;
    }

    /// Bytes in use, in whole pages.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.shared.state().files.pages_used() * PAGE_BYTES as u64
    }

    /// Mounts the disk read-only, or writable again.
    pub fn set_read_only(&self, read_only: bool) {
        self.shared.state().read_only = read_only;
    }

    /// Lets file syncs wait from now on, until [`SimDisk::resume_syncs`].
    pub fn pause_syncs(&self) {
        self.shared.state().syncs_paused = true;
    }

    /// Lets the syncs that wait go on.
    pub fn resume_syncs(&self) {
        self.shared.state().syncs_paused = false;
        self.shared.resumed.notify_all();
    }

    /// How many syncs wait now.
    #[must_use]
    pub fn waiting_syncs(&self) -> usize {
        self.shared.state().syncs_waiting
    }

    /// How many operations that change the disk have begun on this machine.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.shared.state().faults.changes
    }

    /// Stops the machine in the middle of the `change`th operation that changes the disk, counted
    /// from 1 since the machine started.
    pub fn stop_at(&self, change: u64) {
        self.shared.state().faults.stop_at = Some(change);
    }

    /// Stops the machine: every operation on this disk and its handles fails from now on.
    pub fn stop(&self) {
        self.shared.state().stopped = true;
        self.shared.resumed.notify_all();
    }

    /// Whether the machine has stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.state().stopped
    }

    /// The power fails: stops the machine and returns the disk as it is found afterwards.
    #[must_use]
    pub fn crash(&self, rng: &mut SimRng, policy: CrashPolicy) -> Self {
        self.stop();
        self.after_power_loss(rng, policy)
    }

    /// The process is killed: stops the machine and returns the disk with all that was done to it.
    /// What was not synced may still be lost with the power.
    #[must_use]
    pub fn kill(&self) -> Self {
        self.stop();
        self.after_kill()
    }

    /// What [`SimDisk::crash`] would return, while this machine goes on.
    #[must_use]
    pub fn after_power_loss(&self, rng: &mut SimRng, policy: CrashPolicy) -> Self {
        let mut state = self.shared.state();
        let files = state.files.after_power_loss(policy, rng);
        Self::from_state(state.restarted(files))
    }

    /// What [`SimDisk::kill`] would return, while this machine goes on.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let mut state = self.shared.state();
        let files = state.files.after_kill();
        Self::from_state(state.restarted(files))
    }

    /// The paths of all files, sorted, each beginning with `/`.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.shared.state().files.files()
    }

    /// All that a program would read from a file. Meets no faults, and works on a stopped machine.
    ///
    /// # Errors
    /// `NotFound`, `IsADirectory`.
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.shared.state();
        let content = state.files.file(state.files.lookup(path)?)?;
        let len = usize::try_from(content.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        content.read(&mut bytes, 0);
        Ok(bytes)
    }

    /// Puts a file on the disk, replacing one that was there, with its directories; all durable.
    ///
    /// # Errors
    /// As the operations of [`Disk`] that it consists of, faults included.
    pub fn import(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        self.create_dir(directory)?;
        if self.metadata(path).is_ok() {
            self.remove(path)?;
        }
        let file = self.open(path, OpenMode::CreateNew)?;
        let mut done = 0;
        while done < bytes.len() {
            done += file.write_at(&bytes[done..], done as u64)?;
        }
        file.sync_all()?;
        self.sync_dir(directory)
    }

    /// Marks what has been done to the disk so far: what a sync that begins now will cover.
    pub(crate) fn sync_mark(&self) -> u64 {
        self.shared.state().files.sequence()
    }

    /// Ends a sync of a directory that began at `mark`.
    pub(crate) fn finish_sync_dir(&self, path: &Path, mark: u64) -> io::Result<()> {
        let mut state = self.shared.state();
        let inode = state.files.lookup(path)?;
        state.files.directory_mut(inode)?.persist(mark);
        Ok(())
    }
}
