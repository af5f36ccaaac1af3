//! Doing again on a simulated disk what was recorded on another.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::{Event, Recording};
use crate::sim::{SimDisk, SimFile};
use crate::{Disk, File};

/// A recording that is replayed event by event. Between any two (and within a write) the disk can
/// be asked what a crash would leave ([`SimDisk::after_power_loss`], [`SimDisk::after_kill`]).
#[derive(Debug)]
pub struct Replay<'a> {
    recording: &'a Recording,
    /// Events done.
    position: usize,
    /// Bytes done of the event at `position`, when that is a write.
    part: usize,
    disk: SimDisk,
    handles: BTreeMap<u64, SimFile>,
    syncs: BTreeMap<u64, (Target, u64)>,
}

#[derive(Clone, Debug)]
enum Target {
    File(u64),
    Directory(PathBuf),
}

impl<'a> Replay<'a> {
    /// The disk as it was when the recording began.
    ///
    /// # Errors
    /// When the recording holds what no disk could have done.
    pub fn new(recording: &'a Recording) -> io::Result<Self> {
        let disk = SimDisk::new(0);
        for directory in &recording.directories {
            disk.create_dir(directory)?;
        }
        for (path, bytes) in &recording.files {
            disk.import(path, bytes)?;
        }
        Ok(Self {
            recording,
            position: 0,
            part: 0,
            disk,
            handles: BTreeMap::new(),
            syncs: BTreeMap::new(),
        })
    }

    /// The disk after the events done so far.
    #[must_use]
    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// How many events are done.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Does the next event, or what is left of it, and tells whether there was one.
    ///
    /// # Errors
    /// When the recording holds what no disk could have done.
    pub fn step(&mut self) -> io::Result<bool> {
        self.step_part(usize::MAX)
    }

    /// As [`Replay::step`], but of a write does at most so many bytes.
    ///
    /// # Errors
    /// As [`Replay::step`].
    pub fn step_part(&mut self, bytes_max: usize) -> io::Result<bool> {
        let Some(event) = self.recording.events.get(self.position) else {
            return Ok(false);
        };
        if let Event::Written { handle, offset, bytes } = event {
            let end = self.part.saturating_add(bytes_max).min(bytes.len());
            let offset = offset + self.part as u64;
            self.handle(*handle)?.write_at(&bytes[self.part..end], offset)?;
            self.part = end;
            if end < bytes.len() {
                return Ok(true);
            }
        } else {
            self.apply(event)?;
        }
        self.position += 1;
        self.part = 0;
        Ok(true)
    }

    fn apply(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Opened { handle, path, mode } => {
                let file = self.disk.open_sim(path, *mode)?;
                self.handles.insert(*handle, file);
                Ok(())
            }
            Event::DirectoryCreated { path } => self.disk.create_dir(path),
            Event::Renamed { from, to } => self.disk.rename(from, to),
            Event::Linked { from, to } => self.disk.link(from, to),
            Event::Removed { path } => self.disk.remove(path),
            Event::Locked { path, content } => {
                self.disk.lock(path, content).map(drop).map_err(io::Error::other)
            }
            Event::Written { .. } => Ok(()),
            Event::LengthSet { handle, len } => self.handle(*handle)?.set_len(*len),
            Event::Allocated { handle, offset, len } => {
                self.handle(*handle)?.allocate(*offset, *len)
            }
            Event::SyncBegun { sync, handle } => {
                self.begin_sync(*sync, Target::File(*handle));
                Ok(())
            }
            Event::DirectorySyncBegun { sync, path } => {
                self.begin_sync(*sync, Target::Directory(path.clone()));
                Ok(())
            }
            Event::SyncEnded { sync } => match self.syncs.remove(sync) {
                Some((Target::File(handle), mark)) => self.handle(handle)?.finish_sync(mark),
                Some((Target::Directory(path), mark)) => self.disk.finish_sync_dir(&path, mark),
                None => Err(io::ErrorKind::InvalidData.into()),
            },
        }
    }

    fn begin_sync(&mut self, sync: u64, target: Target) {
        self.syncs.insert(sync, (target, self.disk.sync_mark()));
    }

    fn handle(&self, handle: u64) -> io::Result<&SimFile> {
        self.handles.get(&handle).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}
