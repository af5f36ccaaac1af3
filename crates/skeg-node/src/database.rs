//! One open database of an environment: the lease, the latches it can borrow, the sessions that run
//! its commands, and the calls that have to wait their turn.
//!
//! Calls take effect in the order in which they are made. On one shard the engine sees to that:
//! nobody borrows a latch past queued work. A call over several shards that had to queue is not yet
//! in the queues of its later shards, so it is a barrier: what comes after it is held back here.

use std::collections::{HashMap, VecDeque};

use skeg_commands::{
    Author, Complete, Completion as CommandCompletion, Flow, Lane, Origin, Session,
};
use skeg_engine::{
    Drain, Engine, Holder, Log, Notify, Reading, Receipt, Refusal, ShardId, Subscription,
};
use skeg_io::sync::Arc;
use skeg_io::sync::thread::yield_now;
use skeg_proto::{ArgsBuf, Reply, Version};

use crate::environment::{Form, Outcome, WayBack, Why};
use crate::error::Failure;
use crate::messages::Subscriptions;
use crate::numbered::Numbered;
use crate::registry::Lease;
use crate::watching::Watchings;
use crate::work::{Back, Queued, Work};
use crate::writing::Writings;

/// How long a synchronous call tries, in nanoseconds.
const SYNC_WAIT_NS: u64 = 2_000_000;

/// Bytes of a reply buffer that are kept for the next reply.
const REPLY_BYTES_KEPT: usize = 64 << 10;

/// See the module.
pub(crate) struct Database {
    pub(crate) holder: Holder,
    pub(crate) args: ArgsBuf,
    pub(crate) watchings: Watchings,
    reply: Reply,
    sessions: Sessions,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) readings: Numbered<Reading>,
    pub(crate) writings: Writings,
    /// The request that everything after it waits for.
    barrier: Option<u32>,
    held_back: VecDeque<(Back, HeldBack)>,
    /// The database is being closed: no command waits for keys any more.
    waits_are_over: bool,
    subscription: Option<Subscription>,
    lease: Lease,
}

/// A call that waits for a barrier.
enum HeldBack {
    Work(Work),
    Command { args: ArgsBuf, call: Call },
}

/// How a command is called.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) form: Form,
    /// All its keys are on one shard, so that it keeps its place in the order by itself.
    pub(crate) is_local: bool,
}

/// How a call went.
pub(crate) enum Began<T> {
    Done(T, Receipt),
    /// Its outcome comes back under its number.
    Pending,
}

/// Wakes an environment when the log has news for it.
struct News(Arc<WayBack>);

impl Notify for News {
    fn notify(&self) {
        self.0.notify();
    }
}

impl Database {
    pub(crate) fn new(lease: Lease, ring: &Arc<WayBack>) -> Self {
        let engine = lease.engine();
        let news = || Arc::new(News(Arc::clone(ring)));
        Self {
            holder: Holder::new(engine, Drain::WakeOnly),
            args: ArgsBuf::new(),
            watchings: Watchings::new(engine),
            reply: Reply::new(Version::Resp3),
            sessions: Sessions::new(&lease),
            subscriptions: Subscriptions::new(engine),
            readings: Numbered::default(),
            writings: Writings::default(),
            barrier: None,
            held_back: VecDeque::new(),
            waits_are_over: false,
            subscription: engine.log().map(|log| log.subscribe(news())),
            lease,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.lease.engine()
    }

    pub(crate) fn log(&self) -> Option<&Arc<Log>> {
        self.engine().log()
    }

    pub(crate) fn subscription(&self) -> Option<&Subscription> {
        self.subscription.as_ref()
    }

    /// Gives up the database; what it was subscribed to goes first.
    pub(crate) fn into_lease(self) -> Lease {
        self.lease
    }

    /// Takes the latch of a shard if a call may run there now.
    #[inline]
    pub(crate) fn try_hold(&mut self, shard: ShardId) -> Result<bool, Refusal> {
        if self.barrier.is_some() {
            return Ok(false);
        }
        self.holder.try_hold_one(shard)
    }

    /// As [`Database::try_hold`], but lets others run for up to [`SYNC_WAIT_NS`] when the latch is
    /// taken: for calls that can only fail otherwise. Latches are held for microseconds, unless
    /// whoever holds one was put aside by the scheduler.
    pub(crate) fn try_hold_for_sync(&mut self, shard: ShardId) -> Result<bool, Refusal> {
        if self.try_hold(shard)? {
            return Ok(true);
        }
        let clock = Arc::clone(&self.engine().io().clock);
        let end_ns = clock.monotonic_ns() + SYNC_WAIT_NS;
        while self.barrier.is_none() && clock.monotonic_ns() < end_ns {
            yield_now();
            if self.try_hold(shard)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes room for a call that may grow the data, or refuses it; costs a load without a limit.
    #[inline]
    pub(crate) fn make_room(&mut self) -> Result<(), Failure> {
        if !self.engine().is_memory_limited() {
            return Ok(());
        }
        let made = self.holder.make_room();
        self.holder.release();
        if made? { Ok(()) } else { Err(Failure::out_of_memory()) }
    }

    /// Queues work, behind what it must not overtake.
    pub(crate) fn queue(&mut self, work: Work, back: Back) -> Result<(), Failure> {
        if self.barrier.is_some() {
            self.held_back.push_back((back, HeldBack::Work(work)));
            return Ok(());
        }
        self.post(work, back)
    }

    fn post(&mut self, work: Work, back: Back) -> Result<(), Failure> {
        let shards = work.shards(self.engine());
        let request = back.request;
        if shards.is_empty() {
            back.send(work.outcome(Ok(None), Receipt::default()));
            return Ok(());
        }
        let over_several = shards.as_slice().len() > 1;
        let job = Queued::new(work, shards, back);
        self.holder.post(Box::new(job)).map_err(|(_, refusal)| Failure::from(refusal))?;
        if over_several {
            self.barrier = Some(request);
        }
        Ok(())
    }

    /// Runs work now, if its latches are free, or queues it.
    pub(crate) fn begin(
        &mut self,
        work: Work,
        back: impl FnOnce() -> Back,
    ) -> Result<Began<Result<Outcome, Failure>>, Failure> {
        let shards = work.shards(self.engine());
        if shards.is_empty() {
            let outcome = work.outcome(work.run_nowhere(), Receipt::default());
            return Ok(Began::Done(outcome, Receipt::default()));
        }
        if work.may_grow() {
            self.make_room()?;
        }
        let held = if self.barrier.is_none() { self.holder.try_hold(&shards) } else { Ok(false) };
        if held == Ok(true) {
            let ran = self.holder.run(&shards, work.bound(), |exec| work.run(exec));
            self.holder.release();
            match ran {
                Ok((ran, receipt)) => return Ok(Began::Done(work.outcome(ran, receipt), receipt)),
                Err(Refusal::Wait) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        // Some of the latches may have been free.
        self.holder.release();
        held?;
        self.queue(work, back())?;
        Ok(Began::Pending)
    }

    /// Runs the command in `self.args`, or has it run. The reply is handed to `take`.
    pub(crate) fn command<T>(
        &mut self,
        call: Call,
        back: impl FnOnce() -> Back,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Began<T> {
        if self.barrier.is_some() {
            let args = self.args.clone();
            self.held_back.push_back((back(), HeldBack::Command { args, call }));
            return Began::Pending;
        }
        self.execute(call, back, take)
    }

    fn execute<T>(
        &mut self,
        call: Call,
        back: impl FnOnce() -> Back,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Began<T> {
        // What was queued before is over, or is the barrier.
        let _ = self.holder.take_queued_over_several();
        let mut session = self.sessions.take(&mut self.holder);
        let answer = Arc::new(Answer::default());
        let complete: Arc<dyn Complete> = Arc::clone(&answer) as Arc<dyn Complete>;
        self.reply.clear();
        let args = self.args.as_args();
        let flow = session.execute(&mut self.holder, &args, &mut self.reply, &complete);
        self.holder.release();
        match flow {
            Flow::Done(receipt) | Flow::Close(receipt) => {
                self.sessions.free.push(session);
                let taken = take(self.reply.as_bytes());
                if self.reply.memory_bytes() > REPLY_BYTES_KEPT {
                    self.reply = Reply::new(Version::Resp3);
                }
                Began::Done(taken, receipt)
            }
            Flow::Paused => unreachable!("no session of an environment allows pauses"),
            Flow::Pending => {
                let back = back();
                let request = back.request;
                if self.waits_are_over {
                    session.call_off();
                }
                self.sessions.pending.insert(request, (session, call.form));
                let lets_by = answer.goes_to(back);
                // What is on one shard by its keys may be an index in several parts.
                let may_be_overtaken = !call.is_local || self.holder.take_queued_over_several();
                if may_be_overtaken && !lets_by {
                    self.barrier = Some(request);
                }
                Began::Pending
            }
        }
    }

    /// Takes the completion of a command; returns the reply, the form it is wanted in, and what to
    /// wait for.
    pub(crate) fn resume<T>(
        &mut self,
        request: u32,
        completion: CommandCompletion,
        take: impl FnOnce(&[u8], Form) -> T,
    ) -> Option<(T, Receipt)> {
        let (mut session, form) = self.sessions.pending.remove(&request)?;
        let mut reply = Reply::new(Version::Resp3);
        let flow = session.resume(&mut self.holder, completion, &mut reply);
        self.holder.release();
        self.sessions.free.push(session);
        let receipt = match flow {
            Flow::Done(receipt) | Flow::Close(receipt) => receipt,
            Flow::Pending | Flow::Paused => Receipt::default(),
        };
        Some((take(reply.as_bytes(), form), receipt))
    }

    /// Calls a command off: if it waits for keys, or would have to, it ends with an error; otherwise it
    /// ends as it would have.
    pub(crate) fn call_off(&mut self, request: u32) {
        if let Some(place) = self.held_back.iter().position(|(back, _)| back.request == request) {
            if let Some((back, _)) = self.held_back.remove(place) {
                back.send(Err(Failure::called_off()));
            }
        } else if let Some((session, _)) = self.sessions.pending.get(&request) {
            session.call_off();
        }
    }

    /// Calls off all waits for keys, now and from now on.
    pub(crate) fn end_waits(&mut self) {
        self.waits_are_over = true;
        self.sessions.pending.values().for_each(|(session, _)| session.call_off());
    }

    /// As whom the commands of transactions run.
    pub(crate) fn author(&mut self) -> Author {
        let session = self.sessions.take(&mut self.holder);
        let author = session.author();
        self.sessions.free.push(session);
        author
    }

    /// A request has ended, or lets others by: if it was the barrier, the calls behind it go on, up to
    /// the next one.
    pub(crate) fn ended(&mut self, request: u32) {
        if self.barrier != Some(request) {
            return;
        }
        self.barrier = None;
        while self.barrier.is_none() {
            let Some((back, call)) = self.held_back.pop_front() else { return };
            match call {
                HeldBack::Work(work) => {
                    if let Err(failure) = self.post(work, back.clone()) {
                        back.send(Err(failure));
                    }
                }
                HeldBack::Command { args, call } => {
                    self.args = args;
                    let began = self.execute(call, || back.clone(), <[u8]>::to_vec);
                    if let Began::Done(reply, receipt) = began {
                        let (form, written) = (call.form, receipt.written);
                        back.send(Ok(Outcome::Replied { reply, form, written }));
                    }
                }
            }
        }
    }
}

/// The sessions that run commands: as many as there are commands that have not ended.
struct Sessions {
    lease: Arc<skeg_commands::Context>,
    lane: Arc<Lane>,
    free: Vec<Session>,
    pending: HashMap<u32, (Session, Form)>,
}

impl Sessions {
    fn new(lease: &Lease) -> Self {
        let context = Arc::clone(lease.context());
        let lane = context.new_lane();
        Self { lease: context, lane, free: Vec::new(), pending: HashMap::new() }
    }

    fn take(&mut self, holder: &mut Holder) -> Session {
        self.free.pop().unwrap_or_else(|| {
            let origin = Origin { address: "embedded".into(), ..Origin::default() };
            let mut session = Session::new(&self.lease, &self.lane, origin, Arc::new(()));
            let mut hello = ArgsBuf::new();
            hello.push(b"HELLO");
            hello.push(b"3");
            let nobody: Arc<dyn Complete> = Arc::new(Answer::default());
            let mut reply = Reply::new(Version::Resp3);
            session.execute(holder, &hello.as_args(), &mut reply, &nobody);
            session
        })
    }
}

/// Whoever waits for a delegated command. What happens to it may come before the call has a number.
#[derive(Default)]
struct Answer {
    inside: skeg_io::sync::Mutex<Waiting>,
}

#[derive(Default)]
enum Waiting {
    #[default]
    Nobody,
    /// The command lets others by, and the call has no number yet.
    LetsBy(Why),
    Back(Back),
    Early(CommandCompletion),
}

impl Answer {
    /// The call has a number. Returns whether it lets others by.
    fn goes_to(&self, back: Back) -> bool {
        let mut inside = self.inside.lock();
        match std::mem::replace(&mut *inside, Waiting::Nobody) {
            Waiting::Early(completion) => {
                drop(inside);
                back.send(Ok(Outcome::Completed(completion)));
                false
            }
            before => {
                let why = if let Waiting::LetsBy(why) = before { Some(why) } else { None };
                if let Some(why) = why {
                    back.send(Ok(Outcome::LetsBy(why)));
                }
                *inside = Waiting::Back(back);
                why.is_some()
            }
        }
    }

    fn let_by(&self, why: Why) {
        let mut inside = self.inside.lock();
        match &*inside {
            Waiting::Back(back) => back.send(Ok(Outcome::LetsBy(why))),
            _ => *inside = Waiting::LetsBy(why),
        }
    }
}

impl Complete for Answer {
    fn complete(&self, completion: CommandCompletion) {
        let mut inside = self.inside.lock();
        match std::mem::replace(&mut *inside, Waiting::Nobody) {
            Waiting::Back(back) => {
                drop(inside);
                back.send(Ok(Outcome::Completed(completion)));
            }
            _ => *inside = Waiting::Early(completion),
        }
    }

    fn blocked(&self) {
        self.let_by(Why::Blocked);
    }

    fn taken(&self) {
        self.let_by(Why::Taken);
    }
}
