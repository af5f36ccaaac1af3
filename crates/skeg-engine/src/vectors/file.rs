//! A segment's file as the vector crate reads it, and what is wrong with one in the log's words.
//!
//! May not know: what is in a segment.

use std::io;
use std::path::{Path, PathBuf};

use skeg_io::File;
use skeg_io::sync::Arc;
use skeg_log::{Corruption, LogError, VectorFile};
use skeg_vector::Segment;
use skeg_vector::segment::{SegmentError, SegmentFile, SegmentTag};

/// An open file.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    file: Arc<dyn File>,
}

impl Opened {
    pub(super) fn new(path: &Path, file: Arc<dyn File>) -> Arc<Self> {
        Arc::new(Self { path: path.to_owned(), file })
    }
}

impl SegmentFile for Opened {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    fn read_resident_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
        match self.file.read_resident_at(bytes, offset) {
            Ok(count) => Ok(count == bytes.len()),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(false),
                _ => Err(error),
            },
        }
    }

    fn will_read(&self, offset: u64, length: u64) {
        self.file.will_read(offset, length);
    }
}

/// Opens a segment that CURRENT names, and verifies that it is that one.
pub(crate) fn open_segment(named: &VectorFile) -> Result<Segment, LogError> {
    let opened = Segment::open(Opened::new(&named.path, Arc::clone(&named.file)));
    let (segment, sum) = opened.map_err(|error| said(&named.path, error))?;
    segment.large_blocks().for_each(skeg_io::use_large_pages);
    let tag = segment.head().tag;
    let (expected, found) = (
        (named.database_id, named.id, named.index, named.sum),
        (tag.database, tag.file, tag.index, sum),
    );
    if expected != found {
        let words = |(database, file, index, sum): (u128, u64, u64, u32)| {
            format!("file {file} of index {index:016x} of database {database:032x}, {sum:08x}")
        };
        let (expected, found) = (words(expected), words(found));
        let damage = Corruption::new(&named.path, 16, expected, found);
        return Err(LogError::Corrupt(Box::new(damage)));
    }
    Ok(segment)
}

/// Verifies every byte of a segment that CURRENT names. What it says it is.
pub(crate) fn verify_segment(named: &VectorFile) -> Result<SegmentTag, LogError> {
    let segment = open_segment(named)?;
    let verified = segment.verify_rows();
    verified.map(|()| segment.head().tag).map_err(|error| said(&named.path, error))
}

fn said(path: &Path, error: SegmentError) -> LogError {
    match error {
        SegmentError::Damaged { offset, expected, found, .. } => {
            LogError::Corrupt(Box::new(Corruption::new(path, offset, expected, found)))
        }
        SegmentError::Version { found, .. } => LogError::Version {
            file: path.to_owned(),
            found,
            supported: skeg_vector::segment::VERSION,
            need: "open it with a newer skeg",
        },
        other => LogError::Io {
            operation: "read",
            file: path.to_owned(),
            source: io::Error::other(other.to_string()),
        },
    }
}
