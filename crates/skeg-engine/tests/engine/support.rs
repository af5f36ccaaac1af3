//! What the engine's integration tests share: a job made of closures, and a client that borrows or
//! delegates as the server does.

use skeg_engine::{
    Bound, Drain, Engine, Exec, Hold, Holder, Job, Progress, Receipt, Refusal, Shard, ShardList,
    StrRef,
};
use skeg_io::Clock;
use skeg_io::sync::{Arc, Condvar, Mutex};

/// A job of two closures.
pub(crate) struct Call<R, D> {
    pub(crate) shards: ShardList,
    pub(crate) hold: Hold,
    pub(crate) run: R,
    pub(crate) done: D,
}

impl<R, D> Job for Call<R, D>
where
    R: FnMut(&mut Exec<'_>) -> Progress + Send,
    D: FnOnce(Result<Receipt, Refusal>) + Send,
{
    fn shards(&self) -> &ShardList {
        &self.shards
    }
    fn hold(&self) -> Hold {
        self.hold
    }
    fn bound(&self) -> Bound {
        Bound::grow(1_024)
    }
    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        (self.run)(exec)
    }
    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        (self.done)(outcome);
    }
}

/// One value that a thread waits for.
pub(crate) struct Mailbox<T>(Mutex<Option<T>>, Condvar);

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(None), Condvar::new()))
    }

    pub(crate) fn put(&self, value: T) {
        let former = self.0.lock().replace(value);
        assert!(former.is_none(), "done is called once");
        self.1.notify_one();
    }

    pub(crate) fn take(&self) -> T {
        let mut slot = self.0.lock();
        loop {
            match slot.take() {
                Some(value) => return value,
                None => slot = self.1.wait(slot),
            }
        }
    }
}

/// Runs a command as the server does: in place when the latches are free, else as a job that is
/// waited for.
pub(crate) fn execute<T: Send + 'static>(
    engine: &Engine,
    drain: Drain,
    shards: &ShardList,
    mut command: impl FnMut(&mut Exec<'_>) -> T + Send + 'static,
) -> T {
    let mut holder = Holder::new(engine, drain);
    if holder.try_hold(shards).expect("open") {
        let (value, _) = holder.run(shards, Bound::grow(1_024), command).expect("not refused");
        return value;
    }
    holder.release();
    let answer = Mailbox::new();
    let result = Arc::new(Mutex::new(None));
    let (for_run, for_done) = (Arc::clone(&result), Arc::clone(&answer));
    let job = Call {
        shards: shards.clone(),
        hold: Hold::Together,
        run: move |exec: &mut Exec<'_>| {
            *for_run.lock() = Some(command(exec));
            Progress::Done
        },
        done: move |outcome| for_done.put(outcome),
    };
    engine.post(Box::new(job), drain).map_err(|(_, refusal)| refusal).expect("not refused");
    answer.take().expect("not refused");
    let value = result.lock().take();
    value.expect("the job ran before it was done")
}

pub(crate) fn number(shard: &mut Shard, key: &[u8]) -> i64 {
    match shard.string(0, key) {
        Ok(Some(StrRef::Int(number))) => number,
        Ok(None) => 0,
        other => panic!("no number: {other:?}"),
    }
}

pub(crate) fn add(shard: &mut Shard, key: &[u8], amount: i64) -> i64 {
    let sum = number(shard, key) + amount;
    shard.set_int(0, key, sum);
    sum
}

/// A key of each shard.
pub(crate) fn keys(engine: &Engine) -> Vec<Vec<u8>> {
    (0..engine.shards())
        .map(|shard| {
            (0..)
                .map(|n: u32| format!("key{n}").into_bytes())
                .find(|key| engine.shard_of(key).0 == shard)
                .expect("some key belongs to every shard")
        })
        .collect()
}

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(std::sync::atomic::AtomicU64);

impl ManualClock {
    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        1_000_000 + self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
    fn monotonic_ns(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst) * 1_000_000
    }
}
