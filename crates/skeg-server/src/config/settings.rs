//! The table of settings.

use super::options::{ServeOptions, SyncTiming};
use super::parse::{self, Parsed};

/// Under which heading the help shows a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What is stored, where, how safely.
    Database,
    /// Where it listens, for whom.
    Network,
    /// How much it may use.
    Limits,
    /// What it prints.
    Output,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Name: the flag without dashes, and the key of the file.
    pub name: &'static str,
    /// One-letter flag.
    pub short: Option<char>,
    /// Other name that is understood, mostly Redis's.
    pub alias: Option<&'static str>,
    /// What its value is called in the help; none for a switch.
    pub value: Option<&'static str>,
    /// Default, as it would be written.
    pub default: Option<&'static str>,
    /// Heading.
    pub section: Section,
    /// One or two lines.
    pub help: &'static str,
    /// Name of a setting that says the same in another way.
    pub rival: Option<&'static str>,
    /// Reads the value and puts it into the options.
    pub apply: fn(&mut ServeOptions, &str) -> Parsed<()>,
}

impl Setting {
    /// Its environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SKEG_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

/// The setting of that name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name || setting.alias == Some(name))
}

/// The most similar of `names`, if any is similar.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = (name.len() / 3).clamp(2, 3);
    names
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in bytes.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// What a setting is when a row does not say.
const PLAIN: Setting = Setting {
    name: "",
    short: None,
    alias: None,
    value: None,
    default: None,
    section: Section::Database,
    help: "",
    rival: None,
    apply: |_, _| Ok(()),
};

/// Every setting of `skeg serve`, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "data",
        short: Some('d'),
        value: Some("DIR"),
        default: Some("./data"),
        help: "Directory of the database; created when missing",
        apply: |options, text| parse::path(text).map(|path| options.data = Some(path)),
        rival: Some("no-persistence"),
        ..PLAIN
    },
    Setting {
        name: "no-persistence",
        help: "Keep everything in memory, write nothing",
        apply: |options, text| {
            match (parse::switch(text)?, &options.data) {
                (true, _) => options.data = None,
                (false, None) => options.data = ServeOptions::default().data,
                (false, Some(_)) => {}
            }
            Ok(())
        },
        rival: Some("data"),
        ..PLAIN
    },
    Setting {
        name: "durability",
        value: Some("LEVEL"),
        default: Some("kernel"),
        help: "When a write is acknowledged\n\
               memory: applied; kernel: survives kill -9, synced within\n\
               a second; disk: survives power loss",
        apply: |options, text| {
            options.durability = parse::durability(text)?;
            options.sync = SyncTiming::EverySecond;
            Ok(())
        },
        rival: Some("appendfsync"),
        ..PLAIN
    },
    Setting {
        name: "appendfsync",
        value: Some("POLICY"),
        help: "The same in Redis's words: no (kernel, never synced\n\
               unasked), everysec (kernel), always (disk)",
        apply: |options, text| {
            (options.durability, options.sync) = parse::appendfsync(text)?;
            Ok(())
        },
        rival: Some("durability"),
        ..PLAIN
    },
    Setting {
        name: "shards",
        value: Some("N"),
        default: Some("16"),
        help: "Shards, a power of two from 1 to 256; a database\n\
               with another number of them is dealt out once",
        apply: |options, text| {
            parse::power_of_two(text, 1..=256).map(|count| options.shards = Some(count))
        },
        ..PLAIN
    },
    Setting {
        name: "segment-size",
        value: Some("SIZE"),
        default: Some("64mb"),
        help: "Size of a log file, 1mb to 1gb",
        apply: |options, text| {
            parse::size(text, (1 << 20)..=(1 << 30)).map(|bytes| options.segment_bytes = bytes)
        },
        ..PLAIN
    },
    Setting {
        name: "keep-snapshots",
        value: Some("N"),
        default: Some("1"),
        help: "Snapshots that are kept, with the log behind them, 1 to 8",
        apply: |options, text| {
            parse::number(text, 1..=8).map(|count| options.keep_snapshots = count)
        },
        ..PLAIN
    },
    Setting {
        name: "inline-max",
        value: Some("SIZE"),
        default: Some("1kb"),
        help: "Strings beyond this stay on the disk, 64 bytes to 512mb",
        apply: |options, text| {
            parse::size(text, 64..=(512 << 20)).map(|bytes| options.inline_max = bytes as usize)
        },
        ..PLAIN
    },
    Setting {
        name: "cache",
        value: Some("SIZE"),
        default: Some("64mb"),
        help: "Memory for strings that are read back from the disk",
        apply: |options, text| {
            parse::size(text, 0..=(1 << 40)).map(|bytes| options.cache_bytes = bytes as usize)
        },
        ..PLAIN
    },
    Setting {
        name: "maxmemory",
        value: Some("SIZE"),
        default: Some("0"),
        help: "Memory that keys, values and vectors may take; 0: no limit",
        apply: |options, text| {
            parse::size(text, 0..=(1 << 50)).map(|bytes| options.memory_max_bytes = bytes)
        },
        ..PLAIN
    },
    Setting {
        name: "eviction",
        alias: Some("maxmemory-policy"),
        value: Some("POLICY"),
        default: Some("noeviction"),
        help: "What goes when they take more: noeviction (growth\n\
               is refused), allkeys-lru, -lfu, -random,\n\
               volatile-lru, -lfu, -random, -ttl; or whole groups\n\
               of keys: allkeys-group-lru",
        apply: |options, text| parse::eviction(text).map(|policy| options.eviction = policy),
        ..PLAIN
    },
    Setting {
        name: "maxmemory-group-depth",
        value: Some("PARTS"),
        default: Some("2"),
        help: "How many parts of a key name its group, 0 to 16: with 2,\n\
               session:42:turn:7 is of session:42 (a hash tag is a\n\
               group in any case, with 0 nothing else is)",
        apply: |options, text| parse::number(text, 0..=16).map(|depth| options.group_depth = depth),
        ..PLAIN
    },
    Setting {
        name: "maxmemory-group-delimiter",
        value: Some("CHARACTER"),
        default: Some(":"),
        help: "What stands between the parts of a key",
        apply: |options, text| parse::character(text).map(|byte| options.group_delimiter = byte),
        ..PLAIN
    },
    Setting {
        name: "save",
        value: Some("POINTS"),
        help: "Snapshots by time, too: '300 1000 5s 50000' takes one after\n\
               300 seconds with 1000 writes or after 5 with 50000 (without,\n\
               when the log is half as large as the last one)",
        apply: |options, text| parse::save_points(text).map(|points| options.save_points = points),
        ..PLAIN
    },
    Setting {
        name: "host",
        alias: Some("bind"),
        value: Some("ADDRESS"),
        default: Some("127.0.0.1"),
        section: Section::Network,
        help: "IP address to listen on, or several with commas\n\
               (anybody who reaches it can read and write)",
        apply: |options, text| parse::hosts(text).map(|hosts| options.hosts = hosts),
        rival: Some("no-tcp"),
        ..PLAIN
    },
    Setting {
        name: "port",
        short: Some('p'),
        value: Some("PORT"),
        default: Some("6379"),
        section: Section::Network,
        help: "TCP port; 0 takes a free one (the ready line names it)",
        apply: |options, text| parse::number(text, 0..=65_535).map(|port| options.port = port),
        ..PLAIN
    },
    Setting {
        name: "no-tcp",
        section: Section::Network,
        help: "Listen on no TCP port, only on the Unix socket",
        apply: |options, text| {
            if parse::switch(text)? {
                options.hosts.clear();
            } else if options.hosts.is_empty() {
                options.hosts = ServeOptions::default().hosts;
            }
            Ok(())
        },
        rival: Some("host"),
        ..PLAIN
    },
    Setting {
        name: "unix-socket",
        short: Some('s'),
        alias: Some("unixsocket"),
        value: Some("PATH"),
        section: Section::Network,
        help: "Listen on a Unix socket too; a stale one is replaced",
        apply: |options, text| parse::path(text).map(|path| options.unix_socket = Some(path)),
        ..PLAIN
    },
    Setting {
        name: "max-connections",
        alias: Some("maxclients"),
        value: Some("N"),
        default: Some("10000"),
        section: Section::Network,
        help: "Clients at most; one more is told so and closed",
        apply: |options, text| {
            parse::number(text, 1..=1_000_000).map(|count| options.connections_max = count)
        },
        ..PLAIN
    },
    Setting {
        name: "idle-timeout",
        alias: Some("timeout"),
        value: Some("TIME"),
        default: Some("0"),
        section: Section::Network,
        help: "Close clients that are silent for so long; 0 never does",
        apply: |options, text| parse::duration(text).map(|time| options.idle_timeout = time),
        ..PLAIN
    },
    Setting {
        name: "tcp-keepalive",
        value: Some("TIME"),
        default: Some("300"),
        section: Section::Network,
        help: "Probe silent clients after so long; 0 never does",
        apply: |options, text| parse::duration(text).map(|time| options.tcp_keepalive = time),
        ..PLAIN
    },
    Setting {
        name: "threads",
        value: Some("N"),
        default: Some("cores, at most 4"),
        section: Section::Limits,
        help: "Serving threads at most; one serves until busy",
        apply: |options, text| {
            parse::number(text, 1..=256).map(|count| options.threads = Some(count))
        },
        ..PLAIN
    },
    Setting {
        name: "max-value-size",
        alias: Some("proto-max-bulk-len"),
        value: Some("SIZE"),
        default: Some("512mb"),
        section: Section::Limits,
        help: "Largest argument of a command, 1mb to 512mb",
        apply: |options, text| {
            let bytes = parse::size(text, (1 << 20)..=(512 << 20))?;
            options.value_bytes_max = usize::try_from(bytes).map_err(|_| "is too large here")?;
            Ok(())
        },
        ..PLAIN
    },
    Setting {
        name: "max-output-size",
        value: Some("SIZE"),
        default: Some("1gb"),
        section: Section::Limits,
        help: "Close clients that leave more replies than this unread",
        apply: |options, text| {
            let bytes = parse::size(text, (1 << 20)..=(64 << 30))?;
            options.output_bytes_max = usize::try_from(bytes).map_err(|_| "is too large here")?;
            Ok(())
        },
        ..PLAIN
    },
    Setting {
        name: "transactions",
        value: Some("MODE"),
        default: Some("cross-shard"),
        section: Section::Limits,
        help: "Which transactions clients may run:\n\
               cross-shard (all), shard-local (keys of one shard), disabled",
        apply: |options, text| parse::transactions(text).map(|mode| options.transactions = mode),
        ..PLAIN
    },
    Setting {
        name: "shutdown-timeout",
        value: Some("TIME"),
        default: Some("10"),
        section: Section::Limits,
        help: "How long a shutdown waits for unfinished commands",
        apply: |options, text| parse::duration(text).map(|time| options.shutdown_timeout = time),
        ..PLAIN
    },
    Setting {
        name: "enable-debug-command",
        section: Section::Limits,
        help: "Let clients use DEBUG, which can stop serving threads",
        apply: |options, text| parse::switch(text).map(|on| options.debug_command = on),
        ..PLAIN
    },
    Setting {
        name: "log-level",
        alias: Some("loglevel"),
        value: Some("LEVEL"),
        default: Some("info"),
        section: Section::Output,
        help: "Messages on standard error: error, warn, info or debug",
        apply: |options, text| parse::log_level(text).map(|level| options.log_level = level),
        ..PLAIN
    },
    Setting {
        name: "quiet",
        short: Some('q'),
        section: Section::Output,
        help: "Print the ready line, warnings and errors only",
        apply: |options, text| parse::switch(text).map(|quiet| options.quiet = quiet),
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_defaults_are_the_real_ones() {
        for setting in SETTINGS {
            // A new database's shards and the threads are decided by what is found.
            if let Some(default) = setting.default
                && !matches!(setting.name, "shards" | "threads")
            {
                let mut options = ServeOptions::default();
                assert_eq!((setting.apply)(&mut options, default), Ok(()), "{}", setting.name);
                assert_eq!(options, ServeOptions::default(), "{}", setting.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_rivals_are_mutual() {
        for setting in SETTINGS {
            let names = [Some(setting.name), setting.alias];
            for name in names.into_iter().flatten() {
                assert_eq!(find(name).unwrap().name, setting.name);
            }
            let theirs = setting.rival.map(|rival| find(rival).unwrap().rival);
            assert!(theirs.is_none_or(|theirs| theirs == Some(setting.name)), "{}", setting.name);
        }
    }

    #[test]
    fn similar_names_are_found() {
        let names = || SETTINGS.iter().map(|setting| setting.name);
        assert_eq!(nearest("prot", names()), Some("port"));
        assert_eq!(nearest("max-connection", names()), Some("max-connections"));
        assert_eq!(nearest("unix_socket", names()), Some("unix-socket"));
        assert_eq!(nearest("verbose", names()), None);
    }
}
