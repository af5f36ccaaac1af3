//! The command that a frame stands for.

use skeg_proto::frame::{Fields, Flags, Malformed, Op};
use skeg_proto::{ArgsBuf, Limits, Parsed, Parser};

use super::Asked;
use super::problem::Problem;

/// The kinds of an index by their number.
pub(super) const KINDS: [&str; 7] = ["f32", "int8", "binary", "pq", "tq1", "tq2", "tq4"];
/// The backends of an index by their number.
pub(super) const BACKENDS: [&str; 4] = ["flat", "disk", "auto", "ephemeral"];

impl From<Malformed> for Problem {
    fn from(_: Malformed) -> Self {
        Self::invalid("the payload is shorter or longer than its fields say")
    }
}

/// The command that does what a frame asks for.
pub(super) fn command(asked: &Asked, payload: &[u8], limits: Limits) -> Result<ArgsBuf, Problem> {
    let keys_max = limits.max_args;
    let mut args = ArgsBuf::new();
    let mut fields = Fields::new(payload);
    match asked.op {
        Op::Get => key(&mut args, "GET", &mut fields)?,
        Op::Del => key(&mut args, "DEL", &mut fields)?,
        Op::Exists => key(&mut args, "EXISTS", &mut fields)?,
        Op::Set => {
            let lengths = (usize::from(fields.u16()?), fields.u32()? as usize);
            args.push(b"SET");
            args.push(fields.bytes(lengths.0)?);
            args.push(fields.bytes(lengths.1)?);
            condition(&mut args, asked.flags);
        }
        Op::MGet => keys(&mut args, "MGET", &mut fields, keys_max)?,
        Op::MExists => keys(&mut args, "SKEG.MEXISTS", &mut fields, keys_max)?,
        Op::MSet => {
            args.push(b"MSET");
            for _ in 0..count(&mut fields, keys_max / 2)? {
                let lengths = (usize::from(fields.u16()?), fields.u32()? as usize);
                args.push(fields.bytes(lengths.0)?);
                args.push(fields.bytes(lengths.1)?);
            }
        }
        Op::VIndexCreate => {
            let name = fields.name()?;
            let dim = fields.u32()?;
            let word = |words: &[&'static str], number: u8, what| {
                let word = words.get(usize::from(number)).copied();
                word.ok_or(Problem::invalid(format!("there is no {what} of number {number}")))
            };
            let kind = word(&KINDS, fields.u8()?, "kind")?;
            let backend = word(&BACKENDS, fields.u8()?, "backend")?;
            args.push(b"SKEG.VINDEX.CREATE");
            args.push(name);
            number(&mut args, u64::from(dim));
            for word in [kind, backend, "IDS", "U64"] {
                args.push(word.as_bytes());
            }
        }
        Op::VIndexDrop => key(&mut args, "SKEG.VINDEX.DROP", &mut fields)?,
        Op::VSet => {
            vector_of(&mut args, "SKEG.VSET", &mut fields)?;
            args.push(fields.vector()?);
            condition(&mut args, asked.flags);
        }
        Op::VGet => vector_of(&mut args, "SKEG.VGET", &mut fields)?,
        Op::VDel => vector_of(&mut args, "SKEG.VDEL", &mut fields)?,
        Op::VSearch => {
            let name = fields.name()?;
            let k = fields.u32()?;
            let query = fields.vector()?;
            let list = if fields.is_empty() { 0 } else { fields.u32()? };
            args.push(b"SKEG.VSEARCH");
            args.push(name);
            number(&mut args, u64::from(k));
            number(&mut args, u64::from(list));
            args.push(query);
        }
        Op::VIndexList => args.push(b"SKEG.VINDEX.LIST"),
        Op::Ping => args.push(b"PING"),
        Op::Stats => args.push(b"SKEG.STATS"),
        Op::Shards => args.push(b"SKEG.SHARDS"),
        Op::Flush => ["WAITAOF", "1", "0", "0"].iter().for_each(|word| args.push(word.as_bytes())),
        Op::Command => return resp(payload, limits),
    }
    fields.end()?;
    if args.as_args().iter().any(|arg| arg.len() > limits.max_bulk) {
        let max = limits.max_bulk;
        return Err(Problem::invalid(format!("a value is longer than proto-max-bulk-len, {max}")));
    }
    Ok(args)
}

/// One command as RESP has it, and nothing behind it.
fn resp(payload: &[u8], limits: Limits) -> Result<ArgsBuf, Problem> {
    match Parser::new(limits).next(payload) {
        Ok(Parsed::Command { args, consumed }) if consumed == payload.len() => Ok(args.to_buf()),
        Ok(Parsed::Command { .. }) => Err(Problem::invalid("the payload is more than a command")),
        Ok(Parsed::Partial { .. }) => Err(Problem::invalid("the payload is no whole command")),
        Err(error) => Err(Problem::invalid(error.to_string())),
    }
}

/// A command of one key, or of one index.
fn key(args: &mut ArgsBuf, command: &str, fields: &mut Fields<'_>) -> Result<(), Problem> {
    args.push(command.as_bytes());
    args.push(fields.name()?);
    Ok(())
}

/// A command of several keys.
fn keys(
    args: &mut ArgsBuf,
    command: &str,
    fields: &mut Fields<'_>,
    keys_max: usize,
) -> Result<(), Problem> {
    args.push(command.as_bytes());
    for _ in 0..count(fields, keys_max)? {
        args.push(fields.name()?);
    }
    Ok(())
}

fn count(fields: &mut Fields<'_>, max: usize) -> Result<u32, Problem> {
    let count = fields.u32()?;
    if count as usize >= max {
        return Err(Problem::invalid(format!("a frame has fewer than {max} of them")));
    }
    Ok(count)
}

/// A command of one vector of an index.
fn vector_of(args: &mut ArgsBuf, command: &str, fields: &mut Fields<'_>) -> Result<(), Problem> {
    key(args, command, fields)?;
    number(args, fields.u64()?);
    Ok(())
}

fn number(args: &mut ArgsBuf, number: u64) {
    args.push(number.to_string().as_bytes());
}

fn condition(args: &mut ArgsBuf, flags: Flags) {
    for (flag, word) in [(Flags::SET_NX, "NX"), (Flags::SET_XX, "XX")] {
        if flags.has(flag) {
            args.push(word.as_bytes());
        }
    }
}
