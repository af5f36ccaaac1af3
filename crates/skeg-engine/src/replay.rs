//! Replay: the shards as the log's records say they are.
//!
//! Whoever reads and verifies the log deals its records out to lanes (`lane.rs`), which apply those of
//! their shards at the same time. Shards know nothing of each other, so the order in which a lane gets
//! its records is all that matters; and the log hands on a block only when all of it has verified, so a
//! transaction over several shards is applied whole.
//!
//! Invariant: applying the effects of a history in order gives the state that wrote them; replay
//! knows no clock, so what has expired since is removed when it is met.

mod deal;
mod lane;

use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicBool, Ordering};
use skeg_io::{Io, Threads};
use skeg_keyspace::{End, HashSeed, Keyspace, ValueRef, WrongType};
use skeg_log::{
    Dealt, Log, LogError, Logged, Moved, Place, Replay, ReplayError, ShardId, SnapshotWriter,
    Unapplied, ValueReader, VectorFile,
};

use crate::describe::effects_of;
use crate::effect::{self, Change, Effect, Elements, KIND_EFFECTS};
use crate::indexes::whole_of;
use crate::notify::Switches;
use crate::shard::Shard;
use crate::values::{Values, away_of, logged};
use crate::vectors::open_segment;
use deal::Deal;
use lane::{Batch, Lane, Origin};

/// Told now and then how many bytes are read, and of how many.
pub type Progress<'a> = &'a dyn Fn(u64, u64);

/// Builds shards from records.
pub(crate) struct Rebuild<'a> {
    seed: HashSeed,
    index_seed: u64,
    /// A longer string stays in the log.
    inline_max: usize,
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
    /// On all processors, or, without `parallel`, on the calling thread alone. Strings of more than
    /// `inline_max` bytes stay in the log.
    pub(crate) fn new(io: &Io, parallel: bool, inline_max: usize, progress: Progress<'a>) -> Self {
        let (mut seed, mut index_seed) = ([0_u8; 32], [0_u8; 8]);
        io.entropy.fill(&mut seed);
        io.entropy.fill(&mut index_seed);
        let parallel = parallel && io.threads.processors() > 1;
        Self {
            seed: HashSeed::from_bytes(seed),
            index_seed: u64::from_le_bytes(index_seed),
            inline_max,
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
        log: Option<(&Arc<Log>, &Arc<Values>)>,
        switches: &Arc<Switches>,
    ) -> Vec<Shard> {
        if self.lanes.is_empty() {
            self.make_lanes(count);
        }
        let mut shards: Vec<Shard> = self.lanes.into_iter().flat_map(Lane::finish).collect();
        shards.sort_unstable_by_key(Shard::id);
        for shard in &mut shards {
            shard.obey(switches);
            if let Some((log, values)) = log {
                shard.attach(log, values, self.inline_max);
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

    /// Says of an error of opening what was behind it.
    pub(crate) fn explain(&self, error: LogError) -> LogError {
        match &error {
            LogError::Replay { source, .. } => {
                self.lanes.iter().find_map(|lane| lane.unreadable(&source.0)).unwrap_or(error)
            }
            _ => error,
        }
    }

    fn deal(
        &mut self,
        id: ShardId,
        kind: u8,
        payload: &[u8],
        is_whole: bool,
    ) -> Result<(), ReplayError> {
        if id.0 >= self.shards {
            return Err(ReplayError(format!("no shard {}", id.0)));
        }
        let lane = usize::from(id.0) % self.lanes.len();
        self.filling[lane].push(Origin { shard: id, kind, mark: self.mark, is_whole }, payload);
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

    /// The effects of a record of the log with places instead of the strings that stay there. So these are
    /// summed while a processor has them at hand from verifying, and handed to nobody. `None` when there
    /// are none; and of a record that is not right, which whoever applies it will say.
    fn shortened(&self, at: Place, kind: u8, payload: &[u8]) -> Option<Vec<u8>> {
        let (mut short, mut is_shorter) = (Vec::new(), false);
        let (_, mut effects) = effects_of(kind, payload).ok()?;
        while let Some(effect) = effects.next() {
            match effect.ok()? {
                Effect::Set { db, key, value, expire_at_ms } if value.len() > self.inline_max => {
                    let bytes = u32::try_from(value.len()).ok()?;
                    let end = at.plus(effects.offset() as u64);
                    let place = Place { offset: end.offset - u64::from(bytes), ..end };
                    let value = Logged { place, bytes, sum: Logged::sum(value) };
                    Effect::SetAway { db, key, value, expire_at_ms }.encode(&mut short);
                    is_shorter = true;
                }
                Effect::SetAway { .. } => return None,
                other => other.encode(&mut short),
            }
        }
        is_shorter.then_some(short)
    }

    fn send(&mut self, lane: usize) {
        let batch = std::mem::take(&mut self.filling[lane]);
        self.filling[lane] = self.lanes[lane].send(batch);
    }
}

impl Replay for Rebuild<'_> {
    fn start(&mut self, shards: u16) -> Result<(), ReplayError> {
        self.failed = Arc::default();
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

    fn values(&mut self, reader: &Arc<ValueReader>) {
        self.lanes.iter().for_each(|lane| lane.read_with(reader));
    }

    fn record(&mut self, id: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        self.deal(id, kind, payload, false)
    }

    fn record_at(
        &mut self,
        place: Place,
        id: ShardId,
        kind: u8,
        payload: &[u8],
    ) -> Result<(), ReplayError> {
        if payload.len() > self.inline_max
            && let Some(short) = self.shortened(place, kind, payload)
        {
            return self.deal(id, KIND_EFFECTS, &short, false);
        }
        self.deal(id, kind, payload, true)
    }

    fn moved(&mut self, moved: &[Moved]) {
        self.lanes.iter().for_each(|lane| lane.each_shard(&mut |shard| shard.follow(moved)));
    }

    fn deal(
        &mut self,
        shards: u16,
        snapshot: &mut SnapshotWriter,
    ) -> Result<Option<Dealt>, LogError> {
        let mut deal = Deal::new(shards, snapshot);
        let mut result = Ok(());
        for lane in &self.lanes {
            lane.each_shard(&mut |shard| {
                if result.is_ok() {
                    result = deal.shard(shard);
                }
            });
        }
        result?;
        deal.finish().map(Some)
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

    fn lacks(&self) -> Option<String> {
        let mut missing = None;
        for lane in &self.lanes {
            lane.each_shard(&mut |shard| {
                missing = missing.take().or_else(|| shard.indexes.missing().map(segments_of));
            });
        }
        missing
    }

    fn progress(&mut self, done_bytes: u64, total_bytes: u64) {
        (self.progress)(done_bytes, total_bytes);
    }
}

/// What an index relies on, in words.
pub(crate) fn segments_of(name: &[u8]) -> String {
    format!("the vector segments of index {}", whole_of(name).unwrap_or(name).escape_ascii())
}

/// Where an effect comes from.
struct Source<'a> {
    reader: Option<&'a ValueReader>,
    /// From a record that has the bytes of all its strings but of those with files of their own.
    is_whole: bool,
    unreadable: &'a mut Option<LogError>,
}

/// The offset of a logged SETRANGE.
pub(crate) fn place_of(offset: u64) -> Result<usize, String> {
    let offset = usize::try_from(offset).ok();
    let offset = offset.filter(|&offset| offset <= crate::VALUE_BYTES_MAX);
    offset.ok_or_else(|| "a SETRANGE effect beyond the longest value".to_owned())
}

impl Shard {
    /// Gives strings in the log the places where they stand now.
    fn follow(&mut self, moved: &[Moved]) {
        let from = |home: u64| moved.iter().any(|moved| moved.from.segment == home);
        for keyspace in &mut self.databases {
            if keyspace.homes().any(|(home, _)| from(home)) {
                keyspace.relocate(&|away| {
                    let value = logged(away);
                    let place = moved.iter().find_map(|moved| moved.apply(value.place))?;
                    Some(away_of(&Logged { place, ..value }))
                });
            }
        }
    }

    /// Frees large collections that no key names any more.
    fn drop_removed(&mut self) {
        for keyspace in &mut self.databases {
            if keyspace.has_removed() {
                drop(keyspace.take_removed());
            }
        }
    }

    fn apply(&mut self, effect: &Effect<'_>, source: &mut Source<'_>) -> Result<(), String> {
        match *effect {
            Effect::Set { db, key, value, expire_at_ms } => {
                let keyspace = self.keyspace_mut(db);
                let hash = keyspace.hash(key);
                keyspace.set(hash, key, value, expire_at_ms);
            }
            Effect::SetAway { db, key, value, expire_at_ms } => {
                if source.is_whole && value.place.own_file().is_none() {
                    return Err("a place of the log in the log itself".to_owned());
                }
                let keyspace = self.keyspace_mut(db);
                keyspace.put_away(keyspace.hash(key), key, away_of(&value), expire_at_ms);
            }
            Effect::SetInt { db, key, value } => {
                let keyspace = self.keyspace_mut(db);
                let hash = keyspace.hash(key);
                keyspace.set_int(hash, key, value);
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
                let keyspace = in_memory(self.keyspace_mut(db), key, source)?;
                let done = keyspace.append(keyspace.hash(key), key, tail);
                done.map_err(|_| "an APPEND effect on a key that holds no string")?;
            }
            Effect::SetRange { db, key, offset, bytes } => {
                let offset = place_of(offset)?;
                let keyspace = in_memory(self.keyspace_mut(db), key, source)?;
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

/// The database, after it has taken the string of a key back that is changed in place.
fn in_memory<'a>(
    keyspace: &'a mut Keyspace,
    key: &[u8],
    source: &mut Source<'_>,
) -> Result<&'a mut Keyspace, String> {
    let hash = keyspace.hash(key);
    if let Some(ValueRef::Away(away)) = keyspace.get(hash, key).map(|entry| entry.value) {
        let reader = source.reader.ok_or("a string that nobody can read")?;
        let bytes = reader.read(&logged(&away)).map_err(|error| {
            let said = error.to_string();
            *source.unreadable = Some(error);
            said
        })?;
        keyspace.take_back(hash, key, &bytes);
    }
    Ok(keyspace)
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
