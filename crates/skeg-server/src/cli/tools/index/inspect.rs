//! `skeg index inspect`: what an index consists of, segment by segment.

use skeg_engine::{IndexInfo, SegmentFigures, Shard};
use skeg_proto::client::Value;

use super::{index_of, open_to_read};
use crate::cli::amounts::{bytes, counted, grouped};
use crate::cli::tools::Tool;
use crate::cli::tools::flags::{JSON, Request, word};
use crate::cli::tools::info::{index_fields, show_index};
use crate::cli::tools::runner::Runner;
use crate::cli::tools::show::{Report, Verdict, json, number, object};
use crate::cli::tools::trouble::Trouble;

pub(super) const TOOL: Tool = Tool {
    name: "index inspect",
    about: "Say what indexes consist of, segment by segment",
    help: HELP,
    places: &["DIR"],
    flags: &[JSON, word("index")],
    run,
};

const HELP: &str = "\
skeg index inspect: say what indexes consist of, segment by segment

Usage: skeg index inspect DIR [--index NAME] [--json]

Loads the database and shows of every index (or of one) what it was made with, its vectors, and
of each segment the rows that are live and dead, its size on disk and in memory, and the mean
number of links of a row where it has a graph. Nothing is written.

Options:
      --index NAME   This index only
      --json         One JSON object a line
  -h, --help         Show this help
  -V, --version      Show the version

Examples:
  skeg index inspect ./data
  skeg index inspect ./data --index docs --json

Exit codes: 0 done, 1 damaged (or it could not be read), 2 misused.
";

fn run(request: &Request) -> Result<(), Trouble> {
    let mut runner = open_to_read(request.dir())?;
    let shown = show(request, &mut runner);
    let closed = runner.close();
    shown.and(closed)
}

fn show(request: &Request, runner: &mut Runner) -> Result<(), Trouble> {
    let indexes = match request.text("index") {
        Some(name) => vec![index_of(runner, name)?],
        None => runner.indexes()?,
    };
    let mut report = Report::new(Verdict::Good, "indexes", request.dir());
    for index in indexes {
        let views = runner.look_at_parts(&index.name, Shard::vector_view)?;
        let segments: Vec<SegmentFigures> =
            views.iter().flatten().flat_map(|view| view.segment_figures()).collect();
        if request.has("json") {
            let mut fields = index_fields(&index).to_vec();
            let segments = segments.iter().map(segment_json).collect();
            fields.push(("segment_list", Value::Array(segments)));
            json(&fields)?;
        } else {
            show_index(&mut report, &index);
            show_more(&mut report, &index, &segments);
        }
    }
    if request.has("json") { Ok(()) } else { Ok(report.print()?) }
}

fn show_more(report: &mut Report, index: &IndexInfo, segments: &[SegmentFigures]) {
    let (ids, memory) = (index.options.ids.name(), index.figures.memory_bytes as u64);
    report.row("", format!("ids: {ids}; {} of memory", bytes(memory)));
    for segment in segments {
        let rows = counted(segment.rows as u64, "row");
        let (dead, generation) = (grouped(segment.dead as u64), segment.generation);
        let sizes = [segment.file_bytes, segment.memory_bytes as u64].map(bytes);
        let [disk, memory] = sizes;
        let graph = match links_a_row(segment) {
            Some(links) => format!("graph of {links:.1} links a row"),
            None => "no graph".to_owned(),
        };
        let figures = format!("{rows}, {dead} dead, up to freeze {generation}");
        report.row(&format!("segment {}", segment.file), figures);
        report.row("", format!("{disk} on disk, {memory} of memory, {graph}"));
    }
}

fn links_a_row(segment: &SegmentFigures) -> Option<f64> {
    let rows = (segment.rows + segment.dead).max(1);
    segment.links.map(|links| links as f64 / rows as f64)
}

fn segment_json(segment: &SegmentFigures) -> Value {
    object([
        ("file", number(segment.file)),
        ("generation", number(segment.generation)),
        ("rows", number(segment.rows as u64)),
        ("dead_rows", number(segment.dead as u64)),
        ("disk_bytes", number(segment.file_bytes)),
        ("memory_bytes", number(segment.memory_bytes as u64)),
        ("links_per_row", links_a_row(segment).map_or(Value::Null, Value::Double)),
    ])
}
