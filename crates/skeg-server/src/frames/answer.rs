//! The frame that a command's reply becomes.

use skeg_engine::Epoch;
use skeg_proto::Reply;
use skeg_proto::client::{Decoder, Value};
use skeg_proto::frame::{Answer, Flags, Frame, Framed, Op, PAYLOAD_BYTES_MAX, pack};

use super::problem::{Code, Problem};
use super::request::{BACKENDS, KINDS};
use super::{Asked, Broken};

/// What a command has replied; nothing counts as null.
pub(super) fn decode(reply: &[u8]) -> Value {
    if reply.is_empty() {
        return Value::Null;
    }
    let mut decoder = Decoder::new();
    decoder.feed(reply);
    match decoder.decode() {
        Ok(Some(value)) => value,
        Ok(None) => Value::Error("INTERNAL the reply of the command ends within a value".into()),
        Err(error) => Value::Error(format!("INTERNAL the reply of the command: {error}")),
    }
}

/// Answers a request with what its command has replied, in RESP3. A client that has turned replies off gets none.
pub(super) fn write(out: &mut Reply, asked: &Asked, reply: &[u8], written: Epoch) {
    if reply.is_empty() {
        return;
    }
    if asked.op == Op::Command {
        write_frames(out, asked, Answer::Ok, reply);
    } else {
        write_value(out, asked, decode(reply), written);
    }
}

/// Answers a request with the value that its command has replied.
pub(super) fn write_value(out: &mut Reply, asked: &Asked, value: Value, written: Epoch) {
    let payload = match value {
        Value::Error(error) if asked.op == Op::Flush => Err(Problem::of_flush(error)),
        Value::Error(error) => Err(Problem::of(error)),
        Value::Simple(word) if word == "QUEUED" => {
            Err(Problem::invalid("queued by MULTI: its reply is EXEC's; frames have BATCH"))
        }
        value => payload(asked, value, written),
    };
    match payload {
        Ok(payload) => write_frames(out, asked, Answer::Ok, &payload),
        Err(problem) => write_problem(out, asked, &problem),
    }
}

/// Answers a request with ERR.
pub(super) fn write_problem(out: &mut Reply, asked: &Asked, problem: &Problem) {
    write_frames(out, asked, Answer::Err, &problem.to_payload());
}

/// The last words on a connection that cannot go on.
pub(crate) fn write_broken(out: &mut Reply, broken: &Broken) {
    let problem = Problem::invalid(broken.what);
    frame(out, Answer::Err as u8, Flags::default(), broken.id, &problem.to_payload());
}

/// A message that answers nothing: what RESP3 pushes. It lies behind `start`.
pub(crate) fn write_message(out: &mut Reply, start: usize) {
    let message = out.as_bytes()[start..].to_vec();
    out.truncate(start);
    let mut pieces = message.chunks(PAYLOAD_BYTES_MAX).peekable();
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_some() { Flags::CONTINUATION } else { Flags::default() };
        frame(out, Op::Command as u8, flags, 0, piece);
    }
}

/// Instead of answers that nobody may trust any more, an error each; messages among them are dropped.
pub(crate) fn write_unknown_outcomes(out: &mut Reply, answers: &[u8], why: &str) {
    let problem = Problem::new(Code::Unknown, why).to_payload();
    let mut rest = answers;
    while let Ok(Framed::Whole(answer, size)) = Frame::read(rest) {
        if answer.op == Answer::Ok as u8 || answer.op == Answer::Err as u8 {
            frame(out, Answer::Err as u8, Flags::default(), answer.id, &problem);
        }
        rest = &rest[size..];
    }
}

/// One answer, in as many frames as it needs.
fn write_frames(out: &mut Reply, asked: &Asked, last: Answer, payload: &[u8]) {
    if asked.flags.has(Flags::NO_REPLY) {
        return;
    }
    let mut rest = payload;
    loop {
        let (piece, behind) = rest.split_at(rest.len().min(PAYLOAD_BYTES_MAX));
        let op = if behind.is_empty() { last } else { Answer::Continued };
        // Who packs requests understands packed answers.
        let packed = if asked.flags.has(Flags::LZ4) { pack(piece) } else { None };
        match &packed {
            Some(packed) => frame(out, op as u8, Flags::LZ4, asked.id, packed),
            None => frame(out, op as u8, Flags::default(), asked.id, piece),
        }
        if behind.is_empty() {
            return;
        }
        rest = behind;
    }
}

fn frame(out: &mut Reply, op: u8, flags: Flags, id: u64, payload: &[u8]) {
    let mut bytes = Vec::new();
    Frame { op, flags, id, payload }.write(&mut bytes);
    out.raw(&bytes);
}

/// The payload of an answer that is no error.
fn payload(asked: &Asked, value: Value, written: Epoch) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    match (asked.op, value) {
        (Op::Get, Value::Bulk(bytes)) => string(&mut out, &bytes),
        (Op::Get | Op::VGet, Value::Null) => {
            return Err(nothing());
        }
        (Op::Set, Value::Simple(_)) => out.extend_from_slice(&written.0.to_le_bytes()),
        (Op::Set | Op::VSet, Value::Null) => {
            return Err(if asked.flags.has(Flags::SET_NX) {
                Problem::new(Code::Exists, "there is something of that name already")
            } else {
                nothing()
            });
        }
        (Op::Del | Op::Exists | Op::VDel, Value::Int(found)) => out.push(u8::from(found > 0)),
        (Op::MGet, Value::Array(values)) => {
            count(&mut out, values.len());
            for value in values {
                match value {
                    Value::Bulk(bytes) => {
                        out.push(0);
                        string(&mut out, &bytes);
                    }
                    _ => out.push(1),
                }
            }
        }
        (Op::MExists, Value::Array(values)) => {
            count(&mut out, values.len());
            out.extend(values.iter().map(|value| u8::from(*value == Value::Int(1))));
        }
        (Op::VGet, Value::Bulk(row)) => {
            count(&mut out, row.len() / size_of::<f32>());
            out.extend_from_slice(&row);
        }
        (Op::VSearch, Value::Array(hits)) => {
            count(&mut out, hits.len());
            hits.iter().try_for_each(|hit| self::hit(&mut out, hit))?;
        }
        (Op::VIndexList, Value::Array(indexes)) => {
            count(&mut out, indexes.len());
            indexes.iter().try_for_each(|index| self::index(&mut out, index))?;
        }
        (Op::Stats, stats) => {
            for name in ["cache_bytes", "cache_evictions", "keys", "cache_budget"] {
                out.extend_from_slice(&field(&stats, name)?.to_le_bytes());
            }
        }
        (Op::Shards, Value::Array(shards)) => {
            count(&mut out, shards.len());
            for shard in &shards {
                out.extend_from_slice(&(field(shard, "shard")? as u32).to_le_bytes());
                // The cache is one for all shards: a share of it has no figures.
                for figure in [0, 0, field(shard, "keys")?, 0] {
                    out.extend_from_slice(&figure.to_le_bytes());
                }
            }
        }
        (Op::MSet | Op::VIndexCreate | Op::VIndexDrop | Op::VSet | Op::Ping, Value::Simple(_))
        | (Op::Flush, Value::Array(_)) => {}
        _ => return Err(unexpected()),
    }
    Ok(out)
}

/// A command has replied what its frame cannot say.
fn unexpected() -> Problem {
    Problem::new(Code::Internal, "the reply of the command is of another kind than the answer")
}

fn nothing() -> Problem {
    Problem::new(Code::NotFound, "there is nothing of that name")
}

fn count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// An id and a score.
fn hit(out: &mut Vec<u8>, hit: &Value) -> Result<(), Problem> {
    let Some([id, Value::Double(score)]) = hit.as_items() else { return Err(unexpected()) };
    let digits = id.as_bytes().and_then(|digits| std::str::from_utf8(digits).ok());
    let id: Option<u64> = digits.and_then(|digits| digits.parse().ok());
    let id = id.ok_or(Problem::invalid(
        "the ids of the index are strings, which frames cannot say: send the command instead",
    ))?;
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&(*score as f32).to_le_bytes());
    Ok(())
}

/// What the list says of one index.
fn index(out: &mut Vec<u8>, index: &Value) -> Result<(), Problem> {
    let name = lookup(index, "name").and_then(Value::as_bytes).ok_or(unexpected())?;
    let number = |field, words: &[&str]| {
        let word = lookup(index, field).and_then(Value::as_bytes);
        let number = words.iter().position(|known| Some(known.as_bytes()) == word);
        number.map(|number| number as u8).ok_or(unexpected())
    };
    out.extend_from_slice(&(name.len() as u16).to_le_bytes());
    out.extend_from_slice(name);
    out.extend_from_slice(&(field(index, "dim")? as u32).to_le_bytes());
    out.push(number("kind", &KINDS)?);
    out.push(number("backend", &BACKENDS)?);
    out.extend_from_slice(&field(index, "vectors")?.to_le_bytes());
    Ok(())
}

/// A number of a map.
fn field(map: &Value, name: &str) -> Result<u64, Problem> {
    match lookup(map, name) {
        Some(Value::Int(number)) => Ok(u64::try_from(*number).unwrap_or_default()),
        _ => Err(unexpected()),
    }
}

fn lookup<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(pairs) = map else { return None };
    let is_named = |key: &Value| key.as_bytes() == Some(name.as_bytes());
    pairs.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::Version;

    #[test]
    fn answers_that_nobody_may_trust_become_errors_with_their_ids() {
        let mut answers = Vec::new();
        for (op, id) in [
            (Answer::Ok as u8, 1),
            (Answer::Continued as u8, 2),
            (Answer::Ok as u8, 2),
            (Op::Command as u8, 0),
            (Answer::Err as u8, 3),
        ] {
            Frame { op, flags: Flags::default(), id, payload: b"said" }.write(&mut answers);
        }
        let mut out = Reply::new(Version::Resp3);
        write_unknown_outcomes(&mut out, &answers, "ERR_OUTCOME_UNKNOWN why");
        let mut rest = out.as_bytes();
        let mut ids = Vec::new();
        while let Ok(Framed::Whole(answer, size)) = Frame::read(rest) {
            assert_eq!((answer.op, answer.payload[0]), (Answer::Err as u8, Code::Unknown as u8));
            assert_eq!(&answer.payload[2..], b"ERR_OUTCOME_UNKNOWN why");
            ids.push(answer.id);
            rest = &rest[size..];
        }
        assert_eq!(ids, [1, 2, 3]);
    }
}
