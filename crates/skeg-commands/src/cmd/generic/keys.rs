//! KEYS: a walk over all keys.

use skeg_engine::{Shard, ShardId};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};
use crate::walk::{SLICE_ENTRIES, Step, Walk};

pub(crate) const SPEC: Spec = Spec {
    name: "keys",
    arity: 2,
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Read, Category::Slow, Category::Dangerous],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Returns the keys that fit a pattern",
    complexity: "O(N) for N keys in the database, in slices",
    syntax: "pattern",
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Walk(start),
};

fn start(cx: &Cx<'_>, args: Args<'_>) -> Result<Box<dyn Walk>, CommandError> {
    let pattern = args.get(1);
    Ok(Box::new(KeysWalk {
        db: cx.db(),
        // A star alone fits the empty key too.
        pattern: (pattern != b"*").then(|| pattern.into()),
        cursor: 0,
        found: Reply::default(),
        count: 0,
    }))
}

struct KeysWalk {
    db: u8,
    pattern: Option<Box<[u8]>>,
    cursor: u64,
    /// The elements of the reply, encoded.
    found: Reply,
    count: usize,
}

impl Walk for KeysWalk {
    fn first(&self) -> ShardId {
        ShardId(0)
    }

    fn may_stop(&self) -> bool {
        false
    }

    fn step(&mut self, shard: &mut Shard) -> Step {
        let Self { db, pattern, cursor, found, count } = self;
        *cursor = shard.scan(*db, *cursor, SLICE_ENTRIES, &mut |key, _| {
            if pattern.as_ref().is_none_or(|it| glob::matches(it, key, Case::Exact)) {
                found.bulk(key);
                *count += 1;
            }
        });
        if self.cursor == 0 { Step::NextShard } else { Step::Again }
    }

    fn finish(&mut self, reply: &mut Reply) {
        reply.array(self.count);
        reply.raw(self.found.as_bytes());
    }
}
