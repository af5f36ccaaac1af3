//! The changes of a transaction or batch: checked first, then made, under the same latches, so that
//! they are made all or not at all.

use std::collections::BTreeMap;

use skeg_commands::{Author, Prepared, Types};
use skeg_engine::{Bound, Engine, Exec, Incoming, IndexError, NotifyClass, Parts, ShardList};
use skeg_proto::ArgsBuf;
use skeg_vector::{IdRef, NoId};

use crate::error::Failure;
use crate::raw::{Js, Value};
use crate::work::{DB, Deadline, check_key, check_value, notify_set};

/// One change.
pub(crate) enum Change {
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
        deadline: Deadline,
    },
    Remove {
        key: Vec<u8>,
    },
    /// A new deadline for a key that is there, or none.
    Expire {
        key: Vec<u8>,
        deadline: Deadline,
    },
    VectorSet {
        index: Vec<u8>,
        id: Vec<u8>,
        row: Vec<f32>,
    },
    VectorRemove {
        index: Vec<u8>,
        id: Vec<u8>,
    },
    /// A command of the table.
    Command(Prepared),
}

/// See the module.
pub(crate) struct Changes {
    list: Vec<Change>,
    /// As whom commands among them run.
    author: Author,
}

/// Bytes of log that a change may take beside its arguments.
const CHANGE_SLACK: usize = 64;

impl Changes {
    /// Reads a flat array: for each change its kind and its four arguments.
    pub(crate) fn from_js<'e>(
        js: Js<'e>,
        list: Value<'e>,
        author: Author,
    ) -> Result<Self, Failure> {
        let mut flat: Vec<Value<'e>> = Vec::new();
        js.each_element(list, |value| {
            flat.push(value);
            Ok::<(), Failure>(())
        })
        .ok_or(crate::raw::Unsuitable::Type)??;
        let (changes, rest) = flat.as_chunks::<5>();
        debug_assert!(rest.is_empty(), "the façade writes whole changes");
        let list =
            changes.iter().map(|change| read_change(js, change)).collect::<Result<_, _>>()?;
        Ok(Self { list, author })
    }

    pub(crate) fn add_shards(&self, engine: &Engine, shards: &mut ShardList) {
        for change in &self.list {
            match change {
                Change::Command(command) => command.add_shards(engine, shards),
                Change::VectorSet { index, id, .. } | Change::VectorRemove { index, id } => {
                    let parts = engine.index_parts(index);
                    shards.insert(engine.shard_of(parts.name_of_text(id)));
                }
                change => shards.insert(engine.shard_of(change.home())),
            }
        }
    }

    pub(crate) fn bound(&self) -> Bound {
        self.list.iter().map(Change::bound).fold(Bound::READ, Bound::and)
    }

    /// Whether one of them may grow the data.
    pub(crate) fn may_grow(&self) -> bool {
        self.list.iter().any(|change| match change {
            Change::Set { .. } | Change::VectorSet { .. } => true,
            Change::Remove { .. } | Change::Expire { .. } | Change::VectorRemove { .. } => false,
            Change::Command(command) => command.may_grow(),
        })
    }

    /// Everything that could be refused.
    pub(crate) fn check(&self, exec: &mut Exec<'_>) -> Result<(), Failure> {
        let is_dependent =
            |change: &Change| matches!(change, Change::Command(it) if it.is_dependent());
        let mut types = Types::new(self.list.iter().any(is_dependent));
        let mut bytes = 0;
        let mut incoming: BTreeMap<Vec<u8>, Incoming> = BTreeMap::new();
        for change in &self.list {
            match change {
                Change::Set { key, value, .. } => {
                    exec.shard(key).want_change(DB, key);
                    types.store(key, value);
                }
                Change::Remove { key } => {
                    exec.shard(key).want_change(DB, key);
                    types.remove(key);
                }
                Change::Expire { key, deadline } => {
                    exec.shard(key).want_change(DB, key);
                    if !matches!(deadline, Deadline::Clear | Deadline::In(1..)) {
                        types.may_remove(key);
                    }
                }
                Change::VectorSet { index, id, row } => {
                    let id_bytes = id.len();
                    let parts = exec.index_parts(index);
                    let id = typed_id(exec, &parts, id)?;
                    let (shard, part) = exec.shard_of_id(&parts, id)?;
                    shard.vector_check(part, id, row)?;
                    incoming.entry(part.into()).or_default().add(id_bytes, row.len());
                }
                Change::VectorRemove { index, id } => {
                    let parts = exec.index_parts(index);
                    let id = typed_id(exec, &parts, id)?;
                    exec.shard_of_id(&parts, id)?;
                }
                Change::Command(command) => {
                    command.check(exec, &self.author, &mut types, bytes)?;
                }
            }
            bytes += change.bound().bytes;
        }
        for (part, incoming) in incoming {
            exec.part_shard(&part)?.vector_room(&part, incoming)?;
        }
        // All of it runs again when the strings are at hand that commands may read, and a snapshot has
        // what it needs of what is changed.
        if exec.must_wait() { Err(Failure::would_block()) } else { Ok(()) }
    }

    /// Makes them, after [`Changes::check`].
    pub(crate) fn make(&self, exec: &mut Exec<'_>) -> Result<(), Failure> {
        let now_ms = exec.now_ms();
        for change in &self.list {
            match change {
                Change::Set { key, value, deadline } => {
                    let (shard, expiry) = (exec.shard(key), deadline.expiry(now_ms));
                    shard.set(DB, key, value, expiry);
                    notify_set(shard, key, expiry);
                }
                Change::Remove { key } => {
                    let shard = exec.shard(key);
                    if shard.remove(DB, key) {
                        shard.notify(NotifyClass::GENERIC, "del", DB, key);
                    }
                }
                Change::Expire { key, deadline } => {
                    let at = match deadline {
                        Deadline::In(ms) => Some(now_ms.saturating_add(*ms)),
                        Deadline::At(ms) => Some(*ms),
                        Deadline::Clear | Deadline::Keep => None,
                    };
                    let shard = exec.shard(key);
                    if shard.set_expiry(DB, key, at) {
                        let event = match at {
                            None => "persist",
                            Some(at) if at <= now_ms => "del",
                            Some(_) => "expire",
                        };
                        shard.notify(NotifyClass::GENERIC, event, DB, key);
                    }
                }
                Change::VectorSet { index, id, row } => {
                    let parts = exec.index_parts(index);
                    let id = typed_id(exec, &parts, id)?;
                    let (shard, part) = exec.shard_of_id(&parts, id)?;
                    shard.vector_set(part, id, row)?;
                }
                Change::VectorRemove { index, id } => {
                    let parts = exec.index_parts(index);
                    let id = typed_id(exec, &parts, id)?;
                    let (shard, part) = exec.shard_of_id(&parts, id)?;
                    shard.vector_remove(part, id)?;
                }
                Change::Command(command) => {
                    command.run(exec, &self.author)?;
                }
            }
        }
        exec.note_memory();
        Ok(())
    }
}

impl Change {
    /// What decides the shard: the key, or the name of the index.
    fn home(&self) -> &[u8] {
        match self {
            Self::Set { key, .. } | Self::Remove { key } | Self::Expire { key, .. } => key,
            Self::VectorSet { index, .. } | Self::VectorRemove { index, .. } => index,
            Self::Command(_) => &[],
        }
    }

    /// The log space it may need.
    fn bound(&self) -> Bound {
        let more = match self {
            Self::Command(command) => return command.bound(),
            Self::Set { value, .. } => value.len(),
            Self::Remove { .. } | Self::Expire { .. } => 0,
            Self::VectorSet { id, row, .. } => id.len() + 4 * row.len(),
            Self::VectorRemove { id, .. } => id.len(),
        };
        let bytes = (self.home().len() + more + CHANGE_SLACK) as u64;
        match self {
            Self::Remove { .. } | Self::VectorRemove { .. } => Bound::release(bytes),
            _ => Bound::grow(bytes),
        }
    }
}

fn read_change<'e>(js: Js<'e>, parts: &[Value<'e>; 5]) -> Result<Change, Failure> {
    let [kind, first, second, third, fourth] = parts;
    let bytes = |value: &Value<'e>| -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        js.append_bytes(*value, &mut bytes)?;
        Ok(bytes)
    };
    let key = || {
        let key = bytes(first)?;
        check_key(&key)?;
        Ok::<_, Failure>(key)
    };
    let deadline = || Ok::<_, Failure>(Deadline::of(js.to_u32(*third)?, js.to_number(*fourth)?));
    Ok(match js.to_u32(*kind)? {
        0 => {
            let value = bytes(second)?;
            check_value(&value)?;
            Change::Set { key: key()?, value, deadline: deadline()? }
        }
        1 => Change::Remove { key: key()? },
        2 => Change::Expire { key: key()?, deadline: deadline()? },
        3 => {
            let mut raw = Vec::new();
            js.append_elements(*third, &mut raw)?;
            let (numbers, _) = raw.as_chunks::<4>();
            let row = numbers.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect();
            Change::VectorSet { index: bytes(first)?, id: bytes(second)?, row }
        }
        4 => Change::VectorRemove { index: bytes(first)?, id: bytes(second)? },
        _ => {
            let mut args = ArgsBuf::new();
            js.each_element(*first, |word| {
                let word = bytes(&word)?;
                check_value(&word)?;
                args.push(&word);
                Ok::<(), Failure>(())
            })
            .ok_or(crate::raw::Unsuitable::Type)??;
            Change::Command(Prepared::new(args)?)
        }
    })
}

/// An id of the kind that the index has.
fn typed_id<'a>(
    exec: &mut Exec<'_>,
    parts: &Parts<'_>,
    id: &'a [u8],
) -> Result<IdRef<'a>, Failure> {
    Ok(IdRef::read(exec.index_options(parts)?.ids, id)?)
}

impl From<NoId> for Failure {
    fn from(error: NoId) -> Self {
        match error {
            NoId::NotUtf8 => Self::not_utf8(),
            NoId::NoNumber => Self::new("ERR_INVALID_ARGUMENT", error.to_string()),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        use skeg_vector::VectorErrorKind as Kind;
        let code = match &error {
            IndexError::NotFound => "ERR_NOT_FOUND",
            IndexError::Mismatch { .. } => "ERR_INDEX_MISMATCH",
            IndexError::Vector(error) => match error.kind() {
                Kind::Dimension => "ERR_DIMENSION",
                Kind::Full => "ERR_TOO_LARGE",
                _ => "ERR_INVALID_ARGUMENT",
            },
            IndexError::Behind | IndexError::Unwritten | IndexError::Moved => "ERR_BUSY",
            IndexError::Memory { .. } => "ERR_OUT_OF_MEMORY",
            _ => "ERR_INVALID_ARGUMENT",
        };
        Self::new(code, error.to_string())
    }
}
