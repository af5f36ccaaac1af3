//! Zeros behind a small block that is about to be synced, for the next blocks to be written over.
//!
//! Room ahead of the writer is allocated, and a file system that
//! [marks first writes](skeg_io::File::marks_first_writes) changes its own books when a block is written into
//! it: an fsync of some kilobytes then waits for a journal as well. Zeros written along with one block spare
//! the next ones that, as long as they lie in them.
//!
//! Invariants: zeros lie behind the last block and below what is allocated, so they mean nothing, as what
//! was there before; whoever writes them holds the role of the writer.
//! May not know: what is in blocks, when they are synced.

use crate::error::LogError;
use crate::segment::Segment;
use crate::small_file::write_all;

/// So many zeros are written at a time.
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// Blocks larger than this have none written behind them: a journal is a small part of what their fsync
/// costs, and all would be written twice.
const BLOCK_BYTES_MAX: u64 = 16 << 10;

/// How far the active segment has been written, be it with zeros.
#[derive(Debug, Default)]
pub(crate) struct Zeros {
    end: u64,
}

impl Zeros {
    /// A block of `bytes` was written that ends at `offset`: if it lies beyond the zeros, more are written.
    pub(crate) fn follow(
        &mut self,
        segment: &Segment,
        offset: u64,
        bytes: u64,
    ) -> Result<(), LogError> {
        if offset <= self.end || bytes > BLOCK_BYTES_MAX || !segment.marks_first_writes {
            return Ok(());
        }
        self.end = segment.allocated().min(offset + ZEROS.len() as u64);
        match write_all(
            &*segment.file,
            &segment.path,
            &ZEROS[..(self.end - offset) as usize],
            offset,
        ) {
            // Blocks that follow are written all the same.
            Err(LogError::Full { .. }) => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use skeg_io::sim::SimMachine;

    use super::*;
    use crate::current::Position;
    use crate::segment::{FILES, SegmentHeader};

    const KIB: u64 = 1 << 10;
    const FILLER: u8 = 7;

    /// A segment of `bytes` that has everything in it overwritten.
    fn segment(machine: &SimMachine, bytes: u64) -> Segment {
        let (io, dir) = (machine.io(), Path::new("/db"));
        io.disk.create_dir(&dir.join(FILES.folder)).unwrap();
        let header = SegmentHeader { id: 1, database_id: 2, salt: 3, after: Position::default() };
        let segment = Segment::create(&io, dir, &header, bytes).unwrap();
        fill(&segment, 0, bytes);
        segment
    }

    fn fill(segment: &Segment, from: u64, to: u64) {
        let filler = vec![FILLER; (to - from) as usize];
        write_all(&*segment.file, &segment.path, &filler, from).unwrap();
    }

    /// Where the zeros begin and end.
    fn zeros(machine: &SimMachine, segment: &Segment) -> Option<(u64, u64)> {
        let bytes = machine.disk.contents(&segment.path).unwrap();
        let begin = bytes.iter().position(|&byte| byte == 0)?;
        let end = bytes.iter().rposition(|&byte| byte == 0)? + 1;
        assert!(bytes[begin..end].iter().all(|&byte| byte == 0), "they are one range");
        Some((begin as u64, end as u64))
    }

    #[test]
    fn zeros_lie_behind_the_block_and_are_written_again_when_it_lies_beyond_them() {
        let machine = SimMachine::new(1);
        let segment = segment(&machine, 600 * KIB);
        let mut ahead = Zeros::default();
        ahead.follow(&segment, 100, 36).unwrap();
        assert_eq!(zeros(&machine, &segment), Some((100, 100 + 256 * KIB)));
        fill(&segment, 100, 100 + 256 * KIB);
        ahead.follow(&segment, 100 + 256 * KIB, 36).unwrap();
        assert_eq!(zeros(&machine, &segment), None, "the block still lies in them");
        ahead.follow(&segment, 300 * KIB, 36).unwrap();
        assert_eq!(zeros(&machine, &segment), Some((300 * KIB, 556 * KIB)));
    }

    #[test]
    fn they_end_where_what_is_allocated_ends() {
        let machine = SimMachine::new(2);
        let segment = segment(&machine, 64 * KIB);
        Zeros::default().follow(&segment, 60 * KIB, 36).unwrap();
        assert_eq!(zeros(&machine, &segment), Some((60 * KIB, 64 * KIB)));
        assert_eq!(segment.file.len().unwrap(), 64 * KIB);
    }

    #[test]
    fn large_blocks_and_file_systems_that_do_not_mark_have_none() {
        let machine = SimMachine::new(3);
        let mut segment = segment(&machine, 64 * KIB);
        Zeros::default().follow(&segment, 20 * KIB, BLOCK_BYTES_MAX + 8).unwrap();
        segment.marks_first_writes = false;
        Zeros::default().follow(&segment, 20 * KIB, 36).unwrap();
        assert_eq!(zeros(&machine, &segment), None);
    }
}
