//! Files of other writers (`data/make.py`), what is refused of them, and damaged ones.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::PathBuf;

use skeg_vecs::{Fields, ParquetReader, VecsError};

type Rows = Vec<(Option<String>, Vec<f32>)>;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(path: PathBuf, vector: &str, id: Option<&str>) -> Result<Rows, VecsError> {
    let fields = Fields { id: id.unwrap_or("id").into(), vector: vector.into() };
    let mut reader = ParquetReader::new(File::open(&path).unwrap(), &fields, id.is_some())?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        assert_eq!(row.number, rows.len() as u64);
        rows.push((row.id.map(str::to_owned), row.vector.to_vec()));
    }
    assert_eq!(reader.offset(), fs::metadata(path).unwrap().len());
    Ok(rows)
}

/// What `data/make.py` says.
fn expected(id: impl Fn(usize) -> Option<String>) -> Rows {
    (0..25).map(|row| (id(row), vec![row as f32, row as f32 + 0.5, -(row as f32)])).collect()
}

fn said(vector: &str, id: Option<&str>) -> String {
    read(data("pyarrow.parquet"), vector, id).unwrap_err().to_string()
}

#[test]
fn files_of_other_writers_are_read() {
    for name in ["pyarrow.parquet", "pyarrow-zstd.parquet", "duckdb.parquet"] {
        let rows = read(data(name), "embedding", Some("key")).unwrap();
        assert_eq!(rows, expected(|row| Some(format!("doc:{row}"))), "{name}");
        let rows = read(data(name), "embedding", None).unwrap();
        assert_eq!(rows, expected(|_| None), "{name}: without a column of ids");
    }
}

#[test]
fn numbers_of_every_kind_become_floats_and_ids() {
    for name in ["pyarrow.parquet", "pyarrow-zstd.parquet"] {
        let number = |row: usize| Some((row * 7).to_string());
        for vector in ["double", "half"] {
            let rows = read(data(name), vector, Some("number")).unwrap();
            assert_eq!(rows, expected(number), "{name}: {vector}");
        }
        let rows = read(data(name), "bytes", Some("signed")).unwrap();
        assert_eq!(rows[24], (Some("21".into()), vec![24.0, 25.0, 200.0]), "{name}");
    }
}

#[test]
fn what_is_no_column_of_vectors_is_told_with_its_type() {
    let there =
        "\"key\" (string), \"number\" (uint32), \"signed\" (int64), \"embedding\" (list of float)";
    for (vector, id) in [("vector", None), ("embedding", Some("kez"))] {
        let name = id.unwrap_or(vector);
        let said = said(vector, id);
        assert!(said.starts_with(&format!("there is no column {name:?}, but {there}")), "{said}");
        assert!(said.contains("\"half\" (list of float16), \"bytes\" (list of uint8)"), "{said}");
    }
    for (vector, kind) in [
        ("key", "string"),
        ("when", "timestamp"),
        ("texts", "list of string"),
        ("pair", "struct"),
        ("number", "uint32"),
    ] {
        let expected = format!("column {vector:?} is {kind}, where a list of numbers is expected");
        assert_eq!(said(vector, None), expected);
    }
    for (id, kind) in [("embedding", "list of float"), ("when", "timestamp")] {
        let expected =
            format!("column {id:?} is {kind}, where ids: strings or integers is expected");
        assert_eq!(said("embedding", Some(id)), expected);
    }
    let said = read(data("gzip.parquet"), "embedding", None).unwrap_err().to_string();
    assert!(said.starts_with("column \"embedding\" is compressed by GZIP"), "{said}");
}

#[test]
fn rows_that_are_none_are_told_with_their_number() {
    let null = "row 11: column \"holes\" is null, or empty, or has a null in it";
    assert_eq!(said("holes", None), null);
    assert_eq!(said("hollow", None), null.replace("holes", "hollow"));
    assert_eq!(said("embedding", Some("keys")), null.replace("holes", "keys"));
    assert_eq!(said("ragged", None), "row 11: 1 numbers where the first row has 3");
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let whole = fs::read(data("pyarrow.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let fields = Fields { id: "key".into(), vector: "embedding".into() };
        let mut reader = ParquetReader::new(File::open(&path).unwrap(), &fields, true)?;
        while reader.next_row()?.is_some() {}
        Ok::<_, VecsError>(())
    };
    for cut in (0..whole.len()).step_by(97) {
        assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let mut refused = 0;
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        refused += usize::from(read(&bytes).is_err());
    }
    assert!(refused > 100, "{refused}");
}
