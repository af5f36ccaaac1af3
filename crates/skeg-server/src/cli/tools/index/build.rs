//! `skeg index build`: rows of a file become an index.
//!
//! Invariants: a file that is damaged, or a row that is refused, leaves no index behind, and neither does
//! Ctrl-C; memory does not grow with the file but for what an index of that size takes anyway.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use skeg_engine::{BuildProgress, EngineOptions, IndexInfo, PARTS_MAX, VectorsError};
use skeg_io::Io;
use skeg_vecs::Place;

use super::index_of;
use super::rows::Rows;
use crate::cli::Failure;
use crate::cli::amounts::{bytes, counted, grouped, time};
use crate::cli::progress::Progress;
use crate::cli::tools::flags::{JSON, Request, number as numeric, word};
use crate::cli::tools::interrupt::{Interrupt, interrupted};
use crate::cli::tools::runner::Runner;
use crate::cli::tools::show::{Report, Verdict, json, number, text};
use crate::cli::tools::staged::Staged;
use crate::cli::tools::trouble::{Trouble, code_of};
use crate::cli::tools::{Tool, info};

pub(super) const TOOL: Tool = Tool {
    name: "index build",
    about: "Build an index from a file of vectors",
    help: HELP,
    places: &["DIR"],
    flags: &[
        JSON,
        word("index"),
        word("input"),
        word("format"),
        word("ids"),
        word("id-field"),
        word("vector-field"),
        word("id-type"),
        word("metric"),
        word("tier"),
        word("backend"),
        numeric("partitions"),
    ],
    run,
};

const HELP: &str = "\
skeg index build: build an index from a file of vectors

Usage: skeg index build DIR --index NAME --input FILE [--ids FILE] [--metric METRIC]
                        [--tier TIER] [--backend BACKEND] [--partitions N] [--json]

Reads FILE row by row into a new index, makes one segment of it, with a graph where the rows
are many, and takes a snapshot, so that the database opens at once: serve it by
'skeg serve --data DIR', or open it in a program. A DIR that is not there yet is made as
DIR.unfinished beside its place and appears when all is in it; Ctrl-C removes that. A database
that is there gets one more index; a build of it that fails drops the index again.

Options:
      --index NAME          Name of the index, which must be new
      --input FILE          The vectors
      --format FORMAT       What FILE is, if its name does not say: fvecs, bvecs, fbin, u8bin,
                            i8bin, npy (2-D; <f2 <f4 <f8 |u1 |i1), jsonl, parquet
      --ids FILE            Ids, one a line; without, the number of each row, from 0
      --id-field NAME       Field of the id in a line of JSON, column of Parquet [id]; if no row
                            has one: numbers
      --vector-field NAME   Field of the vector in a line of JSON, column of Parquet [vector]
      --id-type TYPE        u64 or string [u64 for numbers of rows, else string]
      --metric METRIC       cosine, ip or euclidean [cosine]
      --tier TIER           f32, int8, binary, pq, tq1, tq2 or tq4 [tq2]
      --backend BACKEND     auto, flat or disk [disk]
      --partitions N        Parts, each on a shard of its own, up to 256: they take writes side
                            by side, and a search asks all of them [1]
      --json                One JSON object
  -h, --help                Show this help
  -V, --version             Show the version

Examples:
  skeg index build ./data --index docs --input base.fbin
  skeg index build ./data --index docs --input rows.jsonl --id-field key --metric ip
  skeg index build ./data --index docs --input rows.parquet --vector-field embedding
  skeg index build ./data --index docs --input rows.npy --ids keys.txt --tier tq4

Exit codes: 0 done, 1 it failed or was refused, 2 misused.
";

/// Rows, and bytes of them, that are stored at once.
const BATCH_ROWS: usize = 1_024;
const BATCH_BYTES: usize = 1 << 20;
/// How long to wait while rows come faster than they are written to disk.
const NAP: Duration = Duration::from_millis(5);

fn run(request: &Request) -> Result<(), Trouble> {
    let started = Instant::now();
    let name = request.needed(&TOOL, "index")?;
    let mut rows = Rows::open(&TOOL, request, Path::new(request.needed(&TOOL, "input")?))?;
    let options = Options::read(request)?;
    let interrupt = Interrupt::watch()?;
    let staged = Staged::begin(request.dir())?;
    let mut runner = Runner::open(&Io::real(), staged.dir(), &EngineOptions::default())?;
    let mut build =
        Build { runner: &mut runner, name, options, interrupt, batch: Batch::default() };
    let built = build.run(&mut rows);
    let closed = runner.close();
    let built = built?;
    closed?;
    staged.finish()?;
    show(request, &rows, &built, started.elapsed())
}

/// How the index is to be.
#[derive(Clone, Copy, Debug)]
struct Options<'a> {
    metric: &'a str,
    tier: &'a str,
    backend: &'a str,
    id_type: Option<&'a str>,
    partitions: u64,
}

impl<'a> Options<'a> {
    /// As it was asked for. What is no option at all is told before anything is made.
    fn read(request: &'a Request) -> Result<Self, Failure> {
        let choice = |name: &'static str, standard, choices: &[&str]| {
            let word = request.text(name).unwrap_or(standard);
            if choices.iter().any(|choice| choice.eq_ignore_ascii_case(word)) {
                return Ok(word);
            }
            let problem = format!("--{name}: '{word}' is none of {}", choices.join(", "));
            Err(Failure::misuse(TOOL.name, problem))
        };
        let tiers = ["f32", "int8", "binary", "pq", "tq1", "tq2", "tq4"];
        let id_type = match request.text("id-type") {
            Some(_) => Some(choice("id-type", "string", &["u64", "string"])?),
            None => None,
        };
        let partitions = request.number("partitions").unwrap_or(1);
        if !(1..=u64::from(PARTS_MAX)).contains(&partitions) {
            let problem = format!("--partitions: {partitions} is no number from 1 to {PARTS_MAX}");
            return Err(Failure::misuse(TOOL.name, problem));
        }
        Ok(Self {
            metric: choice("metric", "cosine", &["cosine", "ip", "euclidean", "l2"])?,
            tier: choice("tier", "tq2", &tiers)?,
            backend: choice("backend", "disk", &["auto", "flat", "disk"])?,
            id_type,
            partitions,
        })
    }
}

/// Rows that are to be stored at once.
#[derive(Debug, Default)]
struct Batch {
    places: Vec<Place>,
    /// Ids and vectors by turns, one behind the other.
    words: Vec<Vec<u8>>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, place: Place, id: &str, vector: &[f32]) {
        let vector: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.bytes += id.len() + vector.len();
        self.places.push(place);
        self.words.extend([id.into(), vector]);
    }

    fn is_full(&self) -> bool {
        self.places.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }
}

/// An index that is being built.
struct Build<'a> {
    runner: &'a mut Runner,
    name: &'a str,
    options: Options<'a>,
    interrupt: Interrupt,
    batch: Batch,
}

/// One that was.
struct Built {
    rows: u64,
    info: IndexInfo,
}

impl Build<'_> {
    fn run(&mut self, rows: &mut Rows) -> Result<Built, Trouble> {
        let there = self
            .runner
            .look(self.name.as_bytes(), |shard| shard.index_info(self.name.as_bytes()).is_ok())?;
        if there {
            let problem = format!("there is an index '{}' already", self.name);
            return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
        }
        self.fill(rows).inspect_err(|_| {
            // In a directory that stays, nobody is to take the rest for an index.
            let _ = self.runner.run_words(&[b"SKEG.VINDEX.DROP", self.name.as_bytes()]);
        })
    }

    fn fill(&mut self, rows: &mut Rows) -> Result<Built, Trouble> {
        let stored = self.store(rows)?;
        self.consolidate()?;
        self.runner.run_words(&[b"SAVE"]).map_err(|said| Trouble::answered(&said))?;
        Ok(Built { rows: stored, info: index_of(self.runner, self.name)? })
    }

    /// Stores all rows; how many there were.
    fn store(&mut self, rows: &mut Rows) -> Result<u64, Trouble> {
        let progress = Progress::new("reading");
        let mut count = 0;
        while let Some((row, is_number)) = rows.next_row()? {
            if count == 0 {
                self.create(row.vector.len(), is_number)?;
            }
            self.batch.push(row.place, row.id, row.vector);
            count += 1;
            if self.batch.is_full() {
                self.flush(rows.path())?;
                progress.tell(rows.offset(), rows.bytes());
            }
        }
        if count == 0 {
            let problem = format!("{}: there are no rows in it", rows.path().display());
            return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
        }
        self.flush(rows.path())?;
        Ok(count)
    }

    fn create(&mut self, dim: usize, ids_are_numbers: bool) -> Result<(), Trouble> {
        let Options { metric, tier, backend, id_type, partitions } = self.options;
        let standard = if ids_are_numbers { "u64" } else { "string" };
        let (name, dim, partitions) = (self.name, dim.to_string(), partitions.to_string());
        let ids = id_type.unwrap_or(standard);
        let create = ["SKEG.VINDEX.CREATE", name, &dim, tier, backend];
        let options = ["METRIC", metric, "IDS", ids, "PARTITIONS", &partitions];
        let words = [&create[..], &options].concat();
        let words: Vec<&[u8]> = words.into_iter().map(str::as_bytes).collect();
        self.runner.run_words(&words).map_err(|said| Trouble::answered(&said))?;
        Ok(())
    }

    /// Stores the batch.
    fn flush(&mut self, path: &Path) -> Result<(), Trouble> {
        let Batch { places, words, .. } = std::mem::take(&mut self.batch);
        let count = places.len().to_string();
        if count == "0" {
            return Ok(());
        }
        let mut all = vec![b"SKEG.VMSET".as_slice(), self.name.as_bytes(), count.as_bytes()];
        all.extend(words.iter().map(Vec::as_slice));
        let Err(said) = self.set(&all)? else { return Ok(()) };
        // One of the rows: which one?
        for (place, row) in places.iter().zip(words.chunks_exact(2)) {
            let words = [b"SKEG.VSET", self.name.as_bytes(), &*row[0], &*row[1]];
            if let Err(said) = self.set(&words)? {
                return Err(
                    Trouble::answered(&said).about(format_args!("{}: {place}", path.display()))
                );
            }
        }
        Err(Trouble::answered(&said))
    }

    /// Stores rows, as soon as there is room for them; what is said when they are refused.
    fn set(&mut self, words: &[&[u8]]) -> Result<Result<(), String>, Trouble> {
        loop {
            self.interrupt.check()?;
            match self.runner.run_words(words) {
                Err(said) if said.starts_with("BUSY") => {
                    if let Some(error) = self.runner.rest().vectors_status().last_error {
                        return Err(Trouble::Coded("ERR_IO", error));
                    }
                    sleep(NAP);
                }
                other => return Ok(other.map(drop)),
            }
        }
    }

    /// Makes one segment of all rows, with a graph if there are enough of them.
    fn consolidate(&mut self) -> Result<(), Trouble> {
        enum Told {
            Progress(BuildProgress),
            Done(Result<(), VectorsError>),
        }
        let (sender, told): (Sender<Told>, _) = channel();
        let (done, interrupt) = (sender.clone(), self.interrupt.clone());
        // Nobody listens any more when the engine has been closed: then it is over anyway.
        let progress = move |progress| {
            let _ = sender.send(Told::Progress(progress));
            !interrupt.is_asked()
        };
        let done = move |result| drop(done.send(Told::Done(result)));
        let name = self.name.as_bytes();
        match self.runner.rest().consolidate(name, Box::new(progress), Box::new(done)) {
            Err(VectorsError::NoSegments) => return Ok(()),
            other => other.map_err(failed)?,
        }
        let (writing, linking) = (Progress::of_rows("writing"), Progress::of_rows("linking"));
        for told in told {
            match told {
                Told::Progress(BuildProgress { rows, linked: Some(linked), .. }) => {
                    linking.tell(linked, rows);
                }
                Told::Progress(BuildProgress { written, rows, .. }) => writing.tell(written, rows),
                Told::Done(result) => return result.map_err(failed),
            }
        }
        Err(Failure::failed("the engine has ended").into())
    }
}

fn failed(error: VectorsError) -> Trouble {
    match error {
        VectorsError::Aborted => interrupted(),
        VectorsError::Failed { kind, reason } => Trouble::Coded(code_of(kind), reason),
        other => Failure::failed(other).into(),
    }
}

fn show(request: &Request, rows: &Rows, built: &Built, took: Duration) -> Result<(), Trouble> {
    let Built { rows: stored, info } = built;
    let kept = info.figures.vectors as u64;
    let replaced = stored - kept;
    if request.has("json") {
        return Ok(json(&[
            ("from", text(rows.path().display().to_string())),
            ("rows", number(*stored)),
            ("replaced", number(replaced)),
            ("seconds", text(format!("{:.3}", took.as_secs_f64()))),
            ("index", info::index_json(info)),
        ])?);
    }
    let mut shown = Report::new(Verdict::Good, "built", request.dir());
    shown.row("from", format!("{}, {}", rows.path().display(), bytes(rows.offset())));
    info::show_index(&mut shown, info);
    if replaced > 0 {
        let what = if replaced == 1 { "row" } else { "rows" };
        let replaced = grouped(replaced);
        shown.row("replaced", format!("{replaced} {what}, by later ones with the same id"));
    }
    let rate = (*stored as f64 / took.as_secs_f64().max(1e-3)) as u64;
    shown.row("took", format!("{}, {} a second", time(took), counted(rate, "row")));
    Ok(shown.print()?)
}
