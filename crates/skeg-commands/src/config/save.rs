//! The setting `save`: when snapshots are taken by themselves, as pairs of seconds and writes.

use skeg_engine::SavePoint;

use crate::parse;

/// The points that the words name, in pairs; none for no words. `None` when they are no pairs of
/// numbers from 1 on.
pub(crate) fn read(text: &str) -> Option<Vec<SavePoint>> {
    let number = |word: &&str| {
        let number = parse::integer(word.as_bytes()).and_then(|number| u64::try_from(number).ok());
        number.filter(|number| *number > 0)
    };
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (pairs, rest) = words.as_chunks::<2>();
    let point = |[seconds, changes]: &[&str; 2]| {
        let after_ms = number(seconds)?.checked_mul(1_000)?;
        Some(SavePoint { after_ms, changes: number(changes)? })
    };
    if rest.is_empty() { pairs.iter().map(point).collect() } else { None }
}

/// The words for points; seconds are rounded up.
pub(crate) fn show(points: &[SavePoint]) -> String {
    let pair = |point: &SavePoint| format!("{} {}", point.after_ms.div_ceil(1_000), point.changes);
    points.iter().map(pair).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_shown() {
        let points = read("3600 1  300 100").unwrap();
        assert_eq!(points[1], SavePoint { after_ms: 300_000, changes: 100 });
        assert_eq!(show(&points), "3600 1 300 100");
        assert_eq!(read("").map(|points| show(&points)).as_deref(), Some(""));
        for text in ["300", "300 x", "0 1", "1 0", "-1 1", "9223372036854775807 1", "1 2 3"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
