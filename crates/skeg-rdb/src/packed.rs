//! Collections packed into one string: ziplists, listpacks, intsets, zipmaps.
//!
//! Invariant: every length is checked against the bytes that are there; `None` stands for bytes that are
//! none of these.
//! May not know: what the elements mean, where the bytes come from.

/// The elements of a packed collection; integers as the text that they stand for.
pub(crate) type Elements = Vec<Vec<u8>>;

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (bytes, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    Some(bytes)
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    take(rest, 1).map(|bytes| bytes[0])
}

/// A little-endian signed integer of up to eight bytes.
fn integer(rest: &mut &[u8], bytes: usize) -> Option<i64> {
    let mut wide = [0; 8];
    wide[8 - bytes..].copy_from_slice(take(rest, bytes)?);
    Some(i64::from_le_bytes(wide) >> (64 - 8 * bytes))
}

fn number(rest: &mut &[u8], bytes: usize) -> Option<usize> {
    let mut wide = [0; 8];
    wide[..bytes].copy_from_slice(take(rest, bytes)?);
    usize::try_from(u64::from_le_bytes(wide)).ok()
}

fn text(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// A ziplist.
pub(crate) fn ziplist(bytes: &[u8]) -> Option<Elements> {
    let mut rest = bytes;
    let (total, _tail, _count) =
        (number(&mut rest, 4)?, number(&mut rest, 4)?, number(&mut rest, 2)?);
    if total != bytes.len() {
        return None;
    }
    let mut elements = Vec::new();
    loop {
        let before = byte(&mut rest)?;
        if before == 0xff {
            return rest.is_empty().then_some(elements);
        }
        if before == 0xfe {
            take(&mut rest, 4)?;
        }
        let encoding = byte(&mut rest)?;
        elements.push(match encoding {
            0x00..=0x3f => take(&mut rest, usize::from(encoding))?.to_vec(),
            0x40..=0x7f => {
                let length = usize::from(encoding & 0x3f) << 8 | usize::from(byte(&mut rest)?);
                take(&mut rest, length)?.to_vec()
            }
            0x80 => {
                let length = u32::from_be_bytes(*take(&mut rest, 4)?.first_chunk()?);
                take(&mut rest, usize::try_from(length).ok()?)?.to_vec()
            }
            0xc0 => text(integer(&mut rest, 2)?),
            0xd0 => text(integer(&mut rest, 4)?),
            0xe0 => text(integer(&mut rest, 8)?),
            0xf0 => text(integer(&mut rest, 3)?),
            0xfe => text(integer(&mut rest, 1)?),
            0xf1..=0xfd => text(i64::from(encoding - 0xf1)),
            _ => return None,
        });
    }
}

/// A listpack.
pub(crate) fn listpack(bytes: &[u8]) -> Option<Elements> {
    let mut rest = bytes;
    let (total, _count) = (number(&mut rest, 4)?, number(&mut rest, 2)?);
    if total != bytes.len() {
        return None;
    }
    let mut elements = Vec::new();
    loop {
        let left = rest.len();
        let encoding = byte(&mut rest)?;
        elements.push(match encoding {
            0x00..=0x7f => text(i64::from(encoding)),
            0x80..=0xbf => take(&mut rest, usize::from(encoding & 0x3f))?.to_vec(),
            0xc0..=0xdf => {
                let value = i64::from(encoding & 0x1f) << 8 | i64::from(byte(&mut rest)?);
                text(if value < 1 << 12 { value } else { value - (1 << 13) })
            }
            0xe0..=0xef => {
                let length = usize::from(encoding & 0x0f) << 8 | usize::from(byte(&mut rest)?);
                take(&mut rest, length)?.to_vec()
            }
            0xf0 => {
                let length = number(&mut rest, 4)?;
                take(&mut rest, length)?.to_vec()
            }
            0xf1 => text(integer(&mut rest, 2)?),
            0xf2 => text(integer(&mut rest, 3)?),
            0xf3 => text(integer(&mut rest, 4)?),
            0xf4 => text(integer(&mut rest, 8)?),
            0xff => return rest.is_empty().then_some(elements),
            _ => return None,
        });
        // Behind each element stands its length, for whoever reads from the end.
        // Redis takes one byte more for the greatest lengths of a size than they need.
        let back = match left - rest.len() {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        };
        take(&mut rest, back)?;
    }
}

/// A set of integers.
pub(crate) fn intset(bytes: &[u8]) -> Option<Elements> {
    let mut rest = bytes;
    let (width, count) = (number(&mut rest, 4)?, number(&mut rest, 4)?);
    if !matches!(width, 2 | 4 | 8) || rest.len() != count.checked_mul(width)? {
        return None;
    }
    (0..count).map(|_| integer(&mut rest, width).map(text)).collect()
}

/// A zipmap, of Redis before 2.6: fields and values in turn.
pub(crate) fn zipmap(bytes: &[u8]) -> Option<Elements> {
    let mut rest = bytes;
    byte(&mut rest)?;
    let mut elements = Vec::new();
    loop {
        let length = match byte(&mut rest)? {
            0xff => return rest.is_empty().then_some(elements),
            0xfe => number(&mut rest, 4)?,
            short => usize::from(short),
        };
        let is_value = elements.len() % 2 == 1;
        let free = if is_value { usize::from(byte(&mut rest)?) } else { 0 };
        elements.push(take(&mut rest, length)?.to_vec());
        take(&mut rest, free)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(elements: Option<Elements>) -> Vec<String> {
        elements.unwrap().iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect()
    }

    #[test]
    fn a_listpack_has_strings_and_integers_of_all_sizes() {
        let elements: &[&[u8]] = &[
            &[0x05],
            &[0x83, b'a', b'b', b'c'],
            &[0xdf, 0xff],
            &[0xc1, 0x00],
            &[0xf1, 0x00, 0x80],
            &[0xf2, 0xff, 0xff, 0x7f],
            &[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80],
        ];
        let mut bytes = vec![0; 6];
        for element in elements {
            bytes.extend_from_slice(element);
            bytes.push(element.len() as u8);
        }
        bytes.push(0xff);
        let total = (bytes.len() as u32).to_le_bytes();
        bytes[..4].copy_from_slice(&total);
        let expected = ["5", "abc", "-1", "256", "-32768", "8388607", "-9223372036854775808"];
        assert_eq!(shown(listpack(&bytes)), expected);
        for cut in 0..bytes.len() {
            assert_eq!(listpack(&bytes[..cut]), None);
        }
    }

    #[test]
    fn a_ziplist_has_strings_and_integers_of_all_sizes() {
        let mut bytes = vec![0; 10];
        for entry in [&[0, 2, b'h', b'i'][..], &[4, 0xf3], &[2, 0xfe, 0x80], &[3, 0xc0, 1, 1]] {
            bytes.extend_from_slice(entry);
        }
        bytes.push(0xff);
        let total = (bytes.len() as u32).to_le_bytes();
        bytes[..4].copy_from_slice(&total);
        assert_eq!(shown(ziplist(&bytes)), ["hi", "2", "-128", "257"]);
    }

    #[test]
    fn old_hashes_and_sets_of_integers_are_read() {
        let bytes = [1, 1, b'f', 2, 1, b'v', b'w', 0, 0xff];
        assert_eq!(shown(zipmap(&bytes)), ["f", "vw"]);
        let bytes = [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 7, 0];
        assert_eq!(shown(intset(&bytes)), ["-1", "7"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), fits: bool) {
            let mut bytes = bytes;
            if fits && bytes.len() > 4 {
                let total = (bytes.len() as u32).to_le_bytes();
                bytes[..4].copy_from_slice(&total);
            }
            drop((ziplist(&bytes), listpack(&bytes), intset(&bytes), zipmap(&bytes)));
        }
    }
}
