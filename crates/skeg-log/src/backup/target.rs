//! Where a copy goes: a directory of its own, or an earlier backup that is brought up to date.
//!
//! A new one has a mark until it is whole, so that a copy that was cut short is told from a database
//! that has lost its MANIFEST: the former is made again, the latter is never touched.
//!
//! Invariants: bytes that the CURRENT found here counts on are not changed; everything is durable before
//! the CURRENT that names it; MANIFEST comes last.
//! May not know: where the files come from.

use std::path::Path;

use skeg_io::{DirLock, Disk};

use super::source::Source;
use super::{Copied, CopyOptions};
use crate::current::{self, Current};
use crate::error::{LogError, io_error};
use crate::files::{copy_range, create_dir, link, remove_tree, sync_dir};
use crate::layout::{self, LOCK_NAME};
use crate::manifest;
use crate::numbered::Numbered;
use crate::scan::SegmentFile;
use crate::segment::FILES;
use crate::small_file::{new_name, read, remove_if_there, replace};
use crate::snapshot::format as snapshot;
use crate::types::{Epoch, LogOptions};
use crate::{value_file, vector};

/// Name of the mark.
const MARK_NAME: &str = "BACKUP.unfinished";
/// What it says.
const MARK: &str = "A backup into this directory was not finished: make it again, or remove it.\n";

/// Where its files are.
const FOLDERS: [&str; 4] =
    [FILES.folder, snapshot::FILES.folder, vector::FILES.folder, value_file::FILES.folder];

/// Told how many more bytes are copied.
pub(super) type Tell<'a> = &'a mut dyn FnMut(u64) -> Result<(), LogError>;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Target<'a> {
    disk: &'a dyn Disk,
    source: &'a Source<'a>,
    dir: &'a Path,
    /// Files may get a second name.
    link: bool,
    /// The earlier backup.
    before: Option<Current>,
    copied: Copied,
    _lock: Option<Box<dyn DirLock>>,
}

impl<'a> Target<'a> {
    /// Opens a directory as the target for a copy of a database.
    pub(super) fn open(
        source: &'a Source<'a>,
        dir: &'a Path,
        options: CopyOptions,
    ) -> Result<Self, LogError> {
        let disk = source.disk;
        let refused = |found| Err(LogError::NotEmpty { dir: dir.to_owned(), found });
        if dir.starts_with(source.dir) {
            return refused("it lies in the database itself");
        }
        create_dir(disk, dir)?;
        let names = disk.read_dir(dir).map_err(|error| io_error("list", dir, error))?;
        let mark = dir.join(MARK_NAME);
        let mark_new = new_name(Path::new(MARK_NAME));
        let is_other = |name: &String| {
            let nothing = [LOCK_NAME, MARK_NAME, "lost+found"].contains(&name.as_str());
            !(nothing || name.starts_with('.') || Path::new(name) == mark_new)
        };
        let is_empty = !names.iter().any(is_other);
        let is_marked = names.iter().any(|name| name == MARK_NAME);
        if !is_empty && !is_marked && !layout::exists(disk, dir)? {
            return refused("it holds other files");
        }
        let locking =
            LogOptions { holder: "a copy is being made".to_owned(), ..LogOptions::default() };
        let lock = layout::lock(disk, dir, &locking)?;
        let before = layout::load(disk, dir)?;
        match &before {
            None => {
                if read(disk, &mark)?.is_none() {
                    replace(disk, &mark, MARK.as_bytes())?;
                }
                if !wipe(disk, dir)? {
                    return refused("it holds a database that has lost its MANIFEST");
                }
            }
            Some(_) if !options.update => return refused("it holds a database"),
            Some(before) if before.database_id != source.current.database_id => {
                return refused("it holds another database");
            }
            Some(before) if before.segments.iter().any(|named| named.sealed.is_none()) => {
                return refused("it is no backup, or was opened since it was one");
            }
            // Whoever put this CURRENT in place may have died before it was certain to stay: what only the
            // one before names is not touched until then.
            Some(_) => sync_dir(disk, dir)?,
        }
        create_dir(disk, &dir.join(FILES.folder))?;
        // The same for the CURRENT of the source, which says what never changes any more.
        let link = options.link && disk.sync_dir(source.dir).is_ok();
        let copied = Copied::default();
        Ok(Self { disk, source, dir, link, before, copied, _lock: lock })
    }

    /// The earlier backup.
    pub(super) fn before(&self) -> Option<&Current> {
        self.before.as_ref()
    }

    /// A segment, up to its end.
    pub(super) fn segment(&mut self, id: u64, tell: Tell<'_>) -> Result<(), LogError> {
        let [from, to] = [self.source.dir, self.dir].map(|dir| FILES.path(dir, id));
        let (bytes, fixed) = self.source.segment(id);
        let has = self.has(id)?;
        self.put(&from, &to, has.min(bytes)..bytes, self.link && fixed, tell)
    }

    /// Bytes of a segment that the earlier backup has. They are the first of the source's: a segment is
    /// only ever written on at its end, or cut.
    fn has(&self, id: u64) -> Result<u64, LogError> {
        let Some(before) = &self.before else { return Ok(0) };
        let Some(named) = before.segments.iter().find(|named| named.id == id) else { return Ok(0) };
        let length = named.sealed.expect("all are sealed here").length;
        let Some(here) = SegmentFile::open(self.disk, self.dir, id)? else { return Ok(0) };
        let there = SegmentFile::open(self.disk, self.source.dir, id)?;
        if there.is_some_and(|there| there.header != here.header) {
            let found = "its history is another one than that of the database";
            return Err(LogError::NotEmpty { dir: self.dir.to_owned(), found });
        }
        Ok(if here.bytes >= length { length } else { 0 })
    }

    /// A file that never changes; `same` is whether the earlier backup has this one, if it has one of
    /// the name.
    pub(super) fn whole(
        &mut self,
        files: Numbered,
        id: u64,
        bytes: u64,
        same: Option<bool>,
        tell: Tell<'_>,
    ) -> Result<(), LogError> {
        let [from, to] = [self.source.dir, self.dir].map(|dir| files.path(dir, id));
        create_dir(self.disk, &self.dir.join(files.folder))?;
        let has = match same {
            Some(true) if self.disk.metadata(&to).is_ok_and(|info| info.len == bytes) => bytes,
            Some(false) => {
                let found = "it has a file of the same name and other content";
                return Err(LogError::NotEmpty { dir: self.dir.to_owned(), found });
            }
            _ => 0,
        };
        self.put(&from, &to, has..bytes, self.link, tell)
    }

    /// Sees to it that the first bytes of a file are here, when those before the range are already.
    fn put(
        &mut self,
        from: &Path,
        to: &Path,
        range: std::ops::Range<u64>,
        link: bool,
        tell: Tell<'_>,
    ) -> Result<(), LogError> {
        self.copied.files += 1;
        self.copied.bytes += range.end;
        if range.is_empty() {
            self.copied.reused += 1;
            return tell(range.end);
        }
        tell(range.start)?;
        if range.start == 0 {
            // What a copy that was cut short has left; no CURRENT names it.
            remove_if_there(self.disk, to)?;
            if link && self::link(self.disk, from, to)? {
                self.copied.linked += 1;
                return tell(range.end);
            }
        }
        copy_range(self.disk, from, to, range, tell)
    }

    /// Lets the backup be what was copied.
    pub(super) fn publish(&self) -> Result<(), LogError> {
        let source = self.source;
        let mut next = source.current.clone();
        for folder in FOLDERS {
            let folder = self.dir.join(folder);
            if self.disk.metadata(&folder).is_ok() {
                sync_dir(self.disk, &folder)?;
            }
        }
        if let Some(before) = &self.before {
            next.generation = next.generation.max(before.generation + 1);
        }
        replace(self.disk, &self.dir.join(current::FILE_NAME), &next.encode())?;
        if self.before.is_none() {
            let manifest = read(source.disk, &source.dir.join(manifest::FILE_NAME))?;
            let manifest =
                manifest.ok_or_else(|| LogError::NotFound { dir: source.dir.to_owned() })?;
            replace(self.disk, &self.dir.join(manifest::FILE_NAME), &manifest)?;
        }
        Ok(())
    }

    /// Removes what the backup does not consist of any more.
    pub(super) fn finish(self) -> Result<Copied, LogError> {
        let current = &self.source.current;
        layout::remove_leftovers(self.disk, self.dir, current)?;
        let mark = self.dir.join(MARK_NAME);
        remove_if_there(self.disk, &new_name(&mark))?;
        remove_if_there(self.disk, &mark)?;
        Ok(Copied { last_epoch: Epoch(current.durable), ..self.copied })
    }
}

/// Removes what a copy that was cut short has left; `false` when it is something else.
fn wipe(disk: &dyn Disk, dir: &Path) -> Result<bool, LogError> {
    let path = dir.join(current::FILE_NAME);
    if let Some(bytes) = read(disk, &path)? {
        let left = Current::decode(&path, &bytes)?;
        if left.is_none_or(|left| left.segments.iter().any(|named| named.sealed.is_none())) {
            return Ok(false);
        }
    }
    for folder in FOLDERS {
        remove_tree(disk, &dir.join(folder))?;
    }
    for name in [current::FILE_NAME, manifest::FILE_NAME] {
        remove_if_there(disk, &new_name(&dir.join(name)))?;
        remove_if_there(disk, &dir.join(name))?;
    }
    Ok(true)
}
