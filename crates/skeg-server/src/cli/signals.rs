//! Signals that ask the process to end.
//!
//! A group of processes gets a signal as a whole (Ctrl-C, a service that is stopped), and the launcher of the package
//! passes on what it gets: so one wish may come twice. What comes soon after another counts as the same.
//!
//! May not know: what it ends.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::Failure;

/// So long after a signal another one says nothing new.
const SAME: Duration = Duration::from_secs(1);

/// The thread that waits for signals. It goes on when this is dropped.
pub(super) struct SignalWatch {
    handle: Handle,
    thread: JoinHandle<()>,
}

impl SignalWatch {
    /// Calls `then` with each wish to end, by its signal.
    pub(super) fn start(mut then: impl FnMut(i32) + Send + 'static) -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("cannot watch for signals: {error}"));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
        let handle = signals.handle();
        let body = move || {
            let mut last: Option<Instant> = None;
            for signal in &mut signals {
                if last.is_none_or(|at| at.elapsed() > SAME) {
                    last = Some(Instant::now());
                    then(signal);
                }
            }
        };
        let thread =
            std::thread::Builder::new().name("skeg-signals".into()).spawn(body).map_err(failed)?;
        Ok(Self { handle, thread })
    }

    pub(super) fn end(self) {
        self.handle.close();
        // It only forwards; if it failed, there is nothing left to forward.
        let _ = self.thread.join();
    }
}
