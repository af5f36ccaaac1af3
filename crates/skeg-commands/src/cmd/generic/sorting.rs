//! What SORT and SORT_RO share.
//!
//! Patterns of BY and GET lead to keys that the arguments do not name, so with a pattern every shard
//! is held; without one only those of the key and of the destination.

use std::cmp::Ordering;

use skeg_engine::{
    Bound, Exec, KEY_BYTES_MAX, Kind, NotifyClass, ReadError, Refusal, Shard, ValueRef, WrongType,
};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::number;
use crate::parse;
use crate::space;
use crate::spec::{Outcome, Reach};
use crate::value;

/// What is asked for.
#[derive(Debug, Default)]
struct Asked<'a> {
    by: Option<&'a [u8]>,
    get: Vec<&'a [u8]>,
    /// How many elements are left out, and how many follow; a negative number is no limit.
    limit: Option<(i64, i64)>,
    descending: bool,
    alpha: bool,
    store: Option<&'a [u8]>,
    /// It is looked at before it runs: nothing is counted as read.
    ahead: bool,
}

impl<'a> Asked<'a> {
    fn parse(args: Args<'a>, may_store: bool) -> Result<Self, CommandError> {
        let mut asked = Self::default();
        let mut at = 2;
        while let Some(word) = args.try_get(at) {
            let is = |name| parse::is_word(word, name);
            at += 1;
            if is("ASC") {
                asked.descending = false;
            } else if is("DESC") {
                asked.descending = true;
            } else if is("ALPHA") {
                asked.alpha = true;
            } else if is("LIMIT") && at + 1 < args.len() {
                let limit = (parse::int_arg(args.get(at))?, parse::int_arg(args.get(at + 1))?);
                asked.limit = Some(limit);
                at += 2;
            } else {
                let argument = args.try_get(at).ok_or(CommandError::SYNTAX)?;
                if may_store && is("STORE") {
                    asked.store = Some(argument);
                } else if is("BY") {
                    asked.by = Some(argument);
                } else if is("GET") {
                    asked.get.push(argument);
                } else {
                    return Err(CommandError::SYNTAX);
                }
                at += 1;
            }
        }
        Ok(asked)
    }

    /// BY a name without a star: the elements stay in their order.
    fn is_unsorted(&self) -> bool {
        self.by.is_some_and(|pattern| !pattern.contains(&b'*'))
    }

    /// How many elements are left out, and how many follow at most.
    fn range(&self) -> (usize, usize) {
        let (skip, take) = self.limit.unwrap_or((0, -1));
        let skip = usize::try_from(skip.max(0)).unwrap_or(usize::MAX);
        (skip, usize::try_from(take).unwrap_or(usize::MAX))
    }
}

/// Where the destination is among the arguments, if there is one.
pub(super) fn destination(args: Args<'_>) -> Option<usize> {
    let (mut at, mut found) = (2, None);
    while let Some(word) = args.try_get(at) {
        let is = |name| parse::is_word(word, name);
        at += match () {
            () if is("LIMIT") => 3,
            () if is("BY") || is("GET") => 2,
            () if is("STORE") => {
                found = (at + 1 < args.len()).then_some(at + 1).or(found);
                2
            }
            () => 1,
        };
    }
    found
}

/// How patterns come to keys.
pub(super) const REACH: Reach = Reach { to_any: reaches_all, want };

/// Whether a pattern may lead to any key.
fn reaches_all(args: Args<'_>) -> bool {
    Asked::parse(args, true).is_ok_and(|asked| {
        asked.by.into_iter().chain(asked.get).any(|pattern| pattern.contains(&b'*'))
    })
}

/// Asks for the strings that patterns lead to, of the elements that are there now.
fn want(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) {
    let Ok(asked) = Asked::parse(args, true) else { return };
    let asked = Asked { ahead: true, ..asked };
    // It fails again when it runs.
    let _ = result(exec, cx.db(), args.get(1), asked);
}

/// What a pattern stands for, for one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// A key with the element in the place of the star, or a field of the hash there.
    Key { before: &'a [u8], behind: &'a [u8], field: Option<&'a [u8]> },
    /// Without a star: nothing.
    Nothing,
}

impl<'a> Pattern<'a> {
    fn of(pattern: &'a [u8]) -> Self {
        if pattern == b"#" {
            return Self::Element;
        }
        let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
            return Self::Nothing;
        };
        let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = behind.windows(2).position(|two| two == b"->");
        match arrow.filter(|at| at + 2 < behind.len()) {
            None => Self::Key { before, behind, field: None },
            Some(at) => Self::Key { before, behind: &behind[..at], field: Some(&behind[at + 2..]) },
        }
    }

    /// How long what is there is, wherever it is.
    fn len_of(self, exec: &Exec<'_>, db: u8, element: &[u8]) -> usize {
        let (key, field) = match self {
            Self::Element => return element.len(),
            Self::Nothing => return 0,
            Self::Key { before, behind, field } => ([before, element, behind].concat(), field),
        };
        match (exec.peek(&key).peek(db, &key), field) {
            (Some(ValueRef::Str(value)), None) => value.len(),
            (Some(ValueRef::Away(away)), None) => away.len as usize,
            (Some(ValueRef::Hash(hash)), Some(field)) => hash.get(field).map_or(0, |it| it.len()),
            _ => 0,
        }
    }

    /// What is there; nothing also for a string that has to be read from the disk: `run` asks for that.
    fn look_up(
        self,
        exec: &mut Exec<'_>,
        db: u8,
        element: &[u8],
        ahead: bool,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let (key, field) = match self {
            Self::Element => return Ok(Some(element.to_vec())),
            Self::Nothing => return Ok(None),
            Self::Key { before, behind, field } => ([before, element, behind].concat(), field),
        };
        let shard = exec.shard(&key);
        let found = match field {
            None => {
                let read = if ahead { Shard::string } else { Shard::read_string };
                match read(shard, db, &key) {
                    Err(error @ ReadError::Unreadable { .. }) => return Err(error),
                    found => found.ok().flatten(),
                }
            }
            Some(field) => {
                let read = if ahead { Shard::hash } else { Shard::read_hash };
                read(shard, db, &key).ok().flatten().and_then(|hash| hash.get(field))
            }
        };
        Ok(found.map(value::to_vec))
    }
}

/// What an element is sorted by.
enum Weight {
    /// Nothing, or the element itself.
    None,
    Number(f64),
    Text(Option<Vec<u8>>),
}

/// Sorts, and replies with the result or stores it.
pub(super) fn run(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    may_store: bool,
    reply: &mut Reply,
) -> Outcome {
    let asked = Asked::parse(args, may_store)?;
    let (db, key, destination) = (cx.db(), args.get(1), asked.store);
    if destination.is_some_and(|key| key.len() > KEY_BYTES_MAX) {
        return Err(CommandError::KEY_TOO_LONG);
    }
    count_read(exec, db, key)?;
    let found = result(exec, db, key, asked)?;
    if exec.must_wait() {
        return Err(Refusal::Wait.into());
    }
    match destination {
        None => {
            reply.array(found.len());
            for value in found {
                match value {
                    Some(value) => reply.bulk(&value),
                    None => reply.null(),
                }
            }
        }
        Some(destination) => store(exec, db, destination, &found, reply)?,
    }
    Ok(())
}

/// What is shown or stored; void when a string has to be read from the disk first.
fn result(
    exec: &mut Exec<'_>,
    db: u8,
    key: &[u8],
    mut asked: Asked<'_>,
) -> Result<Vec<Option<Vec<u8>>>, CommandError> {
    let (kind, mut elements) = load(exec, db, key);
    let mut unsorted = asked.is_unsorted();
    if unsorted && kind == Some(Kind::Set) && asked.store.is_some() {
        // What is stored depends on nothing but the set.
        (unsorted, asked.alpha, asked.by) = (false, true, None);
    }
    if !unsorted {
        elements = sorted(exec, db, &asked, elements)?;
    } else if asked.descending && kind != Some(Kind::Set) {
        elements.reverse();
    }
    let (skip, take) = asked.range();
    let shown = elements.into_iter().skip(skip).take(take);
    if asked.get.is_empty() {
        return Ok(shown.map(Some).collect());
    }
    let patterns: Vec<Pattern<'_>> = asked.get.iter().map(|pattern| Pattern::of(pattern)).collect();
    let mut found = Vec::new();
    for element in shown {
        for pattern in &patterns {
            found.push(pattern.look_up(exec, db, &element, asked.ahead)?);
        }
    }
    Ok(found)
}

/// Log space for what is stored, at most: the longest of what the elements that are there now stand for.
pub(super) fn most_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let Ok(asked) = Asked::parse(args, true) else { return 0 };
    if asked.store.is_none() {
        return 0;
    }
    let patterns: Vec<Pattern<'_>> = asked.get.iter().map(|pattern| Pattern::of(pattern)).collect();
    let exec = &*exec;
    let bytes_of = |element: &Vec<u8>| -> u64 {
        if patterns.is_empty() {
            return space::element(element.len());
        }
        let lens = patterns.iter().map(|pattern| pattern.len_of(exec, cx.db(), element));
        lens.map(space::element).sum()
    };
    let (_, elements) = load(exec, cx.db(), args.get(1));
    let mut bytes: Vec<u64> = elements.iter().map(bytes_of).collect();
    bytes.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
    bytes.into_iter().take(asked.range().1).sum()
}

fn store(
    exec: &mut Exec<'_>,
    db: u8,
    key: &[u8],
    found: &[Option<Vec<u8>>],
    reply: &mut Reply,
) -> Outcome {
    let items = found.iter().map(|item| item.as_deref().unwrap_or_default());
    let bytes = items.clone().map(|item| space::element(item.len())).sum();
    // Known only now; nothing is changed yet.
    exec.reserve(Bound::grow(bytes))?;
    let shard = exec.shard(key);
    let existed = shard.exists(db, key);
    let count = shard.list_store(db, key, items);
    shard.notify_store(NotifyClass::LIST, "sortstore", (db, key), existed, count);
    reply.count(count);
    Ok(())
}

/// Counts the key as read.
///
/// # Errors
/// It holds nothing that can be sorted.
fn count_read(exec: &mut Exec<'_>, db: u8, key: &[u8]) -> Result<(), WrongType> {
    let shard = exec.shard(key);
    match shard.kind(db, key) {
        Some(Kind::Set) => shard.read_set(db, key).map(drop),
        Some(Kind::SortedSet) => shard.read_sorted_set(db, key).map(drop),
        _ => shard.read_list(db, key).map(drop),
    }
}

/// The elements of the key in their own order.
fn load(exec: &Exec<'_>, db: u8, key: &[u8]) -> (Option<Kind>, Vec<Vec<u8>>) {
    let Some(value) = exec.peek(key).peek(db, key) else { return (None, Vec::new()) };
    let elements = match value {
        ValueRef::Set(set) => set.iter().map(value::to_vec).collect(),
        ValueRef::SortedSet(set) => set.iter().map(|(member, _)| value::to_vec(member)).collect(),
        ValueRef::List(list) => list.iter().map(value::to_vec).collect(),
        _ => Vec::new(),
    };
    (Some(value.kind()), elements)
}

/// Sorts the elements by what is asked for.
fn sorted(
    exec: &mut Exec<'_>,
    db: u8,
    asked: &Asked<'_>,
    elements: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, CommandError> {
    let by = asked.by.map(Pattern::of);
    let mut weighted = Vec::with_capacity(elements.len());
    for element in elements {
        let weight = match (by, asked.alpha) {
            (None, true) => Weight::None,
            (None, false) => Weight::Number(number(&element)?),
            (Some(by), true) => Weight::Text(by.look_up(exec, db, &element, asked.ahead)?),
            (Some(by), false) => {
                let found = by.look_up(exec, db, &element, asked.ahead)?;
                Weight::Number(found.map_or(Ok(0.0), |text| number(&text))?)
            }
        };
        weighted.push((element, weight));
    }
    weighted.sort_by(|(a, a_weight), (b, b_weight)| {
        let order = match (a_weight, b_weight) {
            (Weight::Number(a_number), Weight::Number(b_number)) => {
                a_number.partial_cmp(b_number).unwrap_or(Ordering::Equal).then_with(|| a.cmp(b))
            }
            (Weight::Text(a_text), Weight::Text(b_text)) => a_text.cmp(b_text),
            _ => a.cmp(b),
        };
        if asked.descending { order.reverse() } else { order }
    });
    Ok(weighted.into_iter().map(|(element, _)| element).collect())
}

/// What an element or its weight is as a number.
fn number(text: &[u8]) -> Result<f64, CommandError> {
    let read = number::strtod(text);
    let is_number = read.len == text.len() && !read.out_of_range && !read.value.is_nan();
    let error = "ERR One or more scores can't be converted into double";
    is_number.then_some(read.value).ok_or(CommandError::constant(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    #[test]
    fn patterns_lead_to_keys_and_fields() {
        let key = |before, behind, field| Pattern::Key { before, behind, field };
        assert_eq!(Pattern::of(b"#"), Pattern::Element);
        assert_eq!(Pattern::of(b"key"), Pattern::Nothing);
        assert_eq!(Pattern::of(b"a*b"), key(b"a", b"b", None));
        assert_eq!(Pattern::of(b"a*b->c"), key(b"a", b"b", Some(b"c")));
        assert_eq!(Pattern::of(b"*->"), key(b"", b"->", None));
        assert_eq!(Pattern::of(b"a->*"), key(b"a->", b"", None));
    }

    #[test]
    fn the_destination_is_the_last_one_named() {
        let find = |line: &str| {
            let args: ArgsBuf = line.split(' ').collect();
            (destination(args.as_args()), reaches_all(args.as_args()))
        };
        assert_eq!(find("sort key store to"), (Some(3), false));
        assert_eq!(find("sort key by store get w_* store a STORE b"), (Some(9), true));
        assert_eq!(find("sort key by nosort get #"), (None, false));
        assert_eq!(find("sort key store"), (None, false));
        assert_eq!(find("sort key limit 0 store store to"), (Some(6), false));
    }

    #[test]
    fn what_is_no_number_cannot_be_sorted_by() {
        assert_eq!(number(b" 1.5"), Ok(1.5));
        assert_eq!(number(b""), Ok(0.0));
        assert!(number(b"a").is_err() && number(b"nan").is_err() && number(b"1e999").is_err());
    }
}
