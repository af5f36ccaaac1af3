//! Every key of a dump becomes a command or several; commands are commands.
//!
//! Invariant: a key or element that comes twice is an error: Redis writes each once.
//! May not know: files.

use skeg_proto::client::Value as Answer;
use skeg_rdb::{Item, Value};

use super::restore::{self, Restored};
use super::source::Piece;
use crate::cli::tools::runner::Runner;

/// Elements of a collection that are added by one command.
const ELEMENTS: usize = 512;

/// Writes a piece.
///
/// # Errors
/// What the database says to it.
pub(super) fn take(piece: Piece<'_>, runner: &mut Runner) -> Result<(), String> {
    match piece {
        Piece::Begin => runner.select(0),
        Piece::Abandon => runner.run_words(&[b"DISCARD"]).map(drop),
        Piece::Command(args) if restore::is_restore(args) => {
            let Restored { key, value, expire_at_ms, replaces } = restore::read(args)?;
            if replaces {
                runner.run_words(&[b"DEL", key])?;
            }
            put(key, &value, expire_at_ms, runner)
                .map_err(|problem| format!("RESTORE: key \"{}\": {problem}", key.escape_ascii()))
        }
        Piece::Command(args) => runner.command(args).map_err(|problem| {
            format!("{}: {problem}", args.get(0).escape_ascii().to_string().to_ascii_uppercase())
        }),
        Piece::Key(Item { db, key, expire_at_ms, value }) => runner
            .select(*db)
            .and_then(|()| put(key, value, *expire_at_ms, runner))
            .map_err(|problem| format!("key \"{}\": {problem}", key.escape_ascii())),
    }
}

fn put(
    key: &[u8],
    value: &Value,
    expire_at_ms: Option<u64>,
    runner: &mut Runner,
) -> Result<(), String> {
    match value {
        Value::String(value) => {
            let answer = runner.run_words(&[b"SET", key, value, b"NX"])?;
            if answer == Answer::Null {
                return Err(TWICE.into());
            }
        }
        Value::List(elements) => add(runner, b"RPUSH", key, elements, |it| [it])?,
        Value::Set(members) => add(runner, b"SADD", key, members, |it| [it])?,
        Value::Hash(fields) => add(runner, b"HSET", key, fields, |(field, value)| [field, value])?,
        Value::SortedSet(members) => {
            let texts: Vec<(Vec<u8>, &Vec<u8>)> = members
                .iter()
                .map(|(member, score)| (score.to_string().into_bytes(), member))
                .collect();
            add(runner, b"ZADD", key, &texts, |(score, member)| [score, *member])?;
        }
        _ => {}
    }
    if let Some(at_ms) = expire_at_ms {
        runner.run_words(&[b"PEXPIREAT", key, at_ms.to_string().as_bytes()])?;
    }
    Ok(())
}

/// Whether a command waits for EXEC, as one that restores a key can.
fn is_queued(answer: &Answer) -> bool {
    answer.as_bytes() == Some(b"QUEUED")
}

const TWICE: &str = "it, or an element of it, is there already";

/// Adds the elements of a collection, which must all be new.
fn add<'a, T, const N: usize>(
    runner: &mut Runner,
    command: &'a [u8],
    key: &'a [u8],
    elements: &'a [T],
    words: impl Fn(&'a T) -> [&'a Vec<u8>; N],
) -> Result<(), String> {
    let mut before = 0;
    for part in elements.chunks(ELEMENTS) {
        let mut all = vec![command, key];
        all.extend(part.iter().flat_map(&words).map(Vec::as_slice));
        // RPUSH answers how long the list is, the others how many elements are new.
        let expected = if command == b"RPUSH" { before + part.len() } else { part.len() };
        let answer = runner.run_words(&all)?;
        if answer != Answer::Int(expected as i64) && !is_queued(&answer) {
            return Err(TWICE.into());
        }
        before += part.len();
    }
    Ok(())
}
