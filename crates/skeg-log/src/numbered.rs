//! Files that are named by numbers, each kind of them in a folder of its own.
//!
//! Invariant: a number has one name, and a name that is written otherwise is nobody's.
//! May not know: what is in the files.

use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::{Disk, File, OpenMode};

use crate::block::Mismatch;
use crate::error::{LogError, corrupt, io_error};

/// A kind of files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbered {
    /// Their folder in the database directory.
    pub(crate) folder: &'static str,
    extension: &'static str,
}

impl Numbered {
    pub(crate) const fn new(folder: &'static str, extension: &'static str) -> Self {
        Self { folder, extension }
    }

    /// The name of a file: its number with at least eight digits.
    pub(crate) fn name(self, id: u64) -> String {
        format!("{id:08}{}", self.extension)
    }

    /// The number in a name, if it is one of these files'.
    fn id_of(self, name: &str) -> Option<u64> {
        let id = name.strip_suffix(self.extension)?.parse().ok()?;
        (self.name(id) == name).then_some(id)
    }

    /// The path of a file.
    pub(crate) fn path(self, dir: &Path, id: u64) -> PathBuf {
        dir.join(self.folder).join(self.name(id))
    }

    /// The numbers of the files that are there, finished or not.
    pub(crate) fn ids(self, disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, LogError> {
        let folder = dir.join(self.folder);
        match disk.read_dir(&folder) {
            Ok(names) => Ok(names.iter().filter_map(|name| self.id_of(name)).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(io_error("list", &folder, error)),
        }
    }
}

/// Opens a file that CURRENT names, a `what`, which has to be there and to have its length.
pub(crate) fn open_named(
    disk: &dyn Disk,
    path: &Path,
    what: &str,
    length: u64,
) -> Result<Arc<dyn File>, LogError> {
    let file = match disk.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let expected = format!("the {what} named in CURRENT");
            return Err(corrupt(path, 0, Mismatch::new(expected, "no file")));
        }
        Err(error) => return Err(io_error("open", path, error)),
    };
    let bytes = file.len().map_err(|error| io_error("measure", path, error))?;
    if bytes != length {
        let found = Mismatch::new(format!("{length} bytes"), bytes.to_string());
        return Err(corrupt(path, bytes.min(length), found));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_belong_together() {
        let segments = crate::segment::FILES;
        assert_eq!(segments.name(1), "00000001.seg");
        assert_eq!(segments.name(123_456_789), "123456789.seg");
        assert_eq!(segments.id_of("00000001.seg"), Some(1));
        assert_eq!(segments.id_of("123456789.seg"), Some(123_456_789));
        assert_eq!(segments.id_of("1.seg"), None, "one id has one name");
        assert_eq!(segments.id_of("+0000001.seg"), None);
        assert_eq!(segments.id_of("spare"), None);
        let snapshots = crate::snapshot::format::FILES;
        assert_eq!(snapshots.path(Path::new("d"), 1), Path::new("d/snap/00000001.snap"));
        assert_eq!(snapshots.id_of("00000001.snap"), Some(1));
        assert_eq!(snapshots.id_of("1.snap"), None, "one id has one name");
        assert_eq!(snapshots.id_of("00000001.seg"), None);
    }
}
