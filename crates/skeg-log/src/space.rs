//! Reservation of log space before memory changes: a counter of what is outstanding against limits
//! that follow from the room on the disk (`room.rs`).
//!
//! Invariants:
//! - What is outstanding (reserved, or pushed and not written) fits into the free part of one
//!   allocated segment, the active or the next one. Each block takes less from the segment than was
//!   reserved for its records, so this holds from one block to the next, wherever they go.
//! - Outstanding and unsynced bytes together fit into the spare: recovery can rewrite them there.
//! - A limit is lowered before the outstanding bytes that it was lowered for are given back, and a
//!   reservation counts itself before it reads the limit: no race grants the same room twice.
//! - When the disk is full, growth is refused and what is allocated is left to releases.
//!
//! May not know: files (upkeep tells what it has allocated), what is pushed.

use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use crate::error::ReserveError;
use crate::room::{Pressure, Room};
use crate::types::Purpose;

/// What every record costs beyond its payload, so that records of any number of shards and blocks
/// fit: record header 9, table entry 8, block header 48, padding at most 7, rounded up.
pub const RECORD_OVERHEAD_BYTES: u64 = 80;

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
    /// Bytes that may still be pushed with it, [`RECORD_OVERHEAD_BYTES`] for each record included.
    #[must_use]
    pub fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// Takes over what another one holds, of the same log.
    #[expect(clippy::needless_pass_by_value, reason = "nobody holds the other one any more")]
    pub fn absorb(&mut self, other: Self) {
        self.left_bytes += other.left_bytes;
    }
}

/// What a record with such a payload costs.
pub(crate) fn cost(payload: &[u8]) -> u64 {
    payload.len() as u64 + RECORD_OVERHEAD_BYTES
}

/// The limits, read by every reservation and written about once a block.
#[derive(Debug)]
#[repr(align(128))]
struct Limits {
    growth: AtomicU64,
    release: AtomicU64,
}

/// The counter, written by every reservation.
#[derive(Debug)]
#[repr(align(128))]
struct Outstanding(AtomicU64);

/// Reservations of a log.
#[derive(Debug)]
pub(crate) struct Space {
    outstanding: Outstanding,
    limits: Limits,
    buffer_max: u64,
    overdrawn: AtomicU64,
    /// Somebody was told to wait and wants to be told when to try again.
    waiting: AtomicBool,
    room: Mutex<Room>,
}

impl Space {
    pub(crate) fn new(segment_bytes: u64, buffer_max: u64, unsynced_max: u64) -> Self {
        Self {
            outstanding: Outstanding(AtomicU64::new(0)),
            limits: Limits { growth: AtomicU64::new(0), release: AtomicU64::new(0) },
            buffer_max,
            overdrawn: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            room: Mutex::new(Room::new(segment_bytes, unsynced_max)),
        }
    }

    /// Looks at the room.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Room) -> R) -> R {
        look(&self.room.lock())
    }

    /// Changes the room, and the limits with it.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut Room) -> R) -> R {
        let mut room = self.room.lock();
        let result = change(&mut room);
        self.publish(&room);
        result
    }

    fn publish(&self, room: &Room) {
        self.limits.growth.store(room.growth_limit(), SeqCst);
        self.limits.release.store(room.release_limit(), SeqCst);
    }

    /// Holds space for records of together `payload_bytes`, one of them if the caller has not
    /// added [`RECORD_OVERHEAD_BYTES`] for more.
    #[inline]
    pub(crate) fn reserve(
        &self,
        reservation: &mut Reservation,
        payload_bytes: u64,
        purpose: Purpose,
    ) -> Result<(), (ReserveError, Pressure)> {
        let cost = payload_bytes.saturating_add(RECORD_OVERHEAD_BYTES);
        if cost > MAX_RESERVATION_BYTES {
            return Err((ReserveError::TooLarge, Pressure::default()));
        }
        if self.grant(cost, purpose) {
            reservation.left_bytes += cost;
            return Ok(());
        }
        let held = reservation.left_bytes;
        Err(self.update(|room| room.refuse(held, cost, purpose, self.outstanding())))
    }

    /// Lock-free. A single reservation may exceed what may wait in the buffers.
    #[inline]
    fn grant(&self, cost: u64, purpose: Purpose) -> bool {
        let before = self.outstanding.0.fetch_add(cost, SeqCst);
        let limit = match purpose {
            Purpose::Growth => &self.limits.growth,
            Purpose::Release => &self.limits.release,
        };
        if before <= self.buffer_max && before + cost <= limit.load(SeqCst) {
            return true;
        }
        self.outstanding.0.fetch_sub(cost, SeqCst);
        false
    }

    /// Whether a reservation would be granted now.
    pub(crate) fn would_fit(&self, payload_bytes: u64, purpose: Purpose) -> bool {
        let cost = payload_bytes.saturating_add(RECORD_OVERHEAD_BYTES);
        let fits = self.grant(cost, purpose);
        if fits {
            self.give_back(cost);
        }
        fits
    }

    /// Takes a push's cost out of its reservation. What was not reserved is counted all the same.
    #[inline]
    pub(crate) fn spend(&self, reservation: &mut Reservation, cost: u64) {
        if cost <= reservation.left_bytes {
            reservation.left_bytes -= cost;
        } else {
            let missing = cost - std::mem::take(&mut reservation.left_bytes);
            self.outstanding.0.fetch_add(missing, SeqCst);
            self.overdrawn.fetch_add(missing, SeqCst);
        }
    }

    /// Gives back what a reservation still holds. Whether somebody waits for it.
    #[inline]
    #[must_use]
    pub(crate) fn settle(&self, reservation: &Reservation) -> bool {
        if reservation.left_bytes > 0 {
            self.give_back(reservation.left_bytes);
        }
        self.waiting.load(SeqCst)
    }

    #[inline]
    fn give_back(&self, bytes: u64) {
        let before = self.outstanding.0.fetch_sub(bytes, SeqCst);
        debug_assert!(before >= bytes, "more was given back than was held");
    }

    /// Somebody waits: [`Self::stop_waiting`] tells the next who changes the room.
    pub(crate) fn start_waiting(&self) {
        self.waiting.store(true, SeqCst);
    }

    /// Whether somebody waited for room.
    pub(crate) fn stop_waiting(&self) -> bool {
        self.waiting.load(SeqCst) && self.waiting.swap(false, SeqCst)
    }

    /// A block of `bytes` was written, for which `cost` was outstanding.
    pub(crate) fn wrote(&self, bytes: u64, cost: u64) -> Pressure {
        let pressure = self.update(|room| room.wrote(bytes));
        self.give_back(cost);
        pressure
    }

    /// Takes room in the active segment for a block that nobody has reserved for, if what is
    /// outstanding still fits beside it.
    pub(crate) fn take_unreserved(&self, bytes: u64) -> bool {
        self.lower(Room::active_free_mut, |free| free.checked_sub(bytes), Room::free)
    }

    /// The spare is to shrink: allowed only when what is outstanding and unsynced stays covered.
    pub(crate) fn lower_allowed(&self, bytes: u64) -> bool {
        self.lower(Room::allowed_mut, |_| Some(bytes), Room::unsynced_left)
    }

    /// Lowers what limits are made of, unless what is outstanding would not fit any more.
    fn lower(
        &self,
        field: fn(&mut Room) -> &mut u64,
        lowered: impl FnOnce(u64) -> Option<u64>,
        left: fn(&Room) -> u64,
    ) -> bool {
        self.update(|room| {
            let before = *field(room);
            let Some(after) = lowered(before) else { return false };
            *field(room) = after;
            // Published before the count is read: a reservation that still passes the former limit has
            // been counted.
            self.publish(room);
            let fits = self.outstanding() <= left(room);
            if !fits {
                *field(room) = before;
            }
            fits
        })
    }

    /// Bytes reserved, or pushed and not yet written.
    pub(crate) fn outstanding(&self) -> u64 {
        self.outstanding.0.load(SeqCst)
    }

    /// Bytes pushed beyond what was reserved.
    pub(crate) fn overdrawn(&self) -> u64 {
        self.overdrawn.load(SeqCst)
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod shuttle_tests {
    use std::sync::Arc;

    use skeg_io::sync::thread;

    use super::*;

    /// A block takes its room while somebody reserves, and while the spare shrinks: what is granted
    /// fits into what is left, whoever comes first.
    #[test]
    fn shuttle_no_room_is_granted_twice() {
        let model = || {
            let space = Arc::new(Space::new(64 << 10, 1 << 20, 1 << 20));
            space.update(|room| {
                room.set_active(1, 1000);
                room.raise_allowed(2000);
            });
            let mut first = Reservation::default();
            let granted = space.reserve(&mut first, 600 - RECORD_OVERHEAD_BYTES, Purpose::Growth);
            assert!(granted.is_ok());
            let writer = {
                let space = Arc::clone(&space);
                thread::spawn(move || {
                    space.spend(&mut first, 600);
                    space.wrote(600, 600);
                    space.lower_allowed(900)
                })
            };
            let other = {
                let space = Arc::clone(&space);
                thread::spawn(move || {
                    let mut second = Reservation::default();
                    let bytes = 350 - RECORD_OVERHEAD_BYTES;
                    space.reserve(&mut second, bytes, Purpose::Growth).is_ok()
                })
            };
            let mut second = Reservation::default();
            let bytes = 700 - RECORD_OVERHEAD_BYTES;
            let granted = space.reserve(&mut second, bytes, Purpose::Release).is_ok();
            assert!(!granted, "there is never so much room");
            let lowered = writer.join().expect("no thread panics");
            let other_granted = other.join().expect("no thread panics");
            let (free, left) = space.look(|room| (room.free(), room.unsynced_left()));
            assert_eq!(free, 400);
            assert_eq!(left, if lowered { 300 } else { 1400 });
            assert_eq!(space.outstanding(), if other_granted { 350 } else { 0 });
            assert!(space.outstanding() <= free.min(left), "granted twice");
        };
        shuttle::check_random(model, 3000);
        shuttle::check_pct(model, 3000, 3);
    }
}
