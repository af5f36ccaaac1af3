//! BITOP.

use skeg_engine::{Bound, Exec, Expiry, NotifyClass, ReadError, Refusal};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "bitop",
    arity: -4,
    flags: Flags::GROW,
    keys: Keys::Store {
        at: 2,
        destination: KeyFlags::OW.with(KeyFlags::UPDATE),
        flags: KeyFlags::RO.with(KeyFlags::ACCESS),
    },
    categories: &[Category::Write, Category::Bitmap, Category::Slow],
    group: Group::Bitmap,
    since: "2.6.0",
    summary: "Combines strings bit by bit, and stores the result",
    complexity: "O(N) for N bytes of all strings together",
    syntax: "<AND | OR | XOR | NOT> destkey key [key ...]",
    tips: &[],
    bound: BoundRule::GrowLater(most_bytes),
    run: Handler::Keyed(run),
};

/// How two bytes become one.
type Combine = fn(&mut u8, u8);

/// The operation of this word; NOT combines nothing.
fn operation(word: &[u8]) -> Result<Option<Combine>, CommandError> {
    let operations: [(&str, Option<Combine>); 4] = [
        ("AND", Some(|byte, other| *byte &= other)),
        ("OR", Some(|byte, other| *byte |= other)),
        ("XOR", Some(|byte, other| *byte ^= other)),
        ("NOT", None),
    ];
    let found = operations.into_iter().find(|(name, _)| parse::is_word(word, name));
    found.map(|(_, combine)| combine).ok_or(CommandError::SYNTAX)
}

/// Combines `result` with a string; behind the end of the shorter one there are zeros.
fn apply(combine: Combine, result: &mut Vec<u8>, bytes: &[u8]) {
    if result.len() < bytes.len() {
        result.resize(bytes.len(), 0);
    }
    let (common, rest) = result.split_at_mut(bytes.len());
    common.iter_mut().zip(bytes).for_each(|(byte, other)| combine(byte, *other));
    rest.iter_mut().for_each(|byte| combine(byte, 0));
}

/// The result is as long as the longest string.
fn most_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let lens = args.tail(3).iter().map(|key| {
        let len = exec.shard(key).string_len(cx.db(), key);
        len.ok().flatten().unwrap_or(0) as u64
    });
    lens.max().unwrap_or(0)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let combine = operation(args.get(1))?;
    if combine.is_none() && args.len() != 4 {
        let text = "ERR BITOP NOT must be called with a single source key.";
        return Err(CommandError::constant(text));
    }
    let (db, destination) = (cx.db(), args.get(2));
    let mut result: Option<Vec<u8>> = None;
    for key in args.tail(3) {
        let value = match exec.shard(key).string(db, key) {
            // All that has to be read from the disk is asked for before any of it is waited for.
            Err(ReadError::Away) => continue,
            value => value?,
        };
        let mut digits = Vec::new();
        let bytes = value.map_or(&b""[..], |value| value::bytes_of(value, &mut digits));
        match (&mut result, combine) {
            (Some(result), Some(combine)) => apply(combine, result, bytes),
            (_, Some(_)) => result = Some(bytes.to_vec()),
            (_, None) => result = Some(bytes.iter().map(|byte| !byte).collect()),
        }
    }
    if exec.must_wait() {
        return Err(Refusal::Wait.into());
    }
    let result = result.unwrap_or_default();
    if result.is_empty() {
        let shard = exec.shard(destination);
        if shard.remove(db, destination) {
            shard.notify(NotifyClass::GENERIC, "del", db, destination);
        }
    } else {
        exec.reserve(Bound::grow(result.len() as u64))?;
        let shard = exec.shard(destination);
        shard.set(db, destination, &result, Expiry::Clear);
        shard.notify(NotifyClass::STRING, "set", db, destination);
    }
    reply.count(result.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shorter_strings_are_filled_with_zeros(a: Vec<u8>, b: Vec<u8>) {
            let at = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or(0);
            for word in ["and", "or", "xor"] {
                let combine = operation(word.as_bytes()).unwrap().expect("it combines");
                let mut result = a.clone();
                apply(combine, &mut result, &b);
                let expected: Vec<u8> = (0..a.len().max(b.len()))
                    .map(|index| match word {
                        "and" => at(&a, index) & at(&b, index),
                        "or" => at(&a, index) | at(&b, index),
                        _ => at(&a, index) ^ at(&b, index),
                    })
                    .collect();
                prop_assert_eq!(result, expected, "{}", word);
            }
        }
    }
}
