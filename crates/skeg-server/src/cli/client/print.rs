//! Prints replies: with types as redis-cli does on a terminal, bare, or as JSON.

use skeg_proto::client::Value;

use crate::cli::json;

/// How replies are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Types, quotes, numbered elements.
    Typed,
    /// The values alone.
    Raw,
    /// One JSON value a line.
    Json,
}

impl Style {
    /// The text of `reply` to `command`, its line end included.
    pub(super) fn render(self, command: &[Vec<u8>], reply: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Json => json::write(&mut out, reply),
            Self::Typed if !is_for_people(command) || reply.is_error() => {
                typed(&mut out, reply, "");
                return out;
            }
            Self::Typed | Self::Raw => raw(&mut out, reply),
        }
        out.push(b'\n');
        out
    }
}

/// Commands that answer a page of text: it is printed as it is.
fn is_for_people(command: &[Vec<u8>]) -> bool {
    let word = |index: usize| command.get(index).map(|word| word.to_ascii_uppercase());
    match word(0).as_deref() {
        Some(b"INFO" | b"LOLWUT") => true,
        Some(b"CLIENT") => matches!(word(1).as_deref(), Some(b"LIST" | b"INFO")),
        Some(b"MEMORY") => matches!(word(1).as_deref(), Some(b"DOCTOR" | b"MALLOC-STATS")),
        Some(b"LATENCY") => matches!(word(1).as_deref(), Some(b"DOCTOR" | b"GRAPH")),
        Some(b"CLUSTER") => matches!(word(1).as_deref(), Some(b"NODES" | b"INFO")),
        _ => false,
    }
}

fn push_str(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// `indent` goes before every line but the first, whose place is taken by an element's number.
fn typed(out: &mut Vec<u8>, value: &Value, indent: &str) {
    match value {
        Value::Simple(text) => push_str(out, text),
        Value::Error(text) => push_str(out, &format!("(error) {text}")),
        Value::Int(number) => push_str(out, &format!("(integer) {number}")),
        Value::Big(digits) => push_str(out, &format!("(big number) {digits}")),
        Value::Double(number) => {
            push_str(out, "(double) ");
            skeg_proto::write_double(out, *number);
        }
        Value::Bool(flag) => push_str(out, &format!("({flag})")),
        Value::Null => push_str(out, "(nil)"),
        Value::Bulk(bytes) => quoted(out, bytes),
        Value::Verbatim { text, .. } => out.extend_from_slice(text),
        Value::Array(items) => return elements(out, items, ')', "(empty array)", indent),
        Value::Set(items) => return elements(out, items, '~', "(empty set)", indent),
        Value::Push(items) => return elements(out, items, ')', "(empty push)", indent),
        Value::Map(pairs) => return entries(out, pairs, indent),
    }
    out.push(b'\n');
}

fn elements(out: &mut Vec<u8>, items: &[Value], mark: char, empty: &str, indent: &str) {
    if items.is_empty() {
        return push_str(out, &format!("{empty}\n"));
    }
    let width = items.len().to_string().len();
    let inner = format!("{indent}{:1$}", "", width + 2);
    for (index, item) in items.iter().enumerate() {
        let indent = if index == 0 { "" } else { indent };
        push_str(out, &format!("{indent}{:>width$}{mark} ", index + 1));
        typed(out, item, &inner);
    }
}

fn entries(out: &mut Vec<u8>, pairs: &[(Value, Value)], indent: &str) {
    if pairs.is_empty() {
        return push_str(out, "(empty hash)\n");
    }
    let width = pairs.len().to_string().len();
    let inner = format!("{indent}{:1$}", "", width + 2);
    for (index, (key, value)) in pairs.iter().enumerate() {
        let indent = if index == 0 { "" } else { indent };
        push_str(out, &format!("{indent}{:>width$}# ", index + 1));
        typed(out, key, &inner);
        out.pop();
        push_str(out, " => ");
        let start = out.len();
        typed(out, value, &inner);
        // What takes several lines starts on its own.
        let several = out[start..out.len() - 1].contains(&b'\n');
        if several
            && matches!(value, Value::Array(_) | Value::Set(_) | Value::Push(_) | Value::Map(_))
        {
            out.splice(start..start, format!("\n{inner}").into_bytes());
        }
    }
}

/// A string as it could be typed at the prompt again.
pub(in crate::cli) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => push_str(out, "\\n"),
            b'\r' => push_str(out, "\\r"),
            b'\t' => push_str(out, "\\t"),
            0x07 => push_str(out, "\\a"),
            0x08 => push_str(out, "\\b"),
            b' '..=b'~' => out.push(*byte),
            _ => push_str(out, &format!("\\x{byte:02x}")),
        }
    }
    out.push(b'"');
}

fn raw(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => {}
        Value::Simple(text) | Value::Error(text) | Value::Big(text) => push_str(out, text),
        Value::Int(number) => push_str(out, &number.to_string()),
        Value::Double(number) => skeg_proto::write_double(out, *number),
        Value::Bool(flag) => push_str(out, &format!("({flag})")),
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => out.extend_from_slice(bytes),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b'\n');
                }
                raw(out, item);
            }
        }
        Value::Map(pairs) => {
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(b'\n');
                }
                raw(out, key);
                out.push(b' ');
                raw(out, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    fn rendered(style: Style, value: &Value) -> String {
        String::from_utf8(style.render(&[b"GET".to_vec()], value)).unwrap()
    }

    #[test]
    fn typed_looks_like_redis_cli() {
        let cases = [
            (Value::Simple("OK".into()), "OK\n"),
            (Value::Error("ERR no".into()), "(error) ERR no\n"),
            (Value::Int(-3), "(integer) -3\n"),
            (Value::Double(1.5), "(double) 1.5\n"),
            (Value::Bool(true), "(true)\n"),
            (Value::Null, "(nil)\n"),
            (Value::Bulk(b"a\"\\\n\x00\xff".to_vec()), "\"a\\\"\\\\\\n\\x00\\xff\"\n"),
            (Value::Array(vec![]), "(empty array)\n"),
            (Value::Map(vec![]), "(empty hash)\n"),
            (Value::Set(vec![bulk("x")]), "1~ \"x\"\n"),
            (Value::Map(vec![(bulk("k"), Value::Int(1))]), "1# \"k\" => (integer) 1\n"),
            (
                Value::Map(vec![(bulk("k"), Value::Array(vec![Value::Null, Value::Null]))]),
                "1# \"k\" => \n   1) (nil)\n   2) (nil)\n",
            ),
        ];
        for (value, text) in cases {
            assert_eq!(rendered(Style::Typed, &value), text);
        }
    }

    #[test]
    fn nested_elements_line_up() {
        let mut items = vec![Value::Int(0); 9];
        items.push(Value::Array(vec![bulk("a"), Value::Array(vec![bulk("b"), bulk("c")])]));
        let text = rendered(Style::Typed, &Value::Array(items));
        let tail = "10) 1) \"a\"\n    2) 1) \"b\"\n       2) \"c\"\n";
        assert!(text.starts_with(" 1) (integer) 0\n 2) "), "{text}");
        assert!(text.ends_with(tail), "{text}");
    }

    #[test]
    fn raw_is_the_value_alone() {
        let nested = Value::Array(vec![bulk("a"), Value::Null, Value::Int(3)]);
        assert_eq!(rendered(Style::Raw, &nested), "a\n\n3\n");
        assert_eq!(rendered(Style::Raw, &Value::Map(vec![(bulk("k"), bulk("v"))])), "k v\n");
    }

    #[test]
    fn pages_of_text_are_not_quoted() {
        let page = bulk("# Server\r\nversion:1\r\n");
        let command = [b"info".to_vec()];
        assert_eq!(Style::Typed.render(&command, &page), b"# Server\r\nversion:1\r\n\n");
    }
}
