//! Lines of JSON: an object with a vector in it, and perhaps an id. Other fields are left out.

use std::fmt::{self, Formatter};
use std::io::Write;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::DIM_MAX;

/// What fields are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// That of the id.
    pub id: String,
    /// That of the vector.
    pub vector: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self { id: "id".into(), vector: "vector".into() }
    }
}

/// Reads a line into a row; the id, if it has one.
pub(crate) fn read(
    line: &[u8],
    fields: &Fields,
    row: &mut Vec<f32>,
) -> Result<Option<String>, String> {
    row.clear();
    let mut parser = serde_json::Deserializer::from_slice(line);
    let read = Object { fields, row }.deserialize(&mut parser);
    let read = read.and_then(|id| parser.end().map(|()| id));
    read.map_err(|error| said(&error))
}

/// Reads a vector that is written as an array of numbers.
///
/// # Errors
/// What is wrong with it.
pub fn parse_vector(text: &str) -> Result<Vec<f32>, String> {
    let mut row = Vec::new();
    let mut parser = serde_json::Deserializer::from_str(text);
    let read = Numbers(&mut row).deserialize(&mut parser).and_then(|()| parser.end());
    read.map_err(|error| said(&error))?;
    match row.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(format!("number {at} does not fit a 32-bit float")),
        None => Ok(row),
    }
}

/// Writes a line.
pub(crate) fn write(out: &mut impl Write, id: &str, row: &[f32]) -> std::io::Result<()> {
    out.write_all(b"{\"id\":")?;
    serde_json::to_writer(&mut *out, id)?;
    out.write_all(b",\"vector\":")?;
    serde_json::to_writer(&mut *out, row)?;
    out.write_all(b"}\n")
}

/// What the parser says; it calls every line the first one.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text.split_once(" at line 1 column ").map_or(&*text, |(problem, _)| problem);
    format!("{problem} (column {})", error.column())
}

struct Object<'a> {
    fields: &'a Fields,
    row: &'a mut Vec<f32>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a field {:?}", self.fields.vector)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut found) = (None, false);
        while let Some(name) = map.next_key::<String>()? {
            if name == self.fields.vector {
                if std::mem::replace(&mut found, true) {
                    return Err(A::Error::custom(format!("{name:?} twice")));
                }
                map.next_value_seed(Numbers(&mut *self.row))?;
            } else if name == self.fields.id {
                let before = id.replace(map.next_value_seed(Id)?);
                if before.is_some() {
                    return Err(A::Error::custom(format!("{name:?} twice")));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found {
            Ok(id)
        } else {
            Err(A::Error::custom(format!("there is no {:?}", self.fields.vector)))
        }
    }
}

/// The numbers of an array.
struct Numbers<'a>(&'a mut Vec<f32>);

impl<'de> DeserializeSeed<'de> for Numbers<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Numbers<'_> {
    type Value = ();

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        while let Some(number) = numbers.next_element::<f64>()? {
            if self.0.len() == DIM_MAX {
                return Err(A::Error::custom(format!("more than {DIM_MAX} numbers")));
            }
            self.0.push(number as f32);
        }
        Ok(())
    }
}

/// A text or a number.
struct Id;

impl<'de> DeserializeSeed<'de> for Id {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<String, D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor<'_> for Id {
    type Value = String;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an id: a text or a number that is not negative")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Option<String>, Vec<f32>), String> {
        let mut row = vec![9.0];
        let id = read(line.as_bytes(), &Fields::default(), &mut row)?;
        Ok((id, row))
    }

    #[test]
    fn lines_have_vectors_and_ids_among_other_things() {
        let line = r#"{"other":{"vector":[9]},"id":"a\u00e9","vector":[1,-2.5e0,0.1]}"#;
        assert_eq!(parsed(line), Ok((Some("aé".into()), vec![1.0, -2.5, 0.1])));
        assert_eq!(parsed(r#"{"vector":[1],"id":7}"#), Ok((Some("7".into()), vec![1.0])));
        assert_eq!(parsed(r#" {"vector":[]} "#), Ok((None, vec![])));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        let cases = [
            (r#"{"id":"a"}"#, "there is no \"vector\""),
            (r#"{"vector":[1],"vector":[2]}"#, "\"vector\" twice"),
            (r#"{"vector":[1,"2"]}"#, "expected f64"),
            (r#"{"vector":[1]} x"#, "trailing characters (column 16)"),
            (r#"{"vector":[1],"id":-1}"#, "expected an id"),
            ("[1]", "expected an object with a field \"vector\""),
            ("{\"vector\":[1", "EOF while parsing"),
        ];
        for (line, problem) in cases {
            let said = parsed(line).unwrap_err();
            assert!(said.contains(problem), "{line}: {said}");
        }
        assert!(parse_vector("[1e39]").is_err() && parse_vector("[1] 2").is_err());
        assert_eq!(parse_vector(" [1, 2.5]"), Ok(vec![1.0, 2.5]));
    }
}
