//! Replay: the shards as the log's records say they are.
//!
//! Whoever reads and verifies the log deals its records out to lanes (`lane.rs`), which apply those of
//! their shards at the same time. Shards know nothing of each other, so the order in which a lane gets
//! its records is all that matters; and the log hands on a block only when all of it has verified, so a
//! transaction over several shards is applied whole.
//!
//! Invariant: applying the effects of a history in order gives the state that wrote them; replay
//! knows no clock, so what has expired since is removed when it is met.

mod lane;

use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicBool, Ordering};
use skeg_io::{Io, Threads};
use skeg_keyspace::{End, HashSeed, Keyspace, WrongType};
use skeg_log::{Log, LogError, Replay, ReplayError, ShardId, Unapplied, VectorFile};

use crate::effect::{self, Change, Effect, Elements};
use crate::notify::Switches;
use crate::shard::Shard;
use crate::vectors::open_segment;
use lane::{Batch, Lane};

/// Told now and then how many bytes are read, and of how many.
pub type Progress<'a> = &'a dyn Fn(u64, u64);

/// Builds shards from records.
pub(crate) struct Rebuild<'a> {
    seed: HashSeed,
    index_seed: u64,
    /// Where a thread for each lane comes from, when there is much to apply.
    threads: Option<Arc<dyn Threads>>,
    lanes: Vec<Lane>,
    /// What is dealt to each lane next.
    filling: Vec<Batch>,
    shards: u16,
    /// Where the records come from that are dealt now.
    mark: u64,
    failed: Arc<AtomicBool>,
    progress: Progress<'a>,
}

impl<'a> Rebuild<'a> {
    /// On all processors, or, without `parallel`, on the calling thread alone.
    pub(crate) fn new(io: &Io, parallel: bool, progress: Progress<'a>) -> Self {
        let (mut seed, mut index_seed) = ([0_u8; 32], [0_u8; 8]);
        io.entropy.fill(&mut seed);
        io.entropy.fill(&mut index_seed);
        let parallel = parallel && io.threads.processors() > 1;
        Self {
            seed: HashSeed::from_bytes(seed),
            index_seed: u64::from_le_bytes(index_seed),
            threads: parallel.then(|| Arc::clone(&io.threads)),
            lanes: Vec::new(),
            filling: Vec::new(),
            shards: 0,
            mark: 0,
            failed: Arc::default(),
            progress,
        }
    }

    /// The shards, connected to the log that their effects go to from now on.
    pub(crate) fn finish(
        mut self,
        count: u16,
        log: Option<&Arc<Log>>,
        switches: &Arc<Switches>,
    ) -> Vec<Shard> {
        if self.lanes.is_empty() {
            self.make_lanes(count);
        }
        let mut shards: Vec<Shard> = self.lanes.into_iter().flat_map(Lane::finish).collect();
        shards.sort_unstable_by_key(Shard::id);
        for shard in &mut shards {
            shard.obey(switches);
            if let Some(log) = log {
                shard.attach(Arc::clone(log));
            }
        }
        shards
    }

    fn make_lanes(&mut self, shards: u16) {
        let processors = self.threads.as_ref().map_or(1, |threads| threads.processors());
        let lanes = processors.clamp(1, usize::from(shards.max(1)));
        let of_lane = |lane: usize| {
            let ids = (0..shards).skip(lane).step_by(lanes);
            ids.map(|id| Shard::new(ShardId(id), self.seed, self.index_seed)).collect()
        };
        self.lanes = (0..lanes).map(|lane| Lane::new(of_lane(lane), lanes, &self.failed)).collect();
        self.filling = (0..lanes).map(|_| Batch::default()).collect();
        self.shards = shards;
    }

    fn send(&mut self, lane: usize) {
        let batch = std::mem::take(&mut self.filling[lane]);
        self.filling[lane] = self.lanes[lane].send(batch);
    }
}

impl Replay for Rebuild<'_> {
    fn start(&mut self, shards: u16) -> Result<(), ReplayError> {
        self.make_lanes(shards);
        Ok(())
    }

    fn vectors(&mut self, file: &VectorFile) -> Result<(), LogError> {
        let segment = open_segment(file)?;
        self.lanes[usize::from(file.shard.0) % self.lanes.len()].find(file.shard, segment);
        Ok(())
    }

    fn enter(&mut self, mark: u64) {
        self.mark = mark;
    }

    fn record(&mut self, id: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        if id.0 >= self.shards {
            return Err(ReplayError(format!("no shard {}", id.0)));
        }
        let lane = usize::from(id.0) % self.lanes.len();
        self.filling[lane].push(id, kind, self.mark, payload);
        if self.filling[lane].is_full() {
            if self.failed.load(Ordering::SeqCst) {
                // Which one `settle` tells.
                return Err(ReplayError("a record before it could not be applied".into()));
            }
            // From here on it is worth a thread.
            if let Some(threads) = &self.threads {
                self.lanes.iter_mut().for_each(|lane| lane.start(&**threads));
            }
            self.send(lane);
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Unapplied> {
        for lane in 0..self.lanes.len() {
            if !self.filling[lane].is_empty() {
                self.send(lane);
            }
        }
        let failures = self.lanes.iter().filter_map(Lane::settle);
        failures.min_by_key(|failure| (failure.mark, failure.shard)).map_or(Ok(()), Err)
    }

    fn progress(&mut self, done_bytes: u64, total_bytes: u64) {
        (self.progress)(done_bytes, total_bytes);
    }
}

/// The offset of a logged SETRANGE.
pub(crate) fn place_of(offset: u64) -> Result<usize, String> {
    let offset = usize::try_from(offset).ok();
    let offset = offset.filter(|&offset| offset <= crate::VALUE_BYTES_MAX);
    offset.ok_or_else(|| "a SETRANGE effect beyond the longest value".to_owned())
}

impl Shard {
    /// Frees large collections that no key names any more.
    fn drop_removed(&mut self) {
        for keyspace in &mut self.databases {
            if keyspace.has_removed() {
                drop(keyspace.take_removed());
            }
        }
    }

    fn apply(&mut self, effect: &Effect<'_>) -> Result<(), String> {
        match *effect {
            Effect::Set { db, key, value, expire_at_ms } => {
                let keyspace = self.keyspace_mut(db);
                keyspace.set(keyspace.hash(key), key, value, expire_at_ms);
            }
            Effect::SetInt { db, key, value } => {
                let keyspace = self.keyspace_mut(db);
                let hash = keyspace.hash(key);
                let deadline = keyspace.get(hash, key).and_then(|entry| entry.expire_at_ms);
                keyspace.set_int(hash, key, value, deadline);
            }
            Effect::Remove { db, key } => {
                let keyspace = self.keyspace_mut(db);
                keyspace.remove(keyspace.hash(key), key);
            }
            Effect::Expire { db, key, expire_at_ms } => {
                let keyspace = self.keyspace_mut(db);
                keyspace.set_expiry(keyspace.hash(key), key, expire_at_ms);
            }
            Effect::Append { db, key, tail } => {
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.append(keyspace.hash(key), key, tail);
                done.map_err(|_| "an APPEND effect on a key that holds no string")?;
            }
            Effect::SetRange { db, key, offset, bytes } => {
                let offset = place_of(offset)?;
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.set_range(keyspace.hash(key), key, offset, bytes);
                done.map_err(|_| "a SETRANGE effect on a key that holds no string")?;
            }
            Effect::Move { db, key, to_db, to, keep_source } => {
                self.move_key((db, key), (to_db, to), keep_source);
            }
            Effect::Elements { change, db, key, elements } => {
                let done = apply_elements(self.keyspace_mut(db), change, key, elements);
                done.map_err(|WrongType| "an effect on a collection of another kind")?;
            }
            Effect::ListSet { db, key, index, item } => {
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.list_set(keyspace.hash(key), key, place(index), item);
                if done != Ok(true) {
                    return Err("an effect on a list item that is not there".to_owned());
                }
            }
            Effect::ListInsert { db, key, index, item } => {
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.list_insert(keyspace.hash(key), key, place(index), item);
                if !matches!(done, Ok(Some(_))) {
                    return Err("an effect at a place of a list that is not there".to_owned());
                }
            }
            Effect::ListRemove { db, key, start, count } => {
                let keyspace = self.keyspace_mut(db);
                let count = place(count);
                let done = keyspace.list_remove(keyspace.hash(key), key, place(start), count);
                if done != Ok(count) {
                    return Err("an effect on list items that are not there".to_owned());
                }
            }
            Effect::Flush { db } => drop(self.keyspace_mut(db).clear()),
            Effect::Swap { a, b } => self.databases.swap(usize::from(a), usize::from(b)),
            Effect::IndexCreate { .. }
            | Effect::IndexDrop { .. }
            | Effect::VectorSet { .. }
            | Effect::VectorRemove { .. }
            | Effect::IndexFreeze { .. } => return self.apply_to_index(effect),
        }
        Ok(())
    }
}

/// An index or a count; what no list can have is as wrong as what this one has not.
fn place(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn apply_elements(
    keyspace: &mut Keyspace,
    change: Change,
    key: &[u8],
    elements: Elements<'_>,
) -> Result<(), WrongType> {
    let hash = keyspace.hash(key);
    match change {
        Change::HashSet => elements
            .pairs()
            .try_for_each(|(field, value)| keyspace.hash_set(hash, key, field, value).map(drop)),
        Change::HashRemove => {
            elements.iter().try_for_each(|field| keyspace.hash_remove(hash, key, field).map(drop))
        }
        Change::SetAdd => {
            elements.iter().try_for_each(|member| keyspace.set_add(hash, key, member).map(drop))
        }
        Change::SetRemove => {
            elements.iter().try_for_each(|member| keyspace.set_remove(hash, key, member).map(drop))
        }
        Change::PushFront => elements
            .iter()
            .try_for_each(|item| keyspace.list_push(hash, key, End::Front, item).map(drop)),
        Change::PushBack => elements
            .iter()
            .try_for_each(|item| keyspace.list_push(hash, key, End::Back, item).map(drop)),
        Change::SortedSetSet => elements.pairs().try_for_each(|(member, score)| {
            keyspace.zset_set(hash, key, member, effect::score(score)).map(drop)
        }),
        Change::SortedSetRemove => {
            elements.iter().try_for_each(|member| keyspace.zset_remove(hash, key, member).map(drop))
        }
    }
}
