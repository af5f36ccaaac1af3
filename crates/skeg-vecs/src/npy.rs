//! The header of NumPy's arrays (NEP 1): a magic word, a version, and a dictionary in Python's notation.

use std::io::{BufRead, Write};

use crate::element::Element;
use crate::error::VecsError;
use crate::source::Source;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A longer header describes no rows of numbers.
const HEADER_BYTES_MAX: u32 = 64 << 10;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) element: Element,
    pub(crate) rows: u64,
    pub(crate) dim: u64,
}

pub(crate) fn read<R: BufRead>(source: &mut Source<R>) -> Result<Header, VecsError> {
    if &source.array()? != MAGIC {
        return Err(source.damaged("it does not begin as an array of NumPy's"));
    }
    let [major, minor] = source.array()?;
    let length = match major {
        1 => u32::from(u16::from_le_bytes(source.array()?)),
        2 | 3 => source.u32()?,
        _ => {
            let what = format!("version {major}.{minor} of npy is not known here, 1 to 3 are");
            return Err(VecsError::Unsupported { what });
        }
    };
    if length > HEADER_BYTES_MAX {
        return Err(source.damaged(format!("a header of {length} bytes")));
    }
    let mut bytes = vec![0; length as usize];
    if source.fill(&mut bytes)? < bytes.len() {
        return Err(source.damaged("it ends in the middle of its header"));
    }
    let text = String::from_utf8_lossy(&bytes);
    parse(&text).map_err(|problem| match problem {
        Problem::Malformed => source.damaged(format!("the header {:?}", text.trim())),
        Problem::Other(what) => VecsError::Unsupported { what },
    })
}

enum Problem {
    Malformed,
    Other(String),
}

fn parse(text: &str) -> Result<Header, Problem> {
    let value = |name| value(text, name).ok_or(Problem::Malformed);
    let kind = value("descr")?;
    let Some(kind) = quoted(kind) else {
        return Err(Problem::Other("an array of records; expected numbers".into()));
    };
    let element = match kind {
        "<f4" => Element::F32,
        "<f2" => Element::F16,
        "<f8" => Element::F64,
        "|u1" => Element::U8,
        "|i1" => Element::I8,
        _ => {
            let kind = kind.escape_debug();
            let what = format!("an array of '{kind}'; expected one of <f2, <f4, <f8, |u1, |i1");
            return Err(Problem::Other(what));
        }
    };
    if value("fortran_order")?.starts_with("True") {
        let what = "an array in Fortran's order; numpy.ascontiguousarray turns it round";
        return Err(Problem::Other(what.into()));
    }
    let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (shape, _) = shape.ok_or(Problem::Malformed)?;
    let numbers: Result<Vec<u64>, _> = shape
        .split(',')
        .map(str::trim)
        .filter(|number| !number.is_empty())
        .map(str::parse)
        .collect();
    match numbers.map_err(|_| Problem::Malformed)?.as_slice() {
        &[rows, dim] => Ok(Header { element, rows, dim }),
        other => {
            let what = format!("an array of {} dimensions; expected rows and columns", other.len());
            Err(Problem::Other(what))
        }
    }
}

/// What follows a name.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let (_, rest) = text.split_once(&format!("{quote}{name}{quote}"))?;
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    })
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text[1..].split_once(quote).map(|(inside, _)| inside)
}

/// Begins an array of floats.
pub(crate) fn write(out: &mut impl Write, rows: u64, dim: usize) -> std::io::Result<()> {
    let mut text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    // What comes behind it begins at a multiple of 64.
    while !(MAGIC.len() + 4 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(text.len() as u16).to_le_bytes())?;
    out.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_numpy_says() {
        let header = |text| parse(text).ok();
        let expected = Header { element: Element::F32, rows: 3, dim: 4 };
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n";
        assert_eq!(header(text), Some(expected));
        let text = "{\"shape\":(3,4),\"fortran_order\":False,\"descr\":\"<f4\"}";
        assert_eq!(header(text), Some(expected));
        for text in [
            "{'descr': '>f4', 'fortran_order': False, 'shape': (3, 4), }",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, -4), }",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 4), }",
            "{'descr': '<f4', 'shape': (3, 4), }",
            "'descr': '",
            "",
        ] {
            assert_eq!(header(text), None, "{text}");
        }
    }
}
