//! The engine's side of an operation: which shards it takes, what it reserves, how it runs.
//!
//! Invariant: an operation changes nothing that its answer does not account for.

use std::borrow::Cow;

use skeg_commands::Author;
use skeg_engine::{Bound, Engine, Exec, Expiry, Purpose, ReadError, Shard, ShardId, ShardList};

use crate::dump::parts_of;
use crate::elements::bytes;
use crate::op::{Answer, Deadline, Observed, Op};
use crate::state::At;

/// Log bytes of an effect beside key and value, and of a record of its own, rounded up.
const EFFECT_BYTES: u64 = 64;
const RECORD_BYTES: u64 = 128;

impl Op {
    /// The shards it needs.
    pub(crate) fn shards(&self, engine: &Engine) -> ShardList {
        let router = engine.router();
        let of = |keys: &[&[u8]]| keys.iter().map(|key| router.shard_of(key)).collect();
        match self {
            Self::Get(at) | Self::Exists(at) | Self::Expiry(at) | Self::Remove(at) => {
                of(&[&at.key])
            }
            Self::Set { at, .. }
            | Self::SetWritten { at, .. }
            | Self::SetInt { at, .. }
            | Self::Add { at, .. }
            | Self::Append { at, .. }
            | Self::SetRange { at, .. }
            | Self::Element { at, .. }
            | Self::SetExpiry { at, .. } => of(&[&at.key]),
            Self::Move { from, to, .. } => of(&[&from.key, &to.key]),
            Self::Flush(_) | Self::FlushEach(_) | Self::Swap(..) => ShardList::all(router.shards()),
            Self::FlushShard(_, shard) => ShardList::one(ShardId(*shard)),
            Self::IndexCreate { name, .. }
            | Self::IndexDrop(name)
            | Self::VectorSet { name, .. }
            | Self::VectorRemove { name, .. }
            | Self::VectorGet { name, .. } => engine.index_shards(name, parts_of(name)),
            Self::Commands(commands) => commands.shards(engine),
            Self::All(ops) => {
                let lists = ops.iter().map(|op| op.shards(engine));
                lists.flat_map(|list| list.as_slice().to_vec()).collect()
            }
        }
    }

    /// The log space that it needs at most; a move to another shard finds out when it runs.
    pub(crate) fn bound(&self, engine: &Engine) -> Bound {
        if let Self::Commands(commands) = self {
            return commands.bound();
        }
        let records = self.shards(engine).as_slice().len() as u64;
        match self.effect_bytes() {
            0 => Bound::READ,
            bytes => {
                let bytes = bytes + records * RECORD_BYTES;
                if self.grows() { Bound::grow(bytes) } else { Bound::release(bytes) }
            }
        }
    }

    fn effect_bytes(&self) -> u64 {
        // What the write finds may have lapsed: that is an effect as well.
        let write = |at: &At, bytes: usize| 2 * (at.key.len() as u64 + EFFECT_BYTES) + bytes as u64;
        match self {
            Self::Get(_) | Self::Exists(_) | Self::Expiry(_) | Self::VectorGet { .. } => 0,
            Self::Set { at, value, .. } => write(at, value.len()),
            Self::SetWritten { at, .. } => write(at, 0),
            Self::Append { at, tail } => write(at, tail.len()),
            Self::SetRange { at, bytes, .. } => write(at, bytes.len()),
            Self::Element { at, change } => write(at, 0) + change.bytes(),
            Self::Remove(at) | Self::SetExpiry { at, .. } => write(at, 0),
            Self::SetInt { at, .. } | Self::Add { at, .. } => write(at, 0),
            Self::Move { from, to, .. } => write(from, 0) + write(to, 0),
            Self::Flush(_) | Self::FlushEach(_) | Self::FlushShard(..) | Self::Swap(..) => 256,
            Self::IndexCreate { name, .. } | Self::IndexDrop(name) => {
                (name.len() as u64 + 2 * EFFECT_BYTES) * u64::from(parts_of(name))
            }
            Self::VectorRemove { name, .. } => name.len() as u64 + 2 * EFFECT_BYTES,
            Self::VectorSet { name, row, .. } => {
                name.len() as u64 + 2 * EFFECT_BYTES + 4 * row.len() as u64
            }
            Self::All(ops) => ops.iter().map(Self::effect_bytes).sum(),
            Self::Commands(_) => unreachable!("commands say themselves what they need"),
        }
    }

    fn grows(&self) -> bool {
        match self {
            Self::Remove(_)
            | Self::Flush(_)
            | Self::FlushEach(_)
            | Self::FlushShard(..)
            | Self::IndexDrop(_)
            | Self::VectorRemove { .. } => false,
            Self::Element { change, .. } => change.grows(),
            Self::All(ops) => ops.iter().any(Self::grows),
            _ => true,
        }
    }

    /// Whether it is refused while memory is short.
    pub(crate) fn takes_memory(&self) -> bool {
        match self {
            Self::SetExpiry { .. } | Self::Swap(..) => false,
            Self::All(ops) => ops.iter().any(Self::takes_memory),
            Self::Commands(commands) => commands.takes_memory(),
            _ => self.effect_bytes() > 0 && self.grows(),
        }
    }

    /// Runs it on shards that are held; or it has to wait, and nothing was changed.
    pub(crate) fn run(&self, exec: &mut Exec<'_>, author: Option<&Author>) -> Observed {
        if let Self::Commands(commands) = self {
            return commands.run(exec, author.expect("commands have an author"));
        }
        self.want_changes(exec);
        if exec.must_wait() {
            return Answer::Nothing.into();
        }
        let observed = self.run_now(exec);
        if self.effect_bytes() > 0 {
            exec.note_memory();
        }
        observed
    }

    /// Says what it is about to change. Some operations say nothing, as those do that cannot wait.
    fn want_changes(&self, exec: &mut Exec<'_>) {
        let mut want = |at: &At| exec.shard(&at.key).want_change(at.db, &at.key);
        match self {
            Self::Set { at, .. }
            | Self::SetWritten { at, .. }
            | Self::Add { at, .. }
            | Self::Append { at, .. }
            | Self::Remove(at)
            | Self::Move { from: at, .. } => want(at),
            Self::Element { at, change } if !change.removes() => want(at),
            Self::All(ops) => ops.iter().for_each(|op| op.want_changes(exec)),
            _ => {}
        }
    }

    fn run_now(&self, exec: &mut Exec<'_>) -> Observed {
        match self {
            Self::Get(at) => on_key(exec, at, |shard| {
                let value = shard.string(at.db, &at.key);
                value.map_or_else(
                    |error| Answer::of(&error),
                    |value| Answer::Bytes(value.map(bytes)),
                )
            }),
            Self::Exists(at) => {
                on_key(exec, at, |shard| Answer::Flag(shard.exists(at.db, &at.key)))
            }
            Self::Expiry(at) => {
                on_key(exec, at, |shard| Answer::Expiry(shard.expiry(at.db, &at.key)))
            }
            Self::Set { at, value, deadline } => {
                let expiry = deadline.expiry(exec.now_ms());
                Answer::Flag(exec.shard(&at.key).set(at.db, &at.key, value, expiry)).into()
            }
            Self::SetWritten { at, deadline, written, .. } => {
                let written = written.as_ref().expect("it was written before");
                let expiry = deadline.expiry(exec.now_ms());
                Answer::Flag(exec.shard(&at.key).set_written(at.db, &at.key, written, expiry))
                    .into()
            }
            Self::SetInt { at, value } => {
                exec.shard(&at.key).set_int(at.db, &at.key, *value);
                Answer::Nothing.into()
            }
            Self::Add { at, by } => on_key(exec, at, |shard| {
                let before = match shard.string(at.db, &at.key) {
                    Ok(before) => before,
                    Err(error) => return Answer::of(&error),
                };
                match sum(before.map(bytes).as_deref(), *by) {
                    Some(sum) => {
                        shard.set_int(at.db, &at.key, sum);
                        Answer::Number(sum)
                    }
                    None => Answer::Failed,
                }
            }),
            Self::Append { at, tail } => {
                let length = exec.shard(&at.key).append(at.db, &at.key, tail);
                length.map_or_else(|error| Answer::of(&error), Answer::Length).into()
            }
            Self::SetRange { at, offset, bytes } if bytes.is_empty() => on_key(exec, at, |shard| {
                let length = shard.set_range(at.db, &at.key, *offset, bytes);
                length.map_or_else(|error| Answer::of(&error), Answer::Length)
            }),
            Self::SetRange { at, offset, bytes } => {
                let shard = exec.shard(&at.key);
                let length = shard.set_range(at.db, &at.key, *offset, bytes);
                length.map_or_else(|error| Answer::of(&error), Answer::Length).into()
            }
            Self::Element { at, change } if change.removes() => {
                on_key(exec, at, |shard| change.run(shard, at))
            }
            Self::Element { at, change } => change.run(exec.shard(&at.key), at).into(),
            Self::Remove(at) => {
                on_key(exec, at, |shard| Answer::Flag(shard.remove(at.db, &at.key)))
            }
            Self::SetExpiry { at, after_ms } => {
                let deadline = after_ms.map(|ms| later(exec.now_ms(), ms));
                on_key(exec, at, |shard| Answer::Flag(shard.set_expiry(at.db, &at.key, deadline)))
            }
            Self::Move { from, to, keep } => move_key(exec, from, to, *keep),
            Self::Flush(db) | Self::FlushEach(db) => {
                let old: Vec<_> = exec.shards().filter_map(|shard| shard.flush(*db)).collect();
                old.into_iter().for_each(|contents| exec.discard(contents));
                Answer::Nothing.into()
            }
            Self::FlushShard(db, shard) => {
                if let Some(contents) = exec.shard_at(ShardId(*shard)).flush(*db) {
                    exec.discard(contents);
                }
                Answer::Nothing.into()
            }
            Self::Swap(a, b) => {
                exec.shards().for_each(|shard| shard.swap(*a, *b));
                Answer::Nothing.into()
            }
            Self::IndexCreate { name, options } => {
                flag(exec.index_create(name, *options, None, parts_of(name)))
            }
            Self::IndexDrop(name) => flag(exec.index_drop(name)),
            Self::VectorSet { name, id, row } => {
                let parts = exec.index_parts(name);
                let part = exec.shard_of_id(&parts, id.as_ref());
                flag(part.and_then(|(shard, part)| shard.vector_set(part, id.as_ref(), row)))
            }
            Self::VectorRemove { name, id } => {
                let parts = exec.index_parts(name);
                let part = exec.shard_of_id(&parts, id.as_ref());
                flag(part.and_then(|(shard, part)| shard.vector_remove(part, id.as_ref())))
            }
            Self::VectorGet { name, id } => {
                let parts = exec.index_parts(name);
                let answer = exec
                    .shard_of_id(&parts, id.as_ref())
                    .and_then(|(shard, part)| shard.vector_get(part, id.as_ref()));
                let row = answer.map(|row| row.map(|row| row.read().map(Cow::into_owned)));
                match row.map(Option::transpose) {
                    Ok(Ok(row)) => Answer::Vector(row).into(),
                    Ok(Err(_)) => Answer::Unreadable.into(),
                    Err(_) => Answer::Failed.into(),
                }
            }
            Self::All(ops) => {
                let parts = ops.iter().map(|op| op.run_now(exec)).collect();
                Observed { parts, ..Answer::Nothing.into() }
            }
            Self::Commands(_) => unreachable!("commands run by themselves"),
        }
    }
}

impl Deadline {
    fn expiry(self, now_ms: u64) -> Expiry {
        match self {
            Self::Clear => Expiry::Clear,
            Self::Keep => Expiry::Keep,
            Self::After(ms) => Expiry::At(later(now_ms, ms)),
        }
    }
}

impl Answer {
    /// Of a string that was not to be had.
    fn of(error: &ReadError) -> Self {
        match error {
            ReadError::Unreadable { .. } => Self::Unreadable,
            _ => Self::Failed,
        }
    }
}

fn flag<E>(result: Result<bool, E>) -> Observed {
    result.map_or(Answer::Failed, Answer::Flag).into()
}

/// Runs something on one key and sees whether its entry was removed because it had lapsed: fewer
/// keys, and an answer that did not remove one.
fn on_key(exec: &mut Exec<'_>, at: &At, run: impl FnOnce(&mut Shard) -> Answer) -> Observed {
    let now_ms = exec.now_ms();
    let shard = exec.shard(&at.key);
    let before = shard.len(at.db);
    let answer = run(shard);
    let removed = shard.len(at.db) < before;
    let has_removed = match answer {
        Answer::Flag(removed) => removed,
        Answer::Bytes(Some(_)) | Answer::Score(Some(_)) => true,
        Answer::Length(count) => count > 0,
        _ => false,
    };
    let lapsed = removed && !has_removed;
    debug_assert!(now_ms == shard.now_ms());
    let lapsed = if lapsed { vec![at.clone()] } else { Vec::new() };
    Observed { lapsed, ..answer.into() }
}

/// What RENAME and COPY do.
fn move_key(exec: &mut Exec<'_>, from: &At, to: &At, keep: bool) -> Observed {
    let (source, destination) = ((from.db, from.key.as_slice()), (to.db, to.key.as_slice()));
    let source_shard = exec.shard(&from.key).id();
    if source_shard == exec.shard(&to.key).id() {
        let before = exec.shard(&from.key).len(from.db);
        let moved = exec.shard(&from.key).move_key(source, destination, keep);
        let lapsed = !moved && exec.shard(&from.key).len(from.db) < before;
        let lapsed = if lapsed { vec![from.clone()] } else { Vec::new() };
        return Observed { lapsed, ..Answer::Flag(moved).into() };
    }
    let mut bytes = 0;
    let observed = on_key(exec, from, |shard| {
        bytes = shard.value_bytes(from.db, &from.key);
        Answer::Flag(shard.exists(from.db, &from.key))
    });
    if observed.answer == Answer::Flag(false) {
        return observed;
    }
    let bytes = bytes + to.key.len() as u64 + RECORD_BYTES;
    if exec.reserve(Bound { bytes, purpose: Purpose::Growth }).is_err() {
        return Answer::NoSpace.into();
    }
    let source = exec.shard(&from.key);
    let value = match keep {
        true => source.copy_value(from.db, &from.key),
        false => source.take_value(from.db, &from.key),
    };
    let (value, expire_at_ms) = match value {
        Ok(value) => value.expect("it was there just now"),
        Err(error) => return Answer::of(&error).into(),
    };
    exec.shard(&to.key).put_value(to.db, &to.key, value, expire_at_ms);
    Answer::Flag(true).into()
}

/// A deadline: never 0, so that at time 0 nothing has lapsed.
pub(crate) fn later(now_ms: u64, ms: i64) -> u64 {
    now_ms.saturating_add_signed(ms).max(1)
}

/// The sum, if the string is empty or an integer in the only form that Redis knows.
pub(crate) fn sum(before: Option<&[u8]>, by: i64) -> Option<i64> {
    let Some(before) = before else { return Some(by) };
    let number: i64 = std::str::from_utf8(before).ok()?.parse().ok()?;
    if number.to_string().as_bytes() != before {
        return None;
    }
    number.checked_add(by)
}
