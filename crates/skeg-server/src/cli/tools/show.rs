//! What tools print: rows for people, JSON for programs.

use std::io::Write;
use std::path::Path;

use skeg_engine::offline::{Corruption, Detail, EffectInfo, Outcome, Subject};
use skeg_proto::client::Value;

use crate::cli::amounts::grouped;
use crate::cli::client::quoted;
use crate::cli::{Failure, help, json};

/// What a report begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
}

/// A report for people: a verdict, rows with names, remarks.
#[derive(Debug)]
pub(super) struct Report {
    text: String,
    colours: bool,
}

impl Report {
    /// A report without a beginning.
    pub(super) fn blank() -> Self {
        Self { text: String::new(), colours: help::colours(&std::io::stdout()) }
    }

    /// A report that begins with a word about a directory.
    pub(super) fn new(verdict: Verdict, word: &str, dir: &Path) -> Self {
        let mut report = Self::blank();
        let colour = if verdict == Verdict::Good { 32 } else { 31 };
        report.text = format!("{}  {}\n", report.coloured(colour, word), dir.display());
        report
    }

    fn coloured(&self, colour: u8, text: &str) -> String {
        if self.colours { format!("\x1b[1;{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, name: &str, value: impl std::fmt::Display) {
        let (dim, plain) = if self.colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        self.text.push_str(&format!("  {dim}{name:<10}{plain} {value}\n"));
    }

    /// Adds a line at the margin.
    pub(super) fn remark(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Prints it.
    pub(super) fn print(&self) -> Result<(), Failure> {
        Ok(std::io::stdout().lock().write_all(self.text.as_bytes())?)
    }
}

/// An object of JSON.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.map(|(name, value)| (Value::Simple(name.into()), value)).to_vec())
}

/// Prints an object on a line of its own.
pub(super) fn json(fields: &[(&str, Value)]) -> Result<(), Failure> {
    write_json(&mut std::io::stdout().lock(), fields)
}

/// Writes an object on a line of its own.
pub(super) fn write_json(out: &mut dyn Write, fields: &[(&str, Value)]) -> Result<(), Failure> {
    let pairs = fields.iter().map(|(name, value)| (Value::Simple((*name).into()), value.clone()));
    let mut line = Vec::new();
    json::write(&mut line, &Value::Map(pairs.collect()));
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}

/// A number of JSON.
pub(super) fn number(number: impl Into<i128>) -> Value {
    let number = number.into();
    i64::try_from(number).map_or_else(|_| Value::Big(number.to_string()), Value::Int)
}

/// A text of JSON.
pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Simple(text.into())
}

/// The identity of a database.
pub(super) fn id(id: u128) -> String {
    format!("{id:032x}")
}

/// A file as it is called within its database.
pub(super) fn name(dir: &Path, file: &Path) -> String {
    file.strip_prefix(dir).unwrap_or(file).display().to_string()
}

/// Damage in a line.
pub(super) fn damage_line(dir: &Path, damage: &Corruption) -> String {
    let (file, offset) = (name(dir, &damage.file), damage.offset);
    format!("{file} at offset {offset}: expected {}, found {}", damage.expected, damage.found)
}

/// Damage for programs.
pub(super) fn damage_json(dir: &Path, damage: &Corruption) -> Value {
    object([
        ("file", text(name(dir, &damage.file))),
        ("offset", number(damage.offset)),
        ("expected", text(&*damage.expected)),
        ("found", text(&*damage.found)),
        ("remedy", text(damage.remedy)),
    ])
}

/// What an open would do, in a line.
pub(super) fn outcome_line(dir: &Path, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Opens => "as it is".into(),
        Outcome::Cuts { file, offset, bytes } => format!(
            "cuts the {} bytes that a crash has torn, at offset {offset} of {}",
            grouped(*bytes),
            name(dir, file)
        ),
        _ => "is refused".into(),
    }
}

/// What an open would do, for programs.
pub(super) fn outcome_json(dir: &Path, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Opens => object([("does", text("open"))]),
        Outcome::Cuts { file, offset, bytes } => object([
            ("does", text("cut")),
            ("file", text(name(dir, file))),
            ("offset", number(*offset)),
            ("bytes", number(*bytes)),
        ]),
        _ => object([("does", text("refuse"))]),
    }
}

/// Bytes in quotes, everything but printable ASCII escaped.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    quoted(&mut out, bytes);
    String::from_utf8_lossy(&out).into_owned()
}

/// What an effect is about, in words.
pub(super) fn subject_line(subject: Subject<'_>) -> String {
    match subject {
        Subject::Key { db, key } => format!("db {db}  {}", escaped(key)),
        Subject::Database(db) => format!("db {db}"),
        Subject::Index { name, part: 0 } => format!("index  {}", escaped(name)),
        Subject::Index { name, part } => format!("index  {}  part {part}", escaped(name)),
    }
}

/// An effect in a line.
pub(super) fn effect_line(effect: &EffectInfo<'_>) -> String {
    let mut line = format!("{:<13}  {}", effect.op, subject_line(effect.subject));
    for (name, detail) in &effect.details {
        let detail = match detail {
            Detail::Size(number) | Detail::Time(number) => number.to_string(),
            Detail::Number(number) => number.to_string(),
            Detail::Name(name) => escaped(name),
        };
        line.push_str(&format!("  {name} {detail}"));
    }
    line
}

/// An effect for programs.
pub(super) fn effect_json(effect: &EffectInfo<'_>) -> Value {
    let mut pairs = vec![("op", text(effect.op))];
    match effect.subject {
        Subject::Key { db, key } => {
            pairs.extend([("db", number(db)), ("key", Value::Bulk(key.into()))]);
        }
        Subject::Database(db) => pairs.push(("db", number(db))),
        Subject::Index { name, part } => {
            pairs.push(("index", Value::Bulk(name.into())));
            if part > 0 {
                pairs.push(("part", number(part)));
            }
        }
    }
    for (name, detail) in &effect.details {
        let detail = match detail {
            Detail::Size(size) | Detail::Time(size) => number(*size),
            Detail::Number(value) => number(*value),
            Detail::Name(name) => Value::Bulk(name.to_vec()),
        };
        pairs.push((name, detail));
    }
    Value::Map(pairs.into_iter().map(|(name, value)| (text(name), value)).collect())
}
