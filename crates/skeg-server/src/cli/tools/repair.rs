//! `skeg repair`: says what can be saved of a damaged database, and saves it when told to.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use skeg_engine::offline::{Offline, RecordEffects, RepairPlan, Subject, plan_repair, repair};
use skeg_io::Io;
use skeg_proto::client::Value;

use super::flags::{JSON, Request, number as numeric, switch};
use super::show::{
    Report, Verdict, damage_json, damage_line, json, name, number, object, subject_line, text,
};
use super::{Tool, Trouble};
use crate::cli::Failure;
use crate::cli::amounts::{bytes, counted};
use crate::cli::progress::Progress;

pub(super) const TOOL: Tool = Tool {
    name: "repair",
    about: "Save what can be saved of a damaged database",
    help: HELP,
    places: &["DIR"],
    flags: &[JSON, switch("write"), numeric("shards"), numeric("limit")],
    run,
};

const HELP: &str = "\
skeg repair: save what can be saved of a damaged database

Usage: skeg repair DIR [--write] [--shards N] [--limit N] [--json]

Finds the longest part of the history, from its beginning, that verifies. Without --write it
only says what would be kept and what would be lost: files, offsets, bytes, epochs, records and
the keys that they touched. A backup that is newer than what would be kept is the better choice.

With --write that part becomes the database. Every file that is replaced or no longer in use
stays in DIR/damaged-1 (or the next free number), unchanged, and nothing is ever deleted; when
the database is well, that directory can be removed by hand. A repair that is interrupted can
be started again.

A tail that a crash has torn needs no repair: the next open cuts it.

Options:
      --write     Do it
      --shards N  Shards of the database, when CURRENT is lost and the keys do not tell
      --limit N   List so many keys that are touched by what is lost [20]
      --json      One JSON object
  -h, --help      Show this help
  -V, --version   Show the version

Examples:
  skeg repair ./data              what would be kept, what would be lost?
  skeg repair ./data --write      do it

Exit codes: 0 sound or repaired, 1 damaged and not (or not yet) repaired, 2 misused.
";

/// Keys that are listed unless asked otherwise.
const LIMIT: u64 = 20;

fn run(request: &Request) -> Result<(), Trouble> {
    let write = request.has("write");
    let io = Io::real();
    let offline = if write {
        Offline::open_to_write(&io, request.dir(), &format!("{} repairs", std::process::id()))?
    } else {
        Offline::open(&io, request.dir())?
    };
    let shards = request.number("shards").map(shard_count).transpose()?;
    let mut touched = Touched::new(request.number("limit").unwrap_or(LIMIT));
    let progress = Progress::new("reading");
    let tell = |done, total| progress.tell(done, total);
    let plan = plan_repair(&offline, shards, &tell, &mut |_, record| {
        let effects = RecordEffects::new(record.kind, record.payload);
        for effect in effects.into_iter().flatten().flatten() {
            touched.add(effect.subject);
        }
    })?;
    if let Some(plan) = &plan
        && write
    {
        repair(&offline, plan, &tell)?;
    }
    drop(progress);
    match (plan, request.has("json")) {
        (None, true) => json(&[("sound", Value::Bool(true))])?,
        (None, false) => {
            let mut shown = Report::new(Verdict::Good, "sound", request.dir());
            shown.row("repair", "there is nothing to do");
            shown.print()?;
        }
        (Some(plan), is_json) => {
            let print = if is_json { print_json } else { print };
            print(request, &plan, &touched)?;
            if !write {
                return Err(Failure::Silent.into());
            }
        }
    }
    Ok(())
}

fn shard_count(number: u64) -> Result<u16, Failure> {
    let count = u16::try_from(number).ok().filter(|count| count.is_power_of_two());
    let count = count.filter(|count| *count <= skeg_engine::SHARDS_MAX);
    count.ok_or_else(|| {
        Failure::misuse("repair", format!("--shards: '{number}' is not a power of two up to 256"))
    })
}

/// Keys and indexes that are touched by what is lost.
struct Touched {
    limit: u64,
    hasher: RandomState,
    /// Hashes only: there may be as many as in the database.
    all: HashSet<u64>,
    listed: Vec<String>,
}

impl Touched {
    fn new(limit: u64) -> Self {
        Self { limit, hasher: RandomState::new(), all: HashSet::new(), listed: Vec::new() }
    }

    fn add(&mut self, mut subject: Subject<'_>) {
        if let Subject::Index { part, .. } = &mut subject {
            // To whoever reads this an index is one.
            *part = 0;
        }
        let is_new = self.all.insert(match subject {
            Subject::Key { db, key } => self.hasher.hash_one((0_u8, db, key)),
            Subject::Database(db) => self.hasher.hash_one((1_u8, db)),
            Subject::Index { name, .. } => self.hasher.hash_one((2_u8, name)),
        });
        if is_new && (self.listed.len() as u64) < self.limit {
            self.listed.push(subject_line(subject));
        }
    }
}

fn print(request: &Request, plan: &RepairPlan, touched: &Touched) -> Result<(), Failure> {
    let dir = request.dir();
    let write = request.has("write");
    let (verdict, word) =
        if write { (Verdict::Good, "repaired") } else { (Verdict::Bad, "damaged") };
    let mut shown = Report::new(verdict, word, dir);
    for damage in &plan.damage {
        shown.row("damage", damage_line(dir, damage));
    }
    if let Some(snapshot) = &plan.snapshot {
        shown.row("keeps", format!("{}, which the log goes on from", name(dir, snapshot)));
    }
    let (records, last) = (counted(plan.records, "record"), plan.last_epoch.0);
    let whole = counted(plan.segments_kept.len() as u64, "segment");
    let rewritten = bytes(plan.bytes_rewritten);
    let again = if plan.bytes_rewritten > 0 {
        format!(", {rewritten} written into a new one")
    } else {
        String::new()
    };
    shown.row("keeps", format!("{records} up to epoch {last}: {whole} unchanged{again}"));
    for drop in &plan.drops {
        let file = name(dir, &drop.file);
        let line = match (&drop.unreadable, drop.epochs) {
            (Some(_), _) => format!("{file}: {}, nothing can be read", bytes(drop.bytes)),
            (None, epochs) => {
                let (offset, size, bad) = (drop.offset, bytes(drop.bytes), bytes(drop.bad_bytes));
                let readable = epochs.map_or_else(String::new, |(first, last)| {
                    let records = counted(drop.records, "record");
                    format!("; epochs {} to {}, {records}", first.0, last.0)
                });
                format!("{file} from offset {offset}: {size}, {bad} of them unreadable{readable}")
            }
        };
        shown.row("drops", line);
    }
    if !touched.all.is_empty() {
        shown.row("touched", format!("{} or indexes", counted(touched.all.len() as u64, "key")));
        for line in &touched.listed {
            shown.row("", line);
        }
        if touched.listed.len() < touched.all.len() {
            shown.row("", "...");
        }
    }
    for file in &plan.rebuilt {
        shown.row("rebuilds", name(dir, file));
    }
    shown.row("originals", format!("{}/", plan.originals.display()));
    if !write {
        let again = format!("skeg repair {} --write", dir.display());
        shown.remark(&format!("Nothing was changed. To keep this and lose that: {again}"));
    }
    shown.print()
}

fn print_json(request: &Request, plan: &RepairPlan, touched: &Touched) -> Result<(), Failure> {
    let dir = request.dir();
    let names = |files: &[std::path::PathBuf]| {
        Value::Array(files.iter().map(|file| text(name(dir, file))).collect())
    };
    let drops = plan.drops.iter().map(|drop| {
        let epoch = |pick: fn((u64, u64)) -> u64| {
            drop.epochs.map_or(Value::Null, |(first, last)| number(pick((first.0, last.0))))
        };
        object([
            ("file", text(name(dir, &drop.file))),
            ("offset", number(drop.offset)),
            ("bytes", number(drop.bytes)),
            ("bad_bytes", number(drop.bad_bytes)),
            ("first_epoch", epoch(|(first, _)| first)),
            ("last_epoch", epoch(|(_, last)| last)),
            ("records", number(drop.records)),
            ("unreadable", drop.unreadable.as_deref().map_or(Value::Null, text)),
        ])
    });
    let keeps = object([
        ("records", number(plan.records)),
        ("last_epoch", number(plan.last_epoch.0)),
        ("snapshot", plan.snapshot.as_ref().map_or(Value::Null, |file| text(name(dir, file)))),
        ("segments", names(&plan.segments_kept)),
        ("bytes_rewritten", number(plan.bytes_rewritten)),
    ]);
    json(&[
        ("sound", Value::Bool(false)),
        ("repaired", Value::Bool(request.has("write"))),
        ("shards", number(plan.shards)),
        ("damage", Value::Array(plan.damage.iter().map(|d| damage_json(dir, d)).collect())),
        ("keeps", keeps),
        ("drops", Value::Array(drops.collect())),
        ("touched", number(touched.all.len() as u64)),
        ("touched_listed", Value::Array(touched.listed.iter().map(|line| text(&**line)).collect())),
        ("rebuilds", names(&plan.rebuilt)),
        ("moves", names(&plan.moved)),
        ("originals", text(plan.originals.display().to_string())),
    ])
}
