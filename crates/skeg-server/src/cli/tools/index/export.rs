//! `skeg index export`: the vectors of an index into a file.
//!
//! Invariants: nothing is overwritten; a file that cannot be finished is removed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use skeg_engine::Shard;
use skeg_vecs::RowWriter;

use super::{index_of, open_to_read, rows};
use crate::cli::Failure;
use crate::cli::amounts::{bytes, counted};
use crate::cli::progress::Progress;
use crate::cli::tools::Tool;
use crate::cli::tools::flags::{JSON, Request, word};
use crate::cli::tools::interrupt::Interrupt;
use crate::cli::tools::runner::Runner;
use crate::cli::tools::show::{Report, Verdict, json, number, text};
use crate::cli::tools::trouble::{Trouble, unusable};

pub(super) const TOOL: Tool = Tool {
    name: "index export",
    about: "Write the vectors of an index into a file",
    help: HELP,
    places: &["DIR"],
    flags: &[JSON, word("index"), word("output"), word("format"), word("ids")],
    run,
};

const HELP: &str = "\
skeg index export: write the vectors of an index into a file

Usage: skeg index export DIR --index NAME --output FILE [--ids FILE] [--json]

Writes every vector, bit for bit as it was stored (of an index whose vectors lie in one segment,
in the order of their ids). 'skeg index build' reads such files again. Nothing is overwritten.

Options:
      --index NAME      Name of the index
      --output FILE     Where to
      --format FORMAT   What FILE is to be, if its name does not say: fvecs, fbin, npy, jsonl
      --ids FILE        Where to write the ids, one a line; jsonl has them
      --json            One JSON object
  -h, --help            Show this help
  -V, --version         Show the version

Examples:
  skeg index export ./data --index docs --output rows.npy --ids ids.txt
  skeg index export ./data --index docs --output rows.jsonl

Exit codes: 0 done, 1 it failed, 2 misused.
";

/// Signals and the bar are looked after once for so many rows.
const CHECK_ROWS: usize = 256;

fn run(request: &Request) -> Result<(), Trouble> {
    let name = request.needed(&TOOL, "index")?;
    let path = Path::new(request.needed(&TOOL, "output")?);
    rows::format_of(&TOOL, request, path)?;
    let interrupt = Interrupt::watch()?;
    let mut runner = open_to_read(request.dir())?;
    let exported = index_of(&mut runner, name)
        .and_then(|_| export(request, &mut runner, name, path, &interrupt));
    let closed = runner.close();
    let count = exported?;
    closed?;
    let size = path.metadata().map_err(|error| unusable(path, &error))?.len();
    if request.has("json") {
        let to = path.display().to_string();
        return Ok(json(&[("to", text(to)), ("rows", number(count)), ("bytes", number(size))])?);
    }
    let mut shown = Report::new(Verdict::Good, "exported", request.dir());
    shown.row("to", format!("{}, {}", path.display(), bytes(size)));
    shown.row("rows", counted(count, "vector"));
    Ok(shown.print()?)
}

/// A file that is removed unless it is finished.
struct Target<'a> {
    path: &'a Path,
    out: Option<BufWriter<File>>,
}

impl<'a> Target<'a> {
    fn create(path: &'a Path) -> Result<Self, Trouble> {
        let file = File::options().write(true).create_new(true).open(path);
        let file = file.map_err(|error| unusable(path, &error))?;
        Ok(Self { path, out: Some(BufWriter::with_capacity(1 << 20, file)) })
    }

    fn finish(mut self) -> Result<(), Trouble> {
        if let Some(mut out) = self.out.take() {
            let synced = out.flush().and_then(|()| out.get_ref().sync_all());
            if let Err(error) = synced {
                self.out = Some(out);
                return Err(unusable(self.path, &error));
            }
        }
        Ok(())
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            let _ = fs::remove_file(self.path);
        }
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.as_mut().map_or(Ok(0), |out| out.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Writes all vectors; how many there were.
fn export(
    request: &Request,
    runner: &mut Runner,
    name: &str,
    path: &Path,
    interrupt: &Interrupt,
) -> Result<u64, Trouble> {
    let views = runner.look_at_parts(name.as_bytes(), Shard::vector_view)?;
    let views = views.into_iter().collect::<Result<Vec<_>, _>>().map_err(Failure::failed)?;
    let count = views.iter().map(|view| view.len() as u64).sum();
    let dim = views.first().map_or(1, |view| view.options().dim as usize);
    let wrong = |error| rows::of_file(path, error);
    let format = rows::format_of(&TOOL, request, path)?;
    let mut out = RowWriter::new(format, Target::create(path)?, count, dim).map_err(wrong)?;
    let mut ids = match request.text("ids") {
        Some(ids) => Some((Path::new(ids), Target::create(Path::new(ids))?)),
        None => None,
    };
    let progress = Progress::of_rows("exporting");
    for (number, (id, row)) in views.iter().flat_map(|view| view.vectors()).enumerate() {
        if number % CHECK_ROWS == 0 {
            interrupt.check()?;
            progress.tell(number as u64, count);
        }
        let id = id.to_string();
        let row = row.read().map_err(|error| Trouble::Coded("ERR_CORRUPT", error.to_string()))?;
        out.push(&id, &row).map_err(wrong)?;
        if let Some((path, ids)) = &mut ids {
            if id.contains(['\n', '\r']) {
                let problem = format!("the id {id:?} does not fit into a line; jsonl takes it");
                return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
            }
            writeln!(ids, "{id}").map_err(|error| unusable(path, &error))?;
        }
    }
    if let Some((_, ids)) = ids {
        ids.finish()?;
    }
    out.finish().map_err(wrong)?.finish()?;
    Ok(count)
}
