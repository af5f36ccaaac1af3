//! A log on a simulated machine beside a model of its history.
//!
//! The model knows every record pushed, by epoch; after each reopening what was replayed must be
//! exactly the records up to some epoch (a prefix), and that epoch at least what was acknowledged.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use skeg_io::sim::{CrashPolicy, SimMachine};
use skeg_io::sync::Arc;
use skeg_log::{
    Epoch, ErrorKind, Level, Log, LogError, LogOptions, Purpose, RECORD_OVERHEAD_BYTES, Recovered,
    Replay, ReplayError, Reservation, ReserveError, ShardId, SnapshotInfo, SyncPolicy, Wrote,
};

pub(crate) type Record = (u16, u8, Vec<u8>);

/// Keeps what is replayed.
#[derive(Debug, Default)]
pub(crate) struct Collect {
    pub(crate) shards: u16,
    pub(crate) records: Vec<Record>,
}

impl Replay for Collect {
    fn start(&mut self, shards: u16) -> Result<(), ReplayError> {
        self.shards = shards;
        self.records.clear();
        Ok(())
    }

    fn record(&mut self, shard: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        self.records.push((shard.0, kind, payload.to_vec()));
        Ok(())
    }
}

pub(crate) const DIR: &str = "/data/db";

/// Small segments, so that a test goes through many.
pub(crate) fn small_options(sync: SyncPolicy) -> LogOptions {
    LogOptions {
        shards: Some(4),
        segment_bytes: 64 << 10,
        sync,
        buffer_bytes_max: 64 << 10,
        unsynced_bytes_max: 256 << 10,
        ..LogOptions::default()
    }
}

/// A machine, the log on it, and the model.
pub(crate) struct Harness {
    pub(crate) machine: SimMachine,
    pub(crate) options: LogOptions,
    pub(crate) log: Option<Arc<Log>>,
    /// Records by epoch, in the order in which they are replayed.
    pub(crate) history: BTreeMap<u64, Vec<Record>>,
    /// Newest epoch that was seen to have reached the level.
    pub(crate) kernel: u64,
    pub(crate) disk: u64,
    next: u64,
}

impl Harness {
    pub(crate) fn new(seed: u64, options: LogOptions) -> Self {
        Self {
            machine: SimMachine::new(seed),
            options,
            log: None,
            history: BTreeMap::new(),
            kernel: 0,
            disk: 0,
            next: 0,
        }
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        self.log.as_ref().expect("the log is open")
    }

    pub(crate) fn path(name: &str) -> std::path::PathBuf {
        Path::new(DIR).join(name)
    }

    /// Opens the log and compares what is replayed with the model: a prefix, at least to `least`.
    pub(crate) fn open(&mut self, least: u64) -> Result<Recovered, LogError> {
        let mut replayed = Collect::default();
        let io = self.machine.io();
        let opened = Log::open(&io, Path::new(DIR), &self.options, &mut replayed);
        let (log, recovered) = opened?;
        let last = recovered.last_epoch.0;
        let expected: Vec<Record> =
            self.history.range(..=last).flat_map(|(_, records)| records.iter().cloned()).collect();
        assert_eq!(recovered.shards, replayed.shards);
        assert!(
            replayed.records == expected,
            "what was replayed up to epoch {last} is not a prefix: {} records, {} expected",
            replayed.records.len(),
            expected.len()
        );
        assert_eq!(recovered.records, expected.len() as u64);
        assert!(last >= least, "epoch {least} was acknowledged, the history ends at {last}");
        self.history.split_off(&(last + 1));
        if !self.options.read_only {
            assert_eq!(log.reached(Level::Disk).0, last, "all that is replayed is durable");
            self.kernel = last;
            self.disk = last;
        }
        self.log = Some(log);
        Ok(recovered)
    }

    /// Notes a record that was pushed.
    fn note(&mut self, epoch: Epoch, mut records: Vec<Record>) {
        let all = self.history.entry(epoch.0).or_default();
        all.append(&mut records);
        // Within a block, shards ascend; within a shard, records keep their order.
        all.sort_by_key(|(shard, _, _)| *shard);
    }

    /// A payload that no other record has.
    pub(crate) fn payload(&mut self, bytes: usize) -> Vec<u8> {
        self.next += 1;
        let mut payload = self.next.to_le_bytes().to_vec();
        let filler = (self.next % 251) as u8;
        payload.resize(bytes.max(8), filler);
        payload
    }

    pub(crate) fn reserve(
        &self,
        bytes: u64,
        purpose: Purpose,
    ) -> Result<Reservation, ReserveError> {
        self.log().reserve(bytes, purpose)
    }

    /// Reserves, doing what the log's threads would do while it must wait.
    pub(crate) fn reserve_patiently(
        &self,
        bytes: u64,
        purpose: Purpose,
    ) -> Result<Reservation, ReserveError> {
        for _ in 0..200 {
            match self.reserve(bytes, purpose) {
                Err(ReserveError::Wait) => {
                    self.turn();
                    self.sleep_ms(10);
                }
                other => return other,
            }
        }
        panic!("waited for {bytes} bytes in vain: {:?}", self.log().status());
    }

    /// One turn of each of the log's threads.
    pub(crate) fn turn(&self) {
        let log = self.log();
        let _ = log.maintain();
        log.try_write();
        if log.maintain().is_ok_and(|upkeep| upkeep.sync_due) {
            let _ = log.sync();
        }
        let _ = log.maintain();
    }

    /// Pushes one record of a shard.
    pub(crate) fn push(&mut self, shard: u16, bytes: usize) -> Result<Epoch, ReserveError> {
        let payload = self.payload(bytes);
        let mut reservation = self.reserve_patiently(payload.len() as u64, Purpose::Growth)?;
        let kind = (payload.len() % 7) as u8;
        let epoch = self.log().push(&mut reservation, ShardId(shard), kind, &payload);
        self.log().settle(reservation);
        self.note(epoch, vec![(shard, kind, payload)]);
        Ok(epoch)
    }

    /// Pushes a transaction: a record for each shard given.
    pub(crate) fn push_many(
        &mut self,
        shards: &[u16],
        bytes: usize,
    ) -> Result<Epoch, ReserveError> {
        let payloads: Vec<_> = shards.iter().map(|_| self.payload(bytes)).collect();
        let total: u64 =
            payloads.iter().map(|payload| payload.len() as u64 + RECORD_OVERHEAD_BYTES).sum();
        let mut reservation = self.reserve_patiently(total, Purpose::Growth)?;
        let parts: Vec<_> = shards
            .iter()
            .zip(&payloads)
            .map(|(shard, payload)| (ShardId(*shard), 9, payload.as_slice()))
            .collect();
        let epoch = self.log().push_many(&mut reservation, &parts);
        self.log().settle(reservation);
        let records = shards.iter().copied().zip(payloads);
        self.note(epoch, records.map(|(shard, payload)| (shard, 9, payload)).collect());
        Ok(epoch)
    }

    /// Writes everything that is pushed.
    pub(crate) fn write(&self) {
        for _ in 0..100 {
            match self.log().try_write() {
                Wrote::Nothing | Wrote::Refused => return,
                Wrote::Full => {
                    let _ = self.log().maintain();
                }
                Wrote::Wrote(_) | Wrote::Busy => {}
            }
        }
        panic!("could not write: {:?}", self.log().status());
    }

    /// Looks at what is acknowledged, as clients would.
    pub(crate) fn observe(&mut self) {
        self.kernel = self.kernel.max(self.log().reached(Level::Kernel).0);
        self.disk = self.disk.max(self.log().reached(Level::Disk).0);
    }

    /// Lets time pass.
    pub(crate) fn sleep_ms(&self, ms: u64) {
        self.machine.clock.advance(Duration::from_millis(ms));
    }

    /// The process dies.
    pub(crate) fn kill(&mut self) {
        if self.log.is_some() {
            self.observe();
        }
        self.log = None;
        self.machine.kill();
    }

    /// The power fails.
    pub(crate) fn crash(&mut self, policy: CrashPolicy) {
        if self.log.is_some() {
            self.observe();
        }
        self.log = None;
        self.machine.crash(policy);
        self.kernel = self.disk;
    }

    pub(crate) fn close(&mut self) -> Result<(), LogError> {
        let result = self.log().close();
        self.observe();
        self.log = None;
        result
    }
}

/// Whether an open failed because the machine was stopped in the middle of it.
pub(crate) fn was_stopped(harness: &Harness, error: &LogError) -> bool {
    harness.machine.disk.is_stopped()
        && matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned | ErrorKind::Full)
}

/// Records of one shard up to an epoch.
pub(crate) fn records_of(harness: &Harness, shard: u16, last: u64) -> Vec<Record> {
    let all = harness.history.range(..=last).flat_map(|(_, records)| records);
    all.filter(|record| record.0 == shard).cloned().collect()
}

/// Takes a snapshot: the state of a shard is the list of its records. Between the shards, others write.
pub(crate) fn snapshot(
    harness: &mut Harness,
    between: impl FnMut(&mut Harness),
) -> Result<SnapshotInfo, LogError> {
    snapshot_keeping(harness, &BTreeSet::new(), between)
}

/// The same, of a state that has values in the segments given.
pub(crate) fn snapshot_keeping(
    harness: &mut Harness,
    kept: &BTreeSet<u64>,
    mut between: impl FnMut(&mut Harness),
) -> Result<SnapshotInfo, LogError> {
    let log = Arc::clone(harness.log());
    let mut writer = log.start_snapshot()?;
    let mut places = Vec::new();
    for shard in 0..4 {
        places.push(log.place(ShardId(shard)));
        for (_, kind, payload) in records_of(harness, shard, u64::MAX) {
            writer.append(ShardId(shard), kind, &payload, 1)?;
        }
        between(harness);
    }
    let covered = writer.complete(&places)?;
    log.wait(Level::Disk, covered)?;
    writer.publish(kept)
}

/// Opens a log that may have a snapshot: what each shard is told must be its part of a prefix of the history.
pub(crate) fn open(harness: &mut Harness, least: u64) -> Result<Recovered, LogError> {
    let mut told = Collect::default();
    let io = harness.machine.io();
    let (log, recovered) = Log::open(&io, Path::new(DIR), &harness.options, &mut told)?;
    let last = recovered.last_epoch.0;
    for shard in 0..4 {
        let mine: Vec<Record> =
            told.records.iter().filter(|record| record.0 == shard).cloned().collect();
        assert!(
            mine == records_of(harness, shard, last),
            "shard {shard} up to epoch {last}: {} records, {} expected",
            mine.len(),
            records_of(harness, shard, last).len()
        );
    }
    assert_eq!(recovered.records + recovered.snapshot_entries, told.records.len() as u64);
    assert!(last >= least, "epoch {least} was acknowledged, the history ends at {last}");
    harness.history.split_off(&(last + 1));
    if !harness.options.read_only {
        (harness.kernel, harness.disk) = (last, last);
    }
    harness.log = Some(log);
    Ok(recovered)
}

/// The files with an ending, by name.
pub(crate) fn files(harness: &Harness, ending: &str) -> Vec<String> {
    let mut files = harness.machine.disk.files();
    files.retain(|file| file.starts_with(DIR) && file.ends_with(ending));
    files
}

/// Pushes records to all shards, and writes some of them.
pub(crate) fn push_some(harness: &mut Harness, count: u16) {
    for number in 0..count {
        harness.push(number % 4, 700).expect("there is space");
        if number % 3 == 0 {
            harness.turn();
        }
    }
}

/// A closed log with so many records, each durable before the next, whose CURRENT is that of before the first.
pub(crate) fn with_an_older_current(options: LogOptions, records: u16) -> Harness {
    let mut harness = Harness::new(5, options);
    harness.open(0).expect("it is new");
    let current = Harness::path("CURRENT");
    let older = harness.machine.disk.contents(&current).expect("it is there");
    for _ in 0..records {
        harness.push(0, 2000).expect("there is space");
        harness.write();
        harness.turn();
        harness.log().sync().expect("the disk is sound");
    }
    harness.close().expect("the disk is sound");
    harness.machine.kill();
    harness.machine.disk.import(&current, &older).expect("there is space");
    harness
}
