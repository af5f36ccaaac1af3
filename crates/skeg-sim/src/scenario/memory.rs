//! When memory is short in a plan, and how.
//!
//! Invariant: limits leave room for most of what clients do: what is refused tells little.

use skeg_engine::{EvictionPolicy, Grouping};

use super::Draw;
use crate::plan::{Limit, Step, Themes};

/// How keys are grouped in plans: strings with the collections beside them, each by itself, nearly all together, and by
/// tags alone.
const GROUPINGS: [(u8, u8); 5] = [(b'/', 1), (b'/', 1), (b':', 2), (b':', 1), (b':', 0)];

impl Draw {
    /// Whether memory is short in a round.
    pub(super) fn is_limited(&mut self, themes: Themes) -> bool {
        match themes {
            Themes::Memory => true,
            Themes::All | Themes::PowerLoss | Themes::Snapshots => self.memory.below(3) == 0,
            Themes::Vectors | Themes::Backups => self.memory.below(8) == 0,
        }
    }

    /// Memory is limited once there is something that may go, and by others later.
    pub(super) fn add_limits(&mut self, steps: &mut Vec<Step>) {
        let mut at = self.memory.index(1 + steps.len() / 2);
        loop {
            steps.insert(at, Step::Limit(self.limit()));
            at += 1 + self.memory.index(60);
            if at > steps.len() {
                return;
            }
        }
    }

    fn limit(&mut self) -> Limit {
        use EvictionPolicy::None as Keep;
        let samples = [1, 5, 5, 64][self.memory.index(4)];
        let grouping = match self.grouping {
            Some(grouping) if self.memory.below(8) > 0 => grouping,
            _ => {
                let (delimiter, depth) = GROUPINGS[self.memory.index(GROUPINGS.len())];
                Grouping { delimiter, depth }
            }
        };
        self.grouping = Some(grouping);
        if self.memory.below(8) == 0 {
            return Limit { room: None, policy: Keep, samples, grouping };
        }
        // Groups more often than any other: most sweeps are not looked at.
        let policy = match self.memory.below(3) {
            0 => EvictionPolicy::AllGroupLru,
            _ => EvictionPolicy::ALL[self.memory.index(EvictionPolicy::ALL.len())],
        };
        // Where little may go, changes are refused soon.
        let rooms = if policy == Keep || policy.is_volatile() {
            [1_000, 20_000, 100_000, 400_000]
        } else {
            [-5_000, 0, 1_000, 20_000]
        };
        Limit { room: Some(rooms[self.memory.index(4)]), policy, samples, grouping }
    }
}
