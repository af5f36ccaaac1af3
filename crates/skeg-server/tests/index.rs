//! `skeg index` on files of every kind, damaged ones included, and what serves what it built.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use skeg_vecs::{Format, RowWriter};

/// Exit code, standard output, standard error.
fn skeg(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_skeg")).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn ok(args: &[&str]) -> String {
    let (code, out, err) = skeg(args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
    out
}

/// Rows that differ from each other.
fn rows(count: usize) -> Vec<Vec<f32>> {
    let number = |n: usize| ((n as u32).wrapping_mul(0x9e37_79b9) >> 8) as f32 / 8_388_608.0 - 1.0;
    (0..count).map(|row| (0..8).map(|n| number(row * 8 + n)).collect()).collect()
}

fn write(path: &Path, rows: &[Vec<f32>]) -> String {
    let file = fs::File::create(path).unwrap();
    let format = Format::of(path).unwrap();
    let mut writer = RowWriter::new(format, file, rows.len() as u64, rows[0].len()).unwrap();
    for (number, row) in rows.iter().enumerate() {
        writer.push(&format!("id {number}"), row).unwrap();
    }
    writer.finish().unwrap();
    path.to_str().unwrap().to_owned()
}

/// A directory for a test, and names in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, rows: &[Vec<f32>]) -> String {
        write(&self.0.path().join(name), rows)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn an_index_is_built_of_every_format() {
    let place = Place::new();
    let rows = rows(300);
    for format in ["fbin", "fvecs", "npy", "jsonl"] {
        let input = place.file(&format!("rows.{format}"), &rows);
        let data = place.path(format);
        let out = ok(&["index", "build", &data, "--index", "docs", "--input", &input, "--json"]);
        assert!(out.contains("\"rows\":300,\"replaced\":0"), "{out}");
        let ids = if format == "jsonl" { "string" } else { "u64" };
        let kind = format!("\"dim\":8,\"metric\":\"cosine\",\"ids\":\"{ids}\",\"tier\":\"tq2\"");
        assert!(out.contains(&kind), "{out}");
        assert!(out.contains("\"vectors_in_memory\":0,\"segments\":1,\"dead_rows\":0"), "{out}");
        assert!(ok(&["check", &data]).starts_with("sound"));
    }
    // Beside others, in a database that is there.
    let (data, input) = (place.path("fbin"), place.path("rows.fvecs"));
    let out = ok(&[
        "index",
        "build",
        &data,
        "--index",
        "more",
        "--input",
        &input,
        "--tier",
        "f32",
        "--metric",
        "ip",
        "--backend",
        "flat",
        "--id-type",
        "string",
    ]);
    assert!(out.contains("300 vectors of 8 dimensions, ip, f32, flat"), "{out}");
    let info = ok(&["info", &data]);
    assert!(info.contains("docs") && info.contains("more"), "{info}");
    assert!(place.names().iter().all(|name| !name.ends_with(".unfinished")));
}

#[test]
fn ids_come_from_a_file_or_a_field() {
    let place = Place::new();
    let input = place.file("rows.npy", &rows(3));
    let ids = place.path("ids.txt");
    let build = |data: &str| {
        let data = place.path(data);
        skeg(&["index", "build", &data, "--index", "i", "--input", &input, "--ids", &ids])
    };
    fs::write(&ids, "a\nb b\r\na\n").unwrap();
    let (code, out, _) = build("data");
    assert_eq!(code, 0);
    assert!(out.contains("2 vectors of 8") && out.contains("1 row, by later ones"), "{out}");
    for (text, problem) in [
        ("a\nb\n", "line 3: there are more rows than ids"),
        ("a\nb\nc\nd\n", "line 4: there are more ids than rows"),
        ("a\n\nc\n", "line 2: an id of no bytes"),
    ] {
        fs::write(&ids, text).unwrap();
        let (code, _, err) = build("other");
        assert_eq!(code, 1);
        assert!(err.contains(problem), "{err}");
    }
    let lines = place.path("lines.jsonl");
    fs::write(&lines, "{\"key\":7,\"e\":[1,2]}\n{\"key\":8,\"e\":[2,1]}\n").unwrap();
    let data = place.path("lines");
    let args = ["--id-field", "key", "--vector-field", "e", "--id-type", "u64", "--json"];
    let build = ["index", "build", &data, "--index", "i", "--input", &lines];
    assert!(ok(&[&build[..], &args].concat()).contains("\"ids\":\"u64\""));
}

#[test]
fn a_failed_build_leaves_nothing() {
    let place = Place::new();
    let mut rows = rows(2_000);
    let data = place.path("data");
    let build = |data: &str, input: &str| {
        let (code, out, err) = skeg(&["index", "build", data, "--index", "i", "--input", input]);
        assert_eq!((code, out.as_str()), (1, ""));
        err
    };
    let whole = place.file("rows.fbin", &rows);
    let bytes = fs::read(&whole).unwrap();
    fs::write(&whole, &bytes[..bytes.len() - 1]).unwrap();
    let err = build(&data, &whole);
    assert!(err.starts_with("skeg: ERR_CORRUPT: ") && err.contains("it ends in row 1999"), "{err}");

    rows[1_500] = vec![0.0; 8];
    let zero = place.file("zero.fbin", &rows);
    let err = build(&data, &zero);
    assert!(err.contains("zero.fbin: row 1500 (offset 48008): "), "{err}");
    assert!(err.starts_with("skeg: ERR_INVALID_ARGUMENT: "), "{err}");
    rows[1_500][3] = f32::INFINITY;
    let infinite = place.file("infinite.fvecs", &rows);
    let err = build(&data, &infinite);
    assert!(err.contains("row 1500 (offset 54000): number 3 is inf"), "{err}");
    assert_eq!(place.names(), ["infinite.fvecs", "rows.fbin", "zero.fbin"]);

    // In a database that is there, the index is dropped again.
    rows.truncate(50);
    let good = place.file("good.npy", &rows);
    ok(&["index", "build", &data, "--index", "other", "--input", &good]);
    build(&data, &zero);
    let info = ok(&["info", &data]);
    assert!(info.contains("other") && info.matches("dimensions").count() == 1, "{info}");
    let err = {
        let (code, _, err) = skeg(&["index", "build", &data, "--index", "other", "--input", &good]);
        assert_eq!(code, 1);
        err
    };
    assert!(err.contains("there is an index 'other' already"), "{err}");
    // What another run has left is not touched.
    let beside = place.path("new.unfinished");
    fs::create_dir(&beside).unwrap();
    let err = build(&place.path("new"), &good);
    assert!(err.contains("new.unfinished is what another run has left"), "{err}");
    assert!(fs::exists(&beside).unwrap());
}

#[test]
fn an_index_is_searched_inspected_and_exported() {
    let place = Place::new();
    let rows = rows(300);
    let (input, data) = (place.file("rows.fbin", &rows), place.path("data"));
    ok(&["index", "build", &data, "--index", "docs", "--input", &input]);
    let tool = |name: &str, args: &[&str]| {
        ok(&[&["index", name, &data, "--index", "docs"], args].concat())
    };

    let query = format!("{:?}", rows[7]);
    let out = tool("search", &["--vector", &query, "-k", "2"]);
    assert!(out.starts_with("  7 ") && out.lines().count() == 2, "{out}");
    let out = tool("search", &["--query", &input, "-k", "1", "--json"]);
    assert!(out.lines().nth(299).unwrap().starts_with("{\"query\":299,\"hits\":[{\"id\":\"299\""));
    // Each row is nearest to itself.
    let truth = place.path("truth.ibin");
    let ids: Vec<u8> = [300, 1].into_iter().chain(0..300).flat_map(u32::to_le_bytes).collect();
    fs::write(&truth, ids).unwrap();
    let out = tool("search", &["--query", &input, "--truth", &truth, "-k", "1", "--json"]);
    assert!(out.starts_with("{\"queries\":300,\"k\":1,\"recall\":1,"), "{out}");
    let args = ["index", "search", &data, "--index", "docs", "--query", &input, "--truth", &truth];
    let (code, _, err) = skeg(&args);
    assert_eq!(code, 1);
    assert!(err.contains("truth.ibin: the 1 nearest rows are known, 10 are asked for"), "{err}");
    let args = ["index", "search", &data, "--index", "docs", "--vector", "[1, 2]"];
    let (code, _, err) = skeg(&args);
    assert_eq!(code, 1);
    assert!(err.starts_with("skeg: ERR_DIMENSION: "), "{err}");

    let out = tool("inspect", &["--json"]);
    assert!(out.contains("\"segment_list\":[{\"file\":"), "{out}");
    assert!(out.contains("\"rows\":300,\"dead_rows\":0,"), "{out}");
    let out = ok(&["index", "inspect", &data]);
    assert!(out.contains("300 vectors of 8 dimensions") && out.contains("no graph"), "{out}");

    for format in ["fbin", "fvecs", "npy", "jsonl"] {
        let (output, ids) = (place.path(&format!("out.{format}")), place.path("ids"));
        let out = tool("export", &["--output", &output, "--ids", &ids, "--json"]);
        assert!(out.contains("\"rows\":300,"), "{out}");
        let ids_written = fs::read_to_string(&ids).unwrap();
        assert!(ids_written.starts_with("0\n1\n") && ids_written.ends_with("\n299\n"));
        fs::remove_file(&ids).unwrap();
        let again = place.path(&format!("again.{format}"));
        ok(&["index", "build", &again, "--index", "docs", "--input", &output]);
    }
    assert_eq!(fs::read(place.path("out.fbin")).unwrap(), fs::read(&input).unwrap());
    let output = place.path("out.npy");
    let args = ["index", "export", &data, "--index", "docs", "--output", &output];
    let (code, _, err) = skeg(&args);
    assert_eq!(code, 1);
    assert!(err.contains("out.npy"), "nothing is overwritten: {err}");
    let (code, _, err) = skeg(&["index", "inspect", &data, "--index", "other"]);
    assert_eq!((code, err.as_str()), (1, "skeg: ERR_NOT_FOUND: there is no index 'other'\n"));
}

#[test]
fn an_index_in_parts_is_one_to_every_tool() {
    let place = Place::new();
    let (data, input) = (place.path("data"), place.file("rows.fbin", &rows(900)));
    let build = ["index", "build", &data, "--index", "docs", "--input", &input];
    let out = ok(&[&build[..], &["--partitions", "3"]].concat());
    assert!(out.contains("900 vectors of 8 dimensions"), "{out}");
    assert!(out.contains("3 partitions\n") && out.contains("3 segments"), "{out}");
    let info = ok(&["info", &data, "--json"]);
    assert!(info.contains("\"partitions\":3,\"max_memory_bytes\":null"), "{info}");
    assert_eq!(info.matches("\"name\":").count(), 1, "{info}");
    let records = ok(&["inspect", &data, "--records", "--json", "--limit", "100000"]);
    assert!(records.contains("\"index\":\"docs\",\"part\":2"), "{records}");
    assert!(!records.contains("\\u0000docs"), "no name of a part");
    let (code, _, err) = skeg(&[&build[..], &["--partitions", "257"]].concat());
    assert!(code == 2 && err.contains("--partitions"), "{err}");
}

#[test]
fn misuse_is_explained() {
    let place = Place::new();
    let input = place.file("rows.fbin", &rows(3));
    let data = place.path("data");
    let cases: [(&[&str], &str); 7] = [
        (&["index"], "a command is missing"),
        (&["index", "biuld"], "there is no 'index biuld'; did you mean 'build'?"),
        (&["index", "build", &data], "--index is missing"),
        (&["index", "build", &data, "--index", "i"], "--input is missing"),
        (&["index", "build", &data, "--index", "i", "--input", &data], "its name does not end"),
        (
            &["index", "build", &data, "--index", "i", "--input", &input, "--tier", "q8"],
            "--tier: 'q8' is none of f32, int8, binary, pq, tq1, tq2, tq4",
        ),
        (
            &["index", "build", &data, "--index", "i", "--input", "x.jsonl", "--ids", &input],
            "--ids does not go with jsonl",
        ),
    ];
    for (args, problem) in cases {
        let (code, out, err) = skeg(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        assert!(err.contains(problem), "{args:?}: {err}");
    }
    assert!(ok(&["index", "--help"]).contains("  build "));
    assert!(ok(&["help", "index"]).contains("skeg index <command> DIR"));
    assert_eq!(place.names(), ["rows.fbin"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_build_leaves_nothing() {
    use std::io::Write;

    let place = Place::new();
    let pipe = place.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let data = place.path("data");
    let args = ["index", "build", &data, "--index", "i", "--input", &pipe, "--format", "jsonl"];
    let child = Command::new(env!("CARGO_BIN_EXE_skeg"))
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = format!("{{\"vector\":{:?}}}\n", vec![1.0; 256]);
    let mut input = fs::File::options().write(true).open(&pipe).unwrap();
    // Until the database is there: then signals are watched as well.
    while !fs::exists(place.path("data.unfinished/CURRENT")).unwrap() {
        input.write_all(line.as_bytes()).unwrap();
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    // It stops with the next batch; what is written then reaches nobody.
    while input.write_all(line.as_bytes()).is_ok() {}
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "skeg: ERR_ABORTED: interrupted\n");
    assert_eq!(place.names(), ["pipe"]);
}

#[test]
fn an_index_is_built_of_parquet() {
    let place = Place::new();
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/../skeg-vecs/tests/data/pyarrow.parquet");
    let build = |data: &str, args: &[&str]| {
        let data = place.path(data);
        let said =
            skeg(&[&["index", "build", &data, "--index", "docs", "--input", input], args].concat());
        (data, said)
    };
    let columns = ["--vector-field", "embedding", "--id-field", "key"];
    let (data, (code, out, err)) = build("data", &columns);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("25 vectors of 3 dimensions"), "{out}");
    let out =
        ok(&["index", "search", &data, "--index", "docs", "--vector", "[9,9.5,-9]", "-k", "1"]);
    assert!(out.starts_with("  doc:9 "), "{out}");
    let queries = ["--query", input, "--vector-field", "double", "-k", "1", "--json"];
    let out = ok(&[&["index", "search", &data, "--index", "docs"], &queries[..]].concat());
    assert!(out.lines().nth(9).unwrap().contains("\"id\":\"doc:9\""), "{out}");

    // Without a column of ids they are numbers of rows.
    let (_, (code, out, _)) = build("numbers", &["--vector-field", "half", "--json"]);
    assert_eq!(code, 0);
    assert!(out.contains("\"ids\":\"u64\"") && out.contains("\"rows\":25"), "{out}");

    // What is wrong with a file names it, and its columns.
    for (args, problem) in [
        (&columns[2..], "ERR_INVALID_ARGUMENT: FILE: there is no column \"vector\", but \"key\" "),
        (&["--vector-field", "key"], "ERR_INVALID_ARGUMENT: FILE: column \"key\" is string, where"),
        (&["--vector-field", "holes"], "ERR_INVALID_ARGUMENT: FILE: row 11: column \"holes\" is"),
        (&["--vector-field", "embedding", "--ids", "x"], "--ids does not go with parquet"),
        (&["--format", "fbin"], "ERR_CORRUPT: FILE: damaged at "),
    ] {
        let (data, (code, out, err)) = build("refused", args);
        assert!(err.contains(&problem.replace("FILE", input)), "{args:?}: {code} {out} {err}");
        assert!(code != 0 && !fs::exists(&data).unwrap());
    }
}
