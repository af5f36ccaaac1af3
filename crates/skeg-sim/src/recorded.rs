//! A run of the real engine, with its threads, on the real disk, recorded; then the power fails, on
//! the simulated disk, at every point of the recording that is tried.
//!
//! A process that is killed cannot show that an fsync is missing: the kernel still has everything.
//! Here each acknowledgement is noted with the place in the recording at which it was given, and what
//! a power loss at or behind that place leaves must have it.
//!
//! Invariant: a place is read after the acknowledgement was given, never before.

use std::collections::BTreeMap;
use std::path::Path;

use skeg_engine::{Drain, Engine, EngineOptions, Level, SyncPolicy};
use skeg_io::record::{RecordingDisk, Replay};
use skeg_io::sim::{CrashPolicy, SimClock, SimDisk, SimEntropy, SimRng, SimThreads};
use skeg_io::sync::{Arc, Mutex};
use skeg_io::{Disk, Io};

use crate::disk::{Flaw, WatchedDisk};
use crate::dump;
use crate::op::{Deadline, Op};
use crate::state::{At, Entry, State};
use crate::threads::execute;

/// How a recorded run goes.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// For everything random.
    pub seed: u64,
    /// Threads that write.
    pub threads: u64,
    /// Operations of each.
    pub operations: u64,
    /// When the log syncs without being asked.
    pub sync: SyncPolicy,
    /// Points of the recording at which the power fails; all if there are fewer.
    pub points: usize,
    /// What is wrong with the disk.
    pub flaw: Flaw,
}

/// What a recorded run covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordedFigures {
    /// Operations of the disk.
    pub events: usize,
    /// Syncs among them that succeeded.
    pub syncs: usize,
    /// Acknowledgements at `disk`.
    pub acknowledged_disk: usize,
    /// Acknowledgements at `kernel`.
    pub acknowledged_kernel: usize,
    /// Power losses and kills that were judged.
    pub crashes: usize,
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    level: Level,
    epoch: u64,
    position: usize,
}

/// Keys and their new values: one transaction.
type Writes = Vec<(At, Vec<u8>)>;

/// What one thread did, in order.
#[derive(Debug, Default)]
struct Notes {
    /// Each with its epoch.
    writes: Vec<(u64, Writes)>,
    /// Epochs of its increments of the common counter.
    increments: Vec<u64>,
    acknowledged: Vec<Acknowledged>,
}

impl Recorded {
    /// Runs in the directory, which must be empty, and judges.
    ///
    /// # Errors
    /// What was found that must not be.
    pub fn play(&self, root: &Path) -> Result<RecordedFigures, String> {
        let text = |error: std::io::Error| error.to_string();
        let real = Io::real();
        let recording = Arc::new(RecordingDisk::new(Arc::clone(&real.disk), root).map_err(text)?);
        let disk: Arc<dyn Disk> = Arc::<RecordingDisk>::clone(&recording);
        let disk = Arc::new(WatchedDisk::new(disk, &Arc::default(), self.flaw));
        let dir = root.join("db");
        let options = EngineOptions {
            shards: Some(4),
            home_threads: 2,
            sync: self.sync,
            segment_bytes: 64 << 10,
            ..EngineOptions::default()
        };
        let io = Io { disk, ..real };
        let engine = Engine::open(&io, Some(&dir), &options).map_err(|error| error.to_string())?;
        let notes: Mutex<Vec<Notes>> = Mutex::default();
        std::thread::scope(|scope| {
            for number in 0..self.threads {
                let (engine, recording, notes) = (&engine, &recording, &notes);
                scope.spawn(move || {
                    let noted = self.work(number, engine, recording);
                    notes.lock().push(noted);
                });
            }
        });
        // Without closing: the end of the recording is a crash like any other.
        let tape = recording.recording();
        drop(engine.close());
        let notes = std::mem::take(&mut *notes.lock());
        if notes.len() as u64 != self.threads {
            return Err("a thread has panicked".to_owned());
        }
        self.judge(&dir, &tape, &notes)
    }

    /// One thread: batches of writes, each acknowledged at `kernel` or at `disk`.
    fn work(&self, number: u64, engine: &Engine, recording: &RecordingDisk) -> Notes {
        let mut rng = SimRng::new(self.seed.wrapping_add(number));
        let mut notes = Notes::default();
        let log = engine.log().expect("a database on disk has a log");
        let drain = if number == 0 { Drain::WakeOnly } else { Drain::Serve };
        let mut done = 0;
        while done < self.operations {
            let mut epoch = 0;
            for _ in 0..=rng.below(8) {
                done += 1;
                epoch = self.operation(number, done, engine, drain, &mut rng, &mut notes);
            }
            let level = if rng.below(3) == 0 { Level::Disk } else { Level::Kernel };
            match drain {
                Drain::Serve => drop(log.try_write()),
                Drain::WakeOnly => log.wake_writer(),
            }
            log.wait(level, skeg_engine::Epoch(epoch)).expect("the disk does not fail");
            let position = recording.position();
            notes.acknowledged.push(Acknowledged { level, epoch, position });
        }
        notes
    }

    fn operation(
        &self,
        number: u64,
        done: u64,
        engine: &Engine,
        drain: Drain,
        rng: &mut SimRng,
        notes: &mut Notes,
    ) -> u64 {
        let run = |op: &Op| execute(engine, drain, op).expect("nothing is refused");
        if rng.below(8) == 0 {
            let (_, receipt) = run(&Op::Add { at: counter(), by: 1 });
            notes.increments.push(receipt.written.0);
            return receipt.written.0;
        }
        // One key, or several of several shards in one transaction.
        let count = if rng.below(6) == 0 { 4 } else { 1 };
        let writes: Writes = (0..count)
            .map(|place| {
                let key = format!("{number}:{}", (rng.below(4) + place) % 8);
                let mut value = format!("{done} ").into_bytes();
                value.resize(value.len() + rng.index(400), b'.');
                (At { db: 0, key: key.into() }, value)
            })
            .collect();
        let set = |(at, value): &(At, Vec<u8>)| Op::Set {
            at: at.clone(),
            value: value.clone(),
            deadline: Deadline::Clear,
        };
        let (_, receipt) = match writes.as_slice() {
            [write] => run(&set(write)),
            many => run(&Op::All(many.iter().map(set).collect())),
        };
        notes.writes.push((receipt.written.0, writes));
        receipt.written.0
    }

    fn judge(
        &self,
        dir: &Path,
        tape: &skeg_io::record::Recording,
        notes: &[Notes],
    ) -> Result<RecordedFigures, String> {
        let text = |error: std::io::Error| error.to_string();
        let acknowledged = || notes.iter().flat_map(|notes| &notes.acknowledged);
        let at_level = |level| acknowledged().filter(|given| given.level == level).count();
        let is_end = |event: &&skeg_io::record::Event| {
            matches!(event, skeg_io::record::Event::SyncEnded { .. })
        };
        let mut figures = RecordedFigures {
            events: tape.events().len(),
            syncs: tape.events().iter().filter(is_end).count(),
            acknowledged_disk: at_level(Level::Disk),
            acknowledged_kernel: at_level(Level::Kernel),
            crashes: 0,
        };
        let mut rng = SimRng::new(self.seed);
        let mut replay = Replay::new(tape).map_err(text)?;
        let mut credit = 0;
        loop {
            let position = replay.position();
            credit += self.points.min(figures.events);
            if credit >= figures.events || position == figures.events {
                credit %= figures.events.max(1);
                let floor = |level| {
                    let given = acknowledged()
                        .filter(|given| given.level >= level && given.position <= position);
                    given.map(|given| given.epoch).max().unwrap_or(0)
                };
                let (kernel, disk) = (floor(Level::Kernel), floor(Level::Disk));
                let subset = replay.disk().after_power_loss(&mut rng, CrashPolicy::AnySubset);
                let nothing = replay.disk().after_power_loss(&mut rng, CrashPolicy::DropAll);
                let killed = replay.disk().after_kill();
                for (crash, found, floor) in [
                    ("a power loss", subset, disk),
                    ("a power loss that keeps nothing", nothing, disk),
                    ("a kill", killed, kernel),
                ] {
                    judge_one(dir, found, floor, notes).map_err(|what| {
                        format!("{crash} at event {position} of {}: {what}", figures.events)
                    })?;
                    figures.crashes += 1;
                }
                // The next point may lie within a write.
                if rng.coin() {
                    replay.step_part(1 + rng.index(2_000)).map_err(text)?;
                    continue;
                }
            }
            if !replay.step().map_err(text)? {
                return Ok(figures);
            }
        }
    }
}

fn counter() -> At {
    At { db: 0, key: b"counter".to_vec() }
}

/// Opens what a crash has left and compares it with what was done.
fn judge_one(dir: &Path, found: SimDisk, floor: u64, notes: &[Notes]) -> Result<(), String> {
    let clock = Arc::new(SimClock::new());
    let io = Io {
        disk: Arc::new(found),
        clock: Arc::<SimClock>::clone(&clock),
        entropy: Arc::new(SimEntropy::new(1)),
        threads: Arc::new(SimThreads),
    };
    let options = EngineOptions { home_threads: 0, ..EngineOptions::default() };
    let engine = Engine::open(&io, Some(dir), &options).map_err(|error| error.to_string())?;
    let epoch = engine.recovered().last_epoch.0;
    if epoch < floor {
        return Err(format!("acknowledged up to epoch {floor}, but found epoch {epoch}"));
    }
    let found = dump::read(&engine, &clock)?;
    match state_at(epoch, notes).difference(&found) {
        None => Ok(()),
        Some(difference) => Err(format!("what was found is not epoch {epoch}: {difference}")),
    }
}

/// The state behind an epoch. Every key has one thread that writes it, in order; the counter is the
/// number of its increments.
fn state_at(epoch: u64, notes: &[Notes]) -> State {
    let entry = |value: Vec<u8>| Entry { value: value.into(), expire_at_ms: None };
    let mut entries = BTreeMap::new();
    for notes in notes {
        for (_, writes) in notes.writes.iter().filter(|(at, _)| *at <= epoch) {
            entries.extend(writes.iter().map(|(at, value)| (at.clone(), entry(value.clone()))));
        }
    }
    let increments = notes.iter().flat_map(|notes| &notes.increments);
    let count = increments.filter(|at| **at <= epoch).count();
    if count > 0 {
        entries.insert(counter(), entry(count.to_string().into()));
    }
    State { entries, ..State::default() }
}
