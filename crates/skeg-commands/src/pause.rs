//! CLIENT PAUSE: commands of network clients that wait until a moment, or until UNPAUSE.
//!
//! A session whose command is held up keeps it; its transport tries again when the pause is over.
//! Meanwhile nothing expires, so that the data stays as it is. Embedded calls are nobody's client
//! and are not held up.

use skeg_engine::Engine;
use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicBool, Ordering};

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Paused {
    /// Those that change data or publish.
    Writes,
    /// All.
    All,
}

/// The pause of a server, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    is_on: AtomicBool,
    /// What waits, and until when, by the monotonic clock.
    what: Mutex<Option<(Paused, u64)>>,
}

impl Pause {
    /// Begins a pause, or extends the one that there is: of two the stricter, until the later end.
    pub(crate) fn begin(&self, engine: &Engine, paused: Paused, until_ms: u64) {
        let mut what = self.what.lock();
        let before = what.unwrap_or((paused, until_ms));
        let until_ms = before.1.max(until_ms);
        *what = Some((before.0.max(paused), until_ms));
        self.is_on.store(true, Ordering::SeqCst);
        // By the wall clock, so that it ends also when nobody looks any more.
        let left_ms = until_ms.saturating_sub(engine.io().clock.monotonic_ns() / 1_000_000);
        engine.keep_expired_until(engine.now_ms().saturating_add(left_ms));
    }

    /// Ends the pause; `false` when there is none.
    pub(crate) fn end(&self, engine: &Engine) -> bool {
        let mut what = self.what.lock();
        let had = what.take().is_some();
        self.is_on.store(false, Ordering::SeqCst);
        if had {
            engine.keep_expired_until(0);
        }
        had
    }

    /// Whether there may be a pause: a load.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// What waits at this moment, and until when; a pause whose time is up ends here.
    pub(crate) fn current(&self, engine: &Engine) -> Option<(Paused, u64)> {
        if !self.is_on() {
            return None;
        }
        let now_ms = engine.io().clock.monotonic_ns() / 1_000_000;
        let what = *self.what.lock();
        match what {
            Some((_, until_ms)) if until_ms <= now_ms => {
                self.end(engine);
                None
            }
            other => other,
        }
    }
}
