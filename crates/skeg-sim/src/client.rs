//! Logical connections: each runs its operations in order, in place when the latches are free, else
//! as queued jobs, as the server's connections do.
//!
//! Invariant: everything that ran is in the journal, in the order in which it ran.

use skeg_commands::Author;
use skeg_engine::{
    Bound, Drain, Engine, Epoch, Exec, Hold, Holder, Job, Progress, Receipt, Refusal, Router,
    ShardList,
};
use skeg_io::sync::{Arc, Mutex};

use crate::ahead::Ahead;
use crate::contents::Contents;
use crate::memory::{Ear, Taken};
use crate::op::{Observed, Op};
use crate::state::At;

/// Of so many changes that room is made for, one looks whether there is room.
const LOOKS_EACH: u64 = 3;

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// An operation ran; the receipt is missing when it comes with [`Event::Done`].
    Ran { op: Op, now_ms: u64, observed: Observed, receipt: Option<Receipt>, delegated: bool },
    /// A connection's operation has to wait, and is run again. These were removed on the way, because
    /// their deadline had passed.
    Lapsed { conn: usize, now_ms: u64, lapsed: Vec<At>, contents: Option<Contents> },
    /// A connection's operation was refused, without having changed anything.
    Refused { conn: usize, refusal: Refusal },
    /// A connection's queued operation is over.
    Done { conn: usize, receipt: Receipt },
    /// A key was evicted.
    Evicted { at: At, epoch: Epoch },
    /// A key was removed when room was made, because its deadline had passed.
    LapsedForRoom { at: At, epoch: Epoch, now_ms: u64 },
    /// Room was made before a change, or there is none and it was refused. What the data takes, if all
    /// latches were to be had.
    Room { made: bool, taken: Option<Taken> },
}

/// What has happened and was not looked at yet.
pub(crate) type Journal = Arc<Mutex<Vec<Event>>>;

/// How an operation is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// In place, if the latches are free; they stay held until the connection's next release.
    Borrow,
    /// As a job, whatever is free.
    Post,
}

/// A connection.
pub(crate) struct Client {
    number: usize,
    router: Router,
    engine: Engine,
    holder: Holder,
    journal: Journal,
    ear: Arc<Ear>,
    author: Author,
    /// The time of the slice, if it holds latches.
    now_ms: u64,
    /// Changes that room was made for.
    grown: u64,
    /// An operation of it is queued: nothing else of it may run.
    pub(crate) waits: bool,
    /// What its operation has written before it had to wait.
    pub(crate) written: Epoch,
    /// A string that it writes beside everything else.
    ahead: Option<Ahead>,
}

impl Client {
    pub(crate) fn new(
        number: usize,
        engine: &Engine,
        journal: &Journal,
        ear: &Arc<Ear>,
        author: &Author,
    ) -> Self {
        // The JavaScript thread and the serving ones differ in what they do for others.
        let drain = if number == 0 { Drain::WakeOnly } else { Drain::Serve };
        Self {
            number,
            router: Router::new(engine.shards()),
            engine: engine.clone(),
            holder: Holder::new(engine, drain),
            journal: Arc::clone(journal),
            ear: Arc::clone(ear),
            author: author.clone(),
            now_ms: 0,
            grown: 0,
            waits: false,
            written: Epoch(0),
            ahead: None,
        }
    }

    /// Begins to write a string, which an operation is to give to a key when all of it is there. One that was begun
    /// before is given up.
    pub(crate) fn begin_ahead(&mut self, op: &Op) {
        self.ahead = Ahead::new(op);
    }

    /// Goes on with it by so many parts. What is all there is given to its key: that operation is returned, to be run.
    pub(crate) fn go_on_ahead(&mut self, parts: usize) -> Option<Op> {
        let mut ahead = self.ahead.take()?;
        for _ in 0..parts {
            match ahead.go_on(&self.engine) {
                Ok(true) => {}
                Ok(false) => return Some(ahead.op),
                Err(refusal) => {
                    self.refused(refusal);
                    return None;
                }
            }
        }
        self.ahead = Some(ahead);
        None
    }

    /// Runs an operation, or queues it. What has to be written before is.
    pub(crate) fn run(&mut self, op: &Op, route: Route) {
        match op.clone().written_on(&self.engine) {
            Ok(op) => self.run_written(&op, route),
            Err(refusal) => self.refused(refusal),
        }
    }

    fn run_written(&mut self, op: &Op, route: Route) {
        let shards = op.shards(&self.engine);
        let bound = op.bound(&self.engine);
        let each = matches!(op, Op::FlushEach(_));
        if op.takes_memory() && self.holder.engine().is_memory_limited() {
            match self.make_room() {
                Ok(true) => {}
                Ok(false) => return,
                Err(refusal) => return self.refused(refusal),
            }
        }
        if route == Route::Borrow && !each {
            match self.borrow(op, &shards, bound) {
                Ok(true) => return,
                Ok(false) | Err(Refusal::Wait) => {}
                Err(refusal) => return self.refused(refusal),
            }
        }
        let job = OpJob {
            conn: self.number,
            op: op.clone(),
            shards,
            bound,
            journal: Arc::clone(&self.journal),
            author: self.author.clone(),
            ran: None,
        };
        self.waits = true;
        if let Err((_, refusal)) = self.holder.post(Box::new(job)) {
            self.refused(refusal);
        }
    }

    /// Makes room for a change, as every command does that may grow the data.
    fn make_room(&mut self) -> Result<bool, Refusal> {
        self.note_slice();
        let (ear, holder) = (&self.ear, &mut self.holder);
        let made = ear.while_making_room(self.now_ms, || holder.make_room())?;
        self.grown += 1;
        let all = ShardList::all(self.router.shards());
        let looks = !made || self.grown.is_multiple_of(LOOKS_EACH);
        let taken = if looks && self.holder.try_hold(&all)? {
            Some(self.holder.run(&all, Bound::READ, Taken::of)?.0)
        } else {
            None
        };
        self.journal.lock().push(Event::Room { made, taken });
        Ok(made)
    }

    /// Notes the time of a slice that is about to begin.
    fn note_slice(&mut self) {
        if !self.holder.is_holding() {
            self.now_ms = self.holder.engine().now_ms();
        }
    }

    fn borrow(&mut self, op: &Op, shards: &ShardList, bound: Bound) -> Result<bool, Refusal> {
        self.note_slice();
        if !self.holder.try_hold(shards)? {
            return Ok(false);
        }
        let conn = self.number;
        let (journal, author) = (&self.journal, &self.author);
        let run = |exec: &mut Exec<'_>| (exec.now_ms(), run(op, exec, conn, journal, author));
        let ((now_ms, observed), receipt) = self.holder.run(shards, bound, run)?;
        let receipt = Some(receipt);
        let ran = Event::Ran { op: op.clone(), now_ms, observed, receipt, delegated: false };
        self.journal.lock().push(ran);
        Ok(true)
    }

    fn refused(&mut self, refusal: Refusal) {
        self.journal.lock().push(Event::Refused { conn: self.number, refusal });
    }

    /// Frees the latches that it holds.
    pub(crate) fn release(&mut self) {
        self.holder.release();
    }
}

impl Op {
    /// Writes the strings that are to have files of their own, in parts, on the calling thread.
    fn written_on(mut self, engine: &Engine) -> Result<Self, Refusal> {
        match &mut self {
            Self::SetWritten { written: Some(_), .. } => {}
            Self::SetWritten { .. } => {
                let mut ahead = Ahead::new(&self).expect("it writes a string");
                while ahead.go_on(engine)? {}
                self = ahead.op;
            }
            Self::All(ops) => {
                for op in ops {
                    *op = op.clone().written_on(engine)?;
                }
            }
            _ => {}
        }
        Ok(self)
    }
}

/// Runs an operation, and notes what has lapsed when it is to be run again.
fn run(op: &Op, exec: &mut Exec<'_>, conn: usize, journal: &Journal, author: &Author) -> Observed {
    let observed = op.run(exec, Some(author));
    let lapsed = observed.all_lapsed();
    if exec.runs_again() && (!lapsed.is_empty() || observed.contents.is_some()) {
        let (now_ms, contents) = (exec.now_ms(), observed.contents.clone());
        journal.lock().push(Event::Lapsed { conn, now_ms, lapsed, contents });
    }
    observed
}

/// An operation on its way through the queues.
struct OpJob {
    conn: usize,
    op: Op,
    shards: ShardList,
    bound: Bound,
    journal: Journal,
    author: Author,
    ran: Option<(u64, Observed)>,
}

impl Job for OpJob {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn hold(&self) -> Hold {
        if matches!(self.op, Op::FlushEach(_)) { Hold::Each } else { Hold::Together }
    }

    fn bound(&self) -> Bound {
        self.bound
    }

    fn keeps_place(&self) -> bool {
        // The JavaScript thread's do, those of connections that wait for them do not.
        self.conn == 0
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        let now_ms = exec.now_ms();
        if let Op::FlushEach(db) = self.op {
            let shard = exec.shards().next().expect("a job has a shard").id();
            let op = Op::FlushShard(db, shard.0);
            let observed = op.run(exec, None);
            let ran = Event::Ran { op, now_ms, observed, receipt: None, delegated: true };
            self.journal.lock().push(ran);
        } else {
            // When it runs again, only the last run counts.
            self.ran = Some((now_ms, run(&self.op, exec, self.conn, &self.journal, &self.author)));
        }
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let conn = self.conn;
        let mut journal = self.journal.lock();
        match outcome {
            Err(refusal) => journal.push(Event::Refused { conn, refusal }),
            Ok(receipt) => {
                if let Some((now_ms, observed)) = self.ran {
                    let (op, receipt) = (self.op, Some(receipt));
                    journal.push(Event::Ran { op, now_ms, observed, receipt, delegated: true });
                }
                journal.push(Event::Done { conn, receipt });
            }
        }
    }
}
