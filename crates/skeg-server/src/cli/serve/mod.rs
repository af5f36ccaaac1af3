//! `skeg serve`: reads the settings, opens the database, serves it until a signal or SHUTDOWN.

mod banner;
mod help;
mod run;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short};

use super::Failure;
use crate::config::{self, LogLevel, SETTINGS, ServeOptions, Setting, nearest};

pub(super) use help::text as help_text;

/// What the flags behind `skeg serve` ask for.
#[derive(Debug, Default)]
struct Request {
    help: bool,
    version: bool,
    config: Option<PathBuf>,
    flags: Vec<(&'static Setting, String)>,
}

/// Runs `skeg serve` with the flags behind it.
pub(super) fn run(args: lexopt::Parser) -> Result<(), Failure> {
    let request = parse(args)?;
    if request.help {
        return super::help::print(&help_text());
    }
    if request.version {
        return super::print_version();
    }
    let variable = |name: &str| std::env::var(name).ok();
    let options: ServeOptions =
        config::load(request.config, &request.flags, variable).map_err(misuse)?;
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for remark in config::unknown_variables(names) {
        run::tell(&options, LogLevel::Warn, &remark);
    }
    run::serve(&options)
}

fn parse(mut args: lexopt::Parser) -> Result<Request, Failure> {
    let mut request = Request::default();
    while let Some(arg) = args.next().map_err(misuse)? {
        let setting = match arg {
            Short('h') | Long("help") => {
                request.help = true;
                return Ok(request);
            }
            Short('V') | Long("version") => {
                request.version = true;
                return Ok(request);
            }
            Short('c') | Long("config") => {
                request.config = Some(value("config", &mut args)?.into());
                continue;
            }
            Long(name) => config::find(name).ok_or_else(|| unknown(name))?,
            Short(letter) => SETTINGS
                .iter()
                .find(|setting| setting.short == Some(letter))
                .ok_or_else(|| misuse(format!("there is no -{letter}")))?,
            lexopt::Arg::Value(_) => return Err(misuse(arg.unexpected())),
        };
        let value = match setting.value {
            Some(_) => Some(value(setting.name, &mut args)?),
            // A switch is on by being there; `--quiet=false` is possible too.
            None => args.optional_value(),
        };
        let value = match value.map(OsString::into_string) {
            None => "true".into(),
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                return Err(misuse(format!("--{}: the value is not UTF-8", setting.name)));
            }
        };
        request.flags.push((setting, value));
    }
    Ok(request)
}

fn value(flag: &str, args: &mut lexopt::Parser) -> Result<OsString, Failure> {
    args.value().map_err(|_| misuse(format!("a value is missing behind --{flag}")))
}

fn unknown(name: &str) -> Failure {
    let names = SETTINGS.iter().map(|setting| setting.name).chain(["config", "help", "version"]);
    misuse(match nearest(name, names) {
        Some(similar) => format!("there is no --{name}; did you mean --{similar}?"),
        None => format!("there is no --{name}"),
    })
}

fn misuse(problem: impl std::fmt::Display) -> Failure {
    Failure::misuse("serve", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        let args = line.split_whitespace().map(OsString::from);
        parse(lexopt::Parser::from_args(args)).map_err(|failure| match failure {
            Failure::Misuse(message) => message.lines().next().unwrap().into(),
            other => panic!("{line}: {other:?}"),
        })
    }

    fn flags(line: &str) -> Vec<(&'static str, String)> {
        let request = parsed(line).unwrap();
        request.flags.into_iter().map(|(setting, value)| (setting.name, value)).collect()
    }

    #[test]
    fn flags_are_settings() {
        let expected = [("port", "7000"), ("host", "::1"), ("quiet", "true"), ("data", "x")];
        assert_eq!(
            flags("-p 7000 --bind=::1 -q -dx"),
            expected.map(|(name, value)| (name, value.to_string()))
        );
        assert_eq!(flags("--quiet=no"), [("quiet", "no".to_string())]);
        assert_eq!(parsed("--config a.toml").unwrap().config, Some("a.toml".into()));
    }

    #[test]
    fn misuse_is_explained() {
        let cases = [
            ("--prot 1", "there is no --prot; did you mean --port?"),
            ("--port", "a value is missing behind --port"),
            ("-z", "there is no -z"),
            ("data", "unexpected argument \"data\""),
        ];
        for (line, problem) in cases {
            assert_eq!(parsed(line).unwrap_err(), problem);
        }
    }
}
