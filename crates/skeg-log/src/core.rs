//! The state that the log's handle, its subscriptions and its threads share, and how its parts
//! tell each other what has happened.
//!
//! Invariants: an epoch is published (written, then acknowledged, then durable) before anybody is
//! woken for it; poison is noted before anybody is woken for it.
//! May not know: how a part does its work: buffers, writer, syncer, upkeep, space.

use std::io::ErrorKind::StorageFull;
use std::path::PathBuf;

use skeg_io::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use skeg_io::sync::{Arc, Mutex, Slot};
use skeg_io::{DirLock, Io, Join};

use crate::buffer::Buffers;
use crate::condition::Condition;
use crate::current::Position;
use crate::error::{LogError, ReserveError};
use crate::gather::Gathering;
use crate::room::{Pressure, Room};
use crate::segment::Segment;
use crate::side::beside_bytes;
use crate::snapshot::Forecast;
use crate::space::Space;
use crate::subscription::Subscribers;
use crate::sync::Syncing;
use crate::threads::Wake;
use crate::types::{Epoch, Health, Level, LogOptions, LogStatus, SyncPolicy};
use crate::upkeep::{Inventory, Upkeeper};
use crate::value_file::Pins;
use crate::values::ValueReader;
use crate::writer::Writer;

/// Everything of an open log.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) io: Io,
    pub(crate) dir: PathBuf,
    pub(crate) options: LogOptions,
    pub(crate) condition: Condition,
    pub(crate) buffers: Buffers,
    pub(crate) space: Space,
    pub(crate) subscribers: Subscribers,
    /// The role of the writer: whoever took it out writes.
    pub(crate) role: Slot<Writer>,
    /// The segment that the writer goes on to.
    pub(crate) next: Mutex<Option<Arc<Segment>>>,
    /// The block that is to be written next has found no room.
    pub(crate) is_stuck: AtomicBool,
    pub(crate) syncing: Syncing,
    pub(crate) upkeeper: Mutex<Upkeeper>,
    pub(crate) inventory: Mutex<Inventory>,
    pub(crate) values: Arc<ValueReader>,
    pub(crate) value_pins: Pins,
    /// Newest epoch handed to the kernel.
    pub(crate) written: AtomicU64,
    /// Newest epoch that `kernel`-level acknowledgements may be given for.
    kernel: AtomicU64,
    pub(crate) durable: AtomicU64,
    pub(crate) blocks_written: AtomicU64,
    /// Bytes of blocks that were read when the log was opened, and that were written since.
    pub(crate) history_bytes: AtomicU64,
    /// Where in them the snapshot begins that CURRENT names.
    pub(crate) behind_from: AtomicU64,
    pub(crate) forecast: Forecast,
    /// Durable epoch that the last block named, or that no block could be written for.
    watermark: AtomicU64,
    /// Behind the last block.
    pub(crate) position: Mutex<Position>,
    pub(crate) log_wake: Wake,
    pub(crate) disk_wake: Wake,
    pub(crate) gathering: Gathering,
    pub(crate) threads: Mutex<Vec<Box<dyn Join>>>,
    pub(crate) threads_run: AtomicBool,
    pub(crate) threads_stop: AtomicBool,
    /// Given to it when it is open, so that an open that fails or begins again has it to itself.
    pub(crate) lock: Mutex<Option<Box<dyn DirLock>>>,
}

/// What opening hands over to a core.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) io: Io,
    pub(crate) dir: PathBuf,
    pub(crate) options: LogOptions,
    pub(crate) shards: u16,
    /// Last epoch of the history.
    pub(crate) last: Epoch,
    /// Bytes of it that were read.
    pub(crate) history_bytes: u64,
    pub(crate) values: Arc<ValueReader>,
    pub(crate) writer: Option<Writer>,
    pub(crate) upkeeper: Upkeeper,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let options = parts.options;
        let space =
            Space::new(options.segment_bytes, options.buffer_bytes_max, options.unsynced_bytes_max);
        let mut dirty = Vec::new();
        let mut position = Position::default();
        if let Some(writer) = &parts.writer {
            space.update(|room| {
                room.set_active(writer.segment().id, writer.free());
                room.raise_allowed(parts.upkeeper.allowed());
            });
            dirty.push(Arc::clone(writer.segment()));
            position = writer.position();
        }
        if options.read_only {
            space.update(|room| room.refuse_all(ReserveError::ReadOnly));
        }
        Arc::new(Self {
            condition: Condition::new(options.read_only),
            buffers: Buffers::new(parts.shards, parts.last),
            space,
            subscribers: Subscribers::default(),
            role: parts.writer.map_or_else(Slot::empty, |writer| Slot::new(Box::new(writer))),
            next: Mutex::new(None),
            is_stuck: AtomicBool::new(false),
            syncing: Syncing::new(dirty, parts.last.0),
            inventory: Mutex::new(parts.upkeeper.inventory()),
            values: parts.values,
            value_pins: Pins::of(&parts.upkeeper.current, parts.last),
            upkeeper: Mutex::new(parts.upkeeper),
            written: AtomicU64::new(parts.last.0),
            kernel: AtomicU64::new(parts.last.0),
            durable: AtomicU64::new(parts.last.0),
            blocks_written: AtomicU64::new(0),
            history_bytes: AtomicU64::new(parts.history_bytes),
            behind_from: AtomicU64::new(0),
            forecast: Forecast::default(),
            watermark: AtomicU64::new(parts.last.0),
            position: Mutex::new(position),
            log_wake: Wake::default(),
            disk_wake: Wake::default(),
            gathering: Gathering::default(),
            threads: Mutex::new(Vec::new()),
            threads_run: AtomicBool::new(false),
            threads_stop: AtomicBool::new(false),
            lock: Mutex::new(None),
            io: parts.io,
            dir: parts.dir,
            options,
        })
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.io.clock.monotonic_ns()
    }

    pub(crate) fn reached(&self, level: Level) -> Epoch {
        match level {
            Level::Memory => self.buffers.newest(),
            Level::Kernel => Epoch(self.kernel.load(SeqCst)),
            Level::Disk => Epoch(self.durable.load(SeqCst)),
        }
    }

    pub(crate) fn written(&self) -> Epoch {
        Epoch(self.written.load(SeqCst))
    }

    pub(crate) fn has_unwritten(&self) -> bool {
        self.buffers.newest() > self.written()
    }

    /// The kernel has the block `epoch`: publishes it, and sees to what follows.
    pub(crate) fn publish_written(&self, epoch: Epoch, pressure: Pressure) {
        self.written.store(epoch.0, SeqCst);
        self.blocks_written.fetch_add(1, SeqCst);
        let now = self.now_ns();
        let first = self.syncing.note_unsynced(now);
        if !self.acknowledgements_wait(now) {
            self.acknowledge(epoch);
        }
        if self.space.stop_waiting() {
            self.subscribers.room();
        }
        let sync = match self.options.sync {
            SyncPolicy::Always => true,
            SyncPolicy::EverySecond => first,
            SyncPolicy::Never => false,
        };
        if sync || pressure.sync || pressure.room || self.syncing.is_wanted(self.durable()) {
            self.disk_wake.wake();
        }
    }

    /// `kernel`-level acknowledgements may be given up to `epoch`.
    pub(crate) fn acknowledge(&self, epoch: Epoch) {
        self.kernel.fetch_max(epoch.0, SeqCst);
        self.subscribers.reached(Level::Kernel, epoch);
    }

    /// Everything up to `epoch` is durable: publishes it.
    pub(crate) fn publish_durable(&self, epoch: Epoch) {
        self.durable.fetch_max(epoch.0, SeqCst);
        self.subscribers.reached(Level::Disk, epoch);
    }

    pub(crate) fn durable(&self) -> Epoch {
        Epoch(self.durable.load(SeqCst))
    }

    pub(crate) fn watermark(&self) -> Epoch {
        Epoch(self.watermark.load(SeqCst))
    }

    pub(crate) fn set_watermark(&self, epoch: Epoch) {
        self.watermark.store(epoch.0, SeqCst);
    }

    /// A write or an fsync has failed: nothing is acknowledged any more.
    pub(crate) fn poison(&self, reason: String) -> LogError {
        self.condition.poison(reason);
        self.space.update(|room| room.refuse_all(ReserveError::Poisoned));
        self.subscribers.never();
        self.log_wake.wake();
        self.disk_wake.wake();
        self.condition.poisoned()
    }

    /// Acts on what a refused reservation found.
    pub(crate) fn relieve(&self, pressure: Pressure) {
        if pressure.room || pressure.sync {
            self.disk_wake.wake();
        }
        if pressure.rationed {
            let now = self.now_ns();
            self.space.update(|room| room.trickle(now));
        }
        if self.has_unwritten() {
            self.log_wake.wake();
        }
    }

    /// Has `epoch` synced, and written on the way there if it is not.
    pub(crate) fn request_sync(&self, epoch: Epoch) {
        if self.durable() < epoch {
            self.syncing.want(epoch);
            self.wake_syncer();
        }
    }

    /// Somebody waits for the kernel to have `epoch`, which it has not.
    pub(crate) fn want_written(&self, epoch: Epoch) {
        self.syncing.want_written(epoch);
        // One that starts later sees what is wanted, and has it written beside it.
        if self.syncing.in_flight() {
            self.log_wake.wake();
        }
        self.end_gathering();
    }

    /// Bytes of history behind the snapshot, at most.
    pub(crate) fn behind_bytes(&self) -> u64 {
        // In this order: the mark never passes what it is a mark in.
        let from = self.behind_from.load(SeqCst);
        self.history_bytes.load(SeqCst).saturating_sub(from)
    }

    /// Bytes that must be left on the disk for the next snapshot, or for the rest of the one that is being
    /// written, and for the log beside it; `None` as long as nobody knows.
    pub(crate) fn snapshot_room(&self) -> Option<u64> {
        let room = self.forecast.room(self.history_bytes.load(SeqCst))?;
        Some(room + beside_bytes(&self.options))
    }

    /// An error when the disk has not so many bytes left.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), LogError> {
        match self.io.disk.available(&self.dir) {
            Ok(available) if available < bytes => {
                let what = format!("{available} bytes are left, {bytes} are needed");
                let source = std::io::Error::new(StorageFull, what);
                Err(LogError::Full { file: self.dir.clone(), source })
            }
            // Who cannot look finds out when nothing more can be allocated.
            _ => Ok(()),
        }
    }

    /// Has the disk hold so many bytes more, without older snapshots if there is no room beside them.
    ///
    /// # Errors
    /// There is none without them, either; or the log has failed.
    pub(crate) fn make_room(&self, bytes: u64) -> Result<(), LogError> {
        loop {
            match self.check_room(bytes) {
                Err(LogError::Full { .. }) if self.upkeeper.lock().give_up_for(self, bytes)? => {}
                other => return other,
            }
        }
    }

    pub(crate) fn status(&self) -> LogStatus {
        let health = if self.condition.is_poisoned() {
            Health::Poisoned
        } else if self.space.look(Room::present).full {
            Health::Full
        } else {
            Health::Healthy
        };
        let inventory = self.inventory.lock().clone();
        LogStatus {
            health,
            reason: self.condition.reason(),
            last: self.buffers.newest(),
            written: self.written(),
            durable: self.durable(),
            segments: inventory.segments,
            bytes: inventory.bytes(),
            outstanding_bytes: self.space.outstanding(),
            unsynced_bytes: self.space.look(Room::unsynced),
            blocks_written: self.blocks_written.load(SeqCst),
            fsyncs: self.syncing.count(),
            last_fsync_ns: self.syncing.last_duration_ns(),
            snapshot: inventory.snapshot,
            snapshots: inventory.snapshots,
            snapshots_given_up: inventory.given_up,
            behind_bytes: self.behind_bytes(),
            kept_bytes: inventory.kept_bytes,
            older_bytes: inventory.older_bytes,
            overdrawn_bytes: self.space.overdrawn(),
            refuses_growth: self.space.look(Room::refuses_growth),
        }
    }
}
