//! Values of settings, from text. Each error completes a sentence that starts with the quoted value.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::options::{Durability, Eviction, LogLevel, SyncTiming};

/// A value, or what is wrong with its text.
pub(crate) type Parsed<T> = Result<T, String>;

/// A whole number within `range`.
pub(super) fn number<T>(text: &str, range: RangeInclusive<T>) -> Parsed<T>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    text.parse()
        .ok()
        .filter(|value| range.contains(value))
        .ok_or_else(|| format!("is not a whole number from {} to {}", range.start(), range.end()))
}

/// A size in bytes within `range`, in Redis's units: `1kb` is 1,024 bytes, `1k` is 1,000.
pub(super) fn size(text: &str, range: RangeInclusive<u64>) -> Parsed<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" | "kib" => 1 << 10,
        "m" => 1_000_000,
        "mb" | "mib" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" | "gib" => 1 << 30,
        _ => return Err("is not a size such as 512kb, 64mb or 1gb".into()),
    };
    let value = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
    let value = value.ok_or("is not a size such as 512kb, 64mb or 1gb")?;
    if !range.contains(&value) {
        return Err(format!("is not from {} to {}", sized(*range.start()), sized(*range.end())));
    }
    Ok(value)
}

/// A size as [`size`] reads it.
fn sized(bytes: u64) -> String {
    for (unit, shift) in [("gb", 30), ("mb", 20), ("kb", 10)] {
        if bytes >= 1 << shift && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

/// What goes when memory is short, in Redis's words.
pub(super) fn eviction(text: &str) -> Parsed<Eviction> {
    Ok(match text {
        "noeviction" => Eviction::None,
        "allkeys-lru" => Eviction::AllLru,
        "allkeys-lfu" => Eviction::AllLfu,
        "allkeys-random" => Eviction::AllRandom,
        "volatile-lru" => Eviction::VolatileLru,
        "volatile-lfu" => Eviction::VolatileLfu,
        "volatile-random" => Eviction::VolatileRandom,
        "volatile-ttl" => Eviction::VolatileTtl,
        "allkeys-group-lru" => Eviction::AllGroupLru,
        _ => {
            return Err("is not noeviction, allkeys- or volatile- with lru, lfu or random, \
                        volatile-ttl, or allkeys-group-lru"
                .into());
        }
    })
}

/// One character of ASCII that is seen.
pub(super) fn character(text: &str) -> Parsed<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Ok(*byte),
        _ => Err("is not one visible ASCII character".into()),
    }
}

/// Which transactions run, in the words of CONFIG.
pub(super) fn transactions(text: &str) -> Parsed<&'static str> {
    let modes = ["disabled", "shard-local", "cross-shard"];
    let found = modes.into_iter().find(|mode| *mode == text);
    found.ok_or_else(|| format!("is not one of {}", modes.join(", ")))
}

/// A duration: `1500ms`, `30s`, `5m`, `2h`; a bare number is seconds. At most a year.
pub(crate) fn duration(text: &str) -> Parsed<Duration> {
    const YEAR_MS: u64 = 366 * 24 * 3_600_000;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit.trim_start().to_ascii_lowercase().as_str() {
        "ms" => Some(1),
        "" | "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    number
        .zip(unit_ms)
        .and_then(|(number, unit_ms)| number.checked_mul(unit_ms))
        .filter(|ms| *ms <= YEAR_MS)
        .map(Duration::from_millis)
        .ok_or_else(|| "is not a duration such as 500ms, 30s, 5m or 1h".into())
}

/// Pairs of a duration and a number of writes, separated by blanks; none for an empty text.
pub(super) fn save_points(text: &str) -> Parsed<Vec<(Duration, u64)>> {
    let point = |[after, writes]: &[&str; 2]| {
        let writes = writes.parse().ok().filter(|writes| *writes > 0)?;
        Some((duration(after).ok()?, writes))
    };
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (pairs, rest) = words.as_chunks::<2>();
    let points = if rest.is_empty() { pairs.iter().map(point).collect() } else { None };
    points.ok_or_else(|| "is not pairs of a time and a number of writes such as 300 1000".into())
}

/// A power of two within `range`.
pub(super) fn power_of_two(text: &str, range: RangeInclusive<u16>) -> Parsed<u16> {
    let problem = format!("is not a power of two from {} to {}", range.start(), range.end());
    let value = number(text, range).map_err(|_| problem.clone())?;
    if value.is_power_of_two() { Ok(value) } else { Err(problem) }
}

/// On or off.
pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("is not true or false".into()),
    }
}

/// IP addresses, separated by commas or blanks; `localhost` is 127.0.0.1.
pub(super) fn hosts(text: &str) -> Parsed<Vec<IpAddr>> {
    let problem =
        "is not an IP address such as 127.0.0.1, 0.0.0.0 or ::1 (or several, with commas)";
    let hosts: Option<Vec<_>> = text
        .split([',', ' '])
        .map(str::trim)
        .filter(|host| !host.is_empty())
        .map(|host| match host {
            "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            "*" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            _ => host.trim_matches(['[', ']']).parse().ok(),
        })
        .collect();
    hosts.filter(|hosts| !hosts.is_empty()).ok_or_else(|| problem.into())
}

/// A path that is not empty.
pub(super) fn path(text: &str) -> Parsed<std::path::PathBuf> {
    if text.is_empty() || text.contains('\0') {
        Err("is not a path".into())
    } else {
        Ok(text.into())
    }
}

/// A durability level.
pub(super) fn durability(text: &str) -> Parsed<Durability> {
    match text.to_ascii_lowercase().as_str() {
        "memory" => Ok(Durability::Memory),
        "kernel" => Ok(Durability::Kernel),
        "disk" => Ok(Durability::Disk),
        _ => Err("is not memory, kernel or disk".into()),
    }
}

/// Redis's name for a durability level and its timed sync.
pub(super) fn appendfsync(text: &str) -> Parsed<(Durability, SyncTiming)> {
    match text.to_ascii_lowercase().as_str() {
        "no" => Ok((Durability::Kernel, SyncTiming::Never)),
        "everysec" => Ok((Durability::Kernel, SyncTiming::EverySecond)),
        "always" => Ok((Durability::Disk, SyncTiming::Always)),
        _ => Err("is not no, everysec or always".into()),
    }
}

/// A log level.
pub(super) fn log_level(text: &str) -> Parsed<LogLevel> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(LogLevel::Error),
        "warn" | "warning" => Ok(LogLevel::Warn),
        "info" | "notice" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        _ => Err("is not error, warn, info or debug".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_redis_units() {
        let any = || 0..=u64::MAX;
        let cases = [
            ("0", 0),
            ("17", 17),
            ("17b", 17),
            ("2k", 2_000),
            ("2kb", 2_048),
            ("64MB", 64 << 20),
            ("1 GiB", 1 << 30),
            ("3m", 3_000_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(size(text, any()), Ok(bytes), "{text}");
        }
        for text in
            ["", "mb", "-1", "1.5gb", "1tb", "99999999999999999999", "18446744073709551615kb"]
        {
            assert!(size(text, any()).is_err(), "{text}");
        }
        let range = (1 << 20)..=(1 << 30);
        assert_eq!(size("1k", range), Err("is not from 1mb to 1gb".into()));
    }

    #[test]
    fn durations_are_seconds_unless_told() {
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for text in ["", "s", "-1", "1d", "99999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn save_points_are_pairs() {
        assert_eq!(save_points(""), Ok(Vec::new()));
        let five_minutes = Duration::from_secs(300);
        assert_eq!(save_points("300 1  5m 7"), Ok(vec![(five_minutes, 1), (five_minutes, 7)]));
        for text in ["300", "x 1", "1 0", "1 2 3"] {
            assert!(save_points(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_addresses() {
        assert_eq!(hosts("localhost, [::1]").unwrap().len(), 2);
        assert_eq!(hosts("127.0.0.1 ::1").unwrap().len(), 2);
        for text in ["", ",", "example.org", "1.2.3", "127.0.0.1:80"] {
            assert!(hosts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_are_named() {
        assert_eq!(
            number("70000", 0..=65_535_u16),
            Err("is not a whole number from 0 to 65535".into())
        );
        assert_eq!(power_of_two("12", 1..=256), Err("is not a power of two from 1 to 256".into()));
        assert_eq!(power_of_two("16", 1..=256), Ok(16));
    }
}
