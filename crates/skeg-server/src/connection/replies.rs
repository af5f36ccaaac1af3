//! Replies of a connection: of commands that ran elsewhere or waited, and on their way out of the socket.

use skeg_commands::{Completion, Flow};
use skeg_engine::{Epoch, Level, Receipt};

use super::{Connection, Protocol, Tools};
use crate::frames::{Desk, write_message, write_unknown_outcomes};
use crate::output::{Output, Reached, Sent};

/// An error instead of a reply whose outcome nobody can know.
const OUTCOME_UNKNOWN: &str = "ERR_OUTCOME_UNKNOWN the log failed before this was safe: \
    whether it survives is not known, and the database is read-only until it is reopened";

/// What became of a connection's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// They left, or the socket says when it takes more.
    Done,
    /// The first that is left waits for this.
    Waiting(Level, Epoch),
    /// To be dropped: the peer is gone, does not read, or all has been said.
    Gone,
}

impl Connection {
    /// A command that ran elsewhere is over.
    pub(crate) fn resume(&mut self, completion: Completion, tools: &mut Tools) {
        let start = self.output.end();
        self.limit_output(tools);
        let flow = match &mut self.protocol {
            Protocol::Frames(frames) => {
                let reply = self.output.writer(&mut tools.spare);
                let (session, complete) = (&mut self.session, &self.complete);
                let mut desk = Desk { session, holder: &mut tools.holder, reply, complete };
                frames.resume(completion, &mut desk)
            }
            _ => self.session.resume(
                &mut tools.holder,
                completion,
                self.output.writer(&mut tools.spare),
            ),
        };
        tools.holder.release();
        self.pending = false;
        self.go_on(&flow, start, tools);
    }

    /// A pause is over, or may be: tries again the command that waits for it, if one does.
    pub(crate) fn retry(&mut self, tools: &mut Tools) {
        if !std::mem::take(&mut self.paused) {
            return;
        }
        let start = self.output.end();
        self.limit_output(tools);
        let Tools { holder, spare, .. } = tools;
        let reply = self.output.writer(spare);
        let (session, complete) = (&mut self.session, &self.complete);
        let flow = match &mut self.protocol {
            Protocol::Frames(frames) => {
                frames.retry(&mut Desk { session, holder: &mut *holder, reply, complete })
            }
            _ => session.retry(holder, reply, complete),
        };
        holder.release();
        self.go_on(&flow, start, tools);
    }

    /// A command has come to this, outside of a batch.
    fn go_on(&mut self, flow: &Flow, start: usize, tools: &mut Tools) {
        match flow {
            Flow::Done(receipt) => self.note_answer(start, *receipt, tools.level),
            Flow::Pending => self.pending = true,
            Flow::Paused => {
                self.paused = true;
                tools.anybody_paused = true;
            }
            Flow::Close(receipt) => {
                self.note_answer(start, *receipt, tools.level);
                self.end(tools.now_ns);
            }
        }
    }

    /// Notes what the replies behind `start` wait for, in either protocol.
    pub(super) fn note_answer(&mut self, start: usize, mut receipt: Receipt, default: Level) {
        let is_durable = match &mut self.protocol {
            Protocol::Frames(frames) => frames.take_durable(),
            _ => false,
        };
        let least = if is_durable { Level::Disk } else { default };
        if is_durable && receipt.written.0 == 0 {
            // The engine tells of what has not reached its own level, which may be a lower one.
            receipt.seen = self.session.newest();
        }
        note(&mut self.output, start, receipt, least, least.max(self.session.level()));
    }

    /// Writes the messages that wait; `false`: there were too many, and it is to be dropped.
    pub(crate) fn take_mail(&mut self, tools: &mut Tools) -> bool {
        let Some(mail) = self.address.take_mail() else { return false };
        self.limit_output(tools);
        for incoming in mail {
            let start = self.output.end();
            let writer = self.output.writer(&mut tools.spare);
            if self.session.write_incoming(&incoming, writer) {
                if matches!(self.protocol, Protocol::Frames(_)) {
                    write_message(writer, start);
                }
                self.output.note_message(start, incoming.epoch(), tools.level);
            }
        }
        !self.output.is_over()
    }

    /// Holds the output to what the class of the client may leave unsent.
    pub(super) fn limit_output(&mut self, tools: &Tools) {
        let limits = tools.output_limits.of_class(self.session.is_listening());
        self.output.limit(limits.hard_bytes);
    }

    /// Sends what may leave.
    pub(crate) fn flush(&mut self, tools: &mut Tools, reached: &Reached) -> Flushed {
        if self.output.is_over() {
            return Flushed::Gone;
        }
        let (sent, count) = self.output.send(&mut self.stream, reached);
        tools.bytes_out += count as u64;
        tools.writes += u64::from(count > 0);
        if self.ending && count > 0 {
            self.active_ns = tools.now_ns;
        }
        match sent {
            Sent::All => {
                self.output.recycle(&mut tools.spare);
                if self.is_over() { Flushed::Gone } else { Flushed::Done }
            }
            Sent::Waiting => {
                let (level, epoch) = self.output.wants().expect("something waits");
                Flushed::Waiting(level, epoch)
            }
            Sent::Blocked => {
                self.writable = false;
                Flushed::Done
            }
            Sent::Gone => Flushed::Gone,
        }
    }

    /// The log failed: replies that wait for it become errors.
    pub(crate) fn fail_waiting(&mut self, reached: &Reached) {
        let is_framed = matches!(self.protocol, Protocol::Frames(_));
        self.output.fail_waiting(reached, |out, answers, count| {
            if is_framed {
                write_unknown_outcomes(out, answers, OUTCOME_UNKNOWN);
            } else {
                (0..count).for_each(|_| out.error(OUTCOME_UNKNOWN));
            }
        });
    }
}

/// Notes what the reply behind `start` waits for.
#[inline]
pub(super) fn note(
    output: &mut Output,
    start: usize,
    receipt: Receipt,
    default: Level,
    own: Level,
) {
    if receipt.written.0 == 0 {
        output.note(start, receipt.seen, default);
    } else {
        // What a command wrote is at least as young as what it saw, and its level at least as high.
        output.note(start, receipt.written.max(receipt.seen), own);
    }
}
