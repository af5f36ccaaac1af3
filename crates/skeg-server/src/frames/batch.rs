//! A batch: frames that take effect together, as a transaction.

use skeg_engine::Epoch;
use skeg_proto::Reply;
use skeg_proto::client::Value;
use skeg_proto::frame::Flags;

use super::problem::{Code, Problem};
use super::{Asked, answer};

/// Frames since one had BATCH, and what was wrong with them.
#[derive(Default)]
pub(super) struct Batch {
    frames: Vec<(Asked, Option<Problem>)>,
    /// MULTI has begun a transaction for it.
    is_begun: bool,
    /// One of them was refused, the first for this, so none takes effect.
    refused: Option<Code>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Nothing was refused so far.
    pub(super) fn is_whole(&self) -> bool {
        self.refused.is_none()
    }

    /// A transaction of its own is to be ended.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Whether a frame asks to wait for the disk.
    pub(super) fn is_durable(&self) -> bool {
        self.frames.iter().any(|(asked, _)| asked.flags.has(Flags::WAIT_DURABLE))
    }

    /// One more frame.
    pub(super) fn push(&mut self, asked: Asked) {
        self.frames.push((asked, None));
    }

    /// The last frame is wrong.
    pub(super) fn refuse(&mut self, problem: Problem) {
        self.refused.get_or_insert(problem.code);
        if let Some((_, last)) = self.frames.last_mut() {
            *last = Some(problem);
        }
    }

    /// MULTI has replied.
    pub(super) fn began(&mut self, reply: &[u8]) {
        self.replied(reply);
        self.is_begun = self.is_whole();
    }

    /// What the command of the last frame has replied.
    pub(super) fn replied(&mut self, reply: &[u8]) {
        if let Value::Error(error) = answer::decode(reply) {
            self.refuse(Problem::of(error));
        }
    }

    /// Answers all frames with what EXEC has replied; if one of them was refused it was never asked.
    pub(super) fn answer(self, out: &mut Reply, reply: &[u8], written: Epoch) {
        let not_done = |code, why| Problem::new(code, format!("EXECABORT {why}"));
        let (values, not_done) = match (self.refused, answer::decode(reply)) {
            (Some(code), _) => {
                (Vec::new(), not_done(code, "another frame of the batch was refused"))
            }
            (None, Value::Error(error)) => (Vec::new(), Problem::of(error)),
            (None, Value::Array(values)) => {
                (values, not_done(Code::Internal, "the batch has more frames than replies"))
            }
            (None, _) => (Vec::new(), not_done(Code::Refused, "a watched key has changed")),
        };
        let mut values = values.into_iter();
        for (asked, problem) in self.frames {
            match (problem, values.next()) {
                (Some(problem), _) => answer::write_problem(out, &asked, &problem),
                (None, Some(value)) => answer::write_value(out, &asked, value, written),
                (None, None) => answer::write_problem(out, &asked, &not_done),
            }
        }
    }
}
