//! The state of one JavaScript environment (the main thread's, or a worker's): the databases it has
//! open, and the way back to it.
//!
//! Invariants: used on the environment's thread only; a handle that was closed never reaches the
//! database that took its place; when the environment ends, nothing can wake it any
//! more, then its servers stop, then its leases are given up.

use std::collections::HashMap;

use skeg_engine::{Epoch, Reading, WrittenString};
use skeg_io::sync::Arc;
use skeg_server::Server;

use crate::database::Database;
use crate::error::Failure;
use crate::raw::{Export, Frame, Js, State, Value, Waker};
use crate::registry::Lease;
use crate::ring::Ring;
use crate::work::Back;
use crate::{calls, keys, levels, lifecycle, messages, reading, serving, writing};

/// The way back to an environment.
pub(crate) type WayBack = Ring<Completion, Waker>;

/// The end of something that did not end in its call.
pub(crate) struct Completion {
    /// The database it was called on; 0 for none.
    pub(crate) handle: u32,
    /// The number that the call returned.
    pub(crate) request: u32,
    pub(crate) outcome: Result<Outcome, Failure>,
}

/// How a call ended well.
pub(crate) enum Outcome {
    /// A database is open.
    Opened(Lease),
    /// A database is closed, for this handle.
    Closed,
    /// A write was made, in this epoch.
    Written(Epoch),
    /// Clients can connect.
    Listening(Box<Server>),
    /// A value was read.
    Read { value: Option<Vec<u8>>, form: Form },
    /// A string is read part by part from now on, if there is one.
    Reading(Option<Reading>),
    /// A string was written, under the number of its writing.
    WroteString { number: u32, string: Arc<WrittenString> },
    /// Whether a key was given a string that was written before.
    Given { made: bool, written: Epoch },
    /// A command that was held back has replied.
    Replied { reply: Vec<u8>, form: Form, written: Epoch },
    /// A command holds up those behind it no longer: the call goes on, and so do they.
    LetsBy(Why),
    /// A delegated command is over; its session has to take the reply.
    Completed(skeg_commands::Completion),
}

/// Why a command holds up those behind it no longer, though it has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It waits for keys, perhaps for ever.
    Blocked,
    /// It has what it needs from the shards.
    Taken,
}

/// How values are handed to JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As strings; bytes that are no UTF-8 are an error.
    Text,
    /// As Buffers.
    Bytes,
}

impl Form {
    /// A value in this form.
    pub(crate) fn of<'e>(self, js: Js<'e>, bytes: &[u8]) -> Result<Value<'e>, Failure> {
        match self {
            Self::Text => js.string(bytes).ok_or_else(Failure::not_utf8),
            Self::Bytes => Ok(js.buffer(bytes)),
        }
    }
}

/// Buffers that calls use again and again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Scratch {
    /// Kept by a buffer that was needed for something big once.
    const KEPT: usize = 64 << 10;

    /// Empties the buffers.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.key.clear();
        self.value.clear();
        if self.value.capacity() > Self::KEPT {
            self.value.shrink_to(Self::KEPT);
        }
    }
}

/// A place for a database. Its generation is part of the handle.
#[derive(Default)]
struct Slot {
    generation: u16,
    database: Option<Database>,
}

/// See the module.
pub(crate) struct Environment {
    pub(crate) ring: Arc<WayBack>,
    pub(crate) scratch: Scratch,
    pub(crate) servers: HashMap<u32, Box<Server>>,
    slots: Vec<Slot>,
    failure: Option<Failure>,
    /// What the last command or commit wrote; see [`calls::Ended`].
    pub(crate) last_epoch: f64,
    requests: u32,
}

impl State for Environment {
    const EXPORTS: &'static [Export<Self>] = &[
        Export::of::<lifecycle::Open>(),
        Export::of::<lifecycle::Damage>(),
        Export::of::<lifecycle::Close>(),
        Export::of::<lifecycle::Collect>(),
        Export::of::<lifecycle::TakeFailure>(),
        Export::of::<lifecycle::KeepAlive>(),
        Export::of::<keys::Get>(),
        Export::of::<keys::Set>(),
        Export::of::<calls::Command>(),
        Export::of::<calls::CallOff>(),
        Export::of::<calls::Ended>(),
        Export::of::<calls::Watch>(),
        Export::of::<calls::Commit>(),
        Export::of::<calls::Release>(),
        Export::of::<reading::BeginReading>(),
        Export::of::<reading::ReadPart>(),
        Export::of::<reading::EndReading>(),
        Export::of::<writing::BeginWriting>(),
        Export::of::<writing::WritePart>(),
        Export::of::<writing::EndWriting>(),
        Export::of::<writing::SetWritten>(),
        Export::of::<writing::GiveUpWriting>(),
        Export::of::<messages::Subscribe>(),
        Export::of::<messages::Messages>(),
        Export::of::<messages::Unsubscribe>(),
        Export::of::<serving::Listen>(),
        Export::of::<serving::Stop>(),
        Export::of::<levels::Submit>(),
        Export::of::<levels::Reached>(),
    ];

    fn new(waker: Waker) -> Self {
        Self {
            ring: Arc::new(Ring::new(waker)),
            scratch: Scratch::default(),
            servers: HashMap::new(),
            slots: Vec::new(),
            failure: None,
            last_epoch: 0.0,
            requests: 0,
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        drop(self.ring.detach());
        self.servers.clear();
        self.slots.clear();
    }
}

impl Environment {
    /// The way back for a call on a database that may not end at once, with a new number: from 1,
    /// so that it has a sign.
    #[inline]
    pub(crate) fn back(&mut self, handle: u32) -> Back {
        self.requests = if self.requests == u32::MAX { 1 } else { self.requests + 1 };
        Back { handle, request: self.requests, ring: Arc::clone(&self.ring) }
    }

    /// Finds a place for a database and returns its handle.
    pub(crate) fn install(&mut self, database: Database) -> Result<u32, Failure> {
        let free = self.slots.iter().position(|slot| slot.database.is_none());
        let index = free.unwrap_or(self.slots.len());
        let Ok(place) = u16::try_from(index) else {
            return Err(Failure::new("ERR_BUSY", "too many stores are open"));
        };
        if free.is_none() {
            self.slots.push(Slot::default());
        }
        let slot = &mut self.slots[index];
        // A handle of 0 is no store's.
        slot.generation = slot.generation.wrapping_add(1).max(1);
        slot.database = Some(database);
        Ok(u32::from(slot.generation) << 16 | u32::from(place))
    }

    /// The database of a handle.
    #[inline]
    pub(crate) fn database(&mut self, handle: u32) -> Result<&mut Database, Failure> {
        find(&mut self.slots, handle)?.as_mut().ok_or_else(Failure::closed)
    }

    /// The database of a handle, and the buffers.
    #[inline]
    pub(crate) fn database_and_scratch(
        &mut self,
        handle: u32,
    ) -> Result<(&mut Database, &mut Scratch), Failure> {
        let database = find(&mut self.slots, handle)?.as_mut().ok_or_else(Failure::closed)?;
        Ok((database, &mut self.scratch))
    }

    /// Takes the database of a handle out.
    pub(crate) fn remove(&mut self, handle: u32) -> Result<Database, Failure> {
        find(&mut self.slots, handle)?.take().ok_or_else(Failure::closed)
    }

    /// Ends a call: with its value, or with `undefined` and the failure to be asked for.
    #[inline]
    pub(crate) fn finish<'e>(
        &mut self,
        frame: &Frame<'e>,
        result: Result<Value<'e>, Failure>,
    ) -> Value<'e> {
        result.unwrap_or_else(|failure| {
            self.failure = Some(failure);
            frame.js.undefined()
        })
    }

    /// As [`Environment::finish`], keeping the epoch that [`calls::Ended`] tells.
    pub(crate) fn finish_with_epoch<'e>(
        &mut self,
        frame: &Frame<'e>,
        result: Result<(Value<'e>, f64), Failure>,
    ) -> Value<'e> {
        self.last_epoch = result.as_ref().map_or(f64::NAN, |(_, epoch)| *epoch);
        self.finish(frame, result.map(|(value, _)| value))
    }

    /// Why the last call failed.
    pub(crate) fn take_failure(&mut self) -> Failure {
        self.failure.take().unwrap_or_else(Failure::closed)
    }
}

#[inline]
fn find(slots: &mut [Slot], handle: u32) -> Result<&mut Option<Database>, Failure> {
    let slot = slots.get_mut((handle & 0xFFFF) as usize).ok_or_else(Failure::closed)?;
    if u32::from(slot.generation) == handle >> 16 {
        Ok(&mut slot.database)
    } else {
        Err(Failure::closed())
    }
}
