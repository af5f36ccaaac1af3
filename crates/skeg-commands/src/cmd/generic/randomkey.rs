//! RANDOMKEY: each shard draws a key, which takes the place of the one before as often as the shard's share of all
//! keys so far says. Where most keys have expired unnoticed, so that draws find none, the shard is walked.

use skeg_engine::{Shard, ShardId};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::draws::Draws;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};
use crate::walk::{PLACES, SLICE_ENTRIES, Step, Walk};

pub(crate) const SPEC: Spec = Spec {
    name: "randomkey",
    arity: 1,
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Returns a random key",
    complexity: "O(1) for a fixed number of shards; O(N) for N keys that have expired unnoticed, in slices",
    syntax: "",
    tips: &["request_policy:all_shards", "nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Walk(start),
};

/// Keys drawn from a shard before it is walked.
const DRAWS_MAX: usize = 128;

fn start(cx: &Cx<'_>, _: Args<'_>) -> Result<Box<dyn Walk>, CommandError> {
    let draws = Draws::new(cx);
    Ok(Box::new(RandomWalk { db: cx.db(), draws, keys: 0, found: None, circle: None }))
}

struct RandomWalk {
    db: u8,
    draws: Draws,
    /// Of the shards so far.
    keys: u64,
    found: Option<Box<[u8]>>,
    circle: Option<Circle>,
}

/// A walk once around the table of a shard.
struct Circle {
    start: u64,
    place: u64,
    /// It has passed the end of the table.
    turned: bool,
}

impl RandomWalk {
    /// Draws a key of the shard, as often as its share says.
    fn draw(&mut self, shard: &mut Shard) {
        shard.see_all();
        let keys = shard.len(self.db) as u64;
        self.keys += keys;
        if keys == 0 || self.found.is_some() && self.draws.draw() % self.keys >= keys {
            return;
        }
        for _ in 0..DRAWS_MAX {
            let Some(key) = shard.random(self.db, self.draws.draw()) else { return };
            let key: Box<[u8]> = key.into();
            // Removes the key if its deadline has passed.
            if shard.exists(self.db, &key) {
                self.found = Some(key);
                return;
            }
        }
        if self.found.is_none() {
            let start = self.draws.draw() % PLACES;
            self.circle = Some(Circle { start, place: start, turned: false });
        }
    }
}

impl Circle {
    /// Goes on for a slice; whether it is over.
    fn step(&mut self, shard: &mut Shard, db: u8, found: &mut Option<Box<[u8]>>) -> bool {
        self.place = shard.scan(db, self.place, SLICE_ENTRIES, &mut |key, _| {
            found.get_or_insert_with(|| key.into());
        });
        let is_around = self.turned && (self.place == 0 || self.place >= self.start);
        self.turned |= self.place == 0;
        found.is_some() || is_around
    }
}

impl Walk for RandomWalk {
    fn first(&self) -> ShardId {
        ShardId(0)
    }

    fn may_stop(&self) -> bool {
        false
    }

    fn step(&mut self, shard: &mut Shard) -> Step {
        match &mut self.circle {
            None => self.draw(shard),
            Some(circle) => {
                if circle.step(shard, self.db, &mut self.found) {
                    self.circle = None;
                }
            }
        }
        if self.circle.is_some() { Step::Again } else { Step::NextShard }
    }

    fn finish(&mut self, reply: &mut Reply) {
        match &self.found {
            Some(key) => reply.bulk(key),
            None => reply.null(),
        }
    }
}
