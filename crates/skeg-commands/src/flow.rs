//! How a command ends, for the transport that feeds a session.

use skeg_engine::Receipt;
use skeg_proto::Reply;

use crate::cx::State;

/// What the transport does after a command.
#[derive(Debug)]
pub enum Flow {
    /// The reply is complete; it leaves when what the receipt names has reached its levels.
    Done(Receipt),
    /// The command waits or runs elsewhere: no further command of this session until its
    /// [`Complete`] was called and the completion given to [`Session::resume`](crate::Session::resume).
    Pending,
    /// The command waits for the end of a pause (CLIENT PAUSE): no further command of this session
    /// until it was tried again with [`Session::retry`](crate::Session::retry). Only for sessions that
    /// [allow it](crate::Session::allow_pauses).
    Paused,
    /// As `Done`, and the connection is closed when the reply has left.
    Close(Receipt),
}

impl Flow {
    /// Done, with nothing to wait for.
    #[must_use]
    pub fn done() -> Self {
        Self::Done(Receipt::default())
    }
}

/// Whoever waits for a delegated command: one for each connection.
pub trait Complete: Send + Sync {
    /// The command is over. Called once for each [`Flow::Pending`], on any thread (also before
    /// `execute` has returned); it must not block, and hands the completion to the thread that
    /// serves the session.
    fn complete(&self, completion: Completion);

    /// The pending command has begun to wait for keys, perhaps for ever. Called at most once, under
    /// latches, before [`Complete::complete`]; it must not block.
    fn blocked(&self) {}

    /// The pending command has what it needs from the shards: only its answer is left to be made. Called as
    /// [`Complete::blocked`].
    fn taken(&self) {}

    /// Whether nobody waits any more: the connection is gone.
    fn is_gone(&self) -> bool {
        false
    }
}

/// The result of a delegated command, on its way back to its session.
#[derive(Debug)]
pub struct Completion {
    pub(crate) reply: Reply,
    pub(crate) receipt: Receipt,
    pub(crate) state: State,
}

impl Completion {
    /// The bytes of the reply, before the session has decided whether its client wants them.
    #[must_use]
    pub fn reply_bytes(&self) -> &[u8] {
        self.reply.as_bytes()
    }
}
