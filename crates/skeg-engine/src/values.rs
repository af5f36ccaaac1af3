//! Large values that are in the log only: where one is, and how its bytes come back.
//!
//! A shard's entry has the place. What is asked for comes from the cache, or at once from the log when
//! the system has it in memory; otherwise it is fetched by other threads (`fetch.rs`), and whoever asked
//! runs again. Without threads it is read where it is asked for. A range of a long value is read by itself:
//! the value's checksum says nothing about a part, so the value is read through once, part by part, and the
//! checksums of its parts are kept (`docs/decisions/0053-values-in-parts.md`).
//!
//! Invariants: bytes are handed out only when length and checksum are what the entry says; nobody
//! waits for the disk while a latch is held, unless there is nobody else to do it; a segment that is
//! kept stays until everybody who has kept it has let it go.
//! May not know: keys, what commands do.

use std::collections::BTreeMap;
use std::ops::Range;

use skeg_io::sync::atomic::{AtomicU64, Ordering};
use skeg_io::sync::{Arc, Mutex};
use skeg_keyspace::Away;
use skeg_log::{LogError, Logged, PART_BYTES, Place, ValueReader};

use crate::cache::{Cache, CacheFigures};
use crate::error::ReadError;

/// A longer value is not read under a latch, even when the system has it in memory.
const RESIDENT_READ_MAX: u32 = 64 << 10;
/// Memory for checksums of parts: those of 50 GiB of values.
const SUMS_BYTES_MAX: usize = 1 << 20;

/// The entry of a value that is in the log.
pub(crate) fn away_of(value: &Logged) -> Away {
    let mut at = [0; 12];
    at[..8].copy_from_slice(&value.place.offset.to_le_bytes());
    at[8..].copy_from_slice(&value.sum.to_le_bytes());
    Away { len: value.bytes, home: value.place.segment, at }
}

/// Where the value of an entry is.
pub(crate) fn logged(away: &Away) -> Logged {
    let [a, b, c, d, e, f, g, h, sum @ ..] = away.at;
    let offset = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let place = Place { segment: away.home, offset };
    Logged { place, bytes: away.len, sum: u32::from_le_bytes(sum) }
}

/// What is wanted of a value in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    value: Logged,
    /// The first byte.
    start: u32,
    /// How many.
    bytes: u32,
}

impl Wanted {
    /// All of it.
    pub(crate) fn whole(value: Logged) -> Self {
        Self { value, start: 0, bytes: value.bytes }
    }

    /// A range of it; `None` when it is to be read whole all the same, because the range or the value
    /// leaves nothing to be spared.
    pub(crate) fn range(value: Logged, range: &Range<usize>) -> Option<Self> {
        let (start, bytes) = (range.start as u32, range.len() as u32);
        debug_assert!(range.end <= value.bytes as usize, "a range of the value");
        (value.bytes > PART_BYTES && bytes < value.bytes).then_some(Self { value, start, bytes })
    }

    /// All of the value of which this is wanted.
    pub(crate) fn of_whole(&self) -> Self {
        Self::whole(self.value)
    }

    /// Which bytes of the value.
    pub(crate) fn span(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.bytes as usize
    }

    fn is_whole(&self) -> bool {
        self.bytes == self.value.bytes
    }

    /// Puts a range together from the parts that it touches.
    fn gather<E>(
        &self,
        sums: &[u32],
        mut part: impl FnMut(&Logged) -> Result<Arc<[u8]>, E>,
    ) -> Result<Arc<[u8]>, E> {
        let Self { value, start, bytes } = *self;
        let end = start + bytes;
        let mut gathered = Vec::with_capacity(bytes as usize);
        for number in start / PART_BYTES..end.div_ceil(PART_BYTES) {
            let found = part(&value.part(number, sums[number as usize]))?;
            let at = number * PART_BYTES;
            let from = start.saturating_sub(at) as usize;
            let to = found.len().min((end - at) as usize);
            gathered.extend_from_slice(&found[from..to]);
        }
        Ok(gathered.into())
    }
}

/// What was wanted as it came from the log, or why it did not.
pub(crate) type Fetched = (Wanted, Result<Arc<[u8]>, ReadError>);

/// How values in the log were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueFigures {
    /// The cache.
    pub cache: CacheFigures,
    /// Reads that the system had in memory.
    pub resident_reads: u64,
    /// Other reads.
    pub reads: u64,
    /// Reads that failed.
    pub failed: u64,
    /// Bytes of values that compaction has stated again.
    pub restated_bytes: u64,
}

/// Values in the log, for all shards.
#[derive(Debug)]
pub(crate) struct Values {
    reader: Arc<ValueReader>,
    /// By place and length: a value, or a part of one.
    cache: Mutex<Cache<(Place, u32)>>,
    /// The checksums of the parts of values.
    sums: Mutex<Cache<Place, u32>>,
    /// Segments that stay because somebody reads a value in them, and how many do.
    kept: Mutex<BTreeMap<u64, usize>>,
    /// There are no threads to read elsewhere.
    waits: bool,
    resident_reads: AtomicU64,
    reads: AtomicU64,
    failed: AtomicU64,
    restated_bytes: AtomicU64,
}

impl Values {
    pub(crate) fn new(reader: &Arc<ValueReader>, cache_bytes: usize, waits: bool) -> Self {
        Self {
            reader: Arc::clone(reader),
            cache: Mutex::new(Cache::new(cache_bytes)),
            sums: Mutex::new(Cache::new(SUMS_BYTES_MAX)),
            kept: Mutex::default(),
            waits,
            resident_reads: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            restated_bytes: AtomicU64::new(0),
        }
    }

    /// The bytes, if they are to be had without waiting.
    ///
    /// # Errors
    /// [`ReadError::Away`]: somebody has to [`Values::fetch`] them.
    pub(crate) fn find(&self, wanted: &Wanted) -> Result<Arc<[u8]>, ReadError> {
        let value = &wanted.value;
        if wanted.bytes == 0 {
            return Ok([].into());
        }
        if !wanted.is_whole() {
            if let Some(bytes) = self.find_range(wanted) {
                return Ok(bytes);
            }
        } else if let Some(bytes) = self.cached(value) {
            return Ok(bytes);
        } else if value.bytes <= RESIDENT_READ_MAX
            && let Some(bytes) = self.reader.read_resident(value)
        {
            self.resident_reads.fetch_add(1, Ordering::Relaxed);
            self.keep(value, &bytes);
            return Ok(bytes);
        }
        if self.waits { self.fetch(wanted) } else { Err(ReadError::Away) }
    }

    /// A range whose parts are all in the cache.
    fn find_range(&self, wanted: &Wanted) -> Option<Arc<[u8]>> {
        let sums = self.sums.lock().get(&wanted.value.place)?;
        wanted.gather(&sums, |part| self.cached(part).ok_or(())).ok()
    }

    /// Reads the bytes, whatever that takes.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`].
    pub(crate) fn fetch(&self, wanted: &Wanted) -> Result<Arc<[u8]>, ReadError> {
        let read = |value: &Logged| {
            if let Some(bytes) = self.cached(value) {
                return Ok(bytes);
            }
            let bytes = self.reader.read(value)?;
            self.keep(value, &bytes);
            Ok(bytes)
        };
        let fetched = || {
            if wanted.is_whole() {
                return read(&wanted.value);
            }
            let known = self.sums.lock().get(&wanted.value.place);
            let sums = match known {
                Some(sums) => sums,
                None => self.sum_parts(&wanted.value)?,
            };
            wanted.gather(&sums, read)
        };
        self.note_read(fetched())
    }

    /// Verifies a value, and returns the checksums of its parts, which are kept for others.
    fn sum_parts(&self, value: &Logged) -> Result<Arc<[u32]>, LogError> {
        let sums = self.reader.sum_parts(value)?;
        self.sums.lock().insert(value.place, Arc::clone(&sums));
        Ok(sums)
    }

    fn note_read<T>(&self, read: Result<T, LogError>) -> Result<T, ReadError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        read.map_err(|error| {
            self.failed.fetch_add(1, Ordering::Relaxed);
            unreadable(&error)
        })
    }

    /// Reads the bytes once: nobody else has asked for them.
    ///
    /// # Errors
    /// As [`ValueReader::read`].
    pub(crate) fn read_once(&self, value: &Logged) -> Result<Arc<[u8]>, LogError> {
        self.reader.read(value)
    }

    /// Compaction has stated values of so many bytes again.
    pub(crate) fn note_restated(&self, bytes: u64) {
        self.restated_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn cached(&self, value: &Logged) -> Option<Arc<[u8]>> {
        self.cache.lock().get(&(value.place, value.bytes))
    }

    fn keep(&self, value: &Logged, bytes: &Arc<[u8]>) {
        self.cache.lock().insert((value.place, value.bytes), Arc::clone(bytes));
    }

    /// The segments that stay because somebody reads a value in them.
    pub(crate) fn kept_segments(&self) -> impl Iterator<Item = u64> {
        self.kept.lock().keys().copied().collect::<Vec<_>>().into_iter()
    }

    pub(crate) fn figures(&self) -> ValueFigures {
        ValueFigures {
            cache: self.cache.lock().figures(),
            resident_reads: self.resident_reads.load(Ordering::Relaxed),
            reads: self.reads.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            restated_bytes: self.restated_bytes.load(Ordering::Relaxed),
        }
    }
}

/// A value that is read part by part: it stays where it is as long as this is there, whatever happens to
/// the key that it was found under.
#[derive(Debug)]
pub(crate) struct KeptValue {
    values: Arc<Values>,
    value: Logged,
    /// Of its parts, once they are known.
    sums: Mutex<Option<Arc<[u32]>>>,
}

impl KeptValue {
    /// Keeps a value. Under the latch under which it was found: a snapshot asks for what is kept after it
    /// has asked all shards which segments their entries need.
    pub(crate) fn new(values: &Arc<Values>, value: Logged) -> Self {
        *values.kept.lock().entry(value.place.segment).or_default() += 1;
        Self { values: Arc::clone(values), value, sums: Mutex::new(None) }
    }

    /// Reads a range of it, which may wait for the medium. Nothing of it is cached: whoever reads a value
    /// from one end to the other would drive out what is read again.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`].
    pub(crate) fn read(&self, range: &Range<usize>) -> Result<Arc<[u8]>, ReadError> {
        let Self { values, value, .. } = self;
        let read = || {
            let Some(wanted) = Wanted::range(*value, range) else {
                return values.reader.read(value);
            };
            let sums = self.sums()?;
            wanted.gather(&sums, |part| values.reader.read(part))
        };
        values.note_read(read())
    }

    /// Whoever comes second waits for the one who verifies the value.
    fn sums(&self) -> Result<Arc<[u32]>, LogError> {
        let mut known = self.sums.lock();
        if let Some(sums) = &*known {
            return Ok(Arc::clone(sums));
        }
        let sums = self.values.sum_parts(&self.value)?;
        *known = Some(Arc::clone(&sums));
        Ok(sums)
    }
}

impl Drop for KeptValue {
    fn drop(&mut self) {
        let mut kept = self.values.kept.lock();
        let segment = self.value.place.segment;
        let count = kept.get_mut(&segment).expect("it was counted");
        *count -= 1;
        if *count == 0 {
            kept.remove(&segment);
        }
    }
}

fn unreadable(error: &LogError) -> ReadError {
    ReadError::Unreadable { kind: error.kind(), reason: error.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_into_an_entry_and_back() {
        let place = Place { segment: 1 << 61, offset: (1 << 40) + 7 };
        let value = Logged { place, bytes: 512 << 20, sum: 0xfeed_beef };
        assert_eq!(logged(&away_of(&value)), value);
        assert_eq!(away_of(&value).len, 512 << 20);
    }

    #[test]
    fn a_range_is_gathered_from_the_parts_that_it_touches() {
        let part = PART_BYTES as usize;
        let bytes: Vec<u8> = (0..2 * part + 1_000).map(|at| (at % 251) as u8).collect();
        let place = Place { segment: 1, offset: 100 };
        let value = Logged { place, bytes: bytes.len() as u32, sum: Logged::sum(&bytes) };
        let sums: Vec<u32> = bytes.chunks(part).map(Logged::sum).collect();
        let ends = [0, 1, part - 1, part, part + 1, 2 * part, bytes.len() - 1, bytes.len()];
        for start in ends {
            for end in ends.into_iter().filter(|end| *end >= start) {
                let Some(wanted) = Wanted::range(value, &(start..end)) else {
                    assert_eq!((start, end), (0, bytes.len()), "only that is all of it");
                    continue;
                };
                let mut touched = 0;
                let gathered = wanted.gather(&sums, |found| {
                    touched += 1;
                    let at = (found.place.offset - place.offset) as usize;
                    let found_bytes = &bytes[at..at + found.bytes as usize];
                    assert_eq!(found.sum, Logged::sum(found_bytes));
                    Ok::<_, ()>(found_bytes.into())
                });
                assert_eq!(*gathered.unwrap(), bytes[start..end], "{start}..{end}");
                assert!(touched <= (end - start) / part + 2, "{touched} parts for {start}..{end}");
            }
        }
        let short = Logged { bytes: PART_BYTES, ..value };
        assert_eq!(Wanted::range(short, &(3..4)), None, "it is one part");
    }
}
