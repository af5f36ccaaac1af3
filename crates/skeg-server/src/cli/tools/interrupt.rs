//! Ctrl-C while much is written: the tool stops where it can clean up.
//!
//! Invariant: a second signal ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::trouble::Trouble;
use crate::cli::Failure;
use crate::cli::signals::SignalWatch;

/// Whether somebody wants it to stop.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Signals are taken from now on.
    pub(super) fn watch() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&asked);
        SignalWatch::start(move |_| {
            if told.swap(true, Ordering::Relaxed) {
                signal_hook::low_level::exit(1);
            }
        })?;
        Ok(Self(asked))
    }

    /// Whether a signal has come.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once a signal has come.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        if self.is_asked() { Err(interrupted()) } else { Ok(()) }
    }
}

/// What is said after one.
pub(super) fn interrupted() -> Trouble {
    Trouble::Coded("ERR_ABORTED", "interrupted".into())
}
