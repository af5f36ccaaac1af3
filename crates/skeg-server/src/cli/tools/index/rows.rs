//! Rows of a file, with the ids that they are to have.
//!
//! Invariant: trouble names the file, and the row or line in it.
//! May not know: what becomes of them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use skeg_vecs::{Fields, Format, ParquetReader, Place, RowReader, VecsError};

use crate::cli::Failure;
use crate::cli::tools::Tool;
use crate::cli::tools::flags::Request;
use crate::cli::tools::trouble::{Trouble, damaged, unusable};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// Longest line of a file of ids, its end included: that of an id, and no more memory.
const ID_BYTES_MAX: usize = 4_096 + 2;

/// A row, with its id as text.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) place: Place,
    pub(super) id: &'a str,
    pub(super) vector: &'a [f32],
}

/// See the module's header.
pub(super) struct Rows {
    path: PathBuf,
    bytes: u64,
    reader: Reader,
    ids: Option<Ids>,
    id: String,
}

/// What reads them.
enum Reader {
    /// From the first byte to the last.
    Stream(Box<RowReader<BufReader<File>>>),
    /// Here and there: the end of such a file says where its columns are.
    Parquet(Box<ParquetReader>),
}

/// A file of ids, one a line.
#[derive(Debug)]
struct Ids {
    path: PathBuf,
    lines: BufReader<File>,
    read: u64,
}

/// The format that `--format` or the name of a file says.
pub(super) fn format_of(tool: &Tool, request: &Request, path: &Path) -> Result<Format, Failure> {
    let names = Format::ALL.map(Format::name).join(", ");
    match request.text("format") {
        Some(name) => Format::named(name).ok_or_else(|| {
            Failure::misuse(tool.name, format!("--format: '{name}' is none of {names}, parquet"))
        }),
        None => Format::of(path).ok_or_else(|| {
            let problem =
                format!("{}: its name does not end with any of {names}, parquet", path.display());
            Failure::misuse(tool.name, format!("{problem}; --format says what it is"))
        }),
    }
}

/// Whether `--format` or the name of a file says that it is Parquet, which is only read.
fn is_parquet(request: &Request, path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    request.text("format").or(ending).is_some_and(|name| name.eq_ignore_ascii_case("parquet"))
}

/// Opens a file to be read.
pub(super) fn open(path: &Path) -> Result<(BufReader<File>, u64), Trouble> {
    let file = File::open(path).map_err(|error| unusable(path, &error))?;
    let info = file.metadata().map_err(|error| unusable(path, &error))?;
    Ok((BufReader::with_capacity(CHUNK_BYTES, file), info.len()))
}

/// What is wrong with a file of vectors.
pub(super) fn of_file(path: &Path, error: VecsError) -> Trouble {
    match error {
        VecsError::Io(error) => unusable(path, &error),
        VecsError::Damaged { .. } => damaged(path, error),
        error => Trouble::Coded("ERR_INVALID_ARGUMENT", format!("{}: {error}", path.display())),
    }
}

impl Rows {
    /// Opens the file of rows at `path`, and that of `--ids`.
    pub(super) fn open(tool: &Tool, request: &Request, path: &Path) -> Result<Self, Trouble> {
        let standard = Fields::default();
        let field = |name, standard: String| request.text(name).map_or(standard, str::to_owned);
        let fields = Fields {
            id: field("id-field", standard.id),
            vector: field("vector-field", standard.vector),
        };
        let ids = request.text("ids").map(PathBuf::from);
        let has_ids_in_it = |name| {
            let problem = format!("--ids does not go with {name}: ids are in it");
            Failure::misuse(tool.name, problem)
        };
        let (reader, bytes) = if is_parquet(request, path) {
            if ids.is_some() {
                return Err(has_ids_in_it("parquet").into());
            }
            let (file, bytes) = open(path)?;
            let must_have_ids = request.text("id-field").is_some();
            let reader = ParquetReader::new(file.into_inner(), &fields, must_have_ids);
            let reader = reader.map_err(|error| of_file(path, error))?;
            (Reader::Parquet(Box::new(reader)), bytes)
        } else {
            let format = format_of(tool, request, path)?;
            if ids.is_some() && format.has_ids() {
                return Err(has_ids_in_it(format.name()).into());
            }
            let (file, bytes) = open(path)?;
            let reader = RowReader::new(format, file, fields);
            let reader = reader.map_err(|error| of_file(path, error))?;
            (Reader::Stream(Box::new(reader)), bytes)
        };
        let ids = match ids {
            Some(path) => Some(Ids { lines: open(&path)?.0, path, read: 0 }),
            None => None,
        };
        Ok(Self { path: path.to_owned(), bytes, reader, ids, id: String::new() })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file; 0 of something that has no length.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of it that were read; of Parquet about so many.
    pub(super) fn offset(&self) -> u64 {
        match &self.reader {
            Reader::Stream(reader) => reader.offset(),
            Reader::Parquet(reader) => reader.offset(),
        }
    }

    /// The next row, and whether its id was its number.
    pub(super) fn next_row(&mut self) -> Result<Option<(Row<'_>, bool)>, Trouble> {
        let row = match &mut self.reader {
            Reader::Stream(reader) => reader.next_row(),
            Reader::Parquet(reader) => reader.next_row(),
        };
        let row = row.map_err(|error| of_file(&self.path, error))?;
        let Some(row) = row else {
            if let Some(ids) = &mut self.ids {
                ids.must_be_over()?;
            }
            return Ok(None);
        };
        let is_number = match (&mut self.ids, row.id) {
            (Some(ids), _) => {
                ids.next_into(&mut self.id)?;
                false
            }
            (None, Some(id)) => {
                self.id.clear();
                self.id.push_str(id);
                false
            }
            (None, None) => {
                self.id = row.number.to_string();
                true
            }
        };
        let (place, vector) = (row.place, row.vector);
        Ok(Some((Row { place, id: &self.id, vector }, is_number)))
    }
}

impl Ids {
    fn line(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut line = Vec::new();
        let read = self.lines.by_ref().take(ID_BYTES_MAX as u64).read_until(b'\n', &mut line);
        read.map_err(|error| unusable(&self.path, &error))?;
        self.read += 1;
        Ok(line)
    }

    fn next_into(&mut self, id: &mut String) -> Result<(), Trouble> {
        let line = self.line()?;
        let problem = |what| damaged(&self.path, format!("line {}: {what}", self.read));
        if line.is_empty() {
            return Err(problem("there are more rows than ids"));
        }
        if line.last() != Some(&b'\n') && line.len() == ID_BYTES_MAX {
            return Err(problem("an id of more than 4,096 bytes"));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            return Err(problem("an id of no bytes"));
        }
        *id = String::from_utf8(text.to_vec()).map_err(|_| problem("an id that is not UTF-8"))?;
        Ok(())
    }

    fn must_be_over(&mut self) -> Result<(), Trouble> {
        if self.line()?.is_empty() {
            return Ok(());
        }
        let problem = format!("line {}: there are more ids than rows", self.read);
        Err(damaged(&self.path, problem))
    }
}
