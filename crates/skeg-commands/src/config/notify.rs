//! The letters of `notify-keyspace-events`.

use skeg_engine::NotifyClass;

/// What the letter A stands for.
const ALL: &[(u8, NotifyClass)] = &[
    (b'g', NotifyClass::GENERIC),
    (b'$', NotifyClass::STRING),
    (b'l', NotifyClass::LIST),
    (b's', NotifyClass::SET),
    (b'h', NotifyClass::HASH),
    (b'z', NotifyClass::SORTED_SET),
    (b'x', NotifyClass::EXPIRED),
    (b'e', NotifyClass::EVICTED),
    (b't', NotifyClass::STREAM),
    (b'd', NotifyClass::MODULE),
];

/// What A does not include.
const OTHERS: &[(u8, NotifyClass)] = &[
    (b'K', NotifyClass::KEYSPACE),
    (b'E', NotifyClass::KEYEVENT),
    (b'm', NotifyClass::KEY_MISS),
    (b'n', NotifyClass::NEW),
];

fn all() -> NotifyClass {
    ALL.iter().fold(NotifyClass::NONE, |classes, (_, class)| classes.with(*class))
}

/// The classes that the letters name; `None` when one names none.
pub(super) fn read(letters: &[u8]) -> Option<NotifyClass> {
    letters.iter().try_fold(NotifyClass::NONE, |classes, letter| {
        if *letter == b'A' {
            return Some(classes.with(all()));
        }
        let found = ALL.iter().chain(OTHERS).find(|(known, _)| known == letter)?;
        Some(classes.with(found.1))
    })
}

/// The letters as CONFIG GET shows them.
pub(super) fn show(classes: NotifyClass) -> String {
    let named = |list: &[(u8, NotifyClass)]| -> String {
        let named = list.iter().filter(|(_, class)| classes.has(*class));
        named.map(|(letter, _)| char::from(*letter)).collect()
    };
    let all = if classes.has(all()) { "A".to_owned() } else { named(ALL) };
    all + &named(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_shown_as_redis_shows_them() {
        for (given, shown) in [
            ("", ""),
            ("KA", "AK"),
            ("EA", "AE"),
            ("KE$lshzxeg", "g$lshzxeKE"),
            ("KEg$lshzxetdmn", "AKEmn"),
        ] {
            assert_eq!(read(given.as_bytes()).map(show).as_deref(), Some(shown), "{given}");
        }
        assert_eq!(read(b"q"), None);
    }
}
