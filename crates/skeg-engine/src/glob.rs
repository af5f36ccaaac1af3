//! Patterns of channels, KEYS, SCAN and CONFIG GET: Redis's `stringmatchlen`, without its exponential time.
//!
//! `*` any run, `?` any byte, `[a-z^...]` a class, `\` the next byte as it is. Every element but the
//! star takes exactly one byte, so it is enough to remember the last star: when a later element does
//! not fit, that star takes one byte more. The time is at most the product of the two lengths.
//!
//! Corners kept from Redis: an open class runs to the end of the pattern; a reversed range is turned
//! round, and ranges count bytes from -128 to 127; `\` at the end is an ordinary byte; the empty text
//! fits the empty pattern only, not even `*` (which KEYS and SCAN therefore treat by itself).

/// Letters as they are, or without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// As they are.
    Exact,
    /// Without regard to case.
    Ignore,
}

impl Case {
    fn fold(self, byte: u8) -> u8 {
        match self {
            Self::Exact => byte,
            Self::Ignore => byte.to_ascii_lowercase(),
        }
    }
}

/// Whether all of `text` fits `pattern`.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            if at == pattern.len() {
                return true;
            }
            star = Some((at, read));
        } else if let Some(next) = element(&pattern[at..], text[read], case) {
            at += next;
            read += 1;
        } else if let Some((after, taken)) = star {
            star = Some((after, taken + 1));
            (at, read) = (after, taken + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Matches one byte with the element at the start of `pattern`, which is no star; returns the
/// length of the element.
fn element(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => {
            let (hit, length) = class_contains(class, byte, case);
            hit.then_some(1 + length)
        }
        [b'\\', escaped, ..] => (case.fold(*escaped) == case.fold(byte)).then_some(2),
        [literal, ..] => (case.fold(*literal) == case.fold(byte)).then_some(1),
    }
}

/// Whether the class behind a `[` has the byte, and how long it is, its `]` included.
fn class_contains(class: &[u8], byte: u8, case: Case) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut hit = false;
    loop {
        match class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                hit |= escaped == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                hit |= range_contains(from, to, byte, case);
                at += 3;
            }
            [one, ..] => {
                hit |= case.fold(one) == case.fold(byte);
                at += 1;
            }
        }
    }
    (hit != negated, at)
}

fn range_contains(from: u8, to: u8, byte: u8, case: Case) -> bool {
    let signed = |byte: u8| byte.cast_signed();
    let (from, to) = if signed(from) > signed(to) { (to, from) } else { (from, to) };
    (signed(case.fold(from))..=signed(case.fold(to))).contains(&signed(case.fold(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Case::Exact)
    }

    #[test]
    fn elements() {
        for (pattern, text, expected) in [
            ("*", "", false),
            ("**", "a", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("foo*", "foobar", true),
            ("*bar", "foobar", true),
            ("f?o", "fooo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            (r"h\?llo", "h?llo", true),
            (r"h\?llo", "hallo", false),
            (r"[\]]", "]", true),
            (r"[a\-z]", "-", true),
            (r"a\", r"a\", true),
            ("[", "[", false),
            ("[abc", "b", true),
            ("[^", "b", true),
            ("[a-", "-", true),
            ("[]a", "a", false),
            ("**a**", "ba", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern:?} against {text:?}");
        }
        assert!(matches(b"MAX*[A-C]", b"maxmemoryb", Case::Ignore));
    }

    #[test]
    fn stars_cost_no_more_than_the_product_of_the_lengths() {
        let text = "a".repeat(20_000);
        assert!(!fits(&("a*".repeat(200) + "b"), &text));
    }

    /// Redis's own recursive definition, byte by byte, without its shortcut for long patterns.
    fn oracle(mut pattern: &[u8], mut text: &[u8]) -> bool {
        while !pattern.is_empty() && !text.is_empty() {
            match pattern[0] {
                b'*' => {
                    while pattern.get(1) == Some(&b'*') {
                        pattern = &pattern[1..];
                    }
                    return pattern.len() == 1
                        || (0..text.len()).any(|skip| oracle(&pattern[1..], &text[skip..]));
                }
                b'[' => {
                    pattern = &pattern[1..];
                    let not = pattern.first() == Some(&b'^');
                    pattern = &pattern[usize::from(not)..];
                    let mut hit = false;
                    let mut closed = false;
                    while !pattern.is_empty() {
                        if pattern[0] == b'\\' && pattern.len() >= 2 {
                            pattern = &pattern[1..];
                            hit |= pattern[0] == text[0];
                        } else if pattern[0] == b']' {
                            closed = true;
                            break;
                        } else if pattern.len() >= 3 && pattern[1] == b'-' {
                            let (mut from, mut to) = (pattern[0] as i8, pattern[2] as i8);
                            if from > to {
                                (from, to) = (to, from);
                            }
                            pattern = &pattern[2..];
                            hit |= (from..=to).contains(&(text[0] as i8));
                        } else {
                            hit |= pattern[0] == text[0];
                        }
                        pattern = &pattern[1..];
                    }
                    if hit == not {
                        return false;
                    }
                    text = &text[1..];
                    pattern = &pattern[usize::from(closed)..];
                }
                first => {
                    if first == b'\\' && pattern.len() >= 2 {
                        pattern = &pattern[1..];
                    }
                    if first != b'?' && pattern[0] != text[0] {
                        return false;
                    }
                    pattern = &pattern[1..];
                    text = &text[1..];
                }
            }
            if text.is_empty() {
                while pattern.first() == Some(&b'*') {
                    pattern = &pattern[1..];
                }
            }
        }
        pattern.is_empty() && text.is_empty()
    }

    proptest! {
        #[test]
        fn agrees_with_the_recursive_definition(
            pattern in r"[ab*?\[\]^\\\-\u{ff}]{0,9}", text in r"[ab\]\\\-\u{ff}]{0,9}"
        ) {
            prop_assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), Case::Exact),
                oracle(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
