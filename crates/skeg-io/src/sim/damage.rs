//! Damage: bytes that change on the medium without anybody having written them.
//!
//! Invariants: what programs see and what a power loss leaves change alike; nothing becomes dirty.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::SimDisk;

/// What happens to a file's bytes. Ranges are cut at the file's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One bit is the other way round.
    FlipBit {
        /// The byte it is in.
        offset: u64,
        /// Which of its bits, 0 to 7.
        bit: u8,
    },
    /// A range reads as zeros.
    Zero {
        /// Where it starts.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
    /// A range holds what was written for another place: a misplaced write, or a stale one.
    Copy {
        /// The file it was written for.
        from: PathBuf,
        /// Where it belongs there.
        from_offset: u64,
        /// Where it is found.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
    /// A range holds these bytes, for instance those of an older time.
    Overwrite {
        /// Where it starts.
        offset: u64,
        /// What it holds.
        bytes: Vec<u8>,
    },
}

impl SimDisk {
    /// Damages a file.
    ///
    /// # Errors
    /// `NotFound`, `IsADirectory`.
    pub fn damage(&self, path: &Path, damage: &Damage) -> io::Result<()> {
        let content = self.contents(path)?;
        let (offset, mut bytes) = match damage {
            Damage::FlipBit { offset, bit } => {
                let flipped =
                    slice(&content, *offset, 1).iter().map(|byte| byte ^ (1 << (bit % 8)));
                (*offset, flipped.collect())
            }
            Damage::Zero { offset, len } => {
                (*offset, vec![0; slice(&content, *offset, *len).len()])
            }
            Damage::Copy { from, from_offset, offset, len } => {
                (*offset, slice(&self.contents(from)?, *from_offset, *len).to_vec())
            }
            Damage::Overwrite { offset, bytes } => (*offset, bytes.clone()),
        };
        bytes.truncate(slice(&content, offset, bytes.len() as u64).len());
        let mut state = self.shared.state();
        let inode = state.files.lookup(path)?;
        state.files.file_mut(inode)?.damage(&bytes, offset);
        Ok(())
    }
}

fn slice(content: &[u8], offset: u64, len: u64) -> &[u8] {
    let limit = content.len() as u64;
    let start = offset.min(limit);
    let end = offset.saturating_add(len).min(limit);
    let place = |at| usize::try_from(at).expect("it is at most the content's length");
    &content[place(start)..place(end)]
}
