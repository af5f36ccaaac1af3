//! Which rows are nearest to which query, as benchmarks know it: ids are numbers of rows.

use std::io::BufRead;
use std::path::Path;

use crate::DIM_MAX;
use crate::error::VecsError;
use crate::source::Source;

/// A kind of file of such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TruthFormat {
    /// Queries and neighbours of each, then all ids, and perhaps all distances (big-ann-benchmarks).
    Ibin,
    /// Each list of ids with its length before it (TexMex).
    Ivecs,
}

impl TruthFormat {
    /// The format of a file, by the end of its name.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "ibin" => Some(Self::Ibin),
            "ivecs" => Some(Self::Ivecs),
            _ => None,
        }
    }
}

/// The nearest rows of some queries, the nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    k: usize,
    ids: Vec<u32>,
}

impl Truth {
    /// Reads a file.
    ///
    /// # Errors
    /// [`VecsError`].
    pub fn read(format: TruthFormat, input: impl BufRead) -> Result<Self, VecsError> {
        let mut source = Source::new(input);
        match format {
            TruthFormat::Ibin => {
                let (queries, k) = (source.u32()?, source.u32()?);
                let mut truth = Self { k: length(&source, k)?, ids: Vec::new() };
                for _ in 0..queries {
                    truth.list(&mut source)?;
                }
                // Distances, of which nobody needs to know.
                let mut bytes = vec![0; truth.k * 4];
                for read in 0..=queries {
                    match source.fill(&mut bytes)? {
                        0 if read == 0 || read == queries => return Ok(truth),
                        count if count == bytes.len() && read < queries => {}
                        _ => break,
                    }
                }
                Err(source.damaged("bytes behind the ids that are no distances"))
            }
            TruthFormat::Ivecs => {
                let mut truth = Self::default();
                while !source.is_at_end()? {
                    let k = source.u32()?;
                    let k = length(&source, k)?;
                    if !truth.ids.is_empty() && k != truth.k {
                        let what = format!("a list of {k} ids where the first has {}", truth.k);
                        return Err(source.damaged(what));
                    }
                    truth.k = k;
                    truth.list(&mut source)?;
                }
                Ok(truth)
            }
        }
    }

    fn list<R: BufRead>(&mut self, source: &mut Source<R>) -> Result<(), VecsError> {
        let mut bytes = vec![0; self.k * 4];
        if source.fill(&mut bytes)? < bytes.len() {
            return Err(source.damaged(format!("it ends in the list of query {}", self.queries())));
        }
        self.ids.extend(bytes.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)));
        Ok(())
    }

    /// Queries that it knows.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.ids.len() / self.k.max(1)
    }

    /// Neighbours that it knows of each.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// The nearest rows of a query.
    #[must_use]
    pub fn nearest(&self, query: usize) -> Option<&[u32]> {
        self.ids.chunks_exact(self.k.max(1)).nth(query)
    }
}

fn length<R: BufRead>(source: &Source<R>, claimed: u32) -> Result<usize, VecsError> {
    let length = usize::try_from(claimed).ok().filter(|k| (1..=DIM_MAX).contains(k));
    length.ok_or_else(|| source.damaged(format!("lists of {claimed} ids; expected 1 to {DIM_MAX}")))
}
