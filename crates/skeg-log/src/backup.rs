//! Copying a database that nobody has open: checked before, synced, checked after.
//!
//! Invariants: the source is not changed; nothing in the target is overwritten; MANIFEST comes last,
//! so a copy that was cut short is no database.
//! May not know: what payloads mean.

use std::path::Path;

use crate::current;
use crate::error::{LogError, io_error};
use crate::files::{copy, create_dir, link_or_copy, sync_dir};
use crate::inspect::LiveFile;
use crate::layout;
use crate::manifest;
use crate::numbered::Numbered;
use crate::offline::Offline;
use crate::salvage::Fresh;
use crate::segment::{FILES, HEADER_BYTES};
use crate::small_file::{read, replace};
use crate::snapshot::format as snapshot;
use crate::types::{Epoch, LogOptions};
use crate::vector;

/// What a copy consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that are the same as in the source, under a second name.
    pub linked: u64,
    /// Records of the history.
    pub records: u64,
    /// Its last epoch.
    pub last_epoch: Epoch,
}

impl Offline {
    /// Copies the database into `target`, which must be empty or absent. With `link`, segments that
    /// never change any more get a second name instead, where the file system can do that.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when the database (or, at the end, the copy) is damaged;
    /// [`LogError::NotEmpty`]; [`LogError::Full`]; others as they come. What was copied until then
    /// is left.
    pub fn copy_to(
        &self,
        target: &Path,
        link: bool,
        fresh: &mut Fresh<'_>,
    ) -> Result<Copied, LogError> {
        let report = self.check(&mut *fresh())?;
        if let Some(damage) = report.damage.into_iter().next() {
            return Err(LogError::Corrupt(Box::new(damage)));
        }
        let disk = &*self.disk;
        create_dir(disk, target)?;
        let names = disk.read_dir(target).map_err(|error| io_error("list", target, error))?;
        if !names.is_empty() {
            return Err(LogError::NotEmpty { dir: target.to_owned() });
        }
        let options =
            LogOptions { holder: "a copy is being made".to_owned(), ..LogOptions::default() };
        let lock = layout::lock(disk, target, &options)?;
        create_dir(disk, &target.join(FILES.folder))?;
        let (current, history) = self.replayed(&mut ())?;
        let mut copied = Copied {
            records: history.recovered.records,
            last_epoch: history.recovered.last_epoch,
            ..Copied::default()
        };
        for file in current.live_files() {
            copied.files += 1;
            let name = match file {
                LiveFile::Segment(id) => {
                    let index = current.segments.iter().position(|named| named.id == id);
                    let index = index.expect("it is one of them");
                    let (from, to) = (FILES.path(&self.dir, id), FILES.path(target, id));
                    let sealed = current.segments[index].sealed;
                    let end = sealed.or(history.end_of(index));
                    let bytes = end.map_or(HEADER_BYTES, |end| end.length);
                    copied.bytes += bytes;
                    // An open segment is cut when it is sealed: a second name would be cut with it.
                    if link && sealed.is_some() {
                        copied.linked += u64::from(link_or_copy(disk, &from, &to)?);
                    } else {
                        copy(disk, &from, &to, bytes)?;
                    }
                    continue;
                }
                LiveFile::Snapshot(id) => {
                    let bytes = current.snapshot.map_or(0, |named| named.length);
                    self.copy_whole(snapshot::FILES, id, bytes, target, link, &mut copied)?;
                    continue;
                }
                LiveFile::Vectors(id) => {
                    let named = current.vectors.iter().find(|named| named.id == id);
                    let bytes = named.expect("it is one of them").length;
                    self.copy_whole(vector::FILES, id, bytes, target, link, &mut copied)?;
                    continue;
                }
                LiveFile::Current => current::FILE_NAME,
                LiveFile::Manifest => manifest::FILE_NAME,
            };
            sync_dir(disk, &target.join(FILES.folder))?;
            let bytes = read(disk, &self.dir.join(name))?;
            let bytes = bytes.ok_or_else(|| LogError::NotFound { dir: self.dir.clone() })?;
            copied.bytes += bytes.len() as u64;
            replace(disk, &target.join(name), &bytes)?;
        }
        drop(lock);
        let copy = Self::open(&self.io, target)?.check(&mut *fresh())?;
        match copy.damage.into_iter().next() {
            Some(damage) => Err(LogError::Corrupt(Box::new(damage))),
            None => Ok(copied),
        }
    }

    /// Copies a file that never changes into a folder of its own kind.
    fn copy_whole(
        &self,
        files: Numbered,
        id: u64,
        bytes: u64,
        target: &Path,
        link: bool,
        copied: &mut Copied,
    ) -> Result<(), LogError> {
        let disk = &*self.disk;
        let folder = target.join(files.folder);
        let [from, to] = [&self.dir, target].map(|dir| files.path(dir, id));
        create_dir(disk, &folder)?;
        copied.bytes += bytes;
        if link {
            copied.linked += u64::from(link_or_copy(disk, &from, &to)?);
        } else {
            copy(disk, &from, &to, bytes)?;
        }
        sync_dir(disk, &folder)
    }
}
