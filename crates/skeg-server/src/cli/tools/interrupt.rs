//! Ctrl-C while much is written: the tool stops where it can clean up.
//!
//! Invariant: a second signal ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};

use super::trouble::Trouble;
use crate::cli::Failure;

/// Whether somebody wants it to stop.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Signals are taken from now on.
    pub(super) fn watch() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let failed = |error| Failure::failed(format!("cannot watch for signals: {error}"));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal finds the flag down.
            register_conditional_shutdown(signal, 1, Arc::clone(&asked)).map_err(failed)?;
            register(signal, Arc::clone(&asked)).map_err(failed)?;
        }
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
