//! The notation of a command's arguments, read for COMMAND DOCS.
//!
//! `name` an argument, `TOKEN` a word as it is, `TOKEN name` an argument behind its word, `[...]`
//! optional, `<a | b>` and `[a | b]` one of several, `key [key ...]` and `<a | b> ...` as often as wanted.
//!
//! Invariant: every specification's syntax is well formed; a test reads them all.

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) token: Option<String>,
    pub(crate) optional: bool,
    pub(crate) multiple: bool,
    pub(crate) shape: Shape,
}

/// What an argument consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A value.
    Value,
    /// Its token alone.
    Token,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these, in this order.
    Block(Vec<Argument>),
}

/// Reads a syntax; `None` when it is malformed.
pub(crate) fn read(syntax: &str) -> Option<Vec<Argument>> {
    let spaced: String = syntax
        .chars()
        .flat_map(|char| match char {
            '[' | ']' | '<' | '>' | '|' => vec![' ', char, ' '],
            other => vec![other],
        })
        .collect();
    let words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    let mut rest = words.as_slice();
    let arguments = sequence(&mut rest)?;
    rest.is_empty().then_some(arguments)
}

fn is_token(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_uppercase())
        && !word.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn value(name: &str) -> Argument {
    let shape = Shape::Value;
    Argument { name: name.into(), token: None, optional: false, multiple: false, shape }
}

/// Arguments up to a closing bracket, a bar or the end.
fn sequence(rest: &mut &[&str]) -> Option<Vec<Argument>> {
    let mut arguments: Vec<Argument> = Vec::new();
    while let Some((&word, tail)) = rest.split_first() {
        match word {
            "]" | ">" | "|" => break,
            "..." => {
                *rest = tail;
                let bracketed =
                    |last: &&mut Argument| last.optional || matches!(last.shape, Shape::OneOf(_));
                arguments.last_mut().filter(bracketed)?.multiple = true;
            }
            "[" => {
                if let Some(after) = repetition(tail, &mut arguments) {
                    *rest = after;
                    continue;
                }
                *rest = tail;
                let inner = choice(rest, "]")?;
                arguments.push(Argument { optional: true, ..inner });
            }
            "<" => {
                *rest = tail;
                arguments.push(choice(rest, ">")?);
            }
            token if is_token(token) => {
                *rest = tail;
                arguments.push(behind_token(token, rest)?);
            }
            name => {
                *rest = tail;
                arguments.push(value(name));
            }
        }
    }
    Some(arguments)
}

/// A token, with the argument that follows it if one does.
fn behind_token(token: &str, rest: &mut &[&str]) -> Option<Argument> {
    let token_text = Some(token.to_owned());
    match rest.split_first() {
        Some((&"<", tail)) => {
            *rest = tail;
            let inner = choice(rest, ">")?;
            Some(Argument { token: token_text, ..inner })
        }
        Some((&name, tail)) if !is_token(name) && !"[]<>|".contains(name) && name != "..." => {
            *rest = tail;
            Some(Argument { token: token_text, ..value(name) })
        }
        _ => {
            let name = token.to_ascii_lowercase();
            Some(Argument { token: token_text, shape: Shape::Token, ..value(&name) })
        }
    }
}

/// What stands between brackets: alternatives, or one sequence.
fn choice(rest: &mut &[&str], close: &str) -> Option<Argument> {
    let mut alternatives = Vec::new();
    loop {
        alternatives.push(together(sequence(rest)?)?);
        let (&word, tail) = rest.split_first()?;
        *rest = tail;
        if word == close {
            break;
        }
        if word != "|" {
            return None;
        }
    }
    if alternatives.len() == 1 {
        return alternatives.pop();
    }
    let name = joined(&alternatives);
    Some(Argument { shape: Shape::OneOf(alternatives), ..value(&name) })
}

/// Several arguments as one.
fn together(mut arguments: Vec<Argument>) -> Option<Argument> {
    match arguments.len() {
        0 => None,
        1 => arguments.pop(),
        _ => {
            let name = joined(&arguments);
            Some(Argument { shape: Shape::Block(arguments), ..value(&name) })
        }
    }
}

fn joined(arguments: &[Argument]) -> String {
    arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("_")
}

/// `a b ...]` behind `a b [`: makes those arguments one that may be repeated, and returns what is
/// left of the words.
fn repetition<'a, 'b>(tail: &'a [&'b str], before: &mut Vec<Argument>) -> Option<&'a [&'b str]> {
    let dots = tail.iter().position(|word| *word == "...")?;
    if tail.get(dots + 1) != Some(&"]") || tail[..dots].iter().any(|word| "[]|".contains(word)) {
        return None;
    }
    let mut inner = &tail[..dots];
    let repeated = sequence(&mut inner)?;
    let first = before.len().checked_sub(repeated.len())?;
    // The word before the first one is not repeated.
    let same = |said: &Argument, again: &Argument| {
        said == again || Argument { token: None, ..said.clone() } == *again
    };
    if !before[first..].iter().zip(&repeated).all(|(said, again)| same(said, again)) {
        return None;
    }
    let said = before.split_off(first);
    before.push(Argument { multiple: true, ..together(said)? });
    Some(&tail[dots + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(argument: &Argument) -> String {
        let inner = |list: &[Argument], separator: &str| {
            list.iter().map(shown).collect::<Vec<_>>().join(separator)
        };
        let text = match &argument.shape {
            Shape::Value => argument.name.clone(),
            Shape::Token => String::new(),
            Shape::OneOf(list) => format!("<{}>", inner(list, "|")),
            Shape::Block(list) => format!("({})", inner(list, " ")),
        };
        let token = argument.token.clone().unwrap_or_default();
        let text = if token.is_empty() { text } else { format!("{token}:{text}") };
        let dots = if argument.multiple { "..." } else { "" };
        if argument.optional { format!("[{text}{dots}]") } else { format!("{text}{dots}") }
    }

    #[test]
    fn the_notation_is_read() {
        for (syntax, expected) in [
            ("key [key ...]", "key..."),
            ("key value [key value ...]", "(key value)..."),
            ("key [NX | XX] [GET]", "key [<NX:|XX:>] [GET:]"),
            ("[EX seconds | KEEPTTL]", "[<EX:seconds|KEEPTTL:>]"),
            ("<ON | OFF>", "<ON:|OFF:>"),
            ("[TYPE <A | B>] [ID id [id ...]]", "[TYPE:<A:|B:>] [ID:id...]"),
            ("key [A a | B b] ...", "key [<A:a|B:b>...]"),
            ("", ""),
        ] {
            let all: Vec<String> = read(syntax).unwrap().iter().map(shown).collect();
            assert_eq!(all.join(" "), expected, "{syntax}");
        }
        for syntax in ["[a", "a]", "<a | >", "[...]", "a [b ...]"] {
            assert_eq!(read(syntax), None, "{syntax}");
        }
    }

    #[test]
    fn every_command_has_a_syntax_that_can_be_read() {
        for spec in crate::commands() {
            assert!(read(spec.syntax).is_some(), "{}: {}", spec.name, spec.syntax);
        }
    }
}
