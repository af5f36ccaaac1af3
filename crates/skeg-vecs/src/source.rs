//! The bytes of a file, counted as they are read.

use std::io::{BufRead, ErrorKind, Read};

use crate::error::{Place, VecsError};

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Source<R> {
    inner: R,
    pub(crate) offset: u64,
}

impl<R: BufRead> Source<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, offset: 0 }
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> VecsError {
        VecsError::Damaged { place: Place::Offset(self.offset), what: what.into() }
    }

    /// Fills `bytes`, or as much of it as there is; how much that was.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, VecsError> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.inner.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }

    /// Exactly so many bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], VecsError> {
        let mut bytes = [0; N];
        if self.fill(&mut bytes)? < N {
            return Err(self.damaged("it ends in the middle of what describes it"));
        }
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, VecsError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Whether there is nothing more.
    pub(crate) fn is_at_end(&mut self) -> Result<bool, VecsError> {
        loop {
            match self.inner.fill_buf() {
                Ok(rest) => return Ok(rest.is_empty()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next line, without its end; `None` behind the last one.
    ///
    /// # Errors
    /// A line of more than `max` bytes.
    pub(crate) fn line<'a>(
        &mut self,
        into: &'a mut Vec<u8>,
        max: usize,
    ) -> Result<Option<&'a [u8]>, VecsError> {
        into.clear();
        let count = self.inner.by_ref().take(max as u64 + 1).read_until(b'\n', into)?;
        if into.last() != Some(&b'\n') && count > max {
            return Err(self.damaged(format!("a line of more than {max} bytes")));
        }
        self.offset += count as u64;
        Ok((count > 0).then(|| into.trim_ascii_end()))
    }
}
