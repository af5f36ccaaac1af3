//! The engine: opening a database, finding its shards, closing it.
//!
//! Invariants: a shard's state is reached only through its latch; after close has returned no
//! thread of the engine runs and everything written is durable; a panic under a latch fails the
//! whole engine instead of serving a half-made change.
//! May not know: command names, wire formats, users.

use std::path::Path;
use std::time::Duration;

use skeg_io::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use skeg_io::sync::{Arc, Mutex, OnceLock, Weak};
use skeg_io::{Io, Join};
use skeg_keyspace::{Collection, Keyspace};
use skeg_log::{Epoch, Level, Log, LogOptions, Recovered, ShardId};
use skeg_vector::SearchScratch;

use crate::backup::Backups;
use crate::blocking::{Board, Waits};
use crate::ebb::Ebb;
use crate::error::{EngineError, Refusal};
use crate::evict::Meter;
use crate::fetch::READERS;
use crate::holder::Drain;
use crate::home::{self, Bell};
use crate::indexes::Directory;
use crate::job::{Job, Ticket};
use crate::latch::Latch;
use crate::notify::Switches;
use crate::options::EngineOptions;
use crate::pool::{Pool, Search};
use crate::pubsub::PubSub;
use crate::replay::{Progress, Rebuild};
use crate::router::Router;
use crate::snapshot::{Live, Snapshots};
use crate::values::{ValueFigures, Values};
use crate::vectors::{Store, Vectors};

/// An open database. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

/// What is freed where nobody waits.
#[derive(Default)]
struct Discarded {
    databases: Vec<Keyspace>,
    collections: Vec<Collection>,
}

/// What all threads of an engine share.
pub(crate) struct Shared {
    pub(crate) io: Io,
    pub(crate) options: EngineOptions,
    pub(crate) router: Router,
    pub(crate) latches: Vec<Latch>,
    pub(crate) log: Option<Arc<Log>>,
    pub(crate) bells: Vec<Bell>,
    pub(crate) pubsub: PubSub,
    pub(crate) switches: Arc<Switches>,
    pub(crate) meter: Meter,
    pub(crate) ebb: Ebb,
    pub(crate) board: Arc<Board>,
    search: Pool<SearchScratch>,
    /// They read values from the disk.
    pub(crate) readers: Pool<()>,
    /// Large values in the log.
    pub(crate) values: Option<Arc<Values>>,
    /// Itself, for what comes back from other threads.
    pub(crate) this: OnceLock<Weak<Self>>,
    recovered: Recovered,
    pub(crate) snapshots: Snapshots,
    pub(crate) live: Live,
    pub(crate) backups: Backups,
    pub(crate) vectors: Vectors,
    /// The indexes in several parts.
    pub(crate) directory: Arc<Directory>,
    threads: Mutex<Vec<Box<dyn Join>>>,
    discarded: Mutex<Discarded>,
    transactions: AtomicU64,
    /// Jobs that were queued.
    pub(crate) tickets: AtomicU64,
    closed: AtomicBool,
    failed: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the database in `dir`, or one in memory only when there is none.
    ///
    /// # Errors
    /// [`EngineError::Option`] for an option out of range, [`EngineError::Log`] for whatever the
    /// directory refuses: locked, damaged, of another format, no rights.
    pub fn open(io: &Io, dir: Option<&Path>, options: &EngineOptions) -> Result<Self, EngineError> {
        Self::open_with(io, dir, options, &|_, _| {})
    }

    /// As [`Engine::open`]; `progress` is told how much of the snapshot and the log is read.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_with(
        io: &Io,
        dir: Option<&Path>,
        options: &EngineOptions,
        progress: Progress<'_>,
    ) -> Result<Self, EngineError> {
        options.validate()?;
        let parallel = options.home_threads > 0;
        let mut rebuild = Rebuild::new(io, parallel, options.inline_max, progress);
        let (log, recovered) = match dir {
            Some(dir) => {
                let log_options = LogOptions {
                    shards: options.shards,
                    segment_bytes: options.segment_bytes,
                    sync: options.sync,
                    read_only: options.read_only,
                    create_if_missing: options.create_if_missing,
                    keep_snapshots: options.keep_snapshots,
                    holder: std::process::id().to_string(),
                    ..LogOptions::default()
                };
                let opened = Log::open(io, dir, &log_options, &mut rebuild);
                let (log, recovered) = opened.map_err(|error| rebuild.explain(error))?;
                (Some(log), recovered)
            }
            None => (None, Recovered::default()),
        };
        let shards = match recovered.shards {
            0 => options.shards.unwrap_or(EngineOptions::SHARDS_DEFAULT),
            stored => stored,
        };
        let writes = log.is_some() && !options.read_only;
        let store = writes.then(|| Arc::new(Store::new(options)));
        let (switches, board, directory) = (Arc::default(), Arc::default(), Arc::default());
        let values = log.as_ref().map(|log| {
            let waits = options.home_threads == 0;
            Arc::new(Values::new(log.values(), options.cache_bytes, waits))
        });
        let mut shards_built = rebuild.finish(shards, log.as_ref().zip(values.as_ref()), &switches);
        for shard in &mut shards_built {
            shard.waits = Waits::new(&board);
            shard.indexes.attach(shard.id, store.as_ref(), &directory);
        }
        let latches = shards_built.into_iter().map(Latch::new).collect();
        let shared = Arc::new(Shared {
            io: io.clone(),
            options: options.clone(),
            router: Router::new(shards),
            latches,
            log,
            bells: (0..options.home_threads).map(|_| Bell::default()).collect(),
            pubsub: PubSub::default(),
            switches,
            meter: Meter::new(shards),
            ebb: Ebb::new(shards),
            board,
            search: Pool::new("skeg-search", options.search_threads),
            readers: Pool::new("skeg-read", READERS),
            values: values.clone(),
            directory,
            this: OnceLock::new(),
            recovered,
            snapshots: Snapshots::default(),
            live: Live::new(shards),
            backups: Backups::default(),
            vectors: Vectors::new(store),
            threads: Mutex::new(Vec::new()),
            discarded: Mutex::default(),
            transactions: AtomicU64::new(0),
            tickets: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        });
        // It is set once.
        let _ = shared.this.set(Arc::downgrade(&shared));
        shared.init_snapshots();
        shared.init_limit();
        let engine = Self { shared };
        if let Err(error) = engine.start_threads() {
            // The first failure is the one to report; closing undoes what was started.
            let _ = engine.close();
            return Err(error);
        }
        Ok(engine)
    }

    fn start_threads(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        if shared.options.home_threads == 0 {
            return Ok(());
        }
        if let Some(log) = &shared.log
            && !shared.options.read_only
        {
            log.start_threads()?;
        }
        for number in 0..shared.options.home_threads {
            let for_thread = Arc::clone(shared);
            let run = Box::new(move || home::run(&for_thread, number));
            let thread = shared
                .io
                .threads
                .spawn("skeg-home", run)
                .map_err(|source| EngineError::Thread { name: "skeg-home", source })?;
            shared.threads.lock().push(thread);
        }
        Ok(())
    }

    /// How many shards the database has.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.shared.router.shards()
    }

    /// The shard that owns `key`.
    #[inline]
    #[must_use]
    pub fn shard_of(&self, key: &[u8]) -> ShardId {
        self.shared.router.shard_of(key)
    }

    /// Which shard owns which key.
    #[inline]
    #[must_use]
    pub fn router(&self) -> Router {
        self.shared.router
    }

    /// The wall clock, in Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.shared.now_ms()
    }

    /// The level that acknowledgements have by default.
    #[must_use]
    pub fn level(&self) -> Level {
        self.shared.options.level
    }

    /// The options it was opened with.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.shared.options
    }

    /// What opening found.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.shared.recovered
    }

    /// The machine it runs on.
    #[must_use]
    pub fn io(&self) -> &Io {
        &self.shared.io
    }

    /// The log, unless the database is in memory only.
    #[must_use]
    pub fn log(&self) -> Option<&Arc<Log>> {
        self.shared.log.as_ref()
    }

    /// Publish and subscribe.
    #[must_use]
    pub fn pubsub(&self) -> &PubSub {
        &self.shared.pubsub
    }

    /// Queues a job at its lowest shard and, unless the thread only wakes, runs it if it can.
    ///
    /// # Errors
    /// The job and the reason: [`Refusal::Busy`] when that queue is full, [`Refusal::Closed`].
    pub fn post(&self, job: Box<dyn Job>, drain: Drain) -> Result<(), (Box<dyn Job>, Refusal)> {
        self.shared.post(Ticket::new(job), drain)
    }

    /// Runs work on the search pool: never on the calling thread, unless the engine has no threads.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when too much waits already, [`Refusal::Closed`].
    pub fn search(&self, work: Search) -> Result<(), Refusal> {
        self.shared.check_open()?;
        if self.shared.options.home_threads == 0 {
            work(&mut SearchScratch::default());
            return Ok(());
        }
        self.shared.search.submit(&self.shared.io, work).map_err(|(_, refusal)| refusal)
    }

    /// How large values were read back from the log.
    #[must_use]
    pub fn value_figures(&self) -> ValueFigures {
        self.shared.values.as_ref().map(|values| values.figures()).unwrap_or_default()
    }

    /// Threads of the search pool.
    #[must_use]
    pub fn search_threads(&self) -> usize {
        self.shared.options.search_threads
    }

    /// Does by hand what home threads do every 100 ms: for an engine without threads.
    pub fn tick(&self) {
        for id in (0..self.shards()).map(ShardId) {
            self.shared.attend(id);
            self.shared.expire(id);
            self.shared.keep_limit(id);
            self.shared.send_away(id);
            self.shared.defragment(id);
            self.shared.flush_idle(id);
        }
        self.shared.end_due_waits();
        self.shared.free_discarded();
        self.shared.snapshot_if_due();
        self.step_snapshot();
        self.shared.end_called_off();
        self.step_vectors();
        self.shared.call_back();
    }

    /// Commands waiting at all shards.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.latches.iter().map(Latch::queued).sum()
    }

    /// Ends the engine: no new command is taken, queued ones are run, threads are joined, the log is
    /// written, synced and closed. Call it when no holder is in use on this thread; calling it again
    /// does nothing. It blocks.
    ///
    /// # Errors
    /// [`EngineError::Log`] when not everything could be made durable; it is closed all the same.
    pub fn close(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        if shared.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        shared.bells.iter().for_each(Bell::ring);
        shared.close_backups();
        shared.close_snapshots();
        shared.close_vectors();
        for thread in std::mem::take(&mut *shared.threads.lock()) {
            // A home thread that panicked has failed the engine already.
            let _ = thread.join();
        }
        shared.search.close();
        shared.ebb.close();
        // What waits for values is queued again.
        shared.readers.close();
        let pause = Bell::default();
        for id in (0..self.shards()).map(ShardId) {
            // Holders let go within their slice; what is queued still runs. A job that has this latch
            // may wait at any later shard.
            loop {
                (0..self.shards()).map(ShardId).for_each(|id| shared.attend(id));
                match shared.latch(id).take() {
                    Some(mut shard) if shared.latch(id).queued() == 0 => {
                        break shard.waits.end_all(Refusal::Closed);
                    }
                    Some(shard) => shared.latch(id).put_back(shard),
                    None if shared.has_failed() => break,
                    None => pause.wait(Duration::from_millis(1)),
                }
            }
        }
        shared.free_discarded();
        match &shared.log {
            Some(log) => log.close().map_err(EngineError::Log),
            None => Ok(()),
        }
    }
}

impl Shared {
    /// See [`Engine::post`].
    pub(crate) fn post(&self, ticket: Ticket, drain: Drain) -> Result<(), (Box<dyn Job>, Refusal)> {
        let job = &ticket.job;
        let Some(&first) = job.shards().as_slice().first() else {
            return Err((ticket.job, Refusal::Closed));
        };
        if let Err(refusal) = self.check_open() {
            return Err((ticket.job, refusal));
        }
        if self.latch(first).queued() >= self.options.queue_limit && !job.overtakes() {
            return Err((ticket.job, Refusal::Busy));
        }
        let at = self.enqueue(ticket);
        self.look_after(at, drain);
        Ok(())
    }

    /// Queues a job before all others, whatever waits there, and runs it if it can: for what those wait for.
    pub(crate) fn post_first(&self, job: Box<dyn Job>) -> Result<(), Refusal> {
        self.check_open()?;
        let first = self.enqueue_first(Ticket::new(job));
        self.attend(first);
        Ok(())
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.io.clock.now_ms()
    }

    pub(crate) fn monotonic_ms(&self) -> u64 {
        self.io.clock.monotonic_ns() / 1_000_000
    }

    /// The epoch that has reached the default level.
    pub(crate) fn reached(&self) -> Epoch {
        self.log.as_ref().map_or(Epoch(0), |log| log.reached(self.options.level))
    }

    pub(crate) fn next_transaction(&self) -> u64 {
        self.transactions.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn check_open(&self) -> Result<(), Refusal> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Refusal::Closed);
        }
        if self.has_failed() { Err(Refusal::Poisoned) } else { Ok(()) }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// A command panicked: memory and log may differ, so nothing more is served.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn home_of(&self, id: ShardId) -> usize {
        usize::from(id.0) % self.bells.len().max(1)
    }

    pub(crate) fn wake_home(&self, id: ShardId) {
        if let Some(bell) = self.bells.get(self.home_of(id)) {
            bell.ring();
        }
    }

    pub(crate) fn stalled(&self, id: ShardId) {
        if let Some(bell) = self.bells.get(self.home_of(id)) {
            bell.stall();
        }
    }

    /// What a thread owes a shard's queue after it let go of the latch, or pushed to the queue.
    pub(crate) fn look_after(&self, id: ShardId, drain: Drain) {
        if self.latch(id).queued() == 0 {
            return;
        }
        if drain == Drain::Serve || self.bells.is_empty() {
            self.attend(id);
        } else {
            self.wake_home(id);
        }
    }

    /// Writes what the turn of a background thread has recorded.
    pub(crate) fn end_turn(&self) {
        if let Some(log) = &self.log
            && log.has_unwritten()
        {
            log.try_write();
        }
    }

    /// Frees a database where nobody waits.
    pub(crate) fn discard(&self, contents: Keyspace) {
        self.discarded.lock().databases.push(contents);
        self.wake_to_free();
    }

    /// Frees large collections where nobody waits.
    pub(crate) fn discard_collections(&self, mut removed: Vec<Collection>) {
        self.discarded.lock().collections.append(&mut removed);
        self.wake_to_free();
    }

    fn wake_to_free(&self) {
        if let Some(bell) = self.bells.first() {
            bell.ring();
        }
    }

    pub(crate) fn free_discarded(&self) {
        let contents = std::mem::take(&mut *self.discarded.lock());
        drop(contents);
    }
}
