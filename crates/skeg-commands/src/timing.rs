//! How long commands take: for the slow log, the latency monitor and the histograms.
//!
//! Two looks at the clock cost as much as a small GET, so not every command is timed. Always timed is
//! one in 64 (`stats.rs`), and whatever may take long: what is not marked as fast, and does more than
//! write its short arguments or read a few elements at given places. Every command is timed while somebody asks for it: by a threshold of the
//! slow log below a millisecond, by a threshold of the latency monitor, by `latency-tracking`, or by MONITOR.
//! Why: `docs/decisions/0011-messages-and-timing.md`.

use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use skeg_proto::Args;

use crate::clients::Client;
use crate::config::Config;
use crate::context::Context;
use crate::latency::LatencyMonitor;
use crate::monitor::Monitors;
use crate::parse;
use crate::slowlog::{self, Entry, SlowLog};
use crate::spec::{BoundRule, Flags, Handler, Spec};
use crate::table::CommandId;

/// A threshold of the slow log below which every command is timed, in microseconds.
const FINE_US: i64 = 1_000;
/// Arguments in bytes up to which writing them is quick.
const SHORT_BYTES: usize = 4 << 10;
/// Elements up to which reading them is quick.
const FEW_ELEMENTS: i64 = 64;

/// Which commands are timed.
mod watch {
    pub(super) const NONE: u8 = 0;
    pub(super) const LONG: u8 = 1;
    pub(super) const ALL: u8 = 2;
}

/// What the settings ask for, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    watch: AtomicU8,
    /// Held while they are followed: what was read last is what holds.
    following: Mutex<()>,
    /// Negative: no slow log.
    slow_us: AtomicI64,
    slow_max: AtomicU64,
    /// 0: no latency monitor.
    latency_ms: AtomicU64,
    pub(crate) slow_log: SlowLog,
    pub(crate) latency: LatencyMonitor,
    pub(crate) monitors: Monitors,
}

impl Timing {
    /// Follows the settings, and whether somebody monitors.
    pub(crate) fn follow(&self, config: &Config) {
        let _one_by_one = self.following.lock();
        let slow_us = config.signed("slowlog-log-slower-than");
        let latency_ms = config.signed("latency-monitor-threshold").unsigned_abs();
        self.slow_us.store(slow_us, Ordering::Relaxed);
        self.slow_max.store(config.signed("slowlog-max-len").unsigned_abs(), Ordering::Relaxed);
        self.latency_ms.store(latency_ms, Ordering::Relaxed);
        let tracking = config.get("latency-tracking").as_deref() == Some("yes");
        let is_fine = (0..FINE_US).contains(&slow_us) || latency_ms > 0 || tracking;
        let watch = if is_fine || !self.monitors.is_empty() {
            watch::ALL
        } else if slow_us >= 0 {
            watch::LONG
        } else {
            watch::NONE
        };
        self.watch.store(watch, Ordering::Relaxed);
    }

    /// Whether this call is timed.
    #[inline]
    pub(crate) fn wants(&self, spec: &Spec, args: Args<'_>) -> bool {
        match self.watch.load(Ordering::Relaxed) {
            watch::NONE => false,
            watch::ALL => true,
            _ => may_take_long(spec, args),
        }
    }

    pub(crate) fn latency_threshold_ms(&self) -> u64 {
        self.latency_ms.load(Ordering::Relaxed)
    }
}

fn may_take_long(spec: &Spec, args: Args<'_>) -> bool {
    if spec.flags.has(Flags::FAST) {
        return false;
    }
    let writes_arguments = matches!(
        (spec.run, spec.bound),
        (Handler::Keyed(_) | Handler::Indexed(..), BoundRule::Grow)
    );
    let is_short = writes_arguments && args.extent_bytes() < SHORT_BYTES;
    !is_short && !reads_few(spec, args)
}

/// Whether it reads a short range of places, without options: as quick as a few reads that are fast.
fn reads_few(spec: &Spec, args: Args<'_>) -> bool {
    if args.len() != 4 || !matches!(spec.name, "lrange" | "zrange" | "zrevrange") {
        return false;
    }
    let [start, stop] = [2, 3].map(|index| parse::integer(args.get(index)));
    let (Some(start), Some(stop)) = (start, stop) else { return false };
    // Whether both count from the same end.
    (start < 0) == (stop < 0) && stop.saturating_sub(start) < FEW_ELEMENTS
}

/// A call that is being timed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    since_ns: u64,
}

impl Started {
    /// Begins, if this call is to be timed.
    #[inline]
    pub(crate) fn now_if(context: &Context, wanted: bool) -> Option<Self> {
        wanted.then(|| Self { since_ns: context.clock().monotonic_ns() })
    }

    /// Ends: the time goes to whoever wants it. Returns it, in nanoseconds.
    #[cold]
    pub(crate) fn end(
        self,
        context: &Context,
        client: &Client,
        id: CommandId,
        args: Args<'_>,
    ) -> u64 {
        let spent_ns = context.clock().monotonic_ns().saturating_sub(self.since_ns);
        let spent_us = spent_ns / 1_000;
        client.stats().observed(id, spent_us);
        let (timing, spec) = (context.timing(), id.spec());
        let slow_us = timing.slow_us.load(Ordering::Relaxed);
        let is_slow = u64::try_from(slow_us).is_ok_and(|slow_us| spent_us >= slow_us);
        if is_slow && !spec.flags.has(Flags::SKIP_SLOWLOG) {
            let max = usize::try_from(timing.slow_max.load(Ordering::Relaxed));
            let entry = Entry {
                id: 0,
                at_s: context.engine().now_ms() / 1_000,
                spent_us,
                args: slowlog::shortened(args),
                address: client.origin().address.clone(),
                client_name: client.name(),
            };
            timing.slow_log.add(entry, max.unwrap_or(usize::MAX));
        }
        let latency_ms = timing.latency_threshold_ms();
        let spent_ms = spent_us / 1_000;
        if latency_ms > 0 && spent_ms >= latency_ms {
            let event = if spec.flags.has(Flags::FAST) { "fast-command" } else { "command" };
            timing.latency.note(event, context.engine().now_ms() / 1_000, spent_ms);
        }
        spent_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn only_short_ranges_of_places_are_quick() {
        let takes_long = |line: &str| {
            let args: skeg_proto::ArgsBuf = line.split(' ').collect();
            let args = args.as_args();
            let id = table::resolve(args).expect("there is such a command");
            may_take_long(id.spec(), args)
        };
        for line in ["zrange k 0 9", "lrange k -10 -1", "zrevrange k 5 1", "get k", "mset k v"] {
            assert!(!takes_long(line), "{line}");
        }
        let long = ["zrange k 0 -1", "lrange k 0 64", "zrange k -1 0", "zrange k 0 9 byscore"];
        for line in long.into_iter().chain(["lrange k 0 x", "lrange k 0", "smembers k"]) {
            assert!(takes_long(line), "{line}");
        }
        let large = format!("mset k {}", "v".repeat(SHORT_BYTES));
        assert!(takes_long(&large));
    }
}
