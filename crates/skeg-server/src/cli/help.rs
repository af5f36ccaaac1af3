//! Prints help texts: headings in bold on a terminal.

use std::io::{IsTerminal, Write};

use super::Failure;

/// Whether to colour what goes to `stream`.
pub(super) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a help text. Lines that start at the margin and hold a colon begin with a heading.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if !colours(&out) {
        return Ok(out.write_all(text.as_bytes())?);
    }
    for line in text.lines() {
        match line.split_once(':') {
            Some((heading, rest)) if !heading.starts_with(' ') => {
                writeln!(out, "\x1b[1m{heading}:\x1b[0m{rest}")?;
            }
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}
