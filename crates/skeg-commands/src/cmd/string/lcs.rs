//! LCS: the longest common subsequence of two strings.
//!
//! The table of lengths takes four bytes for each pair of positions, as in Redis; two strings whose
//! table would be larger than [`TABLE_BYTES_MAX`] are refused.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lcs",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::Each(&[KeyFlags::RO.with(KeyFlags::ACCESS), KeyFlags::RO.with(KeyFlags::ACCESS)]),
    categories: &[Category::Read, Category::String, Category::Slow],
    group: Group::String,
    since: "7.0.0",
    summary: "Finds the longest common subsequence of two strings",
    complexity: "O(N*M) for strings of N and M bytes",
    syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

/// The largest table: commands hold latches while they run.
const TABLE_BYTES_MAX: u64 = 64 << 20;

#[derive(Default)]
struct Options {
    length: bool,
    indexes: bool,
    match_lengths: bool,
    match_min: usize,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut index = 3;
        while let Some(word) = args.try_get(index) {
            index += 1;
            if parse::is_word(word, "IDX") {
                options.indexes = true;
            } else if parse::is_word(word, "LEN") {
                options.length = true;
            } else if parse::is_word(word, "WITHMATCHLEN") {
                options.match_lengths = true;
            } else if let (true, Some(min)) =
                (parse::is_word(word, "MINMATCHLEN"), args.try_get(index))
            {
                index += 1;
                options.match_min = usize::try_from(parse::int_arg(min)?).unwrap_or(0);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        if options.length && options.indexes {
            return Err(CommandError::constant(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

/// A run of bytes that both strings have: where it begins and ends in each, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    a: (usize, usize),
    b: (usize, usize),
}

/// Lengths of the longest common subsequences of all beginnings.
struct Table {
    width: usize,
    cells: Vec<u32>,
}

impl Table {
    fn new(a: &[u8], b: &[u8]) -> Self {
        let width = b.len() + 1;
        let mut table = Self { width, cells: vec![0; width * (a.len() + 1)] };
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                table.cells[(i + 1) * width + j + 1] = if x == y {
                    table.at(i, j) + 1
                } else {
                    table.at(i, j + 1).max(table.at(i + 1, j))
                };
            }
        }
        table
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * self.width + j]
    }

    /// The subsequence, and its runs from the last to the first.
    fn walk(&self, a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<Match>) {
        let (mut i, mut j) = (a.len(), b.len());
        let mut common = Vec::new();
        let mut runs: Vec<Match> = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                common.push(a[i]);
                match runs.last_mut() {
                    Some(run) if (run.a.0, run.b.0) == (i + 1, j + 1) => {
                        (run.a.0, run.b.0) = (i, j);
                    }
                    _ => runs.push(Match { a: (i, i), b: (j, j) }),
                }
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        common.reverse();
        (common, runs)
    }
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, keys) = (cx.db(), [args.get(1), args.get(2)]);
    if keys.iter().any(|key| exec.shard(key).string_len(db, key).is_err()) {
        return Err(CommandError::constant("ERR The specified keys must contain string values"));
    }
    let options = Options::parse(args)?;
    let mut values = Vec::with_capacity(2);
    for key in keys {
        let mut bytes = Vec::new();
        if let Some(value) = exec.shard(key).string(db, key)? {
            value.write_to(&mut bytes);
        }
        values.push(bytes);
    }
    let (a, b) = (&values[0], &values[1]);
    let cells = (a.len() as u64 + 1).saturating_mul(b.len() as u64 + 1);
    if cells.saturating_mul(4) > TABLE_BYTES_MAX {
        return Err(CommandError::constant(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    let table = Table::new(a, b);
    let length = table.at(a.len(), b.len());
    if options.length {
        reply.int(i64::from(length));
        return Ok(());
    }
    let (common, runs) = table.walk(a, b);
    if !options.indexes {
        reply.bulk(&common);
        return Ok(());
    }
    let length_of = |run: &Match| run.a.1 - run.a.0 + 1;
    let runs: Vec<_> = runs.into_iter().filter(|run| length_of(run) >= options.match_min).collect();
    reply.map(2);
    reply.bulk_str("matches");
    reply.array(runs.len());
    for run in &runs {
        reply.array(2 + usize::from(options.match_lengths));
        for (from, to) in [run.a, run.b] {
            reply.array(2);
            reply.count(from);
            reply.count(to);
        }
        if options.match_lengths {
            reply.count(length_of(run));
        }
    }
    reply.bulk_str("len");
    reply.int(i64::from(length));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_subsequence(part: &[u8], of: &[u8]) -> bool {
        let mut rest = of.iter();
        part.iter().all(|byte| rest.any(|other| other == byte))
    }

    proptest! {
        #[test]
        fn what_is_common_is_in_both_and_its_runs_add_up(a in "[abc]{0,20}", b in "[abc]{0,20}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let table = Table::new(a, b);
            let (common, runs) = table.walk(a, b);
            prop_assert_eq!(common.len(), table.at(a.len(), b.len()) as usize);
            prop_assert!(is_subsequence(&common, a) && is_subsequence(&common, b));
            for run in &runs {
                prop_assert_eq!(&a[run.a.0..=run.a.1], &b[run.b.0..=run.b.1]);
            }
            let sum: usize = runs.iter().map(|run| run.a.1 - run.a.0 + 1).sum();
            prop_assert_eq!(sum, common.len());
        }
    }
}
