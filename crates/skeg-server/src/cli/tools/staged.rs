//! A directory that is to be new: it is made beside its place and gets its name when all of it is there.
//!
//! Invariants: what has the name is whole and durable; what is given up is removed. A process that is
//! killed leaves `NAME.unfinished`, which nobody takes for a database of that name.
//! May not know: what is in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use skeg_io::Io;

use super::trouble::{Trouble, unusable};

/// See the module's header.
#[derive(Debug)]
pub(super) struct Staged {
    target: PathBuf,
    /// Where it is made; the target itself when that was there before.
    dir: PathBuf,
    is_done: bool,
}

impl Staged {
    /// Begins: beside `target`, or in it when it is there.
    pub(super) fn begin(target: &Path) -> Result<Self, Trouble> {
        let (target, mut dir) = (target.to_owned(), target.to_owned());
        // `..` has no name to put something behind, and is there.
        if let (false, Some(name)) = (target.exists(), target.file_name()) {
            let mut name = OsString::from(name);
            name.push(".unfinished");
            dir.set_file_name(name);
            if dir.exists() {
                let left = "is what another run has left, or is making: remove it";
                let problem = format!("{} {left}", dir.display());
                return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
            }
        }
        Ok(Self { target, dir, is_done: false })
    }

    /// Where to make it.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it is new.
    pub(super) fn is_new(&self) -> bool {
        self.dir != self.target
    }

    /// Gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Trouble> {
        if self.is_new() {
            let disk = Io::real().disk;
            let parent = match self.target.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            let named = disk.rename(&self.dir, &self.target).and_then(|()| disk.sync_dir(parent));
            named.map_err(|error| unusable(&self.target, &error))?;
        }
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.is_new() && !self.is_done {
            // It may not be there yet; and what cannot be removed says by its name what it is.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gets_its_name_when_it_is_whole() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("data");
        let beside = place.path().join("data.unfinished");
        let staged = Staged::begin(&target).unwrap();
        assert_eq!((staged.dir(), staged.is_new()), (&*beside, true));
        fs::create_dir(staged.dir()).unwrap();
        assert!(Staged::begin(&target).is_err(), "somebody makes it already");
        drop(staged);
        assert!(!beside.exists(), "what is given up is removed");

        let staged = Staged::begin(&target).unwrap();
        fs::create_dir(staged.dir()).unwrap();
        staged.finish().unwrap();
        assert!(target.exists() && !beside.exists());

        // What is there is filled where it is, and stays.
        let staged = Staged::begin(&target).unwrap();
        assert_eq!((staged.dir(), staged.is_new()), (&*target, false));
        drop(staged);
        assert!(target.exists());
    }
}
