//! A batch: frames that take effect together, as a transaction.

use skeg_engine::Epoch;
use skeg_proto::Reply;
use skeg_proto::client::Value;
use skeg_proto::frame::Flags;

use super::problem::Problem;
use super::{Asked, answer};

/// Frames since one had BATCH, and what was wrong with them.
#[derive(Default)]
pub(super) struct Batch {
    frames: Vec<(Asked, Option<Problem>)>,
    /// One of them was refused, so none takes effect.
    is_refused: bool,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Nothing was refused so far.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_refused
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
        self.is_refused = true;
        if let Some((_, last)) = self.frames.last_mut() {
            *last = Some(problem);
        }
    }

    /// What MULTI has replied, or the command of the last frame behind it.
    pub(super) fn replied(&mut self, reply: &[u8]) {
        if let Value::Error(error) = answer::decode(reply) {
            self.refuse(Problem::of(error));
        }
    }

    /// Answers all frames with what EXEC has replied, or DISCARD.
    pub(super) fn answer(self, out: &mut Reply, reply: &[u8], written: Epoch) {
        let (values, reason) = match answer::decode(reply) {
            Value::Array(values) if !self.is_refused => (values, String::new()),
            Value::Error(error) => (Vec::new(), error),
            Value::Null => (Vec::new(), "EXECABORT a watched key has changed".into()),
            _ => (Vec::new(), "EXECABORT another frame of the batch was refused".into()),
        };
        let not_done = Problem::of(reason);
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
