//! What the log costs: nanoseconds per push, and bytes per second through the writer, on a real
//! directory.
//!
//! `cargo run --release -p skeg-log --example push -- <empty directory> [record bytes] [case]`, where a
//! case is `push`, `1x16` (threads and pushes a turn), `always50`, `recovery` (after `1x128`).
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use skeg_io::Io;
use skeg_io::sync::{Arc, thread};
use skeg_log::{
    Level, Log, LogOptions, Purpose, RECORD_OVERHEAD_BYTES, Replay, ReplayError, Reservation,
    ReserveError, ShardId, SyncPolicy, Wrote,
};

const SHARDS: u16 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().ok_or("a directory, please")?);
    let record_bytes = args.next().map_or(Ok(100), |bytes| bytes.parse())?;
    let only = args.next();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    let payload = vec![7; record_bytes];
    let records = (512 << 20) / (record_bytes + 64);

    if wanted("push") {
        let log = open(&dir.join("push"), SyncPolicy::Never)?;
        pushes(&log, &payload);
        log.close()?;
    }
    for threads in [1, 2] {
        for turn in [1, 16, 128] {
            let name = format!("{threads}x{turn}");
            if wanted(&name) {
                let log = open(&dir.join(&name), SyncPolicy::EverySecond)?;
                turns(&log, &payload, threads, turn, records / if turn == 1 { 8 } else { 1 });
                log.close()?;
            }
        }
    }
    for threads in [1, 50] {
        let name = format!("always{threads}");
        if wanted(&name) {
            let log = open(&dir.join(&name), SyncPolicy::Always)?;
            acknowledged(&log, &payload, threads)?;
            log.close()?;
        }
    }
    if wanted("recovery") {
        recovery(&dir.join("1x128"))?;
    }
    Ok(())
}

fn open(dir: &Path, sync: SyncPolicy) -> Result<Arc<Log>, Box<dyn Error>> {
    let options = LogOptions { shards: Some(SHARDS), sync, ..LogOptions::default() };
    let (log, _) = Log::open(&Io::real(), dir, &options, &mut ())?;
    log.start_threads()?;
    Ok(log)
}

fn reserve(log: &Log, reservation: &mut Reservation, bytes: u64) {
    loop {
        match log.reserve_more(reservation, bytes, Purpose::Growth) {
            Ok(()) => return,
            Err(ReserveError::Wait) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Pushes alone: reserve, push, settle; the blocks are written between the measured stretches.
fn pushes(log: &Log, payload: &[u8]) {
    const STRETCH: u32 = 500;
    let bytes = payload.len() as u64;
    let (mut best, mut best_batched) = (f64::MAX, f64::MAX);
    for round in 0..2000_u32 {
        let began = Instant::now();
        for number in 0..STRETCH {
            let mut reservation = Reservation::default();
            reserve(log, &mut reservation, bytes);
            log.push(&mut reservation, ShardId((number % u32::from(SHARDS)) as u16), 1, payload);
            log.settle(reservation);
        }
        best = best.min(began.elapsed().as_nanos() as f64 / f64::from(STRETCH));
        while log.try_write() != Wrote::Nothing {}
        let mut reservation = Reservation::default();
        reserve(log, &mut reservation, u64::from(STRETCH) * (bytes + RECORD_OVERHEAD_BYTES));
        let began = Instant::now();
        for number in 0..STRETCH {
            log.push(&mut reservation, ShardId((number % u32::from(SHARDS)) as u16), 1, payload);
        }
        best_batched = best_batched.min(began.elapsed().as_nanos() as f64 / f64::from(STRETCH));
        log.settle(reservation);
        while log.try_write() != Wrote::Nothing {}
        if round % 100 == 0 {
            thread::yield_now();
        }
    }
    println!(
        "push of {} bytes: {best:.1} ns with its own reservation, {best_batched:.1} ns within one for many",
        payload.len()
    );
}

/// Serving threads: so many pushes a turn, then the end of the turn.
fn turns(log: &Arc<Log>, payload: &[u8], threads: usize, turn: usize, records: usize) {
    let began = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let (log, payload) = (Arc::clone(log), payload.to_vec());
            thread::spawn(move || {
                let mut number = worker as u32;
                for _ in 0..records / threads / turn {
                    for _ in 0..turn {
                        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let shard = ShardId((number >> 16) as u16 % SHARDS);
                        let mut reservation = Reservation::default();
                        reserve(&log, &mut reservation, payload.len() as u64);
                        log.push(&mut reservation, shard, 1, &payload);
                        log.settle(reservation);
                    }
                    log.try_write();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("no worker panics");
    }
    let last = log.last_epoch();
    log.wait(Level::Kernel, last).expect("the disk takes it");
    let seconds = began.elapsed().as_secs_f64();
    let done = records / threads / turn * turn * threads;
    let status = log.status();
    println!(
        "{threads} threads, {turn:>3} a turn: {:>6.2} M records/s, {:>6.0} MB/s, {:.1} records a block, {} fsyncs",
        done as f64 / seconds / 1e6,
        (done * (payload.len() + 9)) as f64 / seconds / 1e6,
        done as f64 / status.blocks_written as f64,
        status.fsyncs,
    );
}

/// Writes acknowledged at `disk`, one at a time by each thread.
fn acknowledged(log: &Arc<Log>, payload: &[u8], threads: usize) -> Result<(), Box<dyn Error>> {
    let rounds = 20_000 / threads;
    let began = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let (log, payload) = (Arc::clone(log), payload.to_vec());
            thread::spawn(move || {
                for _ in 0..rounds {
                    let mut reservation = Reservation::default();
                    reserve(&log, &mut reservation, payload.len() as u64);
                    let shard = ShardId(worker as u16 % SHARDS);
                    let epoch = log.push(&mut reservation, shard, 1, &payload);
                    log.settle(reservation);
                    log.try_write();
                    log.wait(Level::Disk, epoch).expect("the disk syncs");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| "a worker panicked")?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let status = log.status();
    println!(
        "always, {threads:>2} threads: {:>7.0} acknowledged writes/s, {:.1} a fsync, fsync {:.0} us",
        (rounds * threads) as f64 / seconds,
        (rounds * threads) as f64 / status.fsyncs as f64,
        status.last_fsync_ns as f64 / 1e3,
    );
    Ok(())
}

#[derive(Default)]
struct Count(u64);

impl Replay for Count {
    fn record(&mut self, _: ShardId, _: u8, payload: &[u8]) -> Result<(), ReplayError> {
        self.0 += payload.len() as u64;
        Ok(())
    }
}

fn recovery(dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut count = Count::default();
    let began = Instant::now();
    let options = LogOptions { read_only: true, ..LogOptions::default() };
    let (_log, recovered) = Log::open(&Io::real(), dir, &options, &mut count)?;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "recovery: {:.2} M records/s, {:.2} GB/s ({} bytes of payload)",
        recovered.records as f64 / seconds / 1e6,
        recovered.bytes as f64 / seconds / 1e9,
        count.0,
    );
    Ok(())
}
