//! Where it comes from: a dump, an append-only file, or the parts of one that a manifest names.
//!
//! Invariants: pieces come in the order in which Redis would load them; trouble names the file and, within
//! it, the offset.
//! May not know: what becomes of a piece.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use skeg_proto::Args;
use skeg_rdb::{Item, RdbError, RdbReader};

use super::aof;
use crate::cli::tools::trouble::{Trouble, damaged, unusable};

/// Bytes read at a time.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// A piece of what Redis has written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    /// A file begins, with the first database.
    Begin,
    /// A key of a dump.
    Key(&'a Item),
    /// A command of an append-only file.
    Command(Args<'a>),
    /// The transaction that has begun was never finished: it is to be forgotten.
    Abandon,
}

/// Told how far it has come; an error ends it.
pub(super) type Tell<'a> = dyn Fn(u64) -> Result<(), Trouble> + 'a;

/// Whoever takes the pieces; why it does not take one.
pub(super) type Sink<'a> = dyn FnMut(Piece<'_>) -> Result<(), String> + 'a;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    parts: Vec<PathBuf>,
    bytes: u64,
    is_dump: bool,
}

/// A piece at an offset is not taken.
pub(super) fn refused(path: &Path, offset: u64, problem: &str) -> Trouble {
    let message = format!("{} at offset {offset}: {problem}", path.display());
    Trouble::Coded("ERR_INVALID_ARGUMENT", message)
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Source {
    /// A dump.
    pub(super) fn dump(path: &Path) -> Result<Self, Trouble> {
        Self::new(path, vec![path.to_owned()], true)
    }

    /// An append-only file, or the directory of one.
    pub(super) fn log(path: &Path) -> Result<Self, Trouble> {
        let parts = if path.is_dir() { aof::parts(path)? } else { vec![path.to_owned()] };
        Self::new(path, parts, false)
    }

    fn new(path: &Path, parts: Vec<PathBuf>, is_dump: bool) -> Result<Self, Trouble> {
        let mut bytes = 0;
        for part in &parts {
            bytes += part.metadata().map_err(|error| unusable(part, &error))?.len();
        }
        Ok(Self { path: path.to_owned(), parts, bytes, is_dump })
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands out all pieces, and says how far it has come; the bytes at the end that are no whole
    /// command or transaction.
    pub(super) fn walk(&self, tell: &Tell<'_>, sink: &mut Sink<'_>) -> Result<u64, Trouble> {
        let (mut done, mut torn) = (0, 0);
        for (at, part) in self.parts.iter().enumerate() {
            let file = File::open(part).map_err(|error| unusable(part, &error))?;
            let mut input = BufReader::with_capacity(CHUNK_BYTES, file);
            sink(Piece::Begin).map_err(|problem| refused(part, 0, &problem))?;
            let mut offset = 0;
            let tell = |offset| tell(done + offset);
            let begins = input.fill_buf().map_err(|error| unusable(part, &error))?;
            if self.is_dump || begins.starts_with(b"REDIS") {
                (offset, input) = dump(input, part, &tell, sink)?;
            }
            if !self.is_dump {
                let log = aof::Log { path: part, is_last: at + 1 == self.parts.len() };
                (offset, torn) = log.commands(&mut input, offset, &tell, sink)?;
            }
            done += offset;
        }
        Ok(torn)
    }
}

/// Hands out the keys of a dump; the bytes it had, and what comes behind it.
fn dump<R: Read>(
    input: R,
    path: &Path,
    tell: &Tell<'_>,
    sink: &mut Sink<'_>,
) -> Result<(u64, R), Trouble> {
    let failed = |error| match error {
        RdbError::Io(error) => unusable(path, &error),
        RdbError::Version { .. } => {
            Trouble::Coded("ERR_FORMAT_VERSION", format!("{}: {error}", path.display()))
        }
        error => damaged(path, error),
    };
    let mut reader = RdbReader::new(input).map_err(failed)?;
    while let Some(item) = reader.next_item().map_err(failed)? {
        sink(Piece::Key(&item)).map_err(|problem| refused(path, reader.offset(), &problem))?;
        tell(reader.offset())?;
    }
    Ok((reader.offset(), reader.into_inner()))
}
