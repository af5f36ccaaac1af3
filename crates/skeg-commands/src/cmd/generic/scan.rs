//! SCAN: a walk that goes on with the next call.
//!
//! A cursor is `place * shards + shard`: the shard in the low part, so that cursors stay below 2^53 (some
//! clients keep them in doubles), and the place in the shard's table, below 2^48. 0 starts and ends.

use skeg_engine::{Shard, ShardId};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};
use crate::value;
use crate::walk::{PLACES, SLICE_ENTRIES, Step, Walk};

pub(crate) const SPEC: Spec = Spec {
    name: "scan",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "2.8.0",
    summary: "Returns some of the keys, and where to go on",
    complexity: "O(1) for a call; O(N) for all N keys",
    syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    tips: &["nondeterministic_output", "request_policy:special"],
    bound: BoundRule::Read,
    run: Handler::Walk(start),
};

fn start(cx: &Cx<'_>, args: Args<'_>) -> Result<Box<dyn Walk>, CommandError> {
    let shards = u64::from(cx.engine().shards());
    let cursor = parse::cursor(args.get(1))?;
    let mut walk = ScanWalk {
        db: cx.db(),
        pattern: None,
        kind: None,
        left: 10,
        shards,
        shard: cursor % shards,
        place: cursor / shards % PLACES,
        found: Reply::default(),
        count: 0,
    };
    let mut index = 2;
    while let Some(word) = args.try_get(index) {
        let Some(argument) = args.try_get(index + 1) else { return Err(CommandError::SYNTAX) };
        index += 2;
        if parse::is_word(word, "COUNT") {
            let count = parse::int_arg(argument)?;
            walk.left = usize::try_from(count).unwrap_or(0);
            if walk.left == 0 {
                return Err(CommandError::SYNTAX);
            }
        } else if parse::is_word(word, "MATCH") {
            walk.pattern = (argument != b"*").then(|| argument.into());
        } else if parse::is_word(word, "TYPE") {
            walk.kind = Some(argument.into());
        } else {
            return Err(CommandError::SYNTAX);
        }
    }
    Ok(Box::new(walk))
}

struct ScanWalk {
    db: u8,
    pattern: Option<Box<[u8]>>,
    kind: Option<Box<[u8]>>,
    /// Entries still to be visited.
    left: usize,
    shards: u64,
    shard: u64,
    place: u64,
    /// The keys of the reply, encoded.
    found: Reply,
    count: usize,
}

impl Walk for ScanWalk {
    fn first(&self) -> ShardId {
        // Below the number of shards.
        ShardId(self.shard as u16)
    }

    fn may_stop(&self) -> bool {
        true
    }

    fn step(&mut self, shard: &mut Shard) -> Step {
        let Self { db, pattern, kind, place, found, count, .. } = self;
        let slice = self.left.min(SLICE_ENTRIES);
        let mut visited = 0;
        *place = shard.scan(*db, *place, slice, &mut |key, entry| {
            visited += 1;
            let name = value::kind_name(entry.kind());
            let fits = pattern.as_ref().is_none_or(|it| glob::matches(it, key, Case::Exact))
                && kind.as_ref().is_none_or(|it| parse::is_word(it, name));
            if fits {
                found.bulk(key);
                *count += 1;
            }
        });
        // Expired entries are not shown, but looking at them was work all the same.
        let spent = if self.place == 0 { visited } else { visited.max(slice) };
        self.left = self.left.saturating_sub(spent);
        let shard_done = self.place == 0;
        if shard_done {
            self.shard = (self.shard + 1) % self.shards;
        }
        if shard_done && self.shard == 0 || self.left == 0 {
            Step::Finished
        } else if shard_done {
            Step::NextShard
        } else {
            Step::Again
        }
    }

    fn finish(&mut self, reply: &mut Reply) {
        reply.array(2);
        reply.bulk_str(&(self.place * self.shards + self.shard).to_string());
        reply.array(self.count);
        reply.raw(self.found.as_bytes());
    }
}
