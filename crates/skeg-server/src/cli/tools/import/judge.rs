//! What of a source skeg takes: keys and commands that it has, in databases that it has.
//!
//! Invariant: a command that Redis never writes into its file is an error, not something to leave out: who
//! knows what the file is.
//! May not know: what becomes of what is taken.

use std::collections::{BTreeMap, HashSet};

use skeg_commands::{Flags, commands};
use skeg_engine::DATABASES;
use skeg_proto::Args;
use skeg_rdb::Value;

use super::restore;
use super::source::Piece;

/// A command that skeg has by name only: there is nothing that would run a function.
const FOREIGN: &str = "function";

/// See the module's header.
#[derive(Debug)]
pub(super) struct Judge {
    /// Commands that may be in a file.
    written: HashSet<&'static str>,
    /// Other commands that there are.
    others: HashSet<&'static str>,
    /// The selected database, when skeg has none of that number.
    foreign: Option<String>,
}

impl Judge {
    pub(super) fn new() -> Self {
        let is_written = |flags: Flags| flags.has(Flags::WRITE) && !flags.has(Flags::BLOCKING);
        let (mut written, mut others): (HashSet<_>, HashSet<_>) = (HashSet::new(), HashSet::new());
        for spec in commands() {
            let set = if is_written(spec.flags) { &mut written } else { &mut others };
            set.insert(spec.name);
        }
        written.extend(["select", "multi", "exec"]);
        written.remove(FOREIGN);
        others.remove(FOREIGN);
        Self { written, others, foreign: None }
    }

    /// What a piece is when skeg does not have it.
    ///
    /// # Errors
    /// A command that no file of Redis has.
    pub(super) fn unsupported(&mut self, piece: Piece<'_>) -> Result<Option<String>, String> {
        match piece {
            Piece::Begin => {
                self.foreign = None;
                Ok(None)
            }
            Piece::Abandon => Ok(None),
            Piece::Key(item) => Ok(match item.value {
                Value::Other(kind) => Some(kind.to_owned()),
                _ if item.db >= u64::from(DATABASES) => Some(database(&item.db.to_string())),
                _ => None,
            }),
            Piece::Command(args) => self.command(args),
        }
    }

    fn command(&mut self, args: Args<'_>) -> Result<Option<String>, String> {
        let name = String::from_utf8_lossy(args.get(0)).to_ascii_lowercase();
        if name == "select" {
            let number = String::from_utf8_lossy(args.try_get(1).unwrap_or_default());
            let known = number.parse().is_ok_and(|number: u64| number < u64::from(DATABASES));
            self.foreign = (!known).then(|| database(&number));
            // The commands behind it are what is left out.
            return Ok(self.foreign.clone());
        }
        if let Some(foreign) = &self.foreign
            && !matches!(name.as_str(), "multi" | "exec")
        {
            return Ok(Some(foreign.clone()));
        }
        if restore::is_restore(args) {
            return Ok(match restore::read(args)?.value {
                Value::Other(kind) => Some(kind.to_owned()),
                _ => None,
            });
        }
        if is_relative(&name, args) {
            let name = name.to_ascii_uppercase();
            return Err(format!("{name} with a relative deadline; Redis writes absolute ones"));
        }
        if self.written.contains(name.as_str()) {
            return Ok(None);
        }
        let shown = name.escape_debug().to_string().to_ascii_uppercase();
        if self.others.contains(name.as_str()) {
            return Err(format!("{shown}, which Redis does not write into such a file"));
        }
        Ok(Some(format!("command {shown}")))
    }
}

fn database(number: &str) -> String {
    format!("database {}", number.escape_debug())
}

/// Whether a deadline counts from now on: it would count from the import.
fn is_relative(name: &str, args: Args<'_>) -> bool {
    let options = match name {
        "expire" | "pexpire" | "setex" | "psetex" => return true,
        "set" => 3,
        "getex" => 2,
        _ => return false,
    };
    let mut options = args.iter().skip(options);
    options.any(|word| word.eq_ignore_ascii_case(b"ex") || word.eq_ignore_ascii_case(b"px"))
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Keys of dumps, by kind.
    pub(super) keys: BTreeMap<&'static str, u64>,
    /// Commands of append-only files.
    pub(super) commands: u64,
    /// What skeg does not have, by kind.
    pub(super) skipped: BTreeMap<String, u64>,
    /// Bytes at the end that are no whole command or transaction.
    pub(super) torn_bytes: u64,
}

impl Tally {
    pub(super) fn skip(&mut self, kind: String) {
        *self.skipped.entry(kind).or_default() += 1;
    }

    pub(super) fn note(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Key(item) => {
                let kind = match item.value {
                    Value::String(_) => "string",
                    Value::List(_) => "list",
                    Value::Set(_) => "set",
                    Value::Hash(_) => "hash",
                    _ => "zset",
                };
                *self.keys.entry(kind).or_default() += 1;
            }
            Piece::Command(_) => self.commands += 1,
            Piece::Begin | Piece::Abandon => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use skeg_proto::ArgsBuf;

    use super::*;

    fn judged(judge: &mut Judge, line: &str) -> Result<Option<String>, String> {
        let mut args = ArgsBuf::new();
        line.split(' ').for_each(|word| args.push(word.as_bytes()));
        judge.unsupported(Piece::Command(args.as_args()))
    }

    #[test]
    fn commands_are_taken_left_out_or_refused() {
        let mut judge = Judge::new();
        for line in ["SELECT 15", "Set a 1 PXAT 5", "MULTI", "zadd z 1 a", "EXEC", "PEXPIREAT a 9"]
        {
            assert_eq!(judged(&mut judge, line), Ok(None), "{line}");
        }
        for line in ["XADD s * f v", "FUNCTION LOAD x", "SETBIT\u{7} a 1 1"] {
            assert!(judged(&mut judge, line).unwrap().unwrap().starts_with("command "), "{line}");
        }
        for line in [
            "GET a",
            "RESTORE a 0 x",
            "BLPOP a 0",
            "SHUTDOWN",
            "SUBSCRIBE c",
            "EXPIRE a 5",
            "SET a 1 ex 5",
        ] {
            assert!(judged(&mut judge, line).is_err(), "{line}");
        }
        // Until another database is selected, or another file begins.
        let foreign = Ok(Some("database 16".to_owned()));
        assert_eq!(judged(&mut judge, "SELECT 16"), foreign);
        assert_eq!(judged(&mut judge, "SET a 1"), foreign);
        assert_eq!(judged(&mut judge, "SELECT 1"), Ok(None));
        assert_eq!(judged(&mut judge, "SET a 1"), Ok(None));
    }
}
