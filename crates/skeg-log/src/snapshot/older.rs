//! Older snapshots make room where the disk is full: whoever keeps several has a second way to the same state, and
//! that is given up before anything is refused.
//!
//! Invariants: the newest snapshot stays, with the log behind it; nothing is removed before the CURRENT that does without
//! it is durable; while a backup is under way, which would keep the files anyway, nothing is given up.
//! May not know: who wants the room.

use crate::core::Core;
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::upkeep::{BLOCK_BYTES, Upkeeper};

impl Upkeeper {
    /// [`Self::give_up_oldest`], if so many bytes can be had by giving up all older ones.
    pub(crate) fn give_up_for(&mut self, core: &Core, bytes: u64) -> Result<bool, LogError> {
        let lengths = self.current.older.iter().map(|older| older.snapshot.length);
        let older = lengths.sum::<u64>() + self.inventory().older_bytes;
        match core.io.disk.available(&core.dir) {
            Ok(available) if available.saturating_add(older) < bytes => Ok(false),
            _ => self.give_up_oldest(core),
        }
    }

    /// Does without the oldest snapshot and the log that is there for it alone, if there is one that can be done
    /// without. Whether there was.
    pub(crate) fn give_up_oldest(&mut self, core: &Core) -> Result<bool, LogError> {
        if self.is_held() || breaks(Broken::HoardsSnapshots) {
            return Ok(false);
        }
        let before = self.current.clone();
        let Some(next) = self.sealed(core).without_oldest() else { return Ok(false) };
        let bytes = 2 * BLOCK_BYTES + next.encode().len() as u64;
        let published = match self.publish_or_poison(core, next.clone()) {
            Err(LogError::Full { .. }) if self.cut_spare(core, bytes)? => {
                self.publish_or_poison(core, next)
            }
            other => other,
        };
        match published {
            Err(LogError::Full { .. }) => return Ok(false),
            other => other?,
        }
        self.given_up += 1;
        let trimmed = self.trim();
        *core.inventory.lock() = self.inventory();
        trimmed?;
        let now = self.current.clone();
        // What cannot be removed now is at the next open.
        let _ = self.remove_unnamed(core, &before, &now);
        Ok(true)
    }
}
