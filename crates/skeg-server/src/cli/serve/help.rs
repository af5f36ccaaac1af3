//! The help of `skeg serve`, from the table of settings.

use crate::config::{SETTINGS, Section, Setting};

/// Where the second column starts.
const COLUMN: usize = 31;

const BEFORE: &str = "\
skeg serve: serve a database over the Redis protocol

Usage: skeg serve [--data DIR] [--port PORT] [options]
";

const AFTER: &str = "
Examples:
  skeg serve --data ./data --port 6379
  skeg serve --no-persistence --port 0      a cache on any free port
  skeg serve -d ./data --no-tcp -s /run/skeg.sock
  skeg serve --config skeg.toml --durability disk
  SKEG_PORT=7000 skeg serve                 as in a container

Every option is also a variable (SKEG_MAX_CONNECTIONS) and a key of the file
(max-connections = 100). Flags win over variables, those over the file.
Sizes: 512kb, 64mb, 1gb. Times: 500ms, 30s, 5m, 1h; a bare number is seconds.

When connections are accepted, one line starting with 'skeg ready on ADDRESS' is
printed. SIGTERM and Ctrl-C finish what was begun, flush and close; a second one
exits at once (and loses nothing that was acknowledged as durable).

Exit codes: 0 stopped, 1 failed, 2 misused.
";

/// What `skeg serve --help` prints.
pub(in crate::cli) fn text() -> String {
    let mut text = BEFORE.to_string();
    for (section, heading) in [
        (Section::Database, "Database"),
        (Section::Network, "Network"),
        (Section::Limits, "Limits"),
        (Section::Output, "Output and settings"),
    ] {
        text.push_str(&format!("\n{heading}:\n"));
        for setting in SETTINGS.iter().filter(|setting| setting.section == section) {
            text.push_str(&row(&flags(setting), setting.help, setting.default));
        }
    }
    text.push_str(&row("-c, --config FILE", "TOML file with settings", None));
    text.push_str(&row("-h, --help", "Show this help", None));
    text.push_str(&row("-V, --version", "Show the version", None));
    text.push_str(AFTER);
    text
}

fn flags(setting: &Setting) -> String {
    let short = setting.short.map_or("    ".into(), |letter| format!("-{letter}, "));
    let value = setting.value.map_or(String::new(), |value| format!(" {value}"));
    format!("{short}--{}{value}", setting.name)
}

/// The flags, then the help's lines below one another, the default behind the first.
fn row(flags: &str, help: &str, default: Option<&str>) -> String {
    let default = default.map_or(String::new(), |default| format!(" [{default}]"));
    let (first, more) = help.split_once('\n').unwrap_or((help, ""));
    let mut row = format!("  {flags:<width$}{first}{default}\n", width = COLUMN - 2);
    for line in more.lines() {
        row.push_str(&format!("{:COLUMN$}{line}\n", ""));
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_shown_within_the_width_of_a_terminal() {
        let text = text();
        for setting in SETTINGS {
            assert!(text.contains(&format!("--{}", setting.name)));
        }
        for line in text.lines() {
            assert!(line.len() <= 96, "{line}");
        }
    }
}
