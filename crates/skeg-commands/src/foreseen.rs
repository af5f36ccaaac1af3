//! What values will be once the changes of a transaction that were checked so far have been made: for
//! commands among them that fail by what a value is (INCR of a text). They are worked out on what is noted
//! here before the first change is made, by the functions that the commands themselves use.
//!
//! Noted is what changes make of single values: of strings, and of fields of hashes. What other commands make
//! of a key is not foreseen, and whatever depends on it is refused.
//!
//! Invariant: a command that was foreseen does not fail when it is run.
//! May not know: how commands come together.

use std::borrow::Cow;
use std::collections::HashMap;

use skeg_engine::{Exec, ReadError, StrRef};
use skeg_proto::Args;

use crate::cmd::hash::{hincrby, hincrbyfloat};
use crate::cmd::list::lset;
use crate::cmd::string::{append, counter, decrby, incrbyfloat, setrange};
use crate::deadline::{self, From, Unit};
use crate::error::CommandError;
use crate::number;
use crate::parse;
use crate::prepared::DB;
use crate::spec::Spec;

/// Commands that fail by what a value is, or by what an argument says.
const DEPENDENT: [&str; 13] = [
    "append",
    "decr",
    "decrby",
    "hincrby",
    "hincrbyfloat",
    "incr",
    "incrby",
    "incrbyfloat",
    "lset",
    "psetex",
    "setex",
    "setrange",
    "zincrby",
];

/// The longest sum that is foreseen: a longer one needs log space of its own.
const SUM_BYTES_MAX: usize = 64;

const UNFORESEEN: CommandError = CommandError::constant(
    "ERR a change before it decides this value, which is not known until it is made",
);

/// Whether the command fails by what a value is.
pub(crate) fn is_dependent(spec: &Spec) -> bool {
    DEPENDENT.contains(&spec.name)
}

/// What is known of values. The string that a key holds is its element without a name.
#[derive(Default)]
pub(crate) struct Foreseen<'a>(HashMap<&'a [u8], Known<'a>>);

#[derive(Default)]
struct Known<'a> {
    /// Elements of which no more is known.
    rest: Rest,
    elements: HashMap<&'a [u8], Element<'a>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Rest {
    /// They are as they are stored.
    #[default]
    Stored,
    /// They are not there.
    Gone,
    /// They are whatever changes have made of them.
    Unknown,
}

enum Element<'a> {
    Gone,
    Text(Cow<'a, [u8]>),
    /// Of a string so long.
    Bytes(usize),
}

impl Element<'_> {
    fn value(&self) -> Result<Option<StrRef<'_>>, CommandError> {
        match self {
            Self::Gone => Ok(None),
            Self::Text(text) => Ok(Some(match parse::integer(text) {
                Some(number) => StrRef::Int(number),
                None => StrRef::Bytes(text),
            })),
            Self::Bytes(_) => Err(UNFORESEEN),
        }
    }
}

/// Adds to an integer.
fn adding(delta: i64) -> impl FnMut(Option<StrRef<'_>>) -> Result<String, CommandError> {
    move |value| Ok(counter::sum(value, delta)?.to_string())
}

/// The name of what a string is in [`Foreseen`].
const STRING: &[u8] = b"";

impl<'a> Foreseen<'a> {
    /// The key will be a string.
    pub(crate) fn store(&mut self, key: &'a [u8], value: Cow<'a, [u8]>) {
        let elements = HashMap::from([(STRING, Element::Text(value))]);
        self.0.insert(key, Known { rest: Rest::Gone, elements });
    }

    /// The key will not be there.
    pub(crate) fn remove(&mut self, key: &'a [u8]) {
        self.0.insert(key, Known { rest: Rest::Gone, elements: HashMap::new() });
    }

    /// What becomes of the key is not known.
    pub(crate) fn forget(&mut self, key: &'a [u8]) {
        self.0.insert(key, Known { rest: Rest::Unknown, elements: HashMap::new() });
    }

    fn note(&mut self, key: &'a [u8], element: &'a [u8], value: Element<'a>) {
        self.0.entry(key).or_default().elements.insert(element, value);
    }

    /// Works out what is made of an element. `None`: its value has to be read from the disk first, and all
    /// is checked again then.
    fn work_out<R>(
        &mut self,
        exec: &mut Exec<'_>,
        key: &'a [u8],
        element: &'a [u8],
        stored: impl FnOnce(&mut Exec<'_>, &mut dyn FnMut(Option<StrRef<'_>>)) -> Result<(), ReadError>,
        mut change: impl FnMut(Option<StrRef<'_>>) -> Result<R, CommandError>,
    ) -> Result<Option<R>, CommandError> {
        let known = self.0.entry(key).or_default();
        if let Some(element) = known.elements.get(element) {
            return change(element.value()?).map(Some);
        }
        match known.rest {
            Rest::Gone => change(None).map(Some),
            Rest::Unknown => Err(UNFORESEEN),
            Rest::Stored => {
                let mut result = None;
                match stored(exec, &mut |value| result = Some(change(value))) {
                    Err(ReadError::Away) => Ok(None),
                    Err(error) => Err(error.into()),
                    Ok(()) => result.transpose(),
                }
            }
        }
    }

    fn change_string(
        &mut self,
        exec: &mut Exec<'_>,
        key: &'a [u8],
        change: impl FnMut(Option<StrRef<'_>>) -> Result<String, CommandError>,
    ) -> Result<(), CommandError> {
        let stored = |exec: &mut Exec<'_>, read: &mut dyn FnMut(Option<StrRef<'_>>)| {
            read(exec.shard(key).string(DB, key)?);
            Ok::<(), ReadError>(())
        };
        let sum = self.work_out(exec, key, STRING, stored, change)?;
        self.note_sum(key, STRING, sum)
    }

    fn change_field(
        &mut self,
        exec: &mut Exec<'_>,
        [key, field]: [&'a [u8]; 2],
        change: impl FnMut(Option<StrRef<'_>>) -> Result<String, CommandError>,
    ) -> Result<(), CommandError> {
        let stored = |exec: &mut Exec<'_>, read: &mut dyn FnMut(Option<StrRef<'_>>)| {
            read(exec.shard(key).hash(DB, key)?.and_then(|hash| hash.get(field)));
            Ok::<(), ReadError>(())
        };
        let sum = self.work_out(exec, key, field, stored, change)?;
        self.note_sum(key, field, sum)
    }

    fn note_sum(
        &mut self,
        key: &'a [u8],
        element: &'a [u8],
        sum: Option<String>,
    ) -> Result<(), CommandError> {
        match sum {
            Some(sum) if sum.len() > SUM_BYTES_MAX => {
                Err(CommandError::constant("ERR the sum is too long for a change of a transaction"))
            }
            Some(sum) => {
                self.note(key, element, Element::Text(Cow::Owned(sum.into_bytes())));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// How long the string will be that the key holds, if it is there.
    fn len(&mut self, exec: &mut Exec<'_>, key: &'a [u8]) -> Result<Option<usize>, CommandError> {
        let known = self.0.entry(key).or_default();
        match (known.elements.get(STRING), known.rest) {
            (Some(Element::Text(text)), _) => Ok(Some(text.len())),
            (Some(Element::Bytes(len)), _) => Ok(Some(*len)),
            (Some(Element::Gone), _) | (None, Rest::Gone) => Ok(None),
            (None, Rest::Unknown) => Err(UNFORESEEN),
            // Whether it can be read shows now.
            (None, Rest::Stored) => match exec.shard(key).string(DB, key) {
                Ok(value) => Ok(value.map(|value| value.len())),
                Err(ReadError::Away) => Ok(exec.shard(key).string_len(DB, key)?),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Whether the key will be there, if that is known.
    fn exists(&mut self, exec: &mut Exec<'_>, key: &'a [u8]) -> Option<bool> {
        let known = self.0.entry(key).or_default();
        let has_elements = known.elements.values().any(|it| !matches!(it, Element::Gone));
        match known.rest {
            _ if has_elements => Some(true),
            Rest::Gone => Some(false),
            Rest::Stored if known.elements.is_empty() => Some(exec.shard(key).exists(DB, key)),
            Rest::Stored | Rest::Unknown => None,
        }
    }

    /// Foresees a command whose keys are of the right type, and of which `changed` change. `bytes_max`: of a
    /// string.
    ///
    /// # Errors
    /// Those of the command, or that it cannot be foreseen.
    pub(crate) fn run(
        &mut self,
        exec: &mut Exec<'_>,
        spec: &Spec,
        args: Args<'a>,
        changed: impl Iterator<Item = &'a [u8]>,
        bytes_max: u64,
    ) -> Result<(), CommandError> {
        let key = args.try_get(1).unwrap_or_default();
        let later = |unit| {
            let now_ms = exec.now_ms();
            deadline::positive(args.get(2), unit, From::Now, now_ms, spec.name)
        };
        match spec.name {
            "incr" => self.change_string(exec, key, adding(1)),
            "decr" => self.change_string(exec, key, adding(-1)),
            "incrby" => self.change_string(exec, key, adding(parse::int_arg(args.get(2))?)),
            "decrby" => self.change_string(exec, key, adding(decrby::delta(args.get(2))?)),
            "incrbyfloat" => {
                self.change_string(exec, key, |value| incrbyfloat::sum(value, args.get(2)))
            }
            "hincrby" => {
                let delta = parse::int_arg(args.get(3))?;
                let sum = |value: Option<StrRef<'_>>| Ok(hincrby::sum(value, delta)?.to_string());
                self.change_field(exec, [key, args.get(2)], sum)
            }
            "hincrbyfloat" => {
                let increment = hincrbyfloat::increment(args.get(3))?;
                let sum = |value: Option<StrRef<'_>>| hincrbyfloat::sum(value, increment);
                self.change_field(exec, [key, args.get(2)], sum)
            }
            // Of a finite increment there is always a score.
            "zincrby" => match number::double_arg(args.get(2))?.is_infinite() {
                true => Err(CommandError::constant(
                    "ERR an infinite increment is no change of a transaction",
                )),
                false => Ok(()),
            },
            "lset" => {
                let known = self.0.entry(key).or_default();
                match known.rest {
                    Rest::Gone => Err(CommandError::NO_SUCH_KEY),
                    Rest::Unknown => Err(UNFORESEEN),
                    Rest::Stored => {
                        let len = exec.shard(key).list(DB, key)?.map(|list| list.len());
                        lset::place(len, args.get(2)).map(drop)
                    }
                }
            }
            "append" => {
                let before = self.len(exec, key)?;
                let len = append::length(before, args.get(2), bytes_max)?;
                self.note(key, STRING, Element::Bytes(len));
                Ok(())
            }
            "setrange" => {
                let before = self.len(exec, key)?;
                let offset = setrange::offset(args.get(2))?;
                if !args.get(3).is_empty() {
                    let end = setrange::end(offset, args.get(3), bytes_max)?;
                    let len = before.unwrap_or(0).max(end as usize);
                    self.note(key, STRING, Element::Bytes(len));
                }
                Ok(())
            }
            "setex" => {
                later(Unit::Seconds)?;
                self.store(key, args.get(3).into());
                Ok(())
            }
            "psetex" => {
                later(Unit::Milliseconds)?;
                self.store(key, args.get(3).into());
                Ok(())
            }
            "mset" => {
                for at in (1..args.len().saturating_sub(1)).step_by(2) {
                    self.store(args.get(at), args.get(at + 1).into());
                }
                Ok(())
            }
            "setnx" => {
                match self.exists(exec, key) {
                    Some(true) => {}
                    Some(false) => self.store(key, args.get(2).into()),
                    None => self.forget(key),
                }
                Ok(())
            }
            "hsetnx" => {
                let [field, value] = [args.get(2), args.get(3)];
                let known = self.0.entry(key).or_default();
                let is_missing = match (known.elements.get(field), known.rest) {
                    (Some(element), _) => matches!(element, Element::Gone),
                    (None, Rest::Gone) => true,
                    (None, Rest::Unknown) => false,
                    (None, Rest::Stored) => {
                        let hash = exec.shard(key).hash(DB, key)?;
                        hash.and_then(|hash| hash.get(field)).is_none()
                    }
                };
                if is_missing {
                    self.note(key, field, Element::Text(value.into()));
                }
                Ok(())
            }
            "hset" => {
                for at in (2..args.len().saturating_sub(1)).step_by(2) {
                    self.note(key, args.get(at), Element::Text(args.get(at + 1).into()));
                }
                Ok(())
            }
            "hdel" => {
                args.iter().skip(2).for_each(|field| self.note(key, field, Element::Gone));
                Ok(())
            }
            "del" | "unlink" => {
                args.iter().skip(1).for_each(|key| self.remove(key));
                Ok(())
            }
            // Values stay, unless it is for the past.
            "persist" => Ok(()),
            "expire" | "pexpire" if parse::integer(args.get(2)).is_some_and(|it| it > 0) => Ok(()),
            _ => {
                changed.for_each(|key| self.forget(key));
                Ok(())
            }
        }
    }
}
