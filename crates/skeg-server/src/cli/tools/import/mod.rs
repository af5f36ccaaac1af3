//! `skeg import`: what Redis has written, into a database of skeg's.
//!
//! A dump (RDB) becomes commands, an append-only file (AOF) is a list of them already, with perhaps a dump
//! at its beginning. They run as they would for a client, so types, limits and routing are those of the
//! commands.
//!
//! Invariants: all of it is read once before anything is written, so a damaged file changes nothing; only
//! an empty database is filled, so nothing is ever mixed; what is left out is said. No deadline passes
//! meanwhile, as when Redis loads: a command that came when its key was alive must not find it gone because
//! that was long ago.
//! May not know: how commands do what they do, bytes of dumps.

mod aof;
mod fill;
mod judge;
mod restore;
mod source;

use std::path::Path;

use skeg_engine::offline::Offline;
use skeg_engine::{EngineOptions, LogError};
use skeg_io::sync::Arc;
use skeg_io::{Clock, Io};
use skeg_proto::client::Value;

use super::flags::{JSON, Request, switch, word};
use super::interrupt::Interrupt;
use super::runner::Runner;
use super::show::{Report, Verdict, json, number, object, text};
use super::staged::Staged;
use super::{Tool, Trouble};
use crate::cli::Failure;
use crate::cli::amounts::{bytes, counted, grouped};
use crate::cli::progress::Progress;
use judge::{Judge, Tally};
use source::Source;

pub(super) const TOOL: Tool = Tool {
    name: "import",
    about: "Fill an empty database with what Redis has written",
    help: HELP,
    places: &["DIR"],
    flags: &[JSON, word("rdb"), word("aof"), switch("dry-run"), switch("skip-unsupported")],
    run,
};

const HELP: &str = "\
skeg import: fill an empty database with what Redis has written

Usage: skeg import DIR (--rdb FILE | --aof FILE) [--dry-run] [--skip-unsupported] [--json]

Reads a dump (dump.rdb) or an append-only file of Redis up to 7.2, and writes all keys, with
their databases and deadlines, into DIR, which must not be open elsewhere and must have no
keys. All is read once before anything is written: a damaged file, or one with something that
skeg does not have (streams, functions, values of modules, commands), changes nothing. A DIR
that is not there yet is made as DIR.unfinished beside its place and appears when all is in it;
Ctrl-C removes that. One that is there is filled where it is: after an import that was cut
short, remove it and begin again.

Options:
      --rdb FILE           A dump
      --aof FILE           An append-only file, or the directory of one (Redis 7); an end that
                           a crash has torn is left out, as Redis does
      --dry-run            Read and count only
      --skip-unsupported   Leave out what skeg does not have, and say how much that was
      --json               One JSON object
  -h, --help               Show this help
  -V, --version            Show the version

Examples:
  skeg import ./data --rdb /var/lib/redis/dump.rdb
  skeg import ./data --aof /var/lib/redis/appendonlydir
  skeg import ./data --rdb dump.rdb --dry-run

Exit codes: 0 done, 1 it failed or was refused, 2 misused.
";

fn run(request: &Request) -> Result<(), Trouble> {
    let source = match (request.text("rdb"), request.text("aof")) {
        (Some(file), None) => Source::dump(Path::new(file))?,
        (None, Some(file)) => Source::log(Path::new(file))?,
        _ => {
            let problem = "either --rdb or --aof says what to import";
            return Err(Failure::misuse("import", problem).into());
        }
    };
    refuse_open_elsewhere(request.dir())?;
    let may_skip = request.has("skip-unsupported");
    let interrupt = Interrupt::watch()?;
    let found = pass("reading", &source, None, true, &interrupt)?;
    if request.has("dry-run") {
        show(request, &source, &found, None)?;
        let refused = !may_skip && !found.skipped.is_empty();
        return if refused { Err(Failure::Silent.into()) } else { Ok(()) };
    }
    if !may_skip && !found.skipped.is_empty() {
        let kinds: Vec<_> =
            found.skipped.iter().map(|(kind, count)| skipped(kind, *count)).collect();
        let kinds = kinds.join(", ");
        let problem = format!("{source} has what skeg does not have: {kinds}");
        let remedy = "--skip-unsupported leaves it out; nothing was written";
        return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", format!("{problem}; {remedy}")));
    }
    let staged = Staged::begin(request.dir())?;
    let mut io = Io::real();
    io.clock = Arc::new(BeforeAll(io.clock));
    let mut runner = Runner::open(&io, staged.dir(), &EngineOptions::default())?;
    let filled = fill(&mut runner, request, &source, &interrupt);
    let closed = runner.close();
    let (imported, keys) = filled?;
    closed?;
    staged.finish()?;
    show(request, &source, &imported, Some(keys))
}

/// A clock that stands before all deadlines.
#[derive(Debug)]
struct BeforeAll(Arc<dyn Clock>);

impl Clock for BeforeAll {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

/// Fills an empty database; what was found, and how many keys there are.
fn fill(
    runner: &mut Runner,
    request: &Request,
    source: &Source,
    interrupt: &Interrupt,
) -> Result<(Tally, u64), Trouble> {
    let keys = |runner: &mut Runner| runner.keys().map_err(Failure::failed);
    if keys(runner)? > 0 {
        let dir = request.dir().display();
        let problem = format!("{dir} has keys: only an empty database is filled");
        return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
    }
    let may_skip = request.has("skip-unsupported");
    let imported = pass("importing", source, Some(runner), may_skip, interrupt)?;
    Ok((imported, keys(runner)?))
}

/// Says at once, not after a long dump was read, that somebody has the database open.
fn refuse_open_elsewhere(dir: &Path) -> Result<(), Trouble> {
    match Offline::open(&Io::real(), dir) {
        Ok(_) | Err(LogError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads everything and, with a database, writes it there.
fn pass(
    what: &'static str,
    source: &Source,
    mut runner: Option<&mut Runner>,
    may_skip: bool,
    interrupt: &Interrupt,
) -> Result<Tally, Trouble> {
    let progress = Progress::new(what);
    let (mut judge, mut tally) = (Judge::new(), Tally::default());
    let tell = |done| {
        progress.tell(done, source.bytes());
        interrupt.check()
    };
    let torn_bytes = source.walk(&tell, &mut |piece| {
        if let Some(kind) = judge.unsupported(piece)? {
            tally.skip(kind);
            return if may_skip { Ok(()) } else { Err("skeg does not have it".into()) };
        }
        tally.note(piece);
        runner.as_mut().map_or(Ok(()), |runner| fill::take(piece, runner))
    })?;
    tally.torn_bytes = torn_bytes;
    Ok(tally)
}

fn skipped(kind: &str, count: u64) -> String {
    format!("{kind} ({})", grouped(count))
}

/// `keys`: how many are in the database now, unless nothing was written.
fn show(
    request: &Request,
    source: &Source,
    tally: &Tally,
    keys: Option<u64>,
) -> Result<(), Trouble> {
    if request.has("json") {
        let kinds = tally.keys.iter().map(|(kind, count)| (*kind, number(*count)));
        let skipped = tally
            .skipped
            .iter()
            .map(|(kind, count)| object([("kind", text(kind.clone())), ("count", number(*count))]));
        let pairs = kinds.map(|(kind, count)| (text(kind), count)).collect();
        json(&[
            ("from", text(source.to_string())),
            ("dry_run", Value::Bool(keys.is_none())),
            ("keys", keys.map_or(Value::Null, number)),
            ("dump", Value::Map(pairs)),
            ("commands", number(tally.commands)),
            ("torn_bytes", number(tally.torn_bytes)),
            ("skipped", Value::Array(skipped.collect())),
        ])?;
        return Ok(());
    }
    let refused = keys.is_none() && !tally.skipped.is_empty() && !request.has("skip-unsupported");
    let (verdict, word) = match keys {
        _ if refused => (Verdict::Bad, "would be refused"),
        None => (Verdict::Good, "can be imported"),
        Some(_) => (Verdict::Good, "imported"),
    };
    let mut shown = Report::new(verdict, word, request.dir());
    shown.row("from", format!("{source}, {}", bytes(source.bytes())));
    if !tally.keys.is_empty() {
        let kinds = tally.keys.iter().map(|(kind, count)| format!("{kind} {}", grouped(*count)));
        shown.row("dump", kinds.collect::<Vec<_>>().join(", "));
    }
    if tally.commands > 0 {
        shown.row("log", counted(tally.commands, "command"));
    }
    if tally.torn_bytes > 0 {
        let torn = counted(tally.torn_bytes, "byte");
        shown.row("torn", format!("{torn} at the end, of what was never finished"));
    }
    for (kind, count) in &tally.skipped {
        shown.row("left out", skipped(kind, *count));
    }
    if let Some(keys) = keys {
        shown.row("holds", counted(keys, "key"));
    }
    shown.print()?;
    Ok(())
}
