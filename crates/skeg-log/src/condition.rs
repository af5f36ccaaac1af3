//! Whether the log takes writes, and why not.
//!
//! Invariants: it only ever gets worse; the first reason stays; once poisoned, nothing is
//! acknowledged any more that was not before.
//! May not know: who is told about it.

use skeg_io::sync::OnceLock;
use skeg_io::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};

use crate::error::{LogError, ReserveError};

const OPEN: u8 = 0;
const READ_ONLY: u8 = 1;
const CLOSED: u8 = 2;
const POISONED: u8 = 3;

/// The condition of a log.
#[derive(Debug)]
pub(crate) struct Condition {
    state: AtomicU8,
    /// Also of one that is poisoned.
    closed: AtomicBool,
    reason: OnceLock<String>,
}

impl Condition {
    pub(crate) fn new(read_only: bool) -> Self {
        let state = if read_only { READ_ONLY } else { OPEN };
        let closed = AtomicBool::new(false);
        Self { state: AtomicU8::new(state), closed, reason: OnceLock::new() }
    }

    /// Why nothing is written, if so.
    pub(crate) fn refusal(&self) -> Option<ReserveError> {
        match self.state.load(SeqCst) {
            OPEN => None,
            READ_ONLY => Some(ReserveError::ReadOnly),
            CLOSED => Some(ReserveError::Closed),
            _ => Some(ReserveError::Poisoned),
        }
    }

    /// Fails unless the log takes writes.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        match self.refusal() {
            None => Ok(()),
            Some(ReserveError::ReadOnly) => Err(LogError::ReadOnly),
            Some(ReserveError::Closed) => Err(LogError::Closed),
            Some(_) => Err(self.poisoned()),
        }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.state.load(SeqCst) == POISONED
    }

    /// What poisoned the log, as an error.
    pub(crate) fn poisoned(&self) -> LogError {
        LogError::Poisoned { reason: self.reason().unwrap_or_default() }
    }

    pub(crate) fn reason(&self) -> Option<String> {
        self.reason.get().cloned()
    }

    /// Notes a failure after which no write can be acknowledged.
    pub(crate) fn poison(&self, reason: String) {
        // Of several failures at once the first is the reason; that the others lose is intended.
        let _ = self.reason.set(reason);
        self.state.fetch_max(POISONED, SeqCst);
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        self.state.fetch_max(CLOSED, SeqCst);
    }

    /// Whether the directory may be somebody else's by now.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays_and_a_poisoned_one_can_be_closed() {
        let condition = Condition::new(false);
        assert_eq!((condition.refusal(), condition.is_closed()), (None, false));
        condition.poison("an fsync failed".to_owned());
        condition.poison("another one".to_owned());
        assert!(!condition.is_closed());
        condition.close();
        assert!(condition.is_closed());
        assert_eq!(condition.refusal(), Some(ReserveError::Poisoned));
        assert_eq!(condition.reason().as_deref(), Some("an fsync failed"));
    }
}
