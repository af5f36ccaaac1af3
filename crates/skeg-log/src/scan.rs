//! Reading segments: one block after the other, and looking for traces of blocks behind a bad one.
//!
//! Invariants: no allocation is sized by a length that has not been verified; what is returned as a
//! block has verified as a whole and follows the position asked for; what counts as a trace has a
//! header that verifies at its place.
//! May not know: what follows from what is found (`recover.rs` does).

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::{Disk, File, OpenMode};

use crate::block::{Mismatch, Place, check_block, check_front, front_bytes, is_known};
use crate::current::Position;
use crate::error::{LogError, io_error};
use crate::format::{
    BLOCK_ALIGN, BLOCK_HEADER_BYTES, BLOCK_MAGIC, BlockHeader, FORMAT_VERSION, KIND_COMMIT,
};
use crate::segment::{FILES, HEADER_BYTES, SegmentHeader};

/// Bytes read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// A segment file to be read.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    pub(crate) bytes: u64,
    file: Arc<dyn File>,
}

impl SegmentFile {
    /// Opens a segment and verifies its header. `None` when there is no such file.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, id: u64) -> Result<Option<Self>, LogError> {
        let path = FILES.path(dir, id);
        let file = match disk.open(&path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path, error)),
        };
        let bytes = file.len().map_err(|error| io_error("measure", &path, error))?;
        let mut header = vec![0; bytes.min(HEADER_BYTES) as usize];
        file.read_exact_at(&mut header, 0).map_err(|error| io_error("read", &path, error))?;
        let header = SegmentHeader::decode(&path, &header)?;
        Ok(Some(Self { path, header, bytes, file }))
    }
}

/// A verified block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    pub(crate) header: BlockHeader,
    pub(crate) bytes: &'a [u8],
    /// Records in it.
    pub(crate) records: u64,
}

/// Bytes that look like blocks behind a bad one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traces {
    /// Highest durable epoch that a valid header names, and where.
    pub(crate) witness: Option<(u64, u64)>,
    /// End of the last bytes that are not zero, as an offset in the file.
    pub(crate) end: u64,
}

/// Reads a segment through a window.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    segment: &'a SegmentFile,
    /// Nothing is read from here on.
    limit: u64,
    window: Vec<u8>,
    /// The part of the file that the window holds.
    start: u64,
    filled: usize,
}

impl<'a> Reader<'a> {
    /// A reader of the first `limit` bytes.
    pub(crate) fn new(segment: &'a SegmentFile, limit: u64) -> Self {
        Self { segment, limit: limit.min(segment.bytes), window: Vec::new(), start: 0, filled: 0 }
    }

    fn place(&self, offset: u64) -> Place {
        Place { salt: self.segment.header.salt, offset }
    }

    /// Bytes at an offset: at least `wanted` of them, or all there are.
    fn bytes(&mut self, offset: u64, wanted: usize) -> Result<&[u8], LogError> {
        let left = usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let end = self.start + self.filled as u64;
        if offset < self.start || offset + wanted as u64 > end {
            // What has been read already moves to the front: that is half of what there is to a read.
            let kept = if offset < self.start { 0 } else { end.saturating_sub(offset) as usize };
            self.window.copy_within(self.filled - kept..self.filled, 0);
            self.filled = wanted.max(WINDOW_BYTES).min(left);
            self.start = offset;
            if self.window.len() < self.filled {
                self.window.resize(self.filled, 0);
            }
            let window = &mut self.window[kept..self.filled];
            let read = self.segment.file.read_exact_at(window, offset + kept as u64);
            if let Err(error) = read {
                self.filled = 0;
                return Err(io_error("read", &self.segment.path, error));
            }
        }
        Ok(&self.window[(offset - self.start) as usize..self.filled])
    }

    /// Verifies the header and the shard table at an offset.
    pub(crate) fn front(&mut self, offset: u64) -> Result<Result<BlockHeader, Mismatch>, LogError> {
        let place = self.place(offset);
        let bytes = self.bytes(offset, BLOCK_HEADER_BYTES)?;
        let wanted = bytes.first_chunk().map_or(0, front_bytes);
        Ok(check_front(self.bytes(offset, wanted)?, place))
    }

    /// The block at an offset, if it verifies and follows `before`.
    pub(crate) fn block(
        &mut self,
        offset: u64,
        before: Position,
        shards: u16,
    ) -> Result<Result<Block<'_>, Mismatch>, LogError> {
        let header = match self.front(offset)? {
            Ok(header) => header,
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        let place = self.place(offset);
        if let Err(mismatch) = follows(&header, before) {
            return Ok(Err(mismatch));
        }
        if !is_known(self.bytes(offset, BLOCK_HEADER_BYTES)?, &header) {
            return Err(LogError::Version {
                file: self.segment.path.clone(),
                found: FORMAT_VERSION,
                supported: FORMAT_VERSION,
                need: "it has blocks of a kind that only a newer skeg reads",
            });
        }
        let length = header.block_bytes().filter(|length| *length <= self.limit - offset);
        let Some(length) = length else {
            return Ok(Err(Mismatch::new("a whole block", "the end of the file")));
        };
        let length = usize::try_from(length).expect("it is smaller than its file, and was written");
        let bytes = &self.bytes(offset, length)?[..length];
        Ok(check_block(bytes, &header, place, shards).map(|records| Block {
            header,
            bytes,
            records,
        }))
    }

    /// Looks at every place from `offset` on where a block could start.
    pub(crate) fn traces(&mut self, offset: u64) -> Result<Traces, LogError> {
        let mut witness: Option<(u64, u64)> = None;
        let end = self.each_front(offset, &mut |here, header| {
            if witness.is_none_or(|(durable, _)| durable < header.durable) {
                witness = Some((header.durable, here));
            }
            ControlFlow::Continue(())
        })?;
        Ok(Traces { witness, end })
    }

    /// The first place behind `offset` where a block's header verifies; without one, the end of the
    /// last bytes that are not zero.
    pub(crate) fn next_front(&mut self, offset: u64) -> Result<Result<u64, u64>, LogError> {
        let mut found = None;
        let end = self.each_front(offset, &mut |here, _| {
            if here == offset {
                return ControlFlow::Continue(());
            }
            found = Some(here);
            ControlFlow::Break(())
        })?;
        Ok(found.ok_or(end))
    }

    /// Shows every header from `offset` on that verifies; returns the end of the last bytes that
    /// are not zero, of those that were looked at.
    fn each_front(
        &mut self,
        offset: u64,
        show: &mut dyn FnMut(u64, &BlockHeader) -> ControlFlow<()>,
    ) -> Result<u64, LogError> {
        let mut fronts = Reader::new(self.segment, self.limit);
        let (mut at, mut end) = (offset, offset);
        while at < self.limit {
            let bytes = self.bytes(at, BLOCK_ALIGN as usize)?;
            let (words, rest) = bytes.as_chunks::<{ BLOCK_ALIGN as usize }>();
            for (index, word) in words.iter().enumerate() {
                if *word == [0; BLOCK_ALIGN as usize] {
                    continue;
                }
                let here = at + index as u64 * BLOCK_ALIGN;
                end = here + BLOCK_ALIGN;
                if word[..4] == BLOCK_MAGIC.to_le_bytes()
                    && let Ok(header) = fronts.front(here)?
                    && show(here, &header).is_break()
                {
                    return Ok(end);
                }
            }
            at += (words.len() as u64 * BLOCK_ALIGN).max(rest.len() as u64);
        }
        Ok(end)
    }
}

/// Whether a block is the next one: the chain fits, and so does the epoch.
fn follows(header: &BlockHeader, before: Position) -> Result<(), Mismatch> {
    if header.previous != before.chain {
        return Err(Mismatch::new(
            format!("a block that follows checksum {:08x}", before.chain),
            format!("one that follows {:08x}", header.previous),
        ));
    }
    let step = u64::from(header.kind == KIND_COMMIT);
    if header.epoch != before.epoch + step || header.durable > before.epoch {
        return Err(Mismatch::new(
            format!("epoch {}", before.epoch + step),
            format!("epoch {} with durable epoch {}", header.epoch, header.durable),
        ));
    }
    Ok(())
}
