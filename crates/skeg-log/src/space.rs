//! Reservation of log space before memory changes.

/// What every record costs beyond its payload: header, its share of the shard table, alignment.
pub const RECORD_OVERHEAD_BYTES: u64 = 32;

/// The most that one reservation may ask for.
pub const MAX_RESERVATION_BYTES: u64 = 2 << 30;

/// Log space held for changes about to be made. Hand it to every push, then to
/// [`Log::settle`](crate::Log::settle), which gives back what was not used.
#[derive(Debug, Default)]
#[must_use = "space stays reserved until the reservation is settled"]
pub struct Reservation {
    left_bytes: u64,
}

impl Reservation {
    /// Bytes that may still be pushed with it.
    pub fn left_bytes(&self) -> u64 {
        self.left_bytes
    }
}
