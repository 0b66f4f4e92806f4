//! Looking for zero bytes, which end frames and arguments: eight bytes at a time.

/// Every byte 1.
const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
/// The highest bit of every byte.
const HIGHS: u64 = ONES << 7;

/// Index of the first zero byte.
#[inline]
pub(crate) fn zero_at(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // Sets the highest bit of each zero byte, and perhaps of bytes behind the first of them
        // (H. S. Warren, "Hacker's Delight", 6-1).
        let zeroes = word.wrapping_sub(ONES) & !word & HIGHS;
        if zeroes != 0 {
            return Some(at + zeroes.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let in_rest = rest.iter().position(|&byte| byte == 0)?;
    Some(at + in_rest)
}

#[cfg(test)]
mod tests {
    use super::zero_at;

    #[test]
    fn the_first_zero_is_found_wherever_it_is() {
        for len in 0..40 {
            for filler in [1, 0x7f, 0x80, 0x81, 0xff] {
                let mut bytes = [filler; 40];
                assert_eq!(zero_at(&bytes[..len]), None, "{len} of {filler}");
                for at in (0..len).rev() {
                    bytes[at] = 0;
                    assert_eq!(zero_at(&bytes[..len]), Some(at), "{at} of {len}, {filler}");
                }
            }
        }
    }
}
