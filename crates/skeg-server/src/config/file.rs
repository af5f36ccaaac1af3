//! Reads the configuration file: TOML with one flat list of settings.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};
use super::settings::{SETTINGS, Setting, find, nearest};

/// A setting that the file has, its value as text, and where it stands.
pub(super) type Entry = (&'static Setting, String, Origin);

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The settings of the file at `path`, in the order of its lines.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable { path: path.into(), reason };
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has {length} bytes, more than any configuration")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let origin = |offset: usize, key: &str| {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Origin::File { path: path.into(), line, key: key.into() }
    };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        origin: origin(error.span().map_or(0, |span| span.start), ""),
        reason: error.message().into(),
    })?;
    let mut entries = Vec::new();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let origin = origin(key.span().start, name);
        let Some(setting) = find(name) else {
            let nearest = nearest(name, SETTINGS.iter().map(|setting| setting.name));
            return Err(ConfigError::UnknownKey { origin, nearest });
        };
        match text_of(value) {
            Some(value) => entries.push((key.span().start, (setting, value, origin))),
            None => {
                return Err(ConfigError::Value {
                    origin,
                    value: text.get(value.span()).unwrap_or_default().into(),
                    problem: "is not a string, a whole number, true, false or a list of those"
                        .into(),
                });
            }
        }
    }
    entries.sort_by_key(|(offset, _)| *offset);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// The value as a flag would give it; a list as its elements with commas.
fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .map(|value| value.to_string()),
        DeValue::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(text_of).collect();
            items.map(|items| items.join(","))
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(&'static str, String)> {
        let entries = parse(Path::new("skeg.toml"), text).unwrap();
        entries.into_iter().map(|(setting, value, _)| (setting.name, value)).collect()
    }

    fn error(text: &str) -> String {
        parse(Path::new("skeg.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = "port = 7_000 # comment\nsegment-size = \"8mb\"\nquiet = true\n\
                    bind = ['127.0.0.1', \"::1\"]\nshards = 0x10\n";
        let expected = [
            ("port", "7000"),
            ("segment-size", "8mb"),
            ("quiet", "true"),
            ("host", "127.0.0.1,::1"),
            ("shards", "16"),
        ];
        assert_eq!(entries(text), expected.map(|(name, value)| (name, value.to_string())));
    }

    #[test]
    fn errors_name_file_line_and_key() {
        assert_eq!(
            error("port = 1\n\nprot = 2\n"),
            "skeg.toml:3: prot: there is no such setting; did you mean 'port'?"
        );
        assert_eq!(error("[server]\nport = 1\n"), "skeg.toml:1: server: there is no such setting");
        assert_eq!(
            error("port = 1.5"),
            "skeg.toml:1: port: '1.5' is not a string, a whole number, true, false or a list of those"
        );
        assert!(error("port = 1\nport = 2\n").starts_with("skeg.toml:2: duplicate key"));
        assert!(error("port 1\n").starts_with("skeg.toml:1: "));
    }
}
