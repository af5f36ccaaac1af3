//! What a handler sees of the world around it, beside shards, arguments and reply.

use skeg_engine::{Engine, Epoch};
use skeg_io::sync::Arc;
use skeg_proto::Version;

use crate::clients::Client;
use crate::context::Context;
use crate::spec::Spec;

/// The part of a session that any command may change, wherever it runs. It travels with delegated
/// commands and comes back with their completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The selected database.
    pub(crate) db: u8,
    /// The version of the protocol.
    pub(crate) version: Version,
    /// Which replies the client wants.
    pub(crate) replies: Replies,
    /// It has subscriptions.
    pub(crate) subscribed: bool,
    /// The reply confirms subscriptions: it is sent whatever replies the client wants.
    pub(crate) confirming: bool,
    /// The connection is closed after this command.
    pub(crate) closing: bool,
    /// What is watched is let go after this command.
    pub(crate) unwatching: bool,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Replies {
    /// All of them.
    #[default]
    On,
    /// None.
    Off,
    /// Not the one to the next command: just set.
    SkipNext,
    /// Not the one to this command.
    SkipThis,
}

/// The surroundings of one command.
#[derive(Debug)]
pub struct Cx<'a> {
    pub(crate) context: &'a Arc<Context>,
    pub(crate) client: &'a Arc<Client>,
    pub(crate) state: &'a mut State,
    pub(crate) spec: &'static Spec,
    /// The epoch of the newest effect of the session: what a message of it depends on.
    pub(crate) written: Epoch,
}

impl Cx<'_> {
    pub(crate) fn engine(&self) -> &Engine {
        self.context.engine()
    }

    pub(crate) fn db(&self) -> u8 {
        self.state.db
    }
}
