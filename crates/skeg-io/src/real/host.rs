//! Clock, randomness and threads of the real machine.

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::sync::thread::{Builder, JoinHandle};
use crate::{Clock, Entropy, Join, Panicked, Threads};

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// Monotonic time counts from here.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now_ms(&self) -> u64 {
        // A clock set before 1970 counts as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Nanoseconds that the calling thread has run on a processor, since it was started.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // Neither is negative.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealEntropy;

impl RealEntropy {
    /// There is but one.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Entropy for RealEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("an operating system that we run on gives randomness");
    }
}

/// How much nicer than others a thread is that has stepped back: it gets about a tenth beside one of them.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The system's threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealThreads;

impl RealThreads {
    /// There is but one.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Threads for RealThreads {
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>> {
        let handle = Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Box::new(RealThread(handle)))
    }

    fn processors(&self) -> usize {
        // Where the system does not say, one is certainly there.
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    #[cfg(not(feature = "shuttle"))]
    fn together(&self, name: &str, count: usize, body: &(dyn Fn() + Sync)) {
        std::thread::scope(|scope| {
            for _ in 1..count {
                // Whom the system refuses leaves its share to the others.
                let _ = Builder::new().name(name.to_owned()).spawn_scoped(scope, || {
                    super::standing_by::stand_by();
                    body();
                });
            }
            body();
        });
    }

    fn give_way(&self) {
        std::thread::yield_now();
    }

    fn step_back(&self) {
        // There it is each thread's own; a system that refuses leaves it as it is.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(NICE);
    }
}

#[derive(Debug)]
struct RealThread(JoinHandle<()>);

impl Join for RealThread {
    fn join(self: Box<Self>) -> Result<(), Panicked> {
        self.0.join().map_err(|payload| Panicked::from_payload(&*payload))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn all_that_is_shared_is_done_when_the_call_returns() {
        for count in [0, 1, 3] {
            let (next, sum) = (AtomicUsize::new(0), AtomicUsize::new(0));
            RealThreads.together("test", count, &|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && number < 1_000
                {
                    sum.fetch_add(number, Ordering::Relaxed);
                }
            });
            assert_eq!(sum.into_inner(), 499_500);
        }
    }

    #[cfg(all(target_os = "linux", not(feature = "shuttle")))]
    #[test]
    fn who_helps_stands_by_and_who_asks_does_not() {
        let policies = std::sync::Mutex::new(Vec::new());
        RealThreads.together("test", 2, &|| {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // The 41st field, counted from behind the name: see proc_pid_stat(5).
            let policy = stat.rsplit(')').next().unwrap().split_whitespace().nth(38).unwrap();
            policies.lock().unwrap().push(policy.to_owned());
        });
        let mut policies = policies.into_inner().unwrap();
        policies.sort();
        assert_eq!(policies, ["0", "5"]);
    }

    #[test]
    fn a_thread_that_sleeps_is_not_on_a_processor() {
        let (wall, begun) = (Instant::now(), thread_cpu_ns());
        while thread_cpu_ns() - begun < 1_000_000 {}
        std::thread::sleep(Duration::from_millis(50));
        let on_processor = Duration::from_nanos(thread_cpu_ns() - begun);
        assert!(on_processor + Duration::from_millis(25) < wall.elapsed(), "{on_processor:?}");
    }
}
