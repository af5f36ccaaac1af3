//! Replies as JSON: maps become objects, null becomes null, errors `{"error": ...}`, bytes that are
//! no UTF-8 `{"base64": ...}`, numbers that JSON has not (`inf`, `nan`) strings.

use skeg_proto::client::Value;

/// Appends `value`.
pub(in crate::cli) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
        Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Big(digits) if is_integer(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Double(number) if number.is_finite() => skeg_proto::write_double(out, *number),
        Value::Double(_) | Value::Big(_) => string(out, &key_text(value)),
        Value::Simple(text) => string(out, text),
        Value::Error(text) => {
            out.extend_from_slice(b"{\"error\":");
            string(out, text);
            out.push(b'}');
        }
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                string(out, text);
            } else {
                out.extend_from_slice(b"{\"base64\":\"");
                base64(out, bytes);
                out.extend_from_slice(b"\"}");
            }
        }
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(out, item);
            }
            out.push(b']');
        }
        Value::Map(pairs) => {
            out.push(b'{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(out, &key_text(key));
                out.push(b':');
                write(out, value);
            }
            out.push(b'}');
        }
    }
}

/// The name that a value has as a key of an object.
fn key_text(key: &Value) -> String {
    match key {
        Value::Simple(text) | Value::Big(text) => text.clone(),
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => {
            match std::str::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(_) => json_text(key),
            }
        }
        Value::Double(number) if !number.is_finite() => {
            let mut text = Vec::new();
            skeg_proto::write_double(&mut text, *number);
            String::from_utf8_lossy(&text).into_owned()
        }
        _ => json_text(key),
    }
}

fn json_text(value: &Value) -> String {
    let mut out = Vec::new();
    write(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

fn is_integer(digits: &str) -> bool {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let canonical = unsigned == "0" || !unsigned.starts_with('0');
    canonical && !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit())
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            control if control < ' ' || control == '\x7f' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// RFC 4648, with padding.
fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) & 63;
            out.push(if position > chunk.len() { b'=' } else { ALPHABET[index as usize] });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    #[test]
    fn every_kind_has_its_json() {
        let cases = [
            (Value::Null, "null"),
            (Value::Int(-1), "-1"),
            (Value::Double(0.5), "0.5"),
            (Value::Double(f64::INFINITY), "\"inf\""),
            (Value::Bool(false), "false"),
            (Value::Big("123456789012345678901234567890".into()), "123456789012345678901234567890"),
            (Value::Big("12x".into()), "\"12x\""),
            (Value::Simple("OK".into()), "\"OK\""),
            (Value::Error("ERR \"x\"".into()), "{\"error\":\"ERR \\\"x\\\"\"}"),
            (bulk("ä\n\u{1}"), "\"ä\\n\\u0001\""),
            (Value::Bulk(vec![0xff, 0xfe, 0xfd, 0xfc]), "{\"base64\":\"//79/A==\"}"),
            (Value::Array(vec![Value::Int(1), bulk("a")]), "[1,\"a\"]"),
            (Value::Set(vec![]), "[]"),
            (
                Value::Map(vec![(bulk("k"), Value::Null), (Value::Int(2), Value::Map(vec![]))]),
                "{\"k\":null,\"2\":{}}",
            ),
        ];
        for (value, json) in cases {
            assert_eq!(json_text(&value), json);
        }
    }

    #[test]
    fn base64_pads() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            let mut out = Vec::new();
            base64(&mut out, bytes.as_bytes());
            assert_eq!(out, text.as_bytes());
        }
    }
}
