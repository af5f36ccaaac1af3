//! Playing a plan: open, work, crash, open again, judge, go on.
//!
//! Invariants: the first thing that is not as it must be ends the run; after it nothing is believed.
//! What is acknowledged is read from the log after the machine has stopped, as a client would know it.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use skeg_engine::{Engine, EngineError, EngineOptions, Level, LogError, MemoryLimit};
use skeg_io::sim::{CrashPolicy, Failure, FaultRates, SimMachine};
use skeg_io::sync::{Arc, Mutex};
use skeg_io::{Disk, Io};
use skeg_log::break_promise;

use crate::backup::Backup;
use crate::disk::{Flaw, Seen, WatchedDisk};
use crate::dump;
use crate::figures::Figures;
use crate::oracle::Oracle;
use crate::plan::{Crash, Harm, Plan, Round, Settings};
use crate::state::State;
use crate::work::Work;

/// Where the database lies on the simulated disk.
pub(crate) const DIR: &str = "/data/db";

/// Something was not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// In which round.
    pub round: usize,
    /// What.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, round {}: {}", self.seed, self.round, self.what)
    }
}

/// How a plan went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it covered.
    pub figures: Figures,
    /// A number made of all answers and epochs: the same for the same plan, always.
    pub digest: u64,
    /// What was wrong, if so.
    pub violation: Option<Violation>,
}

/// Plays a plan on a disk that may have a flaw.
#[must_use]
pub fn run(plan: &Plan, flaw: Flaw) -> Outcome {
    let broken = match flaw {
        Flaw::Breaks(broken) => Some(broken),
        _ => None,
    };
    break_promise(broken);
    let mut runner = Runner::new(plan, flaw);
    let played = catch_unwind(AssertUnwindSafe(|| runner.play()));
    break_promise(None);
    let what = match played {
        Ok(Ok(())) => None,
        Ok(Err(what)) => Some(what),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Some(format!("panicked: {}", text.unwrap_or_default()))
        }
    };
    let violation = what.map(|what| Violation { seed: plan.seed, round: runner.round, what });
    Outcome { figures: runner.figures, digest: runner.digest.finish(), violation }
}

/// Epochs that were acknowledged.
#[derive(Clone, Copy, Debug, Default)]
struct Floors {
    /// What a kill must leave.
    kernel: u64,
    /// What a power loss must leave.
    disk: u64,
}

pub(crate) struct Runner<'a> {
    plan: &'a Plan,
    flaw: Flaw,
    pub(crate) machine: SimMachine,
    pub(crate) seen: Arc<Mutex<Seen>>,
    pub(crate) oracle: Oracle,
    pub(crate) backup: Backup,
    pub(crate) figures: Figures,
    pub(crate) digest: DefaultHasher,
    floors: Floors,
    /// The size of the disk, once it was given one.
    pub(crate) capacity: Option<u64>,
    pub(crate) settings: Settings,
    /// The limit of memory that was set last; the database is opened with it again.
    pub(crate) limit: MemoryLimit,
    /// Whether the database was ever opened.
    exists: bool,
    round: usize,
}

impl<'a> Runner<'a> {
    fn new(plan: &'a Plan, flaw: Flaw) -> Self {
        let machine = SimMachine::new(plan.seed);
        machine.disk.set_fault_rates(plan.nuisance);
        Self {
            plan,
            flaw,
            machine,
            seen: Arc::default(),
            oracle: Oracle::default(),
            backup: Backup::default(),
            figures: Figures::default(),
            digest: DefaultHasher::new(),
            floors: Floors::default(),
            capacity: None,
            settings: plan.rounds.first().map_or_else(Settings::default, |round| round.settings),
            limit: MemoryLimit::default(),
            exists: false,
            round: 0,
        }
    }

    fn play(&mut self) -> Result<(), String> {
        let mut damages: &[Harm] = &[];
        for (number, round) in self.plan.rounds.iter().enumerate() {
            self.round = number;
            self.settings = round.settings;
            self.play_round(round)?;
            damages = &round.damages;
        }
        self.round = self.plan.rounds.len();
        let engine = self.open_unaided()?;
        self.judge(&engine)?;
        self.close(&engine, damages)
    }

    fn play_round(&mut self, round: &Round) -> Result<(), String> {
        for crash in &round.opening {
            self.crash_while_opening(*crash)?;
        }
        if round.look {
            self.look()?;
        }
        if let Some(rates) = round.opening_rates {
            self.open_with_faults(rates)?;
        }
        let engine = self.open_unaided()?;
        self.judge(&engine)?;
        // Opened on a full disk, it may refuse growth for a while.
        let was_limited = self.capacity.is_some();
        self.set_capacity(None);
        if let Some(crash) = round.end {
            self.machine.disk.stop_at(self.machine.disk.changes() + crash.at);
        }
        let mut work = Work::new(&engine, self.plan.clients)?;
        work.was_limited = was_limited;
        for (number, step) in round.steps.iter().enumerate() {
            if self.machine.disk.is_stopped() {
                break;
            }
            let done = self.step(&mut work, step);
            done.map_err(|what| format!("step {number} ({step:?}): {what}"))?;
        }
        if (round.settle || round.end.is_none()) && !self.machine.disk.is_stopped() {
            self.settle(&mut work)?;
        }
        match round.end {
            Some(crash) => self.crash(Some(&engine), crash.power),
            None => {
                drop(work);
                self.close(&engine, &round.damages)?;
            }
        }
        Ok(())
    }

    fn io(&self) -> Io {
        let io = self.machine.io();
        Io { disk: Arc::new(WatchedDisk::new(io.disk, &self.seen, self.flaw)), ..io }
    }

    fn open(&mut self, read_only: bool) -> Result<Engine, EngineError> {
        let opened = self.open_on(&self.io(), read_only);
        if self.capacity.is_some()
            && let Err(EngineError::Log(LogError::Full { .. })) = &opened
            && self.settings.shards.take().is_some()
        {
            // No room for another number of shards: with its own it must open.
            return self.open_on(&self.io(), read_only);
        }
        opened
    }

    pub(crate) fn open_on(&self, io: &Io, read_only: bool) -> Result<Engine, EngineError> {
        self.open_at(io, Path::new(DIR), read_only)
    }

    pub(crate) fn open_at(
        &self,
        io: &Io,
        dir: &Path,
        read_only: bool,
    ) -> Result<Engine, EngineError> {
        let settings = self.settings;
        let options = EngineOptions {
            shards: match self.exists {
                _ if read_only => None,
                true => settings.shards,
                false => Some(self.plan.shards),
            },
            home_threads: 0,
            level: settings.level,
            sync: settings.sync,
            read_only,
            create_if_missing: !read_only,
            queue_limit: settings.queue_limit,
            segment_bytes: settings.segment_bytes,
            snapshot_log_bytes: settings.snapshot_log_bytes,
            snapshot_buffer_bytes: settings.snapshot_buffer_bytes,
            snapshot_slice_bytes: settings.snapshot_slice_bytes,
            keep_snapshots: settings.keep_snapshots,
            inline_max: settings.inline_max,
            cache_bytes: settings.cache_bytes,
            vector_delta_bytes: settings.vector_delta_bytes,
            vector_beside_bytes: settings.vector_beside_bytes,
            vector_idle_ms: settings.vector_idle_ms,
            memory_limit: self.limit,
            ..EngineOptions::default()
        };
        Engine::open(io, Some(dir), &options)
    }

    /// Opens after crashes that damaged nothing: that must work.
    fn open_unaided(&mut self) -> Result<Engine, String> {
        let before = self.files();
        let engine = self.open(false).map_err(|error| {
            format!("does not open: {error}; before: {before}; now: {}", self.files())
        })?;
        self.exists = true;
        Ok(engine)
    }

    /// The files on the disk, for people.
    fn files(&self) -> String {
        let disk = &self.machine.disk;
        let file = |path: String| {
            let bytes = disk.metadata(Path::new(&path)).map_or(0, |info| info.len);
            format!("{} {bytes}", path.trim_start_matches(DIR))
        };
        let files: Vec<String> = disk.files().into_iter().map(file).collect();
        format!("[{}], {} of {:?} used", files.join(", "), disk.used_bytes(), self.capacity)
    }

    fn crash_while_opening(&mut self, crash: Crash) -> Result<(), String> {
        self.machine.disk.stop_at(self.machine.disk.changes() + crash.at);
        match self.open(false) {
            Ok(engine) => {
                self.exists = true;
                if !self.machine.disk.is_stopped() {
                    self.judge(&engine)?;
                }
                self.crash(Some(&engine), crash.power);
            }
            Err(error) if !self.machine.disk.is_stopped() => {
                return Err(format!("does not open: {error}"));
            }
            Err(_) => {
                self.figures.crashes_in_recovery += 1;
                self.crash(None, crash.power);
            }
        }
        Ok(())
    }

    /// Opens while operations of the disk fail: it may refuse, but must not take that for damage.
    fn open_with_faults(&mut self, rates: FaultRates) -> Result<(), String> {
        self.machine.disk.set_fault_rates(rates);
        let opened = self.open(false);
        self.machine.disk.set_fault_rates(self.plan.nuisance);
        match opened {
            Ok(engine) => {
                self.exists = true;
                self.judge(&engine)?;
                self.crash(Some(&engine), None);
            }
            Err(EngineError::Log(LogError::Io { .. } | LogError::Full { .. })) => {
                self.crash(None, None);
            }
            Err(error) => return Err(format!("a fault of the disk was taken for more: {error}")),
        }
        Ok(())
    }

    /// Opens read-only: shows what is there, changes nothing.
    fn look(&mut self) -> Result<(), String> {
        let changes = self.machine.disk.changes();
        match self.open(true) {
            Ok(engine) => {
                self.judge_found(&engine, self.floors.kernel)?;
                engine.close().map_err(|error| format!("does not close after a look: {error}"))?;
            }
            Err(EngineError::Log(LogError::NotFound { .. })) if !self.exists => {}
            Err(error) => return Err(format!("does not open read-only: {error}")),
        }
        if self.machine.disk.changes() != changes {
            return Err("opening read-only has changed the disk".to_owned());
        }
        Ok(())
    }

    /// Judges what was found, when everything up to an epoch must be there.
    pub(crate) fn judge_found(&self, engine: &Engine, floor: u64) -> Result<(State, u64), String> {
        let found = dump::read(engine, &self.machine.clock)?;
        let epoch = engine.recovered().last_epoch.0;
        self.oracle.judge(&found, epoch, floor)?;
        Ok((found, epoch))
    }

    /// Judges what was found, and goes on from there.
    fn judge(&mut self, engine: &Engine) -> Result<(), String> {
        let (found, epoch) = self.judge_found(engine, self.floors.kernel)?;
        let log = engine.log().ok_or("a database on disk has no log")?;
        for level in [Level::Memory, Level::Kernel, Level::Disk] {
            if log.reached(level).0 != epoch {
                return Err(format!(
                    "{level:?} is at {:?} after opening at {epoch}",
                    log.reached(level)
                ));
            }
        }
        self.judge_backup()?;
        self.figures.recoveries += 1;
        self.figures.snapshots_loaded += u64::from(engine.recovered().snapshot_bytes > 0);
        self.figures.resharded += u64::from(engine.recovered().resharded_from.is_some());
        self.figures.torn_tails += u64::from(engine.recovered().cut_bytes > 0);
        self.figures.acknowledged += self.floors.kernel - self.oracle.start();
        self.figures.lost_unacknowledged += self.oracle.last() - epoch;
        self.digest.write_u64(epoch);
        self.floors = Floors { kernel: epoch, disk: epoch };
        self.oracle.restart(found, epoch);
        Ok(())
    }

    /// The process dies, or the power goes. What the log had acknowledged until then counts.
    fn crash(&mut self, engine: Option<&Engine>, power: Option<CrashPolicy>) {
        self.machine.disk.stop();
        if let Some(log) = engine.and_then(Engine::log) {
            self.floors.kernel = self.floors.kernel.max(log.reached(Level::Kernel).0);
            let durable = match self.flaw {
                Flaw::AcknowledgesBeforeSync => Level::Kernel,
                _ => Level::Disk,
            };
            self.floors.disk = self.floors.disk.max(log.reached(durable).0);
            self.figures.blocks += log.status().blocks_written;
        }
        let seen = std::mem::take(&mut self.seen);
        let mut seen = seen.lock();
        // An entry that a failed sync has lost is still seen by every process, and no later sync brings
        // it back: file systems stop when that happens, so here the machine starts afresh.
        let power = power.or(seen.directory_sync_failed.then_some(CrashPolicy::AnySubset));
        let name = match power {
            None => "kill".to_owned(),
            Some(policy) => format!("power loss, {policy:?}"),
        };
        Figures::count(&mut self.figures.crashes, name);
        let place = seen.stopped_in.take().unwrap_or_else(|| "between operations".to_owned());
        Figures::count(&mut self.figures.places, place);
        for (kind, count) in std::mem::take(&mut seen.faults) {
            *self.figures.faults.entry(kind).or_default() += count;
        }
        // A failed sync may have dropped pages that only the kernel had.
        if power.is_some() || seen.sync_failed {
            self.floors.kernel = self.floors.disk;
        }
        match power {
            None => self.machine.kill(),
            Some(policy) => self.machine.crash(policy),
        }
        // What was removed or cut, but not durably, takes up space again: a real disk has that much.
        let used = self.machine.disk.used_bytes();
        self.set_capacity(self.capacity.map(|capacity| capacity.max(used)));
    }

    /// Gives the disk a size, in bytes; `None` is any.
    pub(crate) fn set_capacity(&mut self, bytes: Option<u64>) {
        self.capacity = bytes;
        self.machine.disk.set_capacity(bytes.unwrap_or(u64::MAX), Failure::OutOfSpace);
    }

    /// An orderly end: afterwards everything is durable.
    fn close(&mut self, engine: &Engine, damages: &[Harm]) -> Result<(), String> {
        let before = self.seen.lock().hard_faults;
        let closed = engine.close();
        // A closing log says how far it is durable, unless the disk has no room for saying so.
        let is_witnessed = self.seen.lock().hard_faults == before;
        match closed {
            Ok(()) => {
                let last = self.oracle.last();
                self.floors = Floors { kernel: last, disk: last };
                self.figures.closes += 1;
                self.look()?;
                damages.iter().try_for_each(|harm| self.damage(harm, is_witnessed))?;
            }
            Err(error) if self.seen.lock().hard_faults == 0 => {
                return Err(format!("does not close: {error}"));
            }
            Err(_) => {}
        }
        self.crash(Some(engine), Some(CrashPolicy::DropAll));
        Ok(())
    }
}
