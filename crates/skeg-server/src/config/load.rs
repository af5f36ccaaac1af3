//! Puts the sources together, weakest first.

use std::path::PathBuf;

use super::error::{ConfigError, Origin};
use super::file::{self, Entry};
use super::options::ServeOptions;
use super::settings::{SETTINGS, Setting, nearest};

/// The options that `flags` (with their values; `true` for a switch), the environment and the file
/// give. The file is `config`, or what `SKEG_CONFIG` names. An empty variable is as good as none.
///
/// # Errors
/// [`ConfigError`], for the first wrong value, weakest source first.
pub fn load(
    config: Option<PathBuf>,
    flags: &[(&'static Setting, String)],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<ServeOptions, ConfigError> {
    let mut options = ServeOptions::default();
    let named = || variable("SKEG_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = config.or_else(named) {
        apply(&mut options, file::read(&path)?)?;
        options.config_file = Some(path);
    }
    let variables = SETTINGS.iter().filter_map(|setting| {
        let name = setting.variable();
        let value = variable(&name).filter(|value| !value.is_empty())?;
        Some((setting, value, Origin::Variable(name)))
    });
    apply(&mut options, variables)?;
    let flags = flags.iter().map(|(setting, value)| {
        (*setting, value.clone(), Origin::Flag(format!("--{}", setting.name)))
    });
    apply(&mut options, flags)?;
    if options.hosts.is_empty() && options.unix_socket.is_none() {
        return Err(ConfigError::Nowhere);
    }
    Ok(options)
}

/// Variables that begin as those of skeg do and mean nothing to it, with a remark about each: a
/// misspelt one would go unnoticed. They are no errors, since others set some of that beginning (an
/// orchestrator for a service of this name).
pub fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<String> {
    let settings: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    let known = || settings.iter().map(String::as_str).chain(OTHER_VARIABLES);
    let strange = names.filter(|name| name.starts_with("SKEG_") && !known().any(|it| it == name));
    let remarks = strange.map(|name| match nearest(&name, known()) {
        Some(similar) => format!("{name} is not known; did you mean {similar}?"),
        None => format!("{name} is not known, and ignored"),
    });
    remarks.collect()
}

/// Variables that are no settings: of the file, of `skeg cli`, of the kernels.
const OTHER_VARIABLES: [&str; 4] = ["SKEG_CONFIG", "SKEG_PASSWORD", "SKEG_ISA_MIN", "SKEG_ISA_MAX"];

/// Applies the entries of one source.
fn apply(
    options: &mut ServeOptions,
    entries: impl IntoIterator<Item = Entry>,
) -> Result<(), ConfigError> {
    let mut seen: Vec<&'static str> = Vec::new();
    for (setting, value, origin) in entries {
        if let Some(other) = setting.rival
            && seen.contains(&other)
        {
            return Err(ConfigError::Conflict { origin, other });
        }
        (setting.apply)(options, &value).map_err(|problem| ConfigError::Value {
            origin,
            value,
            problem,
        })?;
        seen.push(setting.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Durability, SyncTiming, find};
    use std::io::Write;

    fn load_all(
        file: &str,
        variables: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<ServeOptions, String> {
        let mut config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        config.write_all(file.as_bytes()).unwrap();
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (find(name).unwrap(), (*value).to_string())).collect();
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string())
        };
        let directory = config.path().parent().unwrap().display().to_string();
        load(Some(config.path().into()), &flags, variable).map_err(|error| {
            let text = error.to_string().replace(&directory, "");
            let name = config.path().file_name().unwrap().to_str().unwrap();
            text.replace(&format!("/{name}"), "FILE")
        })
    }

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let file = "port = 1\nmax-connections = 1\nshards = 1\n";
        let variables = [("SKEG_PORT", "2"), ("SKEG_MAX_CONNECTIONS", "2")];
        let options = load_all(file, &variables, &[("port", "3")]).unwrap();
        assert_eq!((options.port, options.connections_max, options.shards), (3, 2, Some(1)));
        assert_eq!(options.tcp_keepalive.as_secs(), 300);
    }

    #[test]
    fn errors_name_their_source() {
        let cases = [
            (
                load_all("port = 70000", &[], &[]),
                "FILE:1: port: '70000' is not a whole number from 0 to 65535",
            ),
            (
                load_all("", &[("SKEG_SHARDS", "3")], &[]),
                "SKEG_SHARDS: '3' is not a power of two from 1 to 256",
            ),
            (
                load_all("", &[], &[("segment-size", "1")]),
                "--segment-size: '1' is not from 1mb to 1gb",
            ),
        ];
        for (result, text) in cases {
            assert_eq!(result.unwrap_err(), text);
        }
    }

    #[test]
    fn a_wrong_value_is_an_error_even_where_a_stronger_source_replaces_it() {
        assert!(load_all("port = -1", &[], &[("port", "3")]).is_err());
    }

    #[test]
    fn two_words_for_one_thing_conflict_within_a_source_only() {
        let both = load_all("", &[], &[("durability", "disk"), ("appendfsync", "no")]);
        assert_eq!(both.unwrap_err(), "--appendfsync: cannot be used together with durability");
        let options = load_all("durability = 'disk'", &[], &[("appendfsync", "no")]).unwrap();
        assert_eq!((options.durability, options.sync), (Durability::Kernel, SyncTiming::Never));
        let options = load_all("no-persistence = true", &[], &[("data", "x")]).unwrap();
        assert_eq!(options.data, Some("x".into()));
    }

    #[test]
    fn something_must_be_listened_on() {
        let result = load_all("", &[], &[("no-tcp", "true")]);
        assert_eq!(result.unwrap_err(), ConfigError::Nowhere.to_string());
        let flags = [("no-tcp", "true"), ("unix-socket", "/tmp/x")];
        assert!(load_all("", &[], &flags).unwrap().addresses().is_empty());
    }

    #[test]
    fn variables_that_mean_nothing_are_told() {
        let names = ["SKEG_PROT", "SKEG_PORT", "SKEG_CONFIG", "SKEGGY", "SKEG_SOMETHING_ELSE"];
        let remarks = unknown_variables(names.into_iter().map(String::from));
        let expected = [
            "SKEG_PROT is not known; did you mean SKEG_PORT?",
            "SKEG_SOMETHING_ELSE is not known, and ignored",
        ];
        assert_eq!(remarks, expected);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(Some("no/such.toml".into()), &[], |_| None).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the configuration file no/such.toml: "), "{error}");
    }
}
