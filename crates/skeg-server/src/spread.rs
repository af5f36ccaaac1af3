//! How many threads serve, and which of them gives connections away.
//!
//! Connections gather on one thread. When that is busy for a while, a part of them moves to a
//! second one, on trial: if more commands are served than before, it stays so, otherwise (no core
//! was idle, or one connection does it all) they move back and the next trial waits longer. When all
//! load fits fewer threads again, they gather.
//!
//! Measured figures decide, not the number of cores: on a machine whose other cores are taken by the clients
//! themselves a second thread costs more than it brings (`docs/decisions/0004-connection-loop.md`).
//!
//! May not know: connections, sockets, clocks (it is called once per window).

/// How often loads are looked at.
pub(crate) const WINDOW_MS: u64 = 100;

/// Above this share of its time a thread is busy, in thousandths.
const BUSY: u32 = 800;
/// Below this share of their time one thread less would do.
const GATHER: u32 = 600;
/// Windows in a row that a reason must hold.
const STEADY_WINDOWS: u32 = 5;
/// Windows after a change that measure nothing yet.
const SETTLE_WINDOWS: u32 = 3;
/// Windows that a trial is measured over.
const TRIAL_WINDOWS: u32 = 7;
/// After so many of them a trial ends in which less is served than before: what a second thread costs where all
/// clients want the same keys is paid for as long as it lasts.
const HOPELESS_WINDOWS: u32 = 2;
/// And after so many already, in thousandths of the commands served before: that is no settling.
const HOPELESS: u64 = 700;
/// What a trial must bring, in thousandths of the commands served before.
const GAIN: u64 = 1_100;
/// Windows between trials, doubled with every failure.
const PAUSE_WINDOWS_MIN: u32 = 50;
const PAUSE_WINDOWS_MAX: u32 = 1_600;

/// What a thread did in one window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Share of the time that it ran on a processor, in thousandths. One that is ready and has to wait for
    /// a processor is not busy: another thread would find none either.
    pub(crate) busy: u32,
    /// Commands it served.
    pub(crate) commands: u64,
    /// Connections that sent something.
    pub(crate) active: u32,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Thread `from` gives a share of its load (in thousandths) to thread `to`.
    Move { from: usize, to: usize, share: u32 },
    /// Thread `from` gives all its connections to thread `to`.
    Empty { from: usize, to: usize },
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing is being tried; so many windows until a trial may be.
    Steady { pause: u32 },
    /// Connections have just moved; so many windows so far were hopeless.
    Settling { left: u32, before: u64, hopeless: u32 },
    /// The new state is measured against the commands per window of the old one.
    Trial { left: u32, before: u64, commands: u64 },
}

/// Decides, once per window.
#[derive(Debug)]
pub(crate) struct Conductor {
    threads_max: usize,
    threads: usize,
    phase: Phase,
    pause: u32,
    /// Windows in a row that all threads were busy, and commands in them.
    busy: (u32, u64),
    idle: u32,
    uneven: u32,
}

impl Conductor {
    pub(crate) fn new(threads_max: usize) -> Self {
        Self {
            threads_max,
            threads: 1,
            phase: Phase::Steady { pause: 0 },
            pause: PAUSE_WINDOWS_MIN,
            busy: (0, 0),
            idle: 0,
            uneven: 0,
        }
    }

    /// Threads in use: the first so many.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Looks at the loads of one window, one for each thread in use at least.
    pub(crate) fn observe(&mut self, loads: &[Load]) -> Option<Decision> {
        let loads = &loads[..self.threads];
        let commands: u64 = loads.iter().map(|load| load.commands).sum();
        match &mut self.phase {
            Phase::Settling { left, before, hopeless } => {
                *left -= 1;
                *hopeless += u32::from(commands * 1_000 < *before * HOPELESS);
                if *hopeless == HOPELESS_WINDOWS {
                    let before = *before;
                    return self.end_trial(commands, before);
                }
                if *left == 0 {
                    self.phase = Phase::Trial { left: TRIAL_WINDOWS, before: *before, commands: 0 };
                }
                None
            }
            Phase::Trial { left, before, commands: sum } => {
                *left -= 1;
                *sum += commands;
                let windows = TRIAL_WINDOWS - *left;
                let (mean, before) = (*sum / u64::from(windows), *before);
                let is_hopeless = windows >= HOPELESS_WINDOWS && mean < before;
                if *left > 0 && !is_hopeless {
                    return None;
                }
                self.end_trial(mean, before)
            }
            Phase::Steady { pause } => {
                *pause = pause.saturating_sub(1);
                let may_try = *pause == 0;
                self.watch(loads, commands, may_try)
            }
        }
    }

    fn end_trial(&mut self, commands: u64, before: u64) -> Option<Decision> {
        if commands * 1_000 >= before * GAIN {
            self.pause = PAUSE_WINDOWS_MIN;
            self.phase = Phase::Steady { pause: STEADY_WINDOWS };
            return None;
        }
        self.phase = Phase::Steady { pause: self.pause };
        self.pause = (self.pause * 2).min(PAUSE_WINDOWS_MAX);
        Some(self.gather())
    }

    /// Gives the last thread's connections to the one before it.
    fn gather(&mut self) -> Decision {
        self.threads -= 1;
        (self.busy, self.idle, self.uneven) = ((0, 0), 0, 0);
        Decision::Empty { from: self.threads, to: self.threads - 1 }
    }

    fn watch(&mut self, loads: &[Load], commands: u64, may_try: bool) -> Option<Decision> {
        let sum: u32 = loads.iter().map(|load| load.busy).sum();
        let count = loads.len() as u32;
        let (from, most) = extreme(loads, |a, b| a > b);
        let (to, least) = extreme(loads, |a, b| a < b);

        let all_busy = loads.iter().all(|load| load.busy > BUSY);
        self.busy = if all_busy { (self.busy.0 + 1, self.busy.1 + commands) } else { (0, 0) };
        let idle = self.threads > 1 && sum < GATHER * (count - 1);
        self.idle = if idle { self.idle + 1 } else { 0 };
        let uneven = most.busy > BUSY && most.busy - least.busy > 300 && most.active > 1;
        self.uneven = if uneven { self.uneven + 1 } else { 0 };

        if self.idle >= 2 * STEADY_WINDOWS {
            return Some(self.gather());
        }
        if self.uneven >= STEADY_WINDOWS {
            self.uneven = 0;
            let share = (most.busy - least.busy) * 1_000 / (2 * most.busy);
            return Some(Decision::Move { from, to, share });
        }
        let (windows, commands) = self.busy;
        if windows >= STEADY_WINDOWS
            && may_try
            && self.threads < self.threads_max
            && most.active > 1
        {
            let before = commands / u64::from(windows);
            self.busy = (0, 0);
            self.phase = Phase::Settling { left: SETTLE_WINDOWS, before, hopeless: 0 };
            self.threads += 1;
            return Some(Decision::Move { from, to: self.threads - 1, share: 500 });
        }
        None
    }
}

fn extreme(loads: &[Load], better: impl Fn(u32, u32) -> bool) -> (usize, Load) {
    let mut found = (0, loads[0]);
    for (index, load) in loads.iter().enumerate() {
        if better(load.busy, found.1.busy) {
            found = (index, *load);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(busy: u32, commands: u64) -> Load {
        Load { busy, commands, active: 10 }
    }

    /// Runs windows until something is decided; returns it and after how many.
    fn run(conductor: &mut Conductor, loads: &[Load], windows: u32) -> Option<(Decision, u32)> {
        (1..=windows).find_map(|n| conductor.observe(loads).map(|decision| (decision, n)))
    }

    #[test]
    fn connections_stay_together_while_one_thread_is_enough() {
        let mut conductor = Conductor::new(4);
        assert_eq!(run(&mut conductor, &[load(790, 1_000)], 1_000), None);
        assert_eq!(conductor.threads(), 1);
    }

    #[test]
    fn a_busy_thread_shares_and_a_gain_keeps_it_so() {
        let mut conductor = Conductor::new(2);
        let decision = run(&mut conductor, &[load(990, 1_000)], 10);
        assert_eq!(decision, Some((Decision::Move { from: 0, to: 1, share: 500 }, STEADY_WINDOWS)));
        let spread = [load(900, 800), load(900, 700)];
        assert_eq!(run(&mut conductor, &spread, 1_000), None);
        assert_eq!(conductor.threads(), 2);
    }

    #[test]
    fn a_trial_without_gain_is_undone_and_the_next_waits_longer() {
        let mut conductor = Conductor::new(2);
        let mut pauses = Vec::new();
        for _ in 0..3 {
            let (decision, windows) = run(&mut conductor, &[load(990, 1_000)], 10_000).unwrap();
            assert_eq!(decision, Decision::Move { from: 0, to: 1, share: 500 });
            pauses.push(windows);
            let spread = [load(990, 520), load(990, 520)];
            let (decision, _) = run(&mut conductor, &spread, 100).unwrap();
            assert_eq!(decision, Decision::Empty { from: 1, to: 0 });
            assert_eq!(conductor.threads(), 1);
        }
        assert!(pauses.is_sorted() && pauses[2] >= 2 * PAUSE_WINDOWS_MIN, "{pauses:?}");
    }

    #[test]
    fn a_trial_that_serves_less_ends_early() {
        let mut conductor = Conductor::new(2);
        run(&mut conductor, &[load(990, 1_000)], 10).unwrap();
        let decision = run(&mut conductor, &[load(990, 499), load(990, 500)], 100);
        let windows = SETTLE_WINDOWS + HOPELESS_WINDOWS;
        assert_eq!(decision, Some((Decision::Empty { from: 1, to: 0 }, windows)));
        // Far less need not be measured for long.
        run(&mut conductor, &[load(990, 1_000)], 100).unwrap();
        let decision = run(&mut conductor, &[load(990, 200), load(990, 300)], 100);
        assert_eq!(decision, Some((Decision::Empty { from: 1, to: 0 }, HOPELESS_WINDOWS)));
        // One bad window is not enough.
        run(&mut conductor, &[load(990, 1_000)], 200).unwrap();
        assert_eq!(run(&mut conductor, &[load(990, 300), load(990, 300)], 1), None);
        let settled = SETTLE_WINDOWS - 1;
        assert_eq!(run(&mut conductor, &[load(990, 500), load(990, 500)], settled), None);
        assert_eq!(run(&mut conductor, &[load(990, 300), load(990, 300)], 1), None);
        assert_eq!(run(&mut conductor, &[load(990, 900), load(990, 900)], 1_000), None);
    }

    #[test]
    fn one_connection_alone_is_never_moved() {
        let mut conductor = Conductor::new(4);
        let alone = Load { active: 1, ..load(1_000, 1_000) };
        assert_eq!(run(&mut conductor, &[alone], 1_000), None);
    }

    #[test]
    fn load_that_fits_one_thread_gathers_again() {
        let mut conductor = Conductor::new(2);
        run(&mut conductor, &[load(990, 1_000)], 10).unwrap();
        run(&mut conductor, &[load(900, 1_000), load(900, 1_000)], 50);
        let (decision, _) = run(&mut conductor, &[load(200, 100), load(200, 100)], 100).unwrap();
        assert_eq!(decision, Decision::Empty { from: 1, to: 0 });
    }

    #[test]
    fn an_overloaded_thread_gives_to_the_least_busy_one() {
        let mut conductor = Conductor::new(2);
        run(&mut conductor, &[load(990, 1_000)], 10).unwrap();
        run(&mut conductor, &[load(900, 1_000), load(900, 1_000)], 50);
        let (decision, _) = run(&mut conductor, &[load(400, 300), load(1_000, 900)], 100).unwrap();
        assert_eq!(decision, Decision::Move { from: 1, to: 0, share: 300 });
    }
}
