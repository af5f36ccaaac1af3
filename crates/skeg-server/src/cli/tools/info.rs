//! `skeg info`: what a database consists of and how much is in it.

use skeg_engine::IndexInfo;
use skeg_engine::offline::{Contents, Offline, SegmentState, contents};
use skeg_io::Io;
use skeg_proto::client::Value;

use super::flags::{JSON, Request, switch};
use super::show::{Report, Verdict, id, json, number, object, text};
use super::{Tool, Trouble};
use crate::cli::amounts::{bytes, counted, grouped};
use crate::cli::progress::Progress;

pub(super) const TOOL: Tool = Tool {
    name: "info",
    about: "Say how much is in a database that nobody has open",
    help: HELP,
    places: &["DIR"],
    flags: &[JSON, switch("no-keys")],
    run,
};

const HELP: &str = "\
skeg info: say how much is in a database that nobody has open

Usage: skeg info DIR [--no-keys] [--json]

Shows the identity and format of the database, its files, and, after loading it into memory, its
keys and vectors. Keys whose time is up and that nobody has met since are counted. Nothing is
written.

Options:
      --no-keys   Look at the files only; fast, and takes no memory
      --json      One JSON object
  -h, --help      Show this help
  -V, --version   Show the version

Examples:
  skeg info ./data
  skeg info ./data --no-keys --json

Exit codes: 0 done, 1 damaged (or it could not be read), 2 misused.
";

fn run(request: &Request) -> Result<(), Trouble> {
    let io = Io::real();
    let offline = Offline::open(&io, request.dir())?;
    let summary = offline.summary()?;
    let database = summary.manifest?;
    let current = summary.current?;
    let contents = if request.has("no-keys") {
        None
    } else {
        let progress = Progress::new("loading");
        Some(contents(&io, &offline, &|done, total| progress.tell(done, total))?)
    };
    let named = summary.segments.iter().filter(|info| info.state != SegmentState::Unnamed);
    let (mut segments, mut size) = (0_u64, 0);
    for info in named {
        segments += 1;
        size += info.file_bytes;
    }
    let newest = summary.snapshot.iter().map(|(info, _)| info);
    let snapshots: Vec<_> = newest.chain(&current.older).collect();
    let snapshot_size = snapshots.iter().map(|info| info.bytes).sum();
    let values: Vec<u64> = current.values.iter().map(|(_, bytes)| *bytes).collect();
    let (value_files, value_bytes) = (values.len() as u64, values.iter().sum());
    if request.has("json") {
        json(&[
            ("database", text(id(database))),
            ("format", number(summary.format_version)),
            ("shards", number(current.shards)),
            ("generation", number(current.generation)),
            ("durable_epoch", number(current.durable.0)),
            ("segments", number(segments)),
            ("bytes", number(size)),
            ("snapshots", number(snapshots.len() as u64)),
            ("snapshot_bytes", number(snapshot_size)),
            ("value_files", number(value_files)),
            ("value_bytes", number(value_bytes)),
            ("spare_bytes", number(summary.spare_bytes)),
            ("contents", contents.as_ref().map_or(Value::Null, contents_json)),
        ])?;
        return Ok(());
    }
    let mut shown = Report::new(Verdict::Good, "skeg", request.dir());
    let (format, shards) = (summary.format_version, current.shards);
    shown.row("database", format!("{}, format {format}, {shards} shards", id(database)));
    shown.row("log", format!("{}, {}", counted(segments, "segment"), bytes(size)));
    if !snapshots.is_empty() {
        let count = counted(snapshots.len() as u64, "snapshot");
        shown.row("kept", format!("{count}, {}", bytes(snapshot_size)));
    }
    if value_files > 0 {
        shown.row("values", format!("{}, {}", counted(value_files, "file"), bytes(value_bytes)));
    }
    let (generation, durable) = (current.generation, current.durable.0);
    shown
        .row("current", format!("generation {generation}, durable up to epoch {durable} at least"));
    shown.row("spare", format!("{} for a full disk", bytes(summary.spare_bytes)));
    if let Some(Contents { figures, indexes }) = &contents {
        for (db, (keys, expiring)) in figures.keys.iter().zip(&figures.expiring).enumerate() {
            if *keys > 0 {
                let (keys, expiring) = (counted(*keys, "key"), grouped(*expiring));
                shown.row(&format!("db {db}"), format!("{keys}, {expiring} with a deadline"));
            }
        }
        for index in indexes {
            show_index(&mut shown, index);
        }
        shown.row("memory", bytes(figures.memory_bytes + figures.vector_bytes));
    }
    shown.print()?;
    Ok(())
}

/// Rows about an index.
pub(super) fn show_index(shown: &mut Report, index: &IndexInfo) {
    let IndexInfo { name, options, figures, .. } = index;
    shown.row("index", name.escape_ascii());
    let (vectors, dim) = (counted(figures.vectors as u64, "vector"), options.dim);
    let (tier, backend) = (options.tier.name(), options.backend.name());
    let metric = options.metric.name();
    shown.row("", format!("{vectors} of {dim} dimensions, {metric}, {tier}, {backend}"));
    let partitions =
        (index.partitions() > 1).then(|| counted(u64::from(index.partitions()), "partition"));
    let limit = index.memory_max.map(|limit| format!("at most {} of memory", bytes(limit)));
    let spread: Vec<String> = partitions.into_iter().chain(limit).collect();
    if !spread.is_empty() {
        shown.row("", spread.join(", "));
    }
    if figures.segments > 0 {
        let (segments, size) =
            (counted(figures.segments as u64, "segment"), bytes(figures.file_bytes));
        let (dead, delta) = (grouped(figures.dead as u64), grouped(figures.delta_vectors as u64));
        shown.row("", format!("{segments} of {size}, dead rows: {dead}; in no segment: {delta}"));
    }
}

/// An index for programs.
pub(super) fn index_json(index: &IndexInfo) -> Value {
    object(index_fields(index))
}

/// The fields of that.
pub(super) fn index_fields(index: &IndexInfo) -> [(&'static str, Value); 14] {
    let IndexInfo { name, options, figures, .. } = index;
    [
        ("name", text(String::from_utf8_lossy(name))),
        ("dim", number(options.dim)),
        ("metric", text(options.metric.name())),
        ("ids", text(options.ids.name())),
        ("tier", text(options.tier.name())),
        ("backend", text(options.backend.name())),
        ("partitions", number(index.partitions())),
        ("max_memory_bytes", index.memory_max.map_or(Value::Null, number)),
        ("vectors", number(figures.vectors as u64)),
        ("vectors_in_memory", number(figures.delta_vectors as u64)),
        ("segments", number(figures.segments as u64)),
        ("dead_rows", number(figures.dead as u64)),
        ("disk_bytes", number(figures.file_bytes)),
        ("memory_bytes", number(figures.memory_bytes as u64)),
    ]
}

fn contents_json(contents: &Contents) -> Value {
    let Contents { figures, indexes } = contents;
    let databases = figures.keys.iter().zip(&figures.expiring).enumerate();
    let databases = databases.filter(|(_, (keys, _))| **keys > 0).map(|(db, (keys, expiring))| {
        object([
            ("db", number(db as u64)),
            ("keys", number(*keys)),
            ("expiring", number(*expiring)),
        ])
    });
    object([
        ("databases", Value::Array(databases.collect())),
        ("indexes", Value::Array(indexes.iter().map(index_json).collect())),
        ("vectors", number(figures.vectors)),
        ("memory_bytes", number(figures.memory_bytes + figures.vector_bytes)),
    ])
}
