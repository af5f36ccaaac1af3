//! `skeg check`: verifies every byte that has a checksum, and says what an open would do.

use skeg_engine::offline::{CheckReport, Offline, check};
use skeg_io::Io;
use skeg_proto::client::Value;

use super::flags::{JSON, Request};
use super::show::{
    Report, Verdict, damage_json, damage_line, id, json, name, number, object, outcome_json,
    outcome_line, text,
};
use super::{Tool, Trouble};
use crate::cli::Failure;
use crate::cli::amounts::{bytes, counted};
use crate::cli::progress::Progress;

pub(super) const TOOL: Tool = Tool {
    name: "check",
    about: "Verify a database that nobody has open",
    help: HELP,
    places: &["DIR"],
    flags: &[JSON],
    run,
};

const HELP: &str = "\
skeg check: verify a database that nobody has open

Usage: skeg check DIR [--json]

Reads everything that has a checksum: MANIFEST, CURRENT, and of every segment of the log that
is in use the header, the chain of blocks and all records. Says what is damaged (file, offset,
what was expected and found), what an open would do, and which leftovers of a crash it would
remove. Nothing is written, so it works without rights to write; while it runs, nobody can open
the database.

A tail that a crash has torn is no damage: the next open cuts it, and nothing that was
acknowledged as durable is in it.

Options:
      --json      One JSON object
  -h, --help      Show this help
  -V, --version   Show the version

Examples:
  skeg check ./data
  skeg check ./data --json | jq .damage

Exit codes: 0 sound, 1 damaged (or it could not be read), 2 misused.
";

fn run(request: &Request) -> Result<(), Trouble> {
    let io = Io::real();
    let offline = Offline::open(&io, request.dir())?;
    let progress = Progress::new("checking");
    let report = check(&io, &offline, &|done, total| progress.tell(done, total))?;
    drop(progress);
    if request.has("json") {
        print_json(request, &report)?;
    } else {
        print(request, &report)?;
    }
    if report.is_sound() { Ok(()) } else { Err(Failure::Silent.into()) }
}

fn print(request: &Request, report: &CheckReport) -> Result<(), Failure> {
    let dir = request.dir();
    let (verdict, word) = match report.is_sound() {
        true => (Verdict::Good, "sound"),
        false => (Verdict::Bad, "damaged"),
    };
    let mut shown = Report::new(verdict, word, dir);
    if let (Some(database), Some(shards)) = (report.database_id, report.shards) {
        shown.row("database", format!("{}, {shards} shards", id(database)));
    }
    let mut log = format!("{}, {}", counted(report.segments, "segment"), bytes(report.bytes));
    if let Some(last) = report.last_epoch {
        let records = counted(report.records, "record");
        log.push_str(&format!(", {records} up to epoch {}", last.0));
    }
    shown.row("log", log);
    for damage in &report.damage {
        shown.row("damage", damage_line(dir, damage));
    }
    for (file, size) in &report.leftovers {
        let file = name(dir, file);
        shown.row("leftover", format!("{file}, {}: the next open removes it", bytes(*size)));
    }
    shown.row("open", outcome_line(dir, &report.outcome));
    if let Some(damage) = report.damage.first() {
        shown.row("remedy", damage.remedy);
    }
    shown.print()
}

fn print_json(request: &Request, report: &CheckReport) -> Result<(), Failure> {
    let dir = request.dir();
    let leftover = |(file, size): &(std::path::PathBuf, u64)| {
        object([("file", text(name(dir, file))), ("bytes", number(*size))])
    };
    json(&[
        ("sound", Value::Bool(report.is_sound())),
        ("database", report.database_id.map_or(Value::Null, |database| text(id(database)))),
        ("shards", report.shards.map_or(Value::Null, number)),
        ("segments", number(report.segments)),
        ("bytes", number(report.bytes)),
        ("records", number(report.records)),
        ("last_epoch", report.last_epoch.map_or(Value::Null, |epoch| number(epoch.0))),
        ("unsynced_blocks", number(report.unsynced_blocks)),
        ("damage", Value::Array(report.damage.iter().map(|d| damage_json(dir, d)).collect())),
        ("leftovers", Value::Array(report.leftovers.iter().map(leftover).collect())),
        ("open", outcome_json(dir, &report.outcome)),
    ])
}
