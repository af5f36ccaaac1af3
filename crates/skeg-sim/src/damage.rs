//! Damage to the files of a database that was closed in order.
//!
//! After a close everything is known to be durable, so a flipped bit must be found out: the open stops,
//! or all is there (the bit was of no use any more). Larger damage may take the last blocks together
//! with the watermark that witnesses them; that looks like a torn tail. But what was there when the
//! database was last opened is witnessed by CURRENT, and the open stops or has all of that.
//!
//! A check must foretell what the open does, and a repair of what does not open must leave a state
//! of the history.
//!
//! Invariant: only copies are damaged.

use std::path::{Path, PathBuf};

use skeg_engine::offline::{self, CheckReport, Offline, Outcome};
use skeg_engine::{Engine, EngineError, LogError};
use skeg_io::sim::{Damage, SimDisk, SimMachine};
use skeg_io::sync::Arc;
use skeg_io::{Disk, Io, OpenMode};

use crate::dump;
use crate::figures::Figures;
use crate::plan::{Harm, HarmKind, MILLION};
use crate::run::{DIR, Runner};

/// Bytes of a page, and of what lands in a wrong place.
const PAGE_BYTES: u64 = 4096;

/// The file that a share of all files stands for, and the place in it, with its length.
fn place(disk: &SimDisk, file: u64, place: u64) -> std::io::Result<(PathBuf, u64, u64)> {
    let mut files = disk.files();
    files.retain(|file| file.starts_with(DIR));
    let index =
        usize::try_from(file * files.len() as u64 / MILLION).map_err(std::io::Error::other)?;
    let path = PathBuf::from(&files[index]);
    let len = disk.metadata(&path)?.len;
    Ok((path, place * len / MILLION, len))
}

impl Harm {
    /// Does it. The file, what kind it is, and what was done.
    fn inflict(&self, disk: &SimDisk) -> std::io::Result<(PathBuf, String, &'static str)> {
        let (path, offset, len) = place(disk, self.file, self.place)?;
        let done = match self.kind {
            HarmKind::FlipBit => {
                let bit = u8::try_from(self.other.0 % 8).map_err(std::io::Error::other)?;
                disk.damage(&path, &Damage::FlipBit { offset, bit })?;
                "a bit turned"
            }
            HarmKind::ZeroPage => {
                let offset = offset / PAGE_BYTES * PAGE_BYTES;
                disk.damage(&path, &Damage::Zero { offset, len: PAGE_BYTES })?;
                "a page zeroed"
            }
            HarmKind::Misplaced => {
                let (from, from_offset, _) = place(disk, self.other.0, self.other.1)?;
                let from_offset = from_offset / 8 * 8;
                let offset = offset / 8 * 8;
                disk.damage(&path, &Damage::Copy { from, from_offset, offset, len: PAGE_BYTES })?;
                "bytes of another place"
            }
            HarmKind::Cut => {
                let file = disk.open(&path, OpenMode::ReadWrite)?;
                file.set_len(offset.min(len))?;
                "cut"
            }
            HarmKind::Removed => {
                disk.remove(&path)?;
                "removed"
            }
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let kind =
            [(".seg", "segment"), (".snap", "snapshot"), (".vec", "vectors"), (".val", "value")];
        let kind = kind.iter().find(|(ending, _)| name.ends_with(ending));
        let kind = kind.map_or(name.clone(), |(_, kind)| (*kind).to_owned());
        Ok((path, kind, done))
    }
}

impl Runner<'_> {
    /// Damages a copy of the files, and opens that. `is_witnessed`: the files say how far they are
    /// durable, so that a bit less of the last block cannot be taken for a torn tail.
    pub(crate) fn damage(&mut self, harm: &Harm, is_witnessed: bool) -> Result<(), String> {
        let copy = self.machine.disk.after_kill();
        // The database has its number by now; what a repair takes for it may be another.
        self.settings.shards = None;
        let (path, file, done) = harm.inflict(&copy).map_err(|error| error.to_string())?;
        let disk: Arc<dyn Disk> = Arc::new(copy);
        let io = Io { disk, ..self.machine.io() };
        let is_spared = has_older(&io, &path);
        let floor = match harm.kind {
            _ if is_spared => self.oracle.last(),
            HarmKind::FlipBit if is_witnessed => self.oracle.last(),
            _ => self.oracle.start(),
        };
        let told = check(&io);
        for read_only in [true, false] {
            let opened = self.open_on(&io, read_only);
            let fell_back = opened
                .as_ref()
                .is_ok_and(|engine| !engine.recovered().damaged_snapshots.is_empty());
            self.figures.fell_back += u64::from(fell_back);
            if !read_only {
                let disagree = |what| format!("{file}, {done}: {what}; the check said {told:?}");
                foretold(&told, &opened).map_err(disagree)?;
            }
            let outcome = match opened {
                // Rows of vectors are verified when they are read, dead ones never.
                Ok(engine) if names_vectors(&told) => match self.judge_found(&engine, floor) {
                    Ok(_) => "harmless",
                    Err(what) if what.contains("is damaged at offset") => "refused",
                    Err(what) => return Err(format!("{file}, {done}: {what}")),
                },
                Ok(engine) => {
                    let judged = self.judge_damaged(&engine, floor, &told);
                    let outcome = judged.map_err(|what| format!("{file}, {done}: {what}"))?;
                    if is_spared && outcome != "harmless" {
                        return Err(format!("{file}, {done}: {outcome} in spite of an older one"));
                    }
                    outcome
                }
                Err(error) if is_spared => {
                    return Err(format!("{file}, {done}: an older one does not serve: {error}"));
                }
                Err(EngineError::Log(
                    LogError::Corrupt(_)
                    | LogError::NotADatabase { .. }
                    | LogError::NotFound { .. }
                    | LogError::Version { .. },
                )) => "refused",
                Err(error) if lacks_room_for_a_new_one(&told, &error) => "refused",
                Err(error) => {
                    return Err(format!("{file}, {done}: taken for something else: {error}"));
                }
            };
            if !read_only {
                Figures::count(&mut self.figures.damages, format!("{file} {done}, {outcome}"));
            }
        }
        match told {
            Ok(report) if report.outcome == Outcome::Refuses => {
                self.repair(&io).map_err(|what| format!("{file}, {done}, repaired: {what}"))
            }
            _ => Ok(()),
        }
    }

    /// Judges what a damaged database shows: only strings in the log may be gone, one by one, and only
    /// when a check has found the damage. What became of it.
    fn judge_damaged(
        &self,
        engine: &Engine,
        floor: u64,
        told: &Result<CheckReport, LogError>,
    ) -> Result<&'static str, String> {
        let (found, unreadable) = dump::read_damaged(engine, &self.machine.clock)?;
        let epoch = engine.recovered().last_epoch.0;
        if !unreadable.is_empty() && told.as_ref().is_ok_and(CheckReport::is_sound) {
            return Err(format!("a check has not found {unreadable:?}"));
        }
        self.oracle.judge_rest(found, &unreadable, epoch, floor)?;
        Ok(if unreadable.is_empty() { "harmless" } else { "refused value by value" })
    }

    /// Repairs what does not open, and judges what is left as far as the model goes back.
    fn repair(&self, io: &Io) -> Result<(), String> {
        // With randomness of its own, so that what comes later is the same with and without it.
        let io = Io { entropy: SimMachine::new(0).io().entropy, ..io.clone() };
        let repaired = || {
            let offline = Offline::open_to_write(&io, Path::new(DIR), "repair")?;
            let plan = offline::plan_repair(&offline, None, &|_, _| {}, &mut |_, _| {})?;
            if let Some(plan) = &plan {
                offline::repair(&offline, plan, &|_, _| {})?;
            }
            Ok(plan)
        };
        let plan = match repaired() {
            Ok(plan) => plan.ok_or("a check said damaged, a repair says sound")?,
            Err(LogError::Full { .. }) => return Ok(()),
            // Without its snapshot, or the vectors beside it, there is no history.
            Err(LogError::Corrupt(found)) if found.remedy.contains("snapshot") => return Ok(()),
            Err(error) => return Err(format!("failed: {error}")),
        };
        let opened = self.open_on(&io, false);
        let engine = opened.map_err(|error| format!("does not open: {error}"))?;
        let found = engine.recovered().last_epoch;
        if found != plan.last_epoch {
            return Err(format!("{:?} was promised, {found:?} is there", plan.last_epoch));
        }
        if found.0 < self.oracle.start() {
            return Ok(());
        }
        self.judge_found(&engine, 0).map(drop)
    }
}

fn check(io: &Io) -> Result<CheckReport, LogError> {
    offline::check(io, &Offline::open(io, Path::new(DIR))?, &|_, _| {})
}

/// Whether a file is the newest snapshot, and there is an older one with the log behind it: then all is there,
/// whatever becomes of the file.
fn has_older(io: &Io, file: &Path) -> bool {
    let summary = Offline::open(io, Path::new(DIR)).and_then(|offline| offline.summary());
    summary.is_ok_and(|summary| {
        summary.snapshot.is_some_and(|(_, newest)| newest == file)
            && summary.current.is_ok_and(|current| !current.older.is_empty())
    })
}

/// Whether a check has found only damage in segments of vectors.
fn names_vectors(told: &Result<CheckReport, LogError>) -> bool {
    let is_vectors = |path: &Path| path.extension().is_some_and(|ending| ending == "vec");
    told.as_ref().is_ok_and(|report| {
        !report.is_sound() && report.damage.iter().all(|damage| is_vectors(&damage.file))
    })
}

/// Whether nothing of a database is left, and the disk is too full to create one.
fn lacks_room_for_a_new_one(told: &Result<CheckReport, LogError>, error: &EngineError) -> bool {
    matches!(
        (told, error),
        (Err(LogError::NotFound { .. }), EngineError::Log(LogError::Full { .. }))
    )
}

/// Whether a check said what an open did.
fn foretold(
    told: &Result<CheckReport, LogError>,
    opened: &Result<Engine, EngineError>,
) -> Result<(), String> {
    let agree = match (told, opened) {
        (Ok(_), Ok(_)) if names_vectors(told) => true,
        (Ok(report), Ok(engine)) => {
            // Of a segment that is there for its values alone, an open reads nothing.
            report.outcome != Outcome::Refuses
                && report.last_epoch == Some(engine.recovered().last_epoch)
        }
        (Ok(report), Err(EngineError::Log(LogError::Corrupt(found)))) => {
            report.damage.first() == Some(&**found)
        }
        // Nothing of a database is left: one is created.
        (Err(LogError::NotFound { .. }), Ok(engine)) => engine.recovered().created,
        (_, Err(error)) if lacks_room_for_a_new_one(told, error) => true,
        (Err(told), Err(EngineError::Log(error))) => told.kind() == error.kind(),
        _ => false,
    };
    if agree {
        return Ok(());
    }
    Err(match opened {
        Ok(engine) => format!("it opened at {:?}", engine.recovered().last_epoch),
        Err(error) => format!("it did not open: {error}"),
    })
}
