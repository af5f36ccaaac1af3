//! LZF, as Redis compresses strings (liblzf by Marc Lehmann).

/// The bytes that were compressed, if they are `length`. The output grows by what is there: at most 264
/// bytes for 3.
pub(crate) fn decompress(input: &[u8], length: u64) -> Option<Vec<u8>> {
    let mut output: Vec<u8> = Vec::new();
    let mut rest = input;
    while let Some((&control, behind)) = rest.split_first() {
        if control < 32 {
            let (literal, behind) = behind.split_at_checked(usize::from(control) + 1)?;
            output.extend_from_slice(literal);
            rest = behind;
        } else {
            let (mut count, mut behind) = (usize::from(control >> 5), behind);
            if count == 7 {
                let (&more, further) = behind.split_first()?;
                (count, behind) = (count + usize::from(more), further);
            }
            let (&low, further) = behind.split_first()?;
            let back = (usize::from(control & 31) << 8 | usize::from(low)) + 1;
            let from = output.len().checked_sub(back)?;
            // What is copied may reach into what is being written.
            for at in from..from + count + 2 {
                output.push(output[at]);
            }
            rest = further;
        }
        if output.len() as u64 > length {
            return None;
        }
    }
    (output.len() as u64 == length).then_some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_literals_are_unpacked() {
        // Three letters, then 9 bytes from 3 back.
        let packed = [2, b'a', b'b', b'c', 7 << 5, 0, 2];
        assert_eq!(decompress(&packed, 12).as_deref(), Some(&b"abcabcabcabc"[..]));
        assert_eq!(decompress(&packed, 11), None);
        assert_eq!(decompress(&packed[..6], 12), None);
        assert_eq!(decompress(&[1 << 5, 9], 3), None, "nothing lies so far back");
    }
}
