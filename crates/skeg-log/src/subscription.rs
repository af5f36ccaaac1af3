//! Telling threads that an epoch has reached a level.

use crate::types::{Epoch, Level};

/// Whoever wants to be told. Called on the thread that wrote or synced: must not block, and must
/// not call back into the log but to read [`Log::reached`](crate::Log::reached).
pub trait Notify: Send + Sync {
    /// Something that was wanted has happened (or the log is poisoned or closed): look again. May come
    /// once too often, never too few times.
    fn notify(&self);
}

/// What [`Subscription::want`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The epoch has reached the level already; nothing was registered.
    Reached,
    /// Registered: one notification will come when it does (for the smallest epoch wanted at that
    /// level since the last one; want the next when it has come).
    Waiting,
    /// It never will: the log is poisoned or closed.
    Never,
}

/// A registration for notifications. Dropping it ends them.
#[derive(Debug)]
pub struct Subscription {
    _private: (),
}

impl Subscription {
    /// Asks for one notification when `epoch` has reached `level`. At [`Level::Disk`] an fsync is
    /// requested as well.
    pub fn want(&self, level: Level, epoch: Epoch) -> Want {
        let _ = (level, epoch);
        Want::Never
    }

    /// Asks for one notification when it is worth while to try a reservation again that was
    /// answered with [`ReserveError::Wait`](crate::ReserveError::Wait).
    pub fn want_space(&self) {}
}
