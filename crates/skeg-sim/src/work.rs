//! The work between two crashes: one step after the other, each judged at once.
//!
//! Invariant: nothing is written between an operation and the look at its epoch, so the newest epoch
//! with records is the operation's.

use std::hash::Hasher;
use std::time::Duration;

use skeg_engine::{
    Bound, Drain, Engine, Epoch, Health, Holder, Level, Log, Receipt, Refusal, Router, SnapshotInfo,
};
use skeg_io::Clock;
use skeg_io::sync::Arc;

use crate::client::{Client, Event, Journal};
use crate::commands::{self, is_error, is_fault};
use crate::dump::at_time_zero;
use crate::figures::Figures;
use crate::groups::Groups;
use crate::memory::Ear;
use crate::model;
use crate::op::{Answer, Observed, Op};
use crate::plan::Step;
use crate::run::Runner;
use crate::state::At;

/// When the simulated wall clock starts, in Unix milliseconds.
pub(crate) const START_MS: u64 = 1_735_689_600_000;
/// Rounds of background work that bring everything to an end, when nothing is in the way.
const SETTLE_ROUNDS: usize = 300;
/// Steps of a snapshot in each of them, while somebody may wait for it.
const SNAPSHOT_STEPS_EACH: usize = 100;

/// An open engine and those who use it.
pub(crate) struct Work {
    pub(crate) engine: Engine,
    pub(crate) clients: Vec<Client>,
    journal: Journal,
    was_full: bool,
    /// The disk had a size at some time: growth may be refused, also for a while after it was given more.
    pub(crate) was_limited: bool,
    was_poisoned: bool,
    /// Entries that went since room was made.
    pub(crate) evicted: u64,
    /// Looks of home threads in which nothing went although more was there than may be.
    pub(crate) idle_looks: u32,
    pub(crate) groups: Groups,
    /// Every shard was looked at since memory was limited.
    pub(crate) is_counted: bool,
    /// The snapshot that was published last.
    snapshot: Option<SnapshotInfo>,
}

impl Work {
    pub(crate) fn new(engine: &Engine, clients: usize) -> Result<Self, String> {
        let journal = Journal::default();
        let ear = Ear::new(engine, &journal);
        let author = commands::author(engine)?;
        let client = |number| Client::new(number, engine, &journal, &ear, &author);
        Ok(Self {
            engine: engine.clone(),
            clients: (0..clients).map(client).collect(),
            journal,
            was_full: false,
            was_limited: false,
            was_poisoned: false,
            evicted: 0,
            idle_looks: 0,
            groups: Groups::default(),
            is_counted: false,
            snapshot: engine.snapshot_status().last,
        })
    }

    /// Whether an operation is queued, or waits elsewhere.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.clients.iter().any(|client| client.waits)
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        self.engine.log().expect("a database on disk has a log")
    }

    pub(crate) fn health(&self) -> Health {
        self.log().status().health
    }
}

impl Runner<'_> {
    /// Does one step and judges what came of it.
    pub(crate) fn step(&mut self, work: &mut Work, step: &Step) -> Result<(), String> {
        let before = (work.log().reached(Level::Kernel), work.log().reached(Level::Disk));
        let was_queued = work.engine.queued() > 0;
        self.act(work, step)?;
        work.was_limited |= self.capacity.is_some();
        self.read_journal(work)?;
        if matches!(step, Step::Tick | Step::Turn | Step::Vectors { .. }) {
            self.notice_lapsed(work)?;
        }
        if matches!(step, Step::Tick | Step::Turn) && !was_queued {
            self.judge_memory(work)?;
        }
        self.judge_groups(work)?;
        // An index was frozen, perhaps.
        self.oracle.note_epoch(work.log().last_epoch().0);
        if self.machine.disk.is_stopped() {
            return Ok(());
        }
        let log = work.log();
        let after = (log.reached(Level::Kernel), log.reached(Level::Disk));
        if after.0 < before.0 || after.1 < before.1 || after.1 > after.0 {
            return Err(format!("acknowledged epochs went from {before:?} to {after:?}"));
        }
        let status = log.status();
        if status.overdrawn_bytes > 0 {
            return Err(format!("{} bytes were not reserved", status.overdrawn_bytes));
        }
        if status.snapshot != work.snapshot {
            work.snapshot = status.snapshot;
            self.figures.snapshots += 1;
        }
        work.was_full |= status.health == Health::Full;
        if status.health == Health::Poisoned && !std::mem::replace(&mut work.was_poisoned, true) {
            self.figures.poisoned += 1;
        }
        let harmless = self.seen.lock().hard_faults == 0 && !work.was_limited;
        if status.health != Health::Healthy && harmless {
            return Err(format!("{:?} without a fault: {:?}", status.health, status.reason));
        }
        Ok(())
    }

    fn act(&mut self, work: &mut Work, step: &Step) -> Result<(), String> {
        match step {
            Step::Run { client, op, route } => {
                let client = &mut work.clients[*client];
                if !client.waits {
                    work.groups.note_use(op);
                    client.run(op, *route);
                }
            }
            Step::Ahead { client, op } => work.clients[*client].begin_ahead(op),
            Step::GoOn { client, parts, route } => {
                let client = &mut work.clients[*client];
                if !client.waits
                    && let Some(op) = client.go_on_ahead(*parts)
                {
                    work.groups.note_use(&op);
                    client.run(&op, *route);
                }
            }
            Step::Release(client) => work.clients[*client].release(),
            Step::Write => drop(work.log().try_write()),
            Step::Sync => drop(work.log().sync()),
            Step::Commit => drop(work.log().disk_turn()),
            Step::Maintain => drop(work.log().maintain()),
            Step::Tick => work.engine.tick(),
            Step::Turn => turn(work),
            Step::Snapshot { steps } => {
                // What refuses it is seen by others, or is no trouble.
                let _ = work.engine.start_snapshot();
                for _ in 0..*steps {
                    work.engine.step_snapshot();
                    // What waited at a shard has run, before the next step writes something of its own.
                    self.read_journal(work)?;
                }
            }
            Step::Vectors { steps, consolidate } => {
                if let Some(name) = consolidate {
                    // What refuses it is no trouble.
                    let _ = work.engine.consolidate(name, Box::new(|_| true), Box::new(drop));
                }
                let before = work.engine.vectors_status();
                for number in 0..*steps {
                    work.engine.step_vectors();
                    // What waited at the shard has run.
                    self.read_journal(work)?;
                    if number % 4 == 3 {
                        // It may wait for the log to be durable.
                        turn(work);
                        self.read_journal(work)?;
                        self.notice_lapsed(work)?;
                    }
                }
                let after = work.engine.vectors_status();
                self.figures.vector_segments += after.published - before.published;
                self.figures.vector_segments_beside +=
                    after.published_beside - before.published_beside;
            }
            Step::Backup { link } => self.back_up(work, *link)?,
            Step::WaitDurable => {
                if self.seen.lock().hard_faults == 0 && self.capacity.is_none() {
                    let (log, last) = (work.log(), work.log().last_epoch());
                    let waited = log.wait(Level::Disk, last);
                    if !self.machine.disk.is_stopped()
                        && (waited.is_err() || log.reached(Level::Disk) < last)
                    {
                        let hard = self.seen.lock().hard_faults;
                        if hard == 0 {
                            return Err(format!("waiting for {last:?} ended with {waited:?}"));
                        }
                    }
                }
            }
            Step::Advance { ms } => self.machine.clock.advance(Duration::from_millis(*ms)),
            Step::Jump { ms } => {
                self.machine.clock.set_now_ms(START_MS.saturating_add_signed(*ms));
            }
            Step::Inject(injection) => self.machine.disk.inject(injection.clone()),
            Step::Room(Some(bytes)) => {
                let bytes = self.machine.disk.used_bytes() + bytes;
                self.set_capacity(Some(bytes));
            }
            Step::Room(None) => self.set_capacity(None),
            Step::Fill { flush } => self.fill(work, *flush)?,
            Step::Limit(limit) => self.limit_memory(work, *limit)?,
        }
        Ok(())
    }

    /// Compares what ran with the model, in the order in which it ran.
    pub(crate) fn read_journal(&mut self, work: &mut Work) -> Result<(), String> {
        let events = std::mem::take(&mut *work.journal.lock());
        let epoch = work.log().last_epoch();
        for event in events {
            match event {
                Event::Ran { op, now_ms, observed, receipt, delegated } => {
                    self.figures.operations += 1;
                    self.figures.delegated += u64::from(delegated);
                    let router = Router::new(work.engine.shards());
                    let wide = op.shards(&work.engine).as_slice().len() > 1;
                    self.figures.cross_shard += u64::from(wide);
                    if let Answer::Reply(reply) = &observed.answer
                        && is_fault(reply)
                        && !self.is_hindered(work)
                    {
                        return Err(format!("{op:?} replied {}", reply.escape_ascii()));
                    }
                    let reached = work.log().reached(work.engine.level());
                    self.check(&op, now_ms, &observed, (epoch, receipt, reached), router)?;
                }
                Event::Lapsed { now_ms, contents: Some(contents), .. } => {
                    let router = Router::new(work.engine.shards());
                    self.lapsed_by(&contents, (epoch, now_ms), router)?;
                }
                Event::Lapsed { conn, now_ms, lapsed, contents: None } => {
                    self.figures.expired += lapsed.len() as u64;
                    let router = Router::new(work.engine.shards());
                    let state = &mut self.oracle.now;
                    let mut step = model::Step { state, router, now_ms, changes: Vec::new() };
                    lapsed.iter().try_for_each(|at| step.lapse_one(at))?;
                    let changes = step.changes;
                    self.oracle.note(epoch.0, changes)?;
                    work.clients[conn].written = epoch;
                }
                Event::Evicted { at, epoch: told } => {
                    let epoch = if told.0 == 0 { epoch } else { told };
                    self.evicted(work, at, epoch.0)?;
                }
                Event::LapsedForRoom { at, epoch: told, now_ms } => {
                    let router = Router::new(work.engine.shards());
                    let state = &mut self.oracle.now;
                    let mut step = model::Step { state, router, now_ms, changes: Vec::new() };
                    step.lapse_one(&at)?;
                    self.figures.expired += 1;
                    work.evicted += 1;
                    let changes = step.changes;
                    self.oracle.note(told.0, changes)?;
                }
                Event::Room { made, taken } => {
                    if !made {
                        Figures::count(&mut self.figures.refused, "Memory");
                    }
                    self.judge_room(work, made, taken)?;
                }
                Event::Refused { conn, refusal } => {
                    work.clients[conn].waits = false;
                    work.clients[conn].written = Epoch(0);
                    self.check_refusal(work, refusal)?;
                }
                Event::Done { conn, receipt } => {
                    work.clients[conn].waits = false;
                    if receipt.written > epoch {
                        return Err(format!("{receipt:?} is not yet: the last is {epoch:?}"));
                    }
                    let before = std::mem::take(&mut work.clients[conn].written);
                    if receipt.written < before {
                        return Err(format!(
                            "{receipt:?} leaves out what was written in {before:?}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn check(
        &mut self,
        op: &Op,
        now_ms: u64,
        observed: &Observed,
        (epoch, receipt, reached): (Epoch, Option<Receipt>, Epoch),
        router: Router,
    ) -> Result<(), String> {
        let harmless = self.seen.lock().hard_faults == 0 && !self.machine.disk.is_stopped();
        if harmless && observed.has_unreadable() {
            return Err(format!("{op:?} could not read what is there"));
        }
        let shown = match &observed.answer {
            // An error may be about the arguments alone.
            Answer::Reply(reply) if is_error(reply) => 0,
            _ => self.oracle.shown_by(op),
        };
        let changes = match (op, &observed.answer) {
            (Op::Commands(commands), Answer::Reply(reply)) => match &observed.contents {
                Some(contents) => {
                    self.changed_by(commands, contents, reply, (epoch, now_ms), router)?
                }
                None if is_error(reply) => Vec::new(),
                None => {
                    let state = &mut self.oracle.now;
                    let mut step = model::Step { state, router, now_ms, changes: Vec::new() };
                    step.run_meant(&commands.meant)?;
                    let changes = step.changes;
                    if !changes.is_empty() {
                        self.count_change(commands);
                    }
                    changes
                }
            },
            _ => {
                let state = &mut self.oracle.now;
                let mut step = model::Step { state, router, now_ms, changes: Vec::new() };
                step.run(op, observed)?;
                step.changes
            }
        };
        self.figures.expired += observed.lapsed.len() as u64;
        self.digest.write(format!("{:?}", observed.answer).as_bytes());
        self.digest.write_u64(epoch.0);
        if let Some(Receipt { written, seen }) = receipt {
            // A run before this one, which had to wait, may have written.
            let is_earlier = self.oracle.are_unseen(&changes) && written <= epoch;
            if written != epoch && !is_earlier {
                return Err(format!(
                    "{op:?} changed {changes:?} in {epoch:?}, its receipt says {written:?}"
                ));
            }
            if shown > reached.0 && written.max(seen).0 < shown {
                return Err(format!(
                    "{op:?} showed a change of epoch {shown} with only {reached:?} reached: \
                     {written:?}, {seen:?}"
                ));
            }
        }
        self.oracle.note(epoch.0, changes)
    }

    fn check_refusal(&mut self, work: &Work, refusal: Refusal) -> Result<(), String> {
        Figures::count(&mut self.figures.refused, format!("{refusal:?}"));
        let faulty =
            self.seen.lock().hard_faults > 0 || work.was_limited || self.machine.disk.is_stopped();
        let plausible = match refusal {
            Refusal::Busy => work.engine.options().queue_limit < 10,
            Refusal::NoSpace | Refusal::Poisoned => faulty,
            _ => false,
        };
        if plausible { Ok(()) } else { Err(format!("refused without a reason: {refusal}")) }
    }

    /// Looks which entries home threads have removed because their deadline had passed.
    fn notice_lapsed(&mut self, work: &Work) -> Result<(), String> {
        let now_ms = self.machine.clock.now_ms();
        let entries = self.oracle.now.entries.iter();
        let lapsing = entries.filter_map(|(at, entry)| Some((at, entry.expire_at_ms?)));
        let due: Vec<(At, u64)> = lapsing
            .filter(|(_, deadline_ms)| *deadline_ms <= now_ms)
            .map(|(at, deadline_ms)| (at.clone(), deadline_ms))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let router = Router::new(work.engine.shards());
        let mut changes = Vec::new();
        for (at, deadline_ms) in due {
            match self.is_gone(work, router, &at)? {
                Some(true) => {}
                Some(false) => {
                    self.oracle.note_seen(&at);
                    continue;
                }
                None => {
                    self.oracle.note_unseen(at, deadline_ms);
                    continue;
                }
            }
            let state = &mut self.oracle.now;
            let mut step = model::Step { state, router, now_ms, changes };
            step.lapse_one(&at)?;
            changes = step.changes;
            self.figures.expired += 1;
        }
        self.oracle.note(work.log().last_epoch().0, changes)
    }

    /// Whether an entry has been removed; `None` when its latch is not free.
    fn is_gone(&self, work: &Work, router: Router, at: &At) -> Result<Option<bool>, String> {
        at_time_zero(&self.machine.clock, || {
            let mut holder = Holder::new(&work.engine, Drain::Serve);
            let id = router.shard_of(&at.key);
            if !holder.try_hold_one(id).unwrap_or(false) {
                return Ok(None);
            }
            // Asking for its stamp is no use of it.
            let exists = |exec: &mut skeg_engine::Exec<'_>| {
                exec.shard(&at.key).stamp(at.db, &at.key).is_some()
            };
            let (exists, _) =
                holder.run_one(id, Bound::READ, exists).map_err(|refusal| refusal.to_string())?;
            Ok(Some(!exists))
        })
    }

    /// Brings a snapshot on for whom it keeps waiting: who changes a large value waits until it has that.
    pub(crate) fn bring_on(&mut self, work: &mut Work) -> Result<(), String> {
        for _ in 0..SNAPSHOT_STEPS_EACH {
            if !work.is_waited_for() || !work.engine.step_snapshot() {
                break;
            }
            self.read_journal(work)?;
        }
        Ok(())
    }

    /// Brings everything queued and buffered to an end, as background threads would.
    pub(crate) fn settle(&mut self, work: &mut Work) -> Result<(), String> {
        work.clients.iter_mut().for_each(Client::release);
        self.read_journal(work)?;
        for _ in 0..SETTLE_ROUNDS {
            self.bring_on(work)?;
            self.step(work, &Step::Turn)?;
            if self.machine.disk.is_stopped() || work.health() == Health::Poisoned {
                return Ok(());
            }
            let queued = work.engine.queued() > 0 || work.is_waited_for();
            let idle = !queued && !work.log().has_unwritten();
            if idle && work.health() == Health::Healthy {
                if std::mem::take(&mut work.was_full) {
                    self.figures.healed += 1;
                }
                return self.step(work, &Step::Sync);
            }
            self.machine.clock.advance(Duration::from_millis(10));
        }
        if self.capacity.is_some() {
            return Ok(());
        }
        let (queued, status) = (work.engine.queued(), work.log().status());
        Err(format!("nothing goes on: {queued} queued, {status:?}"))
    }
}

/// What background threads do when they look.
fn turn(work: &Work) {
    let log = work.log();
    log.try_write();
    if log.maintain().is_ok_and(|upkeep| upkeep.sync_due) && log.sync().is_ok() {
        // Poisoned or not: what follows shows it.
        let _ = log.maintain();
    }
    work.engine.tick();
}
