//! Promises that a simulation breaks on purpose, to see that it would notice.
//!
//! Without the feature `failpoints` nothing is ever broken, and the compiler knows it.

/// A promise to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "failpoints"), expect(unreachable_pub, reason = "nobody may break it"))]
pub enum Broken {
    /// A snapshot is published before the epochs that it covers are durable.
    PublishesEarly,
    /// The directory entry of a snapshot is not synced.
    ForgetsTheDirectory,
    /// Segments are removed before the CURRENT that does without them is durable.
    RemovesEarly,
    /// Segments are removed that have values which somebody needs.
    DropsValues,
    /// Replay does not skip what is in the snapshot.
    IgnoresPlaces,
}

#[cfg(feature = "failpoints")]
mod set {
    use std::cell::Cell;

    use super::Broken;

    std::thread_local! {
        static BROKEN: Cell<Option<Broken>> = const { Cell::new(None) };
    }

    /// What is broken on this thread from now on.
    pub fn break_promise(broken: Option<Broken>) {
        BROKEN.set(broken);
    }

    pub(super) fn now() -> Option<Broken> {
        BROKEN.get()
    }
}

#[cfg(feature = "failpoints")]
pub use set::break_promise;

/// Whether a promise is to be broken here.
#[cfg(feature = "failpoints")]
pub(crate) fn breaks(broken: Broken) -> bool {
    set::now() == Some(broken)
}

/// Whether a promise is to be broken here.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn breaks(_: Broken) -> bool {
    false
}
