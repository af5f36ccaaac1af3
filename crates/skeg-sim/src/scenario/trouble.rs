//! Faults of a plan: a disk that gets full, and one that fails.

use skeg_io::sim::{Failure, Fault, FaultRates, Injection, Operation, SimRng};

use super::Draw;
use crate::plan::{Step, Themes};

/// Faults of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    Space,
    Io,
}

impl Draw {
    pub(super) fn trouble(&mut self, themes: Themes) -> Trouble {
        match (themes, self.rng.below(10)) {
            (Themes::All, 6 | 7) => Trouble::Space,
            (Themes::All, 8..) => Trouble::Io,
            _ => Trouble::None,
        }
    }

    /// What disturbs at all times, and nobody notices.
    pub(super) fn nuisance(&mut self) -> FaultRates {
        if !self.one_in(4) {
            return FaultRates::default();
        }
        FaultRates {
            short_per_million: 200_000,
            interrupted_per_million: 200_000,
            ..FaultRates::default()
        }
    }

    pub(super) fn bad_rates(&mut self) -> FaultRates {
        FaultRates {
            read_failed_per_million: self.pick(&[0, 50_000]),
            write_failed_per_million: self.pick(&[0, 50_000]),
            sync_failed_per_million: self.pick(&[0, 100_000]),
            out_of_space_per_million: self.pick(&[0, 100_000]),
            ..FaultRates::default()
        }
    }

    pub(super) fn add_trouble(&mut self, steps: &mut Vec<Step>, trouble: Trouble) {
        let place = |rng: &mut SimRng, steps: &[Step]| rng.index(steps.len() + 1);
        match trouble {
            Trouble::None => {}
            Trouble::Space => {
                let begin = place(&mut self.rng, steps);
                if self.strings.index(3) == 0 {
                    return steps.insert(begin, Step::Fill { flush: self.strings.coin() });
                }
                let step = if self.one_in(4) {
                    let failure = self.pick(&[Failure::OutOfSpace, Failure::OverQuota]);
                    let operation =
                        self.pick(&[Operation::Write, Operation::Allocate, Operation::Create]);
                    let fault = Injection::once(operation, Fault::Fail(failure));
                    Step::Inject(Injection { times: 1 + self.rng.below(4), ..fault })
                } else {
                    Step::Room(Some(self.pick(&[0, 4 << 10, 64 << 10, 300 << 10])))
                };
                steps.insert(begin, step);
                if self.rng.coin() {
                    let end = begin + 1 + self.rng.index(steps.len() - begin);
                    steps.insert(end, Step::Room(None));
                }
            }
            Trouble::Io => {
                let operation = self.pick(&[Operation::Write, Operation::Sync, Operation::SyncDir]);
                let operation = if self.one_in(5) { Operation::Allocate } else { operation };
                let fault = Injection::once(operation, Fault::Fail(Failure::Io));
                let at = place(&mut self.rng, steps);
                steps.insert(at, Step::Inject(fault.after(self.rng.below(4))));
            }
        }
    }
}
