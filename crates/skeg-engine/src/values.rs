//! Large values that are in the log only: where one is, and how its bytes come back.
//!
//! A shard's entry has the place. What is asked for comes from the cache, or at once from the log when
//! the system has it in memory; otherwise it is fetched by other threads (`fetch.rs`), and whoever asked
//! runs again. Without threads it is read where it is asked for.
//!
//! Invariants: bytes are handed out only when length and checksum are what the entry says; nobody
//! waits for the disk while a latch is held, unless there is nobody else to do it.
//! May not know: keys, what commands do.

use skeg_io::sync::atomic::{AtomicU64, Ordering};
use skeg_io::sync::{Arc, Mutex};
use skeg_keyspace::Away;
use skeg_log::{LogError, Logged, Place, ValueReader};

use crate::cache::{Cache, CacheFigures};
use crate::error::ReadError;

/// A longer value is not read under a latch, even when the system has it in memory.
const RESIDENT_READ_MAX: u32 = 64 << 10;

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

/// A value as it came from the log, or why it did not.
pub(crate) type Fetched = (Logged, Result<Arc<[u8]>, ReadError>);

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
    cache: Mutex<Cache<Place>>,
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
    pub(crate) fn find(&self, value: &Logged) -> Result<Arc<[u8]>, ReadError> {
        if let Some(bytes) = self.cache.lock().get(&value.place) {
            return Ok(bytes);
        }
        if value.bytes <= RESIDENT_READ_MAX
            && let Some(bytes) = self.reader.read_resident(value)
        {
            self.resident_reads.fetch_add(1, Ordering::Relaxed);
            self.keep(value, &bytes);
            return Ok(bytes);
        }
        if self.waits { self.fetch(value) } else { Err(ReadError::Away) }
    }

    /// Reads the bytes, whatever that takes.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`].
    pub(crate) fn fetch(&self, value: &Logged) -> Result<Arc<[u8]>, ReadError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match self.reader.read(value) {
            Ok(bytes) => {
                self.keep(value, &bytes);
                Ok(bytes)
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                Err(unreadable(&error))
            }
        }
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

    fn keep(&self, value: &Logged, bytes: &Arc<[u8]>) {
        self.cache.lock().insert(value.place, Arc::clone(bytes));
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
}
