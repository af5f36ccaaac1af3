//! What can be saved of a damaged database: the longest prefix of its history that verifies and can
//! be replayed, and what is lost with the rest. Only looks; `repair.rs` acts.
//!
//! Invariants: nothing is salvaged from behind a gap: a history with a hole in it is not one that
//! ever was; what an open can cut by itself is left to it.
//! May not know: what payloads mean.

mod lost;

use std::collections::BTreeMap;
use std::path::PathBuf;

use skeg_io::sync::Arc;

use crate::block::Mismatch;
use crate::check::CheckReport;
use crate::current::{Current, NamedSegment, Position, SnapshotRef, ValueRef, VectorRef};
use crate::error::{Corruption, LogError, corrupt};
use crate::inspect::RecordInfo;
use crate::manifest;
use crate::offline::Offline;
use crate::recover::replay_all;
use crate::repair::ORIGINALS_PREFIX;
use crate::route::{Prefix, Route};
use crate::segment::{FILES, HEADER_BYTES};
use crate::snapshot;
use crate::snapshot::read::Loaded;
use crate::types::{Epoch, Replay};
use crate::value_file;
use crate::values::ValueReader;
use crate::vector;

pub use lost::Dropped;

/// Makes a [`Replay`] that has seen nothing yet: a salvage reads the history more than once.
pub type Fresh<'a> = dyn FnMut() -> Box<dyn Replay + 'a> + 'a;

/// What a repair would keep and drop.
#[derive(Debug)]
pub struct RepairPlan {
    /// What is damaged, as a check lists it.
    pub damage: Vec<Corruption>,
    /// Shards of the database.
    pub shards: u16,
    /// Records that stay.
    pub records: u64,
    /// The last epoch that stays; 0 when nothing does.
    pub last_epoch: Epoch,
    /// Segments that stay as they are.
    pub segments_kept: Vec<PathBuf>,
    /// The snapshot that stays, if there is one: the records come behind it.
    pub snapshot: Option<PathBuf>,
    /// Bytes that are written again, into a new segment.
    pub bytes_rewritten: u64,
    /// What is lost, file by file.
    pub drops: Vec<Dropped>,
    /// Small files that are made anew because they were damaged or missing.
    pub rebuilt: Vec<PathBuf>,
    /// Segments that are moved away.
    pub moved: Vec<PathBuf>,
    /// Where they are moved to, and MANIFEST and CURRENT copied.
    pub originals: PathBuf,
    pub(crate) steps: Steps,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) database_id: u128,
    /// MANIFEST is to be written.
    pub(crate) manifest: bool,
    /// `None` when the history is whole and CURRENT stays.
    pub(crate) history: Option<NewHistory>,
}

/// The segments that a repaired database has.
#[derive(Debug)]
pub(crate) struct NewHistory {
    pub(crate) prefix: Prefix,
    /// Segments of the prefix that stay.
    pub(crate) whole: usize,
    /// CURRENT, but for the new segment.
    pub(crate) current: Current,
    /// Segments to be moved away.
    pub(crate) dropped: Vec<u64>,
    /// The segment that stays but ends earlier.
    pub(crate) cut: Option<u64>,
}

/// What the history of a damaged database begins with.
enum Base {
    /// The first block of the log.
    Log,
    /// A snapshot that is sound.
    Snapshot(Loaded),
    /// What is not there any more.
    Lost,
}

/// Why nothing can be put together, in place of a remedy.
const WITHOUT_CURRENT: &str =
    "restore a backup: with CURRENT it is lost which snapshot the history begins with";
const WITHOUT_SNAPSHOT: &str =
    "restore a backup: the snapshot is damaged, and the log before it is not there any more";
const WITHIN_SNAPSHOT: &str =
    "restore a backup: the log ends before the snapshot, which was taken while it was written";
const WITHOUT_VALUES: &str =
    "restore a backup: strings that the snapshot names stand in a damaged segment and nowhere else";
const WITHOUT_VECTORS: &str =
    "restore a backup: with a snapshot, the vectors of a segment are nowhere else";
const WITHOUT_OWN_FILE: &str = "restore a backup: the value in that file is nowhere else; if the store opens, it is enough to \
     remove or replace its key and take a snapshot";
const WITHOUT_DROP: &str = "restore a backup: the snapshot has a vector index that was dropped in what \
     would be cut, and its vectors are not there any more";

impl Offline {
    /// What a repair would do; `None` when nothing is damaged. `shards` is asked for only when
    /// CURRENT is lost. `lost` sees every record that would be dropped and can still be read.
    ///
    /// # Errors
    /// [`LogError::Option`] when `shards` is needed and missing; [`LogError::Corrupt`] when nothing
    /// says which database it is; others as [`Offline::check`].
    pub fn plan_repair(
        &self,
        shards: Option<u16>,
        fresh: &mut Fresh<'_>,
        lost: &mut dyn FnMut(Epoch, RecordInfo<'_>),
    ) -> Result<Option<RepairPlan>, LogError> {
        let report = self.check(&mut *fresh())?;
        if report.is_sound() {
            return Ok(None);
        }
        let database_id = self.vote()?;
        let manifest = self.read_manifest()?.ok() != Some(database_id);
        let current = self.read_current()?.ok();
        let current = current.filter(|current| current.database_id == database_id);
        let mut rebuilt = Vec::new();
        if manifest {
            rebuilt.push(self.dir.join(manifest::FILE_NAME));
        }
        if let Some(current) = &current
            && report.damage.iter().all(|damage| rebuilt.contains(&damage.file))
            && let Ok(history) = replay_all(&self.io, &self.dir, current, &mut *fresh())
        {
            return Ok(Some(RepairPlan {
                damage: report.damage,
                shards: current.shards,
                records: history.recovered.records,
                last_epoch: history.recovered.last_epoch,
                segments_kept: current
                    .segments
                    .iter()
                    .map(|s| FILES.path(&self.dir, s.id))
                    .collect(),
                snapshot: current
                    .snapshot
                    .map(|named| snapshot::format::FILES.path(&self.dir, named.id)),
                bytes_rewritten: 0,
                drops: Vec::new(),
                moved: Vec::new(),
                rebuilt,
                originals: self.originals()?,
                steps: Steps { database_id, manifest, history: None },
            }));
        }
        // The first damage, when nothing that ever was can be put together.
        let lost_for = |remedy| {
            let mut damage = report.damage.first().cloned().expect("it is not sound");
            damage.remedy = remedy;
            Err(LogError::Corrupt(Box::new(damage)))
        };
        if current.is_none() {
            if !snapshot::format::FILES.ids(&*self.disk, &self.dir)?.is_empty() {
                return lost_for(WITHOUT_CURRENT);
            }
            rebuilt.push(self.dir.join(crate::current::FILE_NAME));
        }
        // Snapshots beside the one that the history begins with are not needed for what can be kept.
        let current = current.map(|current| self.readable(current)).transpose()?;
        let based = match current.as_ref().map(|current| self.base(current)).transpose()? {
            Some(Base::Lost) => return lost_for(WITHOUT_SNAPSHOT),
            Some(Base::Snapshot(loaded)) => Some(loaded),
            Some(Base::Log) | None => None,
        };
        let Some(shards) = current.as_ref().map(|current| current.shards).or(shards) else {
            let must = "given: their number was in CURRENT, which is lost";
            return Err(LogError::Option { option: "shards", must });
        };
        // A snapshot lets go of files with values that the log before it asks for. Where there was none, all are there.
        let was_none = current.as_ref().is_none_or(|current| current.snapshot.is_none());
        let values = was_none.then(|| ValueReader::new(&self.io, &self.dir));
        let current = current.map(|current| match &based {
            Some(_) => current,
            // All there was is in the log, and so are all vectors.
            None => Current { snapshot: None, vectors: Vec::new(), ..current },
        });
        let prefix = self.longest(
            database_id,
            shards,
            current.as_ref(),
            based.as_ref(),
            values.as_ref(),
            fresh,
        )?;
        if let Some(current) = &current {
            let covered = |named: &SnapshotRef| named.covered > prefix.last_epoch();
            if current.snapshot.as_ref().is_some_and(covered) {
                return lost_for(WITHIN_SNAPSHOT);
            }
            let is_lost = |named: &VectorRef| {
                let path = vector::FILES.path(&self.dir, named.id);
                let damaged = report.damage.iter().any(|damage| damage.file == path);
                damaged || named.covered > prefix.last_epoch()
            };
            if current.vectors.iter().any(is_lost) {
                return lost_for(WITHOUT_VECTORS);
            }
            let is_lost = |named: &ValueRef| {
                let path = value_file::FILES.path(&self.dir, named.id);
                report.damage.iter().any(|damage| damage.file == path)
            };
            if current.values.iter().any(is_lost) {
                return lost_for(WITHOUT_OWN_FILE);
            }
            if prefix.lacks.is_some() {
                return lost_for(WITHOUT_DROP);
            }
            let is_for_values = |named: &&NamedSegment| named.id < current.start_segment;
            let is_damaged = |named: &NamedSegment| {
                let path = FILES.path(&self.dir, named.id);
                report.damage.iter().any(|damage| damage.file == path)
            };
            if based.is_some() && current.segments.iter().filter(is_for_values).any(is_damaged) {
                return lost_for(WITHOUT_VALUES);
            }
        }
        let plan = self.plan(report, database_id, shards, current.as_ref(), prefix, lost)?;
        Ok(Some(RepairPlan { rebuilt, steps: Steps { manifest, ..plan.steps }, ..plan }))
    }

    /// CURRENT with the newest snapshot alone that is sound, if older ones are kept.
    fn readable(&self, mut current: Current) -> Result<Current, LogError> {
        while let (Some(older), Some(_)) = (current.without_newest(), current.snapshot) {
            match self.base(&current)? {
                Base::Lost => current = older,
                Base::Log | Base::Snapshot(_) => break,
            }
        }
        Ok(current.newest_alone())
    }

    /// What the history that CURRENT names begins with.
    fn base(&self, current: &Current) -> Result<Base, LogError> {
        let Some(named) = &current.snapshot else { return Ok(Base::Log) };
        match snapshot::read::load(&*self.disk, &self.dir, current, named, 0, &mut ()) {
            Ok(loaded) => Ok(Base::Snapshot(loaded)),
            // No segment was removed yet.
            Err(LogError::Corrupt(_)) if current.start == Position::default() => Ok(Base::Log),
            Err(LogError::Corrupt(_)) => Ok(Base::Lost),
            Err(error) => Err(error),
        }
    }

    /// The database that most files belong to.
    fn vote(&self) -> Result<u128, LogError> {
        let mut votes = BTreeMap::<u128, usize>::new();
        let mut vote = |id: Option<u128>| *votes.entry(id.unwrap_or_default()).or_default() += 1;
        vote(self.read_manifest()?.ok());
        vote(self.read_current()?.ok().map(|current| current.database_id));
        for id in FILES.ids(&*self.disk, &self.dir)? {
            match self.open_segment(id, None)? {
                Ok(segment) => vote(Some(segment.header.database_id)),
                // Not damaged, but nothing that this build can judge.
                Err(error @ LogError::Version { .. }) => return Err(error),
                Err(_) => {}
            }
        }
        votes.remove(&0);
        let most = votes.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(id, _)| id).ok_or_else(|| {
            let nothing = "no file that says which database this is".to_owned();
            let mismatch = Mismatch { expected: "a MANIFEST".to_owned(), found: nothing };
            corrupt(&self.dir.join(manifest::FILE_NAME), 0, mismatch)
        })
    }

    /// The way that CURRENT names, unless the segments themselves give a longer one.
    fn longest(
        &self,
        database_id: u128,
        shards: u16,
        current: Option<&Current>,
        based: Option<&Loaded>,
        values: Option<&Arc<ValueReader>>,
        fresh: &mut Fresh<'_>,
    ) -> Result<Prefix, LogError> {
        let named = current.map(Route::of);
        let start = named.as_ref().map(|route| route.start).unwrap_or_default();
        let found = self.search(database_id, start)?;
        let mut best: Option<Prefix> = None;
        if named.is_none() && found.is_none() {
            // An empty database would be a prefix, too, but nobody who has lost CURRENT means that.
            let path = self.dir.join(crate::current::FILE_NAME);
            let later = Mismatch::new("the beginning of the history", "only blocks of later");
            return Err(corrupt(&path, 0, later));
        }
        for route in named.iter().chain(&found) {
            let mut replay = fresh();
            let mut places = [].as_slice();
            if let (Some(current), Some(loaded)) = (current, based) {
                self.begin(current, &mut *replay)?;
                places = &loaded.places;
            }
            let prefix = self.follow(route, database_id, shards, places, values, &mut *replay)?;
            if best.as_ref().is_none_or(|best| best.last_epoch() < prefix.last_epoch()) {
                best = Some(prefix);
            }
        }
        let mut best = best.expect("one route is always followed");
        if let Some(current) = current {
            best.witness = best.witness.max(current.durable.min(best.last_epoch()));
        }
        Ok(best)
    }

    /// Lets a replay have what lies before the log: segments of vectors and the snapshot, of which CURRENT is known to be right.
    fn begin(&self, current: &Current, replay: &mut dyn Replay) -> Result<(), LogError> {
        let disk = &*self.disk;
        let refused = |source| LogError::Replay { shard: 0, epoch: 0, source };
        replay.start(current.shards).map_err(refused)?;
        for named in &current.vectors {
            let file = vector::open(disk, &self.dir, current.database_id, named);
            match file.and_then(|file| replay.vectors(&file)) {
                // Damaged ones are looked for later, as a check has found them.
                Ok(()) | Err(LogError::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
        replay.values(&ValueReader::new(&self.io, &self.dir));
        if let Some(named) = &current.snapshot {
            snapshot::read::load(disk, &self.dir, current, named, 0, replay)?;
        }
        Ok(())
    }

    fn plan(
        &self,
        report: CheckReport,
        database_id: u128,
        shards: u16,
        current: Option<&Current>,
        prefix: Prefix,
        lost: &mut dyn FnMut(Epoch, RecordInfo<'_>),
    ) -> Result<RepairPlan, LogError> {
        // A snapshot names places of strings in the log, so that its blocks stay where they are.
        let stays = current.is_some_and(|current| current.snapshot.is_some());
        let whole = if stays { prefix.sections.len() } else { prefix.whole() };
        let cut = prefix.sections.last().filter(|_| stays).map(|last| last.segment.header.id);
        let mut kept = Vec::new();
        if let Some(current) = current {
            // What lies before the replay start stays, as far as it is well.
            for named in current.segments.iter().filter(|named| named.id < current.start_segment) {
                let path = FILES.path(&self.dir, named.id);
                let damaged = report.damage.iter().any(|damage| damage.file == path);
                let segment = self.open_segment(named.id, Some(database_id))?;
                if named.sealed.is_some() && !damaged && segment.is_ok() {
                    kept.push(*named);
                }
            }
        }
        let whole_ones = prefix.sections[..whole].iter();
        kept.extend(whole_ones.map(|it| NamedSegment::sealed(it.segment.header.id, it.end)));
        kept.sort_unstable_by_key(|named| named.id);
        kept.dedup_by_key(|named| named.id);
        let mut present = FILES.ids(&*self.disk, &self.dir)?;
        present.sort_unstable();
        let known = present.iter().copied().filter(|id| *id < crate::current::NUMBER_MAX / 2);
        let above = known.max().map_or(1, |id| id + 1);
        let mut dropped = present;
        dropped.retain(|id| !kept.iter().any(|named| named.id == *id));
        let values = match current {
            Some(current) => current.values.clone(),
            None => value_file::all_there(&*self.disk, &self.dir, database_id)?,
        };
        let above = values.last().map_or(above, |last| above.max(last.id + 1));
        let new_id = current.map_or(above, |current| current.next_segment.max(above));
        let start_segment =
            prefix.sections[..whole].first().map_or(new_id, |first| first.segment.header.id);
        let lossy: Vec<u64> = dropped.iter().copied().chain(cut).collect();
        let drops = self.drops(&prefix, &lossy, current, database_id, lost)?;
        let moved = dropped.iter().map(|id| FILES.path(&self.dir, *id)).collect();
        let rewritten = prefix.sections[whole..].iter();
        let bytes_rewritten = rewritten.map(|section| section.end.length - HEADER_BYTES).sum();
        let current = Current {
            database_id,
            generation: current.map_or(1, |current| current.generation + 1),
            durable: prefix.last_epoch(),
            next_segment: new_id + 1,
            shards,
            start_segment,
            start: prefix.start,
            segments: kept,
            snapshot: current.and_then(|current| current.snapshot),
            older: Vec::new(),
            vectors: current.map_or_else(Vec::new, |current| current.vectors.clone()),
            values,
        };
        Ok(RepairPlan {
            damage: report.damage,
            shards,
            records: prefix.records,
            last_epoch: Epoch(prefix.last_epoch()),
            segments_kept: current.segments.iter().map(|s| FILES.path(&self.dir, s.id)).collect(),
            snapshot: current
                .snapshot
                .map(|named| snapshot::format::FILES.path(&self.dir, named.id)),
            bytes_rewritten,
            drops,
            rebuilt: Vec::new(),
            moved,
            originals: self.originals()?,
            steps: Steps {
                database_id,
                manifest: false,
                history: Some(NewHistory { prefix, whole, current, dropped, cut }),
            },
        })
    }

    /// The first name for originals that is free.
    fn originals(&self) -> Result<PathBuf, LogError> {
        for number in 1_u64.. {
            let path = self.dir.join(format!("{ORIGINALS_PREFIX}{number}"));
            match self.disk.metadata(&path) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(path),
                Err(error) => return Err(crate::error::io_error("look at", &path, error)),
            }
        }
        unreachable!("there are more numbers than files")
    }
}
