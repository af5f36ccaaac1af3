//! The files of a database directory: creating them, finding them, removing what a crash left.
//!
//! Invariants: MANIFEST is written last, so a directory without one holds no database but perhaps
//! the start of one; a missing file that is named, a foreign one or an unknown version stops the
//! open: it never starts empty.
//! May not know: what is in the segments but for their headers.

use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
use std::path::{Path, PathBuf};

use skeg_io::{DirLock, Disk, Io, LockError};

use crate::block::Mismatch;
use crate::current::{self, Current, NamedSegment, Position};
use crate::error::{LogError, corrupt, io_error};
use crate::manifest::{self, Manifest};
use crate::repair;
use crate::room::UNSYNCED_BYTES;
use crate::scan::{Reader, SegmentFile};
use crate::segment::{FILES, HEADER_BYTES, Segment, SegmentHeader};
use crate::small_file::{new_name, read, remove_if_there, replace};
use crate::snapshot::format as snapshot;
use crate::spare::Spare;
use crate::types::LogOptions;
use crate::{value_file, vector};

pub(crate) const LOCK_NAME: &str = "LOCK";
/// Shards of a database when nothing else was asked for.
const SHARDS: u16 = 16;

/// Whether there is a database, by its MANIFEST.
pub(crate) fn exists(disk: &dyn Disk, dir: &Path) -> Result<bool, LogError> {
    Ok(read(disk, &dir.join(manifest::FILE_NAME))?.is_some())
}

/// Locks the directory against every other opener. A reader without rights to write shares the lock with
/// other such readers.
pub(crate) fn lock(
    disk: &dyn Disk,
    dir: &Path,
    options: &LogOptions,
) -> Result<Option<Box<dyn DirLock>>, LogError> {
    let path = dir.join(LOCK_NAME);
    let locked = match disk.lock(&path, &options.holder) {
        Err(LockError::Io(error))
            if options.read_only
                && matches!(error.kind(), ReadOnlyFilesystem | PermissionDenied) =>
        {
            disk.hold(&path)
        }
        locked => locked.map(Some),
    };
    locked.map_err(|error| refused(dir, &path, error))
}

/// Why a lock was not given.
pub(crate) fn refused(dir: &Path, path: &Path, error: LockError) -> LogError {
    match error {
        LockError::Held { content } => LogError::Locked { dir: dir.to_owned(), holder: content },
        LockError::Io(error) => io_error("lock", path, error),
    }
}

/// Reads MANIFEST and CURRENT of a database and verifies that they belong together.
pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Current>, LogError> {
    let path = dir.join(manifest::FILE_NAME);
    let Some(bytes) = read(disk, &path)? else { return Ok(None) };
    let manifest = Manifest::decode(&path, &bytes)?;
    let path = dir.join(current::FILE_NAME);
    let expected = |expected: &str, found: &str| corrupt(&path, 0, Mismatch::new(expected, found));
    let Some(bytes) = read(disk, &path)? else {
        return Err(expected("a CURRENT beside MANIFEST", "no file"));
    };
    let Some(current) = Current::decode(&path, &bytes)? else {
        return Err(expected("a skeg CURRENT", "another file"));
    };
    if current.database_id != manifest.database_id {
        return Err(expected("the database of MANIFEST", "another database"));
    }
    Ok(Some(current))
}

/// Creates an empty database in a locked directory. A crash before the end leaves none.
pub(crate) fn create(io: &Io, dir: &Path, options: &LogOptions) -> Result<Current, LogError> {
    let disk = &*io.disk;
    let folder = dir.join(FILES.folder);
    disk.create_dir(&folder).map_err(|error| io_error("create", &folder, error))?;
    refuse_remains(disk, dir)?;
    for id in FILES.ids(disk, dir)? {
        let path = FILES.path(dir, id);
        remove_if_there(disk, &path)?;
    }
    let mut id = [0; 16];
    io.entropy.fill(&mut id);
    let database_id = u128::from_le_bytes(id);
    let header = SegmentHeader {
        id: 1,
        database_id,
        salt: io.entropy.next_u64(),
        after: Position::default(),
    };
    Segment::create(io, dir, &header, HEADER_BYTES)?;
    Spare::open(io, dir)?.grow(io, UNSYNCED_BYTES.min(options.unsynced_bytes_max))?;
    let current = Current {
        database_id,
        generation: 1,
        durable: 0,
        next_segment: 2,
        shards: options.shards.unwrap_or(SHARDS),
        start_segment: 1,
        start: Position::default(),
        snapshot: None,
        older: Vec::new(),
        segments: vec![NamedSegment::open(1)],
        vectors: Vec::new(),
        values: Vec::new(),
    };
    replace(disk, &dir.join(current::FILE_NAME), &current.encode())?;
    replace(disk, &dir.join(manifest::FILE_NAME), &Manifest { database_id }.encode())?;
    Ok(current)
}

/// Refuses a directory in which somebody else keeps files: whoever removes, copies or moves a database
/// takes its directory for all of it. Hidden files and what a file system puts there itself may be.
pub(crate) fn refuse_foreign(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
    let own = [
        LOCK_NAME,
        FILES.folder,
        snapshot::FILES.folder,
        vector::FILES.folder,
        value_file::FILES.folder,
        current::FILE_NAME,
        manifest::FILE_NAME,
        "lost+found",
    ];
    let is_own = |name: &str| {
        let stem = name.strip_suffix(".new").unwrap_or(name);
        let of_repairs = name == repair::STAGE_NAME || name.starts_with(repair::ORIGINALS_PREFIX);
        name.starts_with('.') || own.contains(&stem) || of_repairs
    };
    let names = disk.read_dir(dir).map_err(|error| io_error("list", dir, error))?;
    match names.iter().find(|name| !is_own(name)) {
        Some(name) => {
            let found = format!("it holds other files, such as {name}; choose an empty directory");
            Err(LogError::NotADatabase { dir: dir.to_owned(), found })
        }
        None => Ok(()),
    }
}

/// Without a MANIFEST there is nothing to lose, unless the directory says otherwise.
pub(crate) fn refuse_remains(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
    let path = dir.join(current::FILE_NAME);
    let Some(bytes) = read(disk, &path)? else { return refuse_blocks(disk, dir) };
    if Current::decode(&path, &bytes)?.is_none() {
        let found = "a CURRENT of something else".to_owned();
        return Err(LogError::NotADatabase { dir: dir.to_owned(), found });
    }
    refuse_blocks(disk, dir)
}

/// Nobody writes a block, a snapshot, vectors or values before MANIFEST is there: with one of them it has been lost.
fn refuse_blocks(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
    let lost = |beside: &str| {
        let mismatch = Mismatch::new(format!("a MANIFEST beside {beside}"), "no file");
        Err(corrupt(&dir.join(manifest::FILE_NAME), 0, mismatch))
    };
    if !snapshot::FILES.ids(disk, dir)?.is_empty() {
        return lost("snapshots");
    }
    if !vector::FILES.ids(disk, dir)?.is_empty() {
        return lost("vectors");
    }
    if !value_file::FILES.ids(disk, dir)?.is_empty() {
        return lost("values");
    }
    for id in FILES.ids(disk, dir)? {
        let segment = match SegmentFile::open(disk, dir, id) {
            Ok(Some(segment)) => segment,
            Ok(None) | Err(LogError::Corrupt(_)) => continue,
            Err(error) => return Err(error),
        };
        if Reader::new(&segment, segment.bytes).traces(HEADER_BYTES)?.witness.is_some() {
            return lost("a log with blocks");
        }
    }
    Ok(())
}

/// The segments that CURRENT names, verified to be there and to be its own; and those that it does
/// not name.
pub(crate) fn named_segments(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
) -> Result<(Vec<SegmentFile>, Vec<SegmentFile>), LogError> {
    let mut segments = Vec::new();
    for named in &current.segments {
        let path = FILES.path(dir, named.id);
        let Some(segment) = SegmentFile::open(disk, dir, named.id)? else {
            return Err(corrupt(&path, 0, Mismatch::new("a segment named in CURRENT", "no file")));
        };
        check_owner(&segment, current.database_id, named.id)?;
        if let Some(end) = named.sealed
            && segment.bytes < end.length
        {
            let expected = format!("{} bytes", end.length);
            let mismatch = Mismatch::new(expected, format!("{}", segment.bytes));
            return Err(corrupt(&path, segment.bytes, mismatch));
        }
        segments.push(segment);
    }
    let mut others = Vec::new();
    for id in FILES.ids(disk, dir)? {
        // Those before the replay start were superseded by a snapshot: they know nothing of what is later.
        if id < current.start_segment || current.segments.iter().any(|named| named.id == id) {
            continue;
        }
        match SegmentFile::open(disk, dir, id) {
            Ok(Some(segment)) => {
                check_owner(&segment, current.database_id, id)?;
                others.push(segment);
            }
            // Its header was never synced: it was being prepared.
            Ok(None) | Err(LogError::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((segments, others))
}

/// Whether a segment is of the database, and the one that its name says.
pub(crate) fn check_owner(
    segment: &SegmentFile,
    database_id: u128,
    id: u64,
) -> Result<(), LogError> {
    if segment.header.database_id != database_id {
        let mismatch = Mismatch::new("a segment of this database", "one of another database");
        return Err(corrupt(&segment.path, 24, mismatch));
    }
    if segment.header.id != id {
        let expected = format!("segment {id}");
        let mismatch = Mismatch::new(expected, format!("segment {}", segment.header.id));
        return Err(corrupt(&segment.path, 16, mismatch));
    }
    Ok(())
}

/// Removes segments, snapshots, vectors and values that CURRENT does not name, and replacements that were not finished.
pub(crate) fn remove_leftovers(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
) -> Result<(), LogError> {
    leftovers(disk, dir, current)?.iter().try_for_each(|path| remove_if_there(disk, path))
}

/// What [`remove_leftovers`] removes. Of the replacements, the names: most often there are none.
pub(crate) fn leftovers(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
) -> Result<Vec<PathBuf>, LogError> {
    let mut ids = FILES.ids(disk, dir)?;
    ids.retain(|id| !current.segments.iter().any(|named| named.id == *id));
    let mut snapshots = snapshot::FILES.ids(disk, dir)?;
    snapshots.retain(|id| !current.snapshots().any(|named| named.id == *id));
    let mut vectors = vector::FILES.ids(disk, dir)?;
    vectors.retain(|id| !current.vectors.iter().any(|named| named.id == *id));
    let mut values = value_file::FILES.ids(disk, dir)?;
    values.retain(|id| !current.values.iter().any(|named| named.id == *id));
    let replacements = [current::FILE_NAME, manifest::FILE_NAME];
    Ok(ids
        .into_iter()
        .map(|id| FILES.path(dir, id))
        .chain(snapshots.into_iter().map(|id| snapshot::FILES.path(dir, id)))
        .chain(vectors.into_iter().map(|id| vector::FILES.path(dir, id)))
        .chain(values.into_iter().map(|id| value_file::FILES.path(dir, id)))
        .chain(replacements.map(|name| new_name(&dir.join(name))))
        .collect())
}
