//! Figures of the network and of the serving threads.
//!
//! Each thread has a block of its own that only it writes, once a turn; readers add them up.

use skeg_commands::NetworkFigures;
use skeg_io::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::spread::Load;

/// What one serving thread has done.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadStats {
    pub(crate) connections: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    busy: AtomicU32,
    window_commands: AtomicU64,
    active: AtomicU32,
}

impl ThreadStats {
    /// Publishes the load of a window.
    pub(crate) fn set_load(&self, load: Load) {
        self.busy.store(load.busy, Ordering::Relaxed);
        self.window_commands.store(load.commands, Ordering::Relaxed);
        self.active.store(load.active, Ordering::Relaxed);
    }

    /// The load of the last window.
    pub(crate) fn load(&self) -> Load {
        Load {
            busy: self.busy.load(Ordering::Relaxed),
            commands: self.window_commands.load(Ordering::Relaxed),
            active: self.active.load(Ordering::Relaxed),
        }
    }
}

/// What the server has done.
#[derive(Debug)]
pub(crate) struct Stats {
    pub(crate) threads: Vec<ThreadStats>,
    /// Connections that are open.
    pub(crate) clients: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    /// Totals at the last CONFIG RESETSTAT.
    before: skeg_io::sync::Mutex<NetworkFigures>,
}

impl Stats {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads: (0..threads).map(|_| ThreadStats::default()).collect(),
            clients: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            before: skeg_io::sync::Mutex::new(NetworkFigures::default()),
        }
    }

    /// Counts a new connection, unless there are too many.
    pub(crate) fn admit(&self, clients_max: u64) -> bool {
        // Only the accepting thread adds, so the bound holds.
        if self.clients.load(Ordering::Relaxed) >= clients_max {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.clients.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Counts the end of a connection.
    pub(crate) fn closed(&self) {
        self.clients.fetch_sub(1, Ordering::Relaxed);
    }

    fn totals(&self) -> NetworkFigures {
        let mut figures = NetworkFigures {
            connections: self.accepted.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            ..NetworkFigures::default()
        };
        for thread in &self.threads {
            figures.input_bytes += thread.bytes_in.load(Ordering::Relaxed);
            figures.output_bytes += thread.bytes_out.load(Ordering::Relaxed);
            figures.reads += thread.reads.load(Ordering::Relaxed);
            figures.writes += thread.writes.load(Ordering::Relaxed);
        }
        figures
    }

    /// Totals since the last reset.
    pub(crate) fn figures(&self) -> NetworkFigures {
        let (now, before) = (self.totals(), self.before.lock());
        NetworkFigures {
            connections: now.connections - before.connections,
            rejected: now.rejected - before.rejected,
            input_bytes: now.input_bytes - before.input_bytes,
            output_bytes: now.output_bytes - before.output_bytes,
            reads: now.reads - before.reads,
            writes: now.writes - before.writes,
        }
    }

    /// Totals start again at zero.
    pub(crate) fn reset(&self) {
        *self.before.lock() = self.totals();
    }
}
