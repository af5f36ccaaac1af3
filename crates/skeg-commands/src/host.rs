//! What commands need from the process around them; whoever serves sessions implements it.
//!
//! May not know: how any of it is found out.

/// The process that serves.
pub trait Host: Send + Sync {
    /// Figures of the process, for INFO.
    fn process(&self) -> ProcessFigures {
        ProcessFigures::default()
    }

    /// Figures of the network, for INFO.
    fn network(&self) -> NetworkFigures {
        NetworkFigures::default()
    }

    /// Starts to shut down. Returns at once; the server drains, flushes and closes by itself.
    ///
    /// # Errors
    /// Why it cannot be shut down this way.
    fn shutdown(&self, request: Shutdown) -> Result<(), String> {
        let _ = request;
        Err("SHUTDOWN is for servers: close the store instead".into())
    }

    /// Calls off a shutdown that has begun; `false` when none has, or it is too late.
    fn abort_shutdown(&self) -> bool {
        false
    }

    /// CLIENT UNPAUSE: what is held up is to be tried again.
    fn unpaused(&self) {}

    /// Sets the figures of [`Host::network`] to zero, where they are totals.
    fn reset_figures(&self) {}
}

/// No server: an embedded store.
impl Host for () {}

/// What SHUTDOWN asks for. The data is in the log whatever it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// Do not wait for what is in flight.
    pub now: bool,
    /// Exit also when the last sync fails.
    pub force: bool,
}

/// Figures of the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessFigures {
    /// Resident bytes.
    pub resident_bytes: u64,
    /// The most there ever were.
    pub resident_peak_bytes: u64,
    /// Seconds of processor time in the system.
    pub cpu_system_s: f64,
    /// Seconds of processor time in the process itself.
    pub cpu_user_s: f64,
    /// Bytes of memory of the machine.
    pub machine_bytes: u64,
    /// Name and release of the operating system, and the machine's.
    pub system: String,
    /// Path of the executable.
    pub executable: String,
    /// Path of the configuration file, or empty.
    pub config_file: String,
    /// The system call that waits for connections.
    pub multiplexing: &'static str,
}

/// Figures of the network since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkFigures {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because there were too many.
    pub rejected: u64,
    /// Bytes received.
    pub input_bytes: u64,
    /// Bytes sent.
    pub output_bytes: u64,
    /// Reads of sockets.
    pub reads: u64,
    /// Writes to sockets.
    pub writes: u64,
}
