//! What the threads of a server share, and what commands ask of the server.
//!
//! Invariant: an inbox that can be found belongs to a thread that was started.

use std::path::Path;
use std::sync::OnceLock;

use skeg_commands::{Host, NetworkFigures, ProcessFigures, Shutdown};
use skeg_io::Io;
use skeg_io::sync::atomic::{AtomicBool, Ordering};
use skeg_io::sync::{Arc, Condvar, Mutex};

use crate::address::{Inbox, Message};
use crate::options::ServerOptions;
use crate::stats::Stats;

/// What the threads of a server share.
pub(crate) struct Hub {
    pub(crate) options: ServerOptions,
    pub(crate) stats: Stats,
    pub(crate) io: Io,
    inboxes: Vec<OnceLock<Arc<Inbox>>>,
    stopping: AtomicBool,
    /// A stop that does not wait for what is in flight.
    hurried: AtomicBool,
    /// Threads that serve.
    running: Mutex<usize>,
    ended: Condvar,
}

impl Hub {
    pub(crate) fn new(options: ServerOptions, io: Io) -> Self {
        let threads = options.threads_max.max(1);
        Self {
            options,
            stats: Stats::new(threads),
            io,
            inboxes: (0..threads).map(|_| OnceLock::new()).collect(),
            stopping: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
            running: Mutex::new(0),
            ended: Condvar::new(),
        }
    }

    /// The inbox of a thread, if it has been started.
    pub(crate) fn inbox(&self, thread: usize) -> Option<&Arc<Inbox>> {
        self.inboxes.get(thread)?.get()
    }

    /// A thread is about to run.
    pub(crate) fn starts(&self) {
        *self.running.lock() += 1;
    }

    /// A thread runs: it can be reached from now on.
    pub(crate) fn started(&self, thread: usize, inbox: Arc<Inbox>) {
        let inbox = self.inboxes[thread].get_or_init(|| inbox);
        // A stop that has not seen the inbox is seen here.
        if self.is_stopping() {
            inbox.send(Message::Stop);
        }
    }

    /// A thread has ended.
    pub(crate) fn ends(&self) {
        *self.running.lock() -= 1;
        self.ended.notify_all();
    }

    /// Waits until every thread has ended.
    pub(crate) fn wait(&self) {
        let mut running = self.running.lock();
        while *running > 0 {
            running = self.ended.wait(running);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// How long a stop waits for what is in flight, in nanoseconds.
    pub(crate) fn patience_ns(&self) -> u64 {
        if self.hurried.load(Ordering::SeqCst) {
            return 0;
        }
        u64::try_from(self.options.shutdown_timeout.as_nanos()).unwrap_or(u64::MAX / 2)
    }

    /// Starts to stop; whoever calls it again may only hurry it.
    pub(crate) fn stop(&self, hurry: bool) {
        self.hurried.fetch_or(hurry, Ordering::SeqCst);
        self.stopping.store(true, Ordering::SeqCst);
        for inbox in self.inboxes.iter().filter_map(OnceLock::get) {
            inbox.send(Message::Stop);
        }
    }
}

impl Host for Hub {
    fn process(&self) -> ProcessFigures {
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let path =
            |path: Option<&Path>| path.map_or_else(String::new, |path| path.display().to_string());
        let (cpu_user_s, cpu_system_s) = processor_seconds(&self.io).unwrap_or_default();
        ProcessFigures {
            resident_bytes: status_bytes(&self.io, "VmRSS:").unwrap_or_default(),
            resident_peak_bytes: status_bytes(&self.io, "VmHWM:").unwrap_or_default(),
            cpu_system_s,
            cpu_user_s,
            machine_bytes: machine_bytes(),
            system: format!(
                "{} {} {}",
                text(uname.sysname()),
                text(uname.release()),
                text(uname.machine())
            ),
            executable: path(std::env::current_exe().ok().as_deref()),
            config_file: path(self.options.config_file.as_deref()),
            multiplexing: if cfg!(target_os = "linux") { "epoll" } else { "kqueue" },
        }
    }

    fn network(&self) -> NetworkFigures {
        self.stats.figures()
    }

    fn shutdown(&self, request: Shutdown) -> Result<(), String> {
        if !self.options.clients_may_stop {
            return Err("SHUTDOWN is for servers: close the store instead".into());
        }
        self.stop(request.now);
        Ok(())
    }

    fn unpaused(&self) {
        for inbox in self.inboxes.iter().filter_map(OnceLock::get) {
            inbox.send(Message::Unpaused);
        }
    }

    fn reset_figures(&self) {
        self.stats.reset();
    }
}

/// The text of a small file that the kernel makes up.
fn kernel_file(io: &Io, path: &str) -> Option<String> {
    let file = io.disk.open(Path::new(path), skeg_io::OpenMode::Read).ok()?;
    let mut bytes = vec![0; 4_096];
    let length = file.read_at(&mut bytes, 0).ok()?;
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// A line of `/proc/self/status`, which are in KiB. Linux only; elsewhere INFO shows zero.
fn status_bytes(io: &Io, name: &str) -> Option<u64> {
    let text = kernel_file(io, "/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1_024)
}

/// Processor time in the process and in the system. Linux only, as above.
fn processor_seconds(io: &Io) -> Option<(f64, f64)> {
    let text = kernel_file(io, "/proc/self/stat")?;
    // Behind the name, which may contain anything, in parentheses.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let mut seconds = || -> Option<f64> {
        let ticks: u32 = fields.next()?.parse().ok()?;
        Some(f64::from(ticks) / rustix::param::clock_ticks_per_second() as f64)
    };
    Some((seconds()?, seconds()?))
}

#[cfg(target_os = "linux")]
fn machine_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    let total = info.totalram as u64;
    total * u64::from(info.mem_unit)
}

#[cfg(not(target_os = "linux"))]
fn machine_bytes() -> u64 {
    0
}
