//! `skeg inspect`: what is in the files, piece by piece.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use skeg_engine::offline::{
    BlockInfo, BlockKind, CurrentInfo, Found, Offline, RecordEffects, RecordInfo, SegmentInfo,
    SegmentState, ShardPlace, SnapshotFound,
};
use skeg_engine::{LogError, SnapshotInfo};
use skeg_io::Io;
use skeg_proto::client::Value;

use super::flags::{JSON, Request, number as numeric, switch};
use super::show::{
    damage_json, damage_line, effect_json, effect_line, id, name, number, object, text, write_json,
};
use super::{Tool, Trouble};
use crate::cli::Failure;
use crate::cli::amounts::{counted, grouped};

pub(super) const TOOL: Tool = Tool {
    name: "inspect",
    about: "Show what is in the files of a database that nobody has open",
    help: HELP,
    places: &["DIR"],
    flags: &[
        JSON,
        numeric("segment"),
        switch("snapshot"),
        switch("blocks"),
        switch("records"),
        numeric("from"),
        numeric("limit"),
    ],
    run,
};

const HELP: &str = "\
skeg inspect: show what is in the files of a database that nobody has open

Usage: skeg inspect DIR [--segment N | --snapshot] [--blocks | --records] [--from EPOCH]
                    [--limit N] [--json]

Shows MANIFEST, CURRENT, the snapshot and the segments of the log; of a segment its blocks
(epoch, offset, bytes, records of each shard, which epoch was known to be durable), of a
snapshot its blocks (shard, entries) and the place where the log of each shard goes on, and of
a block its records and what they say. Damaged pieces are shown in their place. Nothing is
written.

Options:
      --segment N   This segment only, with its blocks
      --snapshot    The snapshot only, with its blocks
      --blocks      Blocks of the snapshot and of every segment
      --records     Blocks, records and their effects
      --from EPOCH  Only blocks of this epoch and later ones
      --limit N     Stop after so many blocks [100]; 0 for all
      --json        One JSON object a line; keys that are no UTF-8 as {\"base64\": ...}
  -h, --help        Show this help
  -V, --version     Show the version

Examples:
  skeg inspect ./data
  skeg inspect ./data --segment 3 --limit 0
  skeg inspect ./data --snapshot --records --json
  skeg inspect ./data --from 90311 --records --limit 1

Exit codes: 0 done (also when something damaged was shown), 1 it could not be read, 2 misused.
";

/// Blocks that are shown unless asked otherwise.
const LIMIT: u64 = 100;

fn run(request: &Request) -> Result<(), Trouble> {
    let offline = Offline::open(&Io::real(), request.dir())?;
    let summary = offline.summary()?;
    let mut shown = Shown {
        request,
        out: BufWriter::new(std::io::stdout().lock()),
        left: match request.number("limit").unwrap_or(LIMIT) {
            0 => u64::MAX,
            limit => limit,
        },
    };
    let wanted = request.number("segment");
    let snapshot_only = request.has("snapshot");
    if wanted.is_some() && snapshot_only {
        return Err(
            Failure::misuse("inspect", "--segment and --snapshot exclude each other").into()
        );
    }
    let flags = ["blocks", "records"].iter().any(|flag| request.has(flag));
    if wanted.is_none() && !snapshot_only {
        shown.small_file("MANIFEST", &summary.manifest, |database| {
            let format = summary.format_version;
            let line = format!("database {}, format {format}", id(*database));
            (line, vec![("database", text(id(*database))), ("format", number(format))])
        })?;
        shown.small_file("CURRENT", &summary.current, current)?;
    }
    if let Some((info, file)) = summary.snapshot.as_ref().filter(|_| wanted.is_none()) {
        shown.snapshot(info, file)?;
        if (flags || snapshot_only) && shown.left > 0 {
            shown.walk_snapshot(&offline)?;
        }
    }
    if snapshot_only {
        shown.out.flush()?;
        return match summary.snapshot {
            Some(_) => Ok(()),
            None => Err(Trouble::Coded("ERR_NOT_FOUND", "there is no snapshot".to_owned())),
        };
    }
    let blocks = flags || wanted.is_some() || request.number("from").is_some();
    let mut found = false;
    for info in &summary.segments {
        if wanted.is_none_or(|wanted| wanted == info.id) {
            found = true;
            shown.segment(info)?;
            if blocks && shown.left > 0 {
                shown.walk(&offline, info)?;
            }
        }
    }
    if wanted.is_none() {
        for (file, bytes) in &summary.leftovers {
            let file = name(request.dir(), file);
            let line = format!("leftover  {file}  {bytes} bytes: the next open removes it");
            let fields = [("file", text(file)), ("bytes", number(*bytes))];
            shown.line(&line, "leftover", object(fields))?;
        }
    }
    shown.out.flush()?;
    match wanted {
        Some(wanted) if !found => {
            Err(Trouble::Coded("ERR_NOT_FOUND", format!("there is no segment {wanted}")))
        }
        _ => Ok(()),
    }
}

fn current(current: &CurrentInfo) -> (String, Vec<(&'static str, Value)>) {
    let CurrentInfo { generation, shards, next_segment, start_segment, .. } = *current;
    let (durable, start) = (current.durable.0, current.start_epoch.0);
    let mut line = format!(
        "generation {generation}, {shards} shards, durable up to epoch {durable} at least, \
         replay from segment {start_segment} after epoch {start}"
    );
    for older in &current.older {
        let (number, covered) = (older.id, older.covered.0);
        line.push_str(&format!("; also kept: snapshot {number}, up to epoch {covered}"));
    }
    for (file, bytes) in &current.values {
        line.push_str(&format!("; value {file} in a file of {bytes} bytes"));
    }
    let value = |(file, _): &(u64, u64)| number(*file);
    let fields = vec![
        ("database", text(id(current.database_id))),
        ("generation", number(generation)),
        ("shards", number(shards)),
        ("durable_epoch", number(durable)),
        ("start_segment", number(start_segment)),
        ("start_epoch", number(start)),
        ("next_segment", number(next_segment)),
        ("value_files", Value::Array(current.values.iter().map(value).collect())),
        ("older_snapshots", Value::Array(current.older.iter().map(|it| number(it.id)).collect())),
    ];
    (line, fields)
}

/// What is printed, and how many blocks still may be.
struct Shown<'a, W: Write> {
    request: &'a Request,
    out: W,
    left: u64,
}

impl<W: Write> Shown<'_, W> {
    /// One thing, for people or for programs.
    fn line(&mut self, line: &str, kind: &str, json: Value) -> Result<(), Failure> {
        if self.request.has("json") {
            return write_json(&mut self.out, &[(kind, json)]);
        }
        Ok(writeln!(self.out, "{line}")?)
    }

    fn small_file<T>(
        &mut self,
        file: &str,
        content: &Result<T, LogError>,
        say: impl Fn(&T) -> (String, Vec<(&'static str, Value)>),
    ) -> Result<(), Failure> {
        let (line, fields) = match content {
            Ok(content) => say(content),
            Err(error) => (error.to_string(), vec![("error", text(error.to_string()))]),
        };
        let pairs = fields.into_iter().map(|(name, value)| (text(name), value)).collect();
        self.line(&format!("{file:<8}  {line}"), &file.to_lowercase(), Value::Map(pairs))
    }

    fn segment(&mut self, info: &SegmentInfo) -> Result<(), Failure> {
        let file = name(self.request.dir(), &info.path);
        let (state, length, epoch) = match info.state {
            SegmentState::Unnamed => ("unnamed", None, None),
            SegmentState::Open => ("open", None, None),
            SegmentState::Sealed { length, epoch, .. } => ("sealed", Some(length), Some(epoch.0)),
        };
        let mut line = format!("segment {}  {file}  {} bytes", info.id, grouped(info.file_bytes));
        match (length, epoch) {
            (Some(length), Some(epoch)) => {
                line.push_str(&format!("  sealed at {length} after epoch {epoch}"));
            }
            _ => line.push_str(&format!("  {state}")),
        }
        let header = match &info.header {
            Ok(header) => {
                let after = header.prepared_after.0;
                line.push_str(&format!("  prepared after epoch {after}"));
                object([
                    ("database", text(id(header.database_id))),
                    ("salt", text(format!("{:016x}", header.salt))),
                    ("prepared_after", number(after)),
                ])
            }
            Err(error) => {
                line.push_str(&format!("  {error}"));
                object([("error", text(error.to_string()))])
            }
        };
        let json = object([
            ("id", number(info.id)),
            ("file", text(file)),
            ("bytes", number(info.file_bytes)),
            ("state", text(state)),
            ("length", length.map_or(Value::Null, number)),
            ("last_epoch", epoch.map_or(Value::Null, number)),
            ("header", header),
        ]);
        self.line(&line, "segment", json)
    }

    fn snapshot(&mut self, info: &SnapshotInfo, file: &Path) -> Result<(), Failure> {
        let (file, covered) = (name(self.request.dir(), file), info.covered.0);
        let bytes = grouped(info.bytes);
        let line =
            format!("snapshot {}  {file}  {bytes} bytes  with all up to epoch {covered}", info.id);
        let json = object([
            ("id", number(info.id)),
            ("file", text(file)),
            ("bytes", number(info.bytes)),
            ("covered_epoch", number(covered)),
        ]);
        self.line(&line, "snapshot", json)
    }

    fn walk_snapshot(&mut self, offline: &Offline) -> Result<(), Trouble> {
        let mut printed = Ok(());
        let walked = offline.walk_snapshot(&mut |found| {
            if self.left == 0 {
                return ControlFlow::Break(());
            }
            self.left -= 1;
            printed = self.snapshot_block(&found);
            if printed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        printed?;
        match walked {
            Err(LogError::Corrupt(damage)) => {
                let dir = self.request.dir();
                let line = format!("  bad    {}", damage_line(dir, &damage));
                Ok(self.line(&line, "bad", damage_json(dir, &damage))?)
            }
            other => Ok(other?),
        }
    }

    fn snapshot_block(&mut self, found: &SnapshotFound<'_>) -> Result<(), Failure> {
        match found {
            SnapshotFound::Entries { bytes, entries, record } => {
                let (offset, shard) = (record.offset, record.shard.0);
                let line = format!(
                    "  block  {offset:>10}  {} of shard {shard}  {} bytes",
                    counted(*entries, "item"),
                    grouped(*bytes)
                );
                let json = object([
                    ("offset", number(offset)),
                    ("bytes", number(*bytes)),
                    ("shard", number(shard)),
                    ("entries", number(*entries)),
                ]);
                self.line(&line, "snapshot_block", json)?;
                if self.request.has("records") { self.record(None, record) } else { Ok(()) }
            }
            SnapshotFound::End { offset, bytes, entries, places } => {
                let each: Vec<_> = places
                    .iter()
                    .enumerate()
                    .map(|(shard, place)| format!("{shard}: {}+{}", place.epoch.0, place.offset))
                    .collect();
                let line = format!(
                    "  end    {offset:>10}  {} in all; the log goes on (shard: epoch+offset) at {}",
                    counted(*entries, "item"),
                    each.join(", ")
                );
                let place = |place: &ShardPlace| {
                    let (epoch, offset) = (number(place.epoch.0), number(place.offset));
                    object([("epoch", epoch), ("offset", offset)])
                };
                let json = object([
                    ("offset", number(*offset)),
                    ("bytes", number(*bytes)),
                    ("entries", number(*entries)),
                    ("places", Value::Array(places.iter().map(place).collect())),
                ]);
                self.line(&line, "snapshot_end", json)
            }
        }
    }

    fn walk(&mut self, offline: &Offline, info: &SegmentInfo) -> Result<(), Trouble> {
        let from = self.request.number("from").unwrap_or(0);
        let mut printed = Ok(());
        if info.header.is_err() {
            return Ok(());
        }
        offline.walk_segment(info, &mut |found| {
            printed = match found {
                Found::Block(block) if block.epoch.0 < from => Ok(()),
                Found::Block(_) if self.left == 0 => return ControlFlow::Break(()),
                Found::Block(block) => {
                    self.left -= 1;
                    self.block(info.id, &block)
                }
                Found::Bad { offset, bytes, expected, found } => {
                    let what = match bytes {
                        0 => "the next block does not follow".into(),
                        bytes => format!("{} bytes", grouped(bytes)),
                    };
                    let line = format!(
                        "  bad    {offset:>10}  {what}: expected {expected}, found {found}"
                    );
                    let json = object([
                        ("segment", number(info.id)),
                        ("offset", number(offset)),
                        ("bytes", number(bytes)),
                        ("expected", text(expected)),
                        ("found", text(found)),
                    ]);
                    self.line(&line, "bad", json)
                }
                Found::Free { offset, bytes } => {
                    let line = format!("  free   {offset:>10}  {} bytes", grouped(bytes));
                    let json = object([
                        ("segment", number(info.id)),
                        ("offset", number(offset)),
                        ("bytes", number(bytes)),
                    ]);
                    self.line(&line, "free", json)
                }
            };
            if printed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(printed?)
    }

    fn block(&mut self, segment: u64, block: &BlockInfo<'_>) -> Result<(), Failure> {
        let mut shards = BTreeMap::<u16, u64>::new();
        block.records().for_each(|record| *shards.entry(record.shard.0).or_default() += 1);
        let (epoch, durable) = (block.epoch.0, block.durable.0);
        let kind = match block.kind {
            BlockKind::Commit => "commit",
            BlockKind::Watermark => "watermark",
        };
        let each: Vec<_> =
            shards.iter().map(|(shard, count)| format!("{shard}: {count}")).collect();
        let records = match block.records {
            0 => String::new(),
            count => format!("  {} (shard {})", counted(count, "record"), each.join(", ")),
        };
        let (offset, bytes) = (block.offset, grouped(block.bytes));
        let line = format!(
            "  block  {offset:>10}  {kind} of epoch {epoch}  {bytes} bytes{records}  \
             durable {durable}"
        );
        let counts = shards.iter().map(|(shard, count)| (text(shard.to_string()), number(*count)));
        let json = object([
            ("segment", number(segment)),
            ("offset", number(offset)),
            ("bytes", number(block.bytes)),
            ("kind", text(kind)),
            ("epoch", number(epoch)),
            ("durable_epoch", number(durable)),
            ("previous", text(format!("{:08x}", block.previous))),
            ("checksum", text(format!("{:08x}", block.checksum))),
            ("records", number(block.records)),
            ("shards", Value::Map(counts.collect())),
        ]);
        self.line(&line, "block", json)?;
        if self.request.has("records") {
            for record in block.records() {
                self.record(Some(epoch), &record)?;
            }
        }
        Ok(())
    }

    /// A record; one of the log has an epoch.
    fn record(&mut self, epoch: Option<u64>, record: &RecordInfo<'_>) -> Result<(), Failure> {
        let (mut lines, mut effects, mut transaction) = (Vec::new(), Vec::new(), None);
        let failed = match RecordEffects::new(record.kind, record.payload) {
            Ok(described) => {
                transaction = described.transaction;
                described.fold(None, |failed, effect| match effect {
                    Ok(effect) => {
                        lines.push(effect_line(&effect));
                        effects.push(effect_json(&effect));
                        failed
                    }
                    Err(error) => Some(error.to_string()),
                })
            }
            Err(error) => Some(error.to_string()),
        };
        let (shard, kind) = (record.shard.0, record.kind);
        let part = transaction.map_or_else(String::new, |(number, parts)| {
            format!("  transaction {number} of {parts} parts")
        });
        let bytes = grouped(record.payload.len() as u64);
        let line = format!("  record {:>10}    shard {shard}  {bytes} bytes{part}", record.offset);
        let json = object([
            ("offset", number(record.offset)),
            ("epoch", epoch.map_or(Value::Null, number)),
            ("shard", number(shard)),
            ("kind", number(kind)),
            ("bytes", number(record.payload.len() as u64)),
            ("transaction", transaction.map_or(Value::Null, |(id, _)| number(id))),
            ("parts", transaction.map_or(Value::Null, |(_, parts)| number(parts))),
            ("effects", Value::Array(effects)),
            ("error", failed.as_deref().map_or(Value::Null, text)),
        ]);
        self.line(&line, "record", json)?;
        if self.request.has("json") {
            return Ok(());
        }
        for line in lines.into_iter().chain(failed) {
            writeln!(self.out, "                         {line}")?;
        }
        Ok(())
    }
}
