//! `skeg index search`: what is nearest to some vectors, and how good and how fast that was.
//!
//! Searches run one after the other, each through the engine's pool as those of a client.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use skeg_proto::client::Value;
use skeg_vecs::{Truth, TruthFormat, parse_vector};

use super::rows::{self, Rows};
use super::{index_of, open_to_read};
use crate::cli::Failure;
use crate::cli::amounts::grouped;
use crate::cli::tools::Tool;
use crate::cli::tools::flags::{JSON, Request, number as numeric, word};
use crate::cli::tools::runner::Runner;
use crate::cli::tools::show::{Report, Verdict, json, number, object, text};
use crate::cli::tools::trouble::Trouble;

pub(super) const TOOL: Tool = Tool {
    name: "index search",
    about: "Search an index, and measure its recall",
    help: HELP,
    places: &["DIR"],
    flags: &[
        JSON,
        word("index"),
        word("query"),
        word("vector"),
        word("format"),
        word("vector-field"),
        word("truth"),
        numeric("k"),
        numeric("l"),
        numeric("rerank"),
    ],
    run,
};

const HELP: &str = "\
skeg index search: search an index, and measure its recall

Usage: skeg index search DIR --index NAME (--query FILE | --vector '[...]') [-k N] [--l N]
                         [--rerank N] [--truth FILE] [--json]

Prints the ids that are nearest to each query, the nearest first, with their scores (higher is
nearer). With the ids that are known to be nearest, it says instead how many of them were found,
and how many searches a second there were, one after the other. Nothing is written.

Options:
      --index NAME          Name of the index
      --query FILE          Queries: a file as for 'skeg index build'
      --vector '[...]'      One query, as an array of numbers
      --format FORMAT       What FILE is, if its name does not say
      --vector-field NAME   Field of the query in a line of JSON, column of Parquet [vector]
  -k, --k N                 Nearest vectors for each query [10]
      --l N                 Length of the list of candidates; 0 leaves it to the index [0]
      --rerank N            Candidates that are compared exactly, at most
      --truth FILE          Numbers of the rows that are nearest, .ibin or .ivecs
      --json                One JSON object a line
  -h, --help                Show this help
  -V, --version             Show the version

Examples:
  skeg index search ./data --index docs --vector '[0.1, 0.7, -0.2]' -k 3
  skeg index search ./data --index docs --query queries.fbin --truth truth.ibin -k 100

Exit codes: 0 done, 1 it failed, 2 misused.
";

/// A search of an index.
struct Search<'a> {
    runner: &'a mut Runner,
    name: &'a str,
    k: u64,
    /// What comes behind `name`, but for the query.
    before: [String; 2],
    after: Vec<String>,
}

/// Ids with scores, the best first.
type Hits = Vec<(String, f64)>;

fn run(request: &Request) -> Result<(), Trouble> {
    let name = request.needed(&TOOL, "index")?;
    let k = request.number("k").unwrap_or(10);
    let rerank = request.number("rerank").map(|count| ["RERANK".to_owned(), count.to_string()]);
    let truth = match request.text("truth") {
        Some(path) => Some(read_truth(Path::new(path), k)?),
        None => None,
    };
    let queries: Queries = match (request.text("query"), request.text("vector")) {
        (Some(path), None) => {
            let mut rows = Rows::open(&TOOL, request, Path::new(path))?;
            Box::new(move |take| {
                let path = rows.path().to_owned();
                while let Some((row, _)) = rows.next_row()? {
                    let place = row.place;
                    let at = |trouble: Trouble| {
                        trouble.about(format_args!("{}: {place}", path.display()))
                    };
                    take(row.vector).map_err(at)?;
                }
                Ok(())
            })
        }
        (None, Some(vector)) => {
            let misuse = |problem| {
                Failure::misuse(TOOL.name, format!("--vector: no array of numbers: {problem}"))
            };
            let vector = parse_vector(vector).map_err(misuse)?;
            Box::new(move |take| take(&vector))
        }
        _ => {
            let problem = "either --query or --vector says what to look for";
            return Err(Failure::misuse(TOOL.name, problem).into());
        }
    };
    let mut runner = open_to_read(request.dir())?;
    let before = [k, request.number("l").unwrap_or(0)].map(|number| number.to_string());
    let after = rerank.into_iter().flatten().collect();
    let mut search = Search { runner: &mut runner, name, k, before, after };
    let done = index_of(search.runner, name).and_then(|_| match truth {
        Some(truth) => search.measure(request, &truth, queries),
        None => search.print(request, queries),
    });
    let closed = runner.close();
    done.and(closed)
}

/// Takes a query.
type Take<'a> = dyn FnMut(&[f32]) -> Result<(), Trouble> + 'a;
/// Hands out all queries.
type Queries = Box<dyn FnOnce(&mut Take<'_>) -> Result<(), Trouble>>;

fn read_truth(path: &Path, k: u64) -> Result<Truth, Trouble> {
    let Some(format) = TruthFormat::of(path) else {
        let problem =
            format!("--truth: the name of {} does not end with .ibin or .ivecs", path.display());
        return Err(Failure::misuse(TOOL.name, problem).into());
    };
    let (file, _) = rows::open(path)?;
    let truth = Truth::read(format, file).map_err(|error| rows::of_file(path, error))?;
    if k > truth.k() as u64 {
        let (path, known) = (path.display(), truth.k());
        let problem = format!("{path}: the {known} nearest rows are known, {k} are asked for");
        return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
    }
    Ok(truth)
}

impl Search<'_> {
    /// The nearest vectors to one.
    fn nearest(&mut self, query: &[f32]) -> Result<Hits, Trouble> {
        let query: Vec<u8> = query.iter().flat_map(|number| number.to_le_bytes()).collect();
        let [k, l] = &self.before;
        let mut words = vec![b"SKEG.VSEARCH", self.name.as_bytes(), k.as_bytes(), l.as_bytes()];
        words.push(&query);
        words.extend(self.after.iter().map(String::as_bytes));
        let answer = self.runner.run_words(&words).map_err(|said| Trouble::answered(&said))?;
        let items = answer.as_items().unwrap_or_default();
        let text = |value: &Value| {
            String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
        };
        let hit = |pair: &[Value]| (text(&pair[0]), text(&pair[1]).parse().unwrap_or(f64::NAN));
        Ok(items.chunks_exact(2).map(hit).collect())
    }

    fn print(&mut self, request: &Request, queries: Queries) -> Result<(), Trouble> {
        let (mut asked, many) = (0_u64, request.text("query").is_some());
        queries(&mut |query| {
            let hits = self.nearest(query)?;
            if request.has("json") {
                let hit = |(id, score)| object([("id", text(id)), ("score", Value::Double(score))]);
                let hits = hits.into_iter().map(hit).collect();
                json(&[("query", number(asked)), ("hits", Value::Array(hits))])?;
            } else {
                let mut shown = Report::blank();
                if many {
                    shown.remark(&format!("query {asked}"));
                }
                hits.iter()
                    .for_each(|(id, score)| shown.row(&id.escape_debug().to_string(), score));
                shown.print()?;
            }
            asked += 1;
            Ok(())
        })
    }

    fn measure(
        &mut self,
        request: &Request,
        truth: &Truth,
        queries: Queries,
    ) -> Result<(), Trouble> {
        let (mut count, mut found, mut took) = (0, 0, Duration::ZERO);
        queries(&mut |query| {
            let Some(nearest) = truth.nearest(count) else {
                let problem = format!("the nearest rows of {count} queries are known, not of more");
                return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
            };
            let nearest: HashSet<&u32> = nearest.iter().take(self.k as usize).collect();
            let started = Instant::now();
            let hits = self.nearest(query)?;
            took += started.elapsed();
            let ids = hits.iter().filter_map(|(id, _)| id.parse::<u32>().ok());
            found += ids.filter(|id| nearest.contains(id)).count();
            count += 1;
            Ok(())
        })?;
        let recall = found as f64 / (count as f64 * self.k as f64).max(1.0);
        let rate = count as f64 / took.as_secs_f64().max(1e-9);
        if request.has("json") {
            return Ok(json(&[
                ("queries", number(count as u64)),
                ("k", number(self.k)),
                ("recall", Value::Double(recall)),
                ("queries_per_second", Value::Double(rate)),
            ])?);
        }
        let mut shown = Report::new(Verdict::Good, "searched", request.dir());
        shown.row("queries", format!("{}, k = {}", grouped(count as u64), self.k));
        shown.row("recall", format!("{recall:.4}"));
        let mean_us = 1e6 / rate;
        shown.row("speed", format!("{rate:.0} a second one after the other, {mean_us:.0} us each"));
        Ok(shown.print()?)
    }
}
