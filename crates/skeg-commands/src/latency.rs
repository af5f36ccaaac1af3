//! The latency monitor: what took longer than a threshold, by the kind of event.
//!
//! Invariant: an event keeps 160 samples at most, one for each second.

use std::collections::{BTreeMap, VecDeque};

use skeg_io::sync::Mutex;

/// Samples that an event keeps.
const SAMPLES_MAX: usize = 160;

/// One second with something slow in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// In Unix seconds.
    pub(crate) at_s: u64,
    /// The longest of that second.
    pub(crate) spent_ms: u64,
}

/// An event's samples, the oldest first, and the longest ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) samples: VecDeque<Sample>,
    pub(crate) max_ms: u64,
}

/// The events that were slow.
#[derive(Debug, Default)]
pub(crate) struct LatencyMonitor(Mutex<BTreeMap<&'static str, Series>>);

impl LatencyMonitor {
    /// Notes that an event took so long.
    pub(crate) fn note(&self, event: &'static str, at_s: u64, spent_ms: u64) {
        let mut events = self.0.lock();
        let series = events.entry(event).or_default();
        series.max_ms = series.max_ms.max(spent_ms);
        match series.samples.back_mut() {
            Some(last) if last.at_s == at_s => last.spent_ms = last.spent_ms.max(spent_ms),
            _ => series.samples.push_back(Sample { at_s, spent_ms }),
        }
        if series.samples.len() > SAMPLES_MAX {
            series.samples.pop_front();
        }
    }

    /// All events with their samples.
    pub(crate) fn all(&self) -> Vec<(&'static str, Series)> {
        self.0.lock().iter().map(|(event, series)| (*event, series.clone())).collect()
    }

    /// The samples of an event.
    pub(crate) fn of(&self, event: &[u8]) -> Series {
        let events = self.0.lock();
        let found = events.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(event));
        found.map(|(_, series)| series.clone()).unwrap_or_default()
    }

    /// Forgets an event; `false` when there is none of that name.
    pub(crate) fn reset(&self, event: &[u8]) -> bool {
        let mut events = self.0.lock();
        let before = events.len();
        events.retain(|name, _| !name.as_bytes().eq_ignore_ascii_case(event));
        events.len() < before
    }

    /// Forgets all events; returns how many there were.
    pub(crate) fn reset_all(&self) -> usize {
        std::mem::take(&mut *self.0.lock()).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_longest() {
        let monitor = LatencyMonitor::default();
        for (at_s, spent_ms) in [(1, 5), (1, 9), (1, 3), (2, 4)] {
            monitor.note("command", at_s, spent_ms);
        }
        let series = monitor.of(b"COMMAND");
        let samples: Vec<_> = series.samples.iter().map(|s| (s.at_s, s.spent_ms)).collect();
        assert_eq!((samples, series.max_ms), (vec![(1, 9), (2, 4)], 9));
        assert!(monitor.reset(b"command") && !monitor.reset(b"command"));
        assert_eq!(monitor.reset_all(), 0);
    }
}
