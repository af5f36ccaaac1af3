//! Background threads as the engine sees them.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io;

/// Starts threads.
pub trait Threads: Send + Sync + Debug {
    /// Runs `body` on a new thread called `name` (systems show about its first 15 bytes).
    ///
    /// # Errors
    /// When the system refuses another thread. A simulated machine always refuses with
    /// [`io::ErrorKind::Unsupported`]: there the simulator drives each step by hand.
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>>;

    /// How many threads can run at the same time.
    fn processors(&self) -> usize;

    /// Calls `body` on up to `count` threads side by side, the caller's among them, and returns when all
    /// calls have. So `body` takes its share of the work and ends when nothing is left: where the system
    /// refuses a thread, or on a simulated machine, the others do all of it. All but the caller's run only where no
    /// other thread of the machine wants the processor, as far as the system has that (Linux).
    ///
    /// # Panics
    /// When `body` does, on any of them.
    fn together(&self, name: &str, count: usize, body: &(dyn Fn() + Sync)) {
        let _ = (name, count);
        body();
    }

    /// Others that want the processor have it first. Who works for long and calls this every tenth of a millisecond
    /// keeps nobody waiting for its slice of time to end, and costs nothing where nobody waits.
    fn give_way(&self) {}

    /// From now on the caller's thread, and those that it starts, run when others leave time, as far as the
    /// system has that for threads (Linux).
    fn step_back(&self) {}
}

/// A started thread. Dropping it lets the thread run on by itself.
pub trait Join: Send + Debug {
    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// When the thread ended by a panic.
    fn join(self: Box<Self>) -> Result<(), Panicked>;
}

/// A background thread ended by a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// What the thread said when it panicked, as far as it was text.
    pub message: String,
}

impl Panicked {
    /// Takes the message out of what a panic carries.
    #[must_use]
    pub fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Self { message }
    }
}

impl Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a background thread panicked: {}", self.message)
    }
}

impl Error for Panicked {}
