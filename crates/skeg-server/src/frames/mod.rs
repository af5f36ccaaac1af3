//! The binary protocol: each frame becomes a command, its reply becomes a frame.
//!
//! So a frame does what the command does, whatever that is: no operation has code of its own below this. A batch
//! is a transaction. `docs/protocol.md` describes the bytes.
//!
//! Invariants: answers leave in the order of their requests; a batch is answered at its end, every frame of it.
//!
//! May not know: sockets, the log.

mod answer;
mod batch;
mod problem;
mod request;

use std::collections::VecDeque;

use skeg_commands::{Complete, Completion, Flow, Session};
use skeg_engine::{Epoch, Holder, Receipt};
use skeg_io::sync::Arc;
use skeg_proto::frame::{Flags, Frame, Op, unpack};
use skeg_proto::{ArgsBuf, Limits, Reply, Version};

use self::batch::Batch;
use self::problem::Problem;

pub(crate) use self::answer::{write_broken, write_message, write_unknown_outcomes};

/// A request whose answer is owed.
#[derive(Clone, Copy, Debug)]
struct Asked {
    op: Op,
    flags: Flags,
    id: u64,
}

/// A request of several frames, so far.
struct Pieces {
    asked: Asked,
    payload: Vec<u8>,
}

impl Pieces {
    /// Takes one more.
    fn add(&mut self, payload: &[u8], limits: Limits) -> Result<(), &'static str> {
        if self.payload.len() + payload.len() > limits.max_buffer {
            return Err("the request is too long");
        }
        self.payload.extend_from_slice(payload);
        Ok(())
    }
}

/// A command that is to be executed, and what for.
enum Step {
    /// A request of its own.
    Whole(Asked, ArgsBuf),
    /// A request that no command is executed for.
    Refused(Asked, Problem),
    /// MULTI.
    Begin,
    /// A frame of the batch.
    Queue(ArgsBuf),
    /// EXEC or DISCARD.
    End,
}

/// What the frames of one connection have come to.
pub(crate) struct Frames {
    limits: Limits,
    pieces: Option<Pieces>,
    batch: Option<Batch>,
    /// What was not executed to its end, in order.
    steps: VecDeque<Step>,
    /// What was answered asked to wait for the disk.
    is_durable: bool,
}

/// What commands run with.
pub(crate) struct Desk<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) holder: &'a mut Holder,
    pub(crate) reply: &'a mut Reply,
    pub(crate) complete: &'a Arc<dyn Complete>,
}

/// The connection cannot go on: no protocol has such a frame.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) id: u64,
    pub(crate) what: &'static str,
}

impl Frames {
    /// Those of a connection that has begun with one.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, pieces: None, batch: None, steps: VecDeque::new(), is_durable: false }
    }

    /// Whether what was answered since the last call asked to wait for the disk.
    pub(crate) fn take_durable(&mut self) -> bool {
        std::mem::take(&mut self.is_durable)
    }

    /// Takes a frame, and executes what it completes. When it is done, its answers are written.
    pub(crate) fn run(&mut self, frame: &Frame<'_>, desk: &mut Desk<'_>) -> Result<Flow, Broken> {
        let broken = |what| Broken { id: frame.id, what };
        let op = Op::of(frame.op).ok_or(broken("the operation is unknown"))?;
        let asked = Asked { op, flags: frame.flags, id: frame.id };
        let unpacked;
        let mut payload = frame.payload;
        if asked.flags.has(Flags::LZ4) {
            unpacked = unpack(payload).ok_or(broken("the payload is not packed as it says"))?;
            payload = &unpacked;
        }
        if let Some(Pieces { asked: first, .. }) = &self.pieces
            && (first.op, first.id) != (asked.op, asked.id)
        {
            return Err(broken("another request begins before the last is whole"));
        }
        if asked.flags.has(Flags::CONTINUATION) {
            let pieces = self.pieces.get_or_insert(Pieces { asked, payload: Vec::new() });
            pieces.add(payload, self.limits).map_err(broken)?;
            return Ok(Flow::done());
        }
        match self.pieces.take() {
            Some(mut pieces) => {
                pieces.add(payload, self.limits).map_err(broken)?;
                self.take(asked, &pieces.payload)?;
            }
            None => self.take(asked, payload)?,
        }
        Ok(self.advance(desk))
    }

    /// Takes a whole request: says what is to be executed for it.
    fn take(&mut self, asked: Asked, payload: &[u8]) -> Result<(), Broken> {
        let command = request::command(&asked, payload, self.limits);
        let is_batched = asked.flags.has(Flags::BATCH) || asked.flags.has(Flags::BATCH_END);
        if self.batch.is_none() {
            if !is_batched {
                self.steps.push_back(match command {
                    Ok(args) => Step::Whole(asked, args),
                    Err(problem) => Step::Refused(asked, problem),
                });
                return Ok(());
            }
            self.batch = Some(Batch::default());
            self.steps.push_back(Step::Begin);
        }
        let batch = self.batch.as_mut().expect("it has begun");
        if batch.len() == self.limits.max_args {
            return Err(Broken { id: asked.id, what: "the batch has too many frames" });
        }
        batch.push(asked);
        match command {
            Ok(_) if asked.op == Op::Command => {
                batch.refuse(Problem::invalid("a command within a batch: use MULTI and EXEC"));
            }
            Ok(args) => self.steps.push_back(Step::Queue(args)),
            Err(problem) => batch.refuse(problem),
        }
        if asked.flags.has(Flags::BATCH_END) {
            self.steps.push_back(Step::End);
        }
        Ok(())
    }

    /// Executes what is left to execute, until something waits. What it returns is of the last that was.
    fn advance(&mut self, desk: &mut Desk<'_>) -> Flow {
        let mut last = Flow::done();
        while let Some(step) = self.steps.front() {
            let own;
            let args = match step {
                Step::Whole(_, args) | Step::Queue(args) => args,
                Step::Refused(..) => {
                    if let Some(Step::Refused(asked, problem)) = self.steps.pop_front()
                        && desk.session.takes_refusal()
                    {
                        answer::write_problem(desk.reply, &asked, &problem);
                    }
                    continue;
                }
                Step::Begin if desk.session.is_queueing() => {
                    self.steps.pop_front();
                    let nested = Problem::invalid("a batch within MULTI: use one of both");
                    self.batch.iter_mut().for_each(|batch| batch.refuse(nested.clone()));
                    continue;
                }
                Step::End if !self.batch.as_ref().is_some_and(Batch::is_begun) => {
                    self.steps.pop_front();
                    if let Some(batch) = self.batch.take()
                        && desk.session.takes_refusal()
                    {
                        batch.answer(desk.reply, b"", Epoch::default());
                    }
                    continue;
                }
                Step::Begin => {
                    own = std::iter::once("MULTI").collect();
                    &own
                }
                Step::End => {
                    let is_whole = self.batch.as_ref().is_some_and(Batch::is_whole);
                    own = std::iter::once(if is_whole { "EXEC" } else { "DISCARD" }).collect();
                    &own
                }
            };
            let is_void =
                matches!(step, Step::Queue(_)) && !self.batch.as_ref().is_some_and(Batch::is_whole);
            if is_void {
                self.steps.pop_front();
                continue;
            }
            let start = desk.reply.len();
            let Desk { session, holder, reply, complete } = desk;
            // Replies are translated from RESP3, also behind a command that has left it.
            session.speak(Version::Resp3);
            let flow = session.execute(holder, &args.as_args(), reply, complete);
            match flow {
                Flow::Done(receipt) | Flow::Close(receipt) => {
                    self.took(desk.reply, start, receipt);
                    last = flow;
                }
                Flow::Pending | Flow::Paused => return flow,
            }
        }
        desk.session.speak(Version::Resp3);
        last
    }

    /// The command that ran elsewhere is over: goes on.
    pub(crate) fn resume(&mut self, completion: Completion, desk: &mut Desk<'_>) -> Flow {
        let start = desk.reply.len();
        let flow = desk.session.resume(desk.holder, completion, desk.reply);
        self.go_on(flow, start, desk)
    }

    /// A pause may be over: tries again the command that waits for its end.
    pub(crate) fn retry(&mut self, desk: &mut Desk<'_>) -> Flow {
        let start = desk.reply.len();
        let flow = desk.session.retry(desk.holder, desk.reply, desk.complete);
        self.go_on(flow, start, desk)
    }

    fn go_on(&mut self, flow: Flow, start: usize, desk: &mut Desk<'_>) -> Flow {
        let (Flow::Done(receipt) | Flow::Close(receipt)) = flow else { return flow };
        self.took(desk.reply, start, receipt);
        desk.session.speak(Version::Resp3);
        if self.steps.is_empty() || matches!(flow, Flow::Close(_)) {
            flow
        } else {
            self.advance(desk)
        }
    }

    /// The first step is over; its reply lies behind `start`, and becomes frames.
    fn took(&mut self, reply: &mut Reply, start: usize, receipt: Receipt) {
        let bytes = reply.as_bytes()[start..].to_vec();
        reply.truncate(start);
        match self.steps.pop_front() {
            Some(Step::Whole(asked, _)) => {
                self.is_durable |= asked.flags.has(Flags::WAIT_DURABLE);
                answer::write(reply, &asked, &bytes, receipt.written);
            }
            Some(Step::Begin) => self.batch.iter_mut().for_each(|batch| batch.began(&bytes)),
            Some(Step::Queue(_)) => self.batch.iter_mut().for_each(|batch| batch.replied(&bytes)),
            Some(Step::End) => {
                // Without a reply the client wants none, whatever has been done.
                if let Some(batch) = self.batch.take().filter(|_| !bytes.is_empty()) {
                    self.is_durable |= batch.is_durable();
                    batch.answer(reply, &bytes, receipt.written);
                }
            }
            Some(Step::Refused(..)) | None => {}
        }
    }
}
