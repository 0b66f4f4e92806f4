//! Looking for zero bytes, which end frames and arguments: eight bytes at a time.

/// Every byte 1.
const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
/// The highest bit of every byte.
const HIGHS: u64 = ONES << 7;

/// The highest bit of each zero byte, and perhaps of bytes behind the first of them (H. S. Warren,
/// "Hacker's Delight", 6-1).
#[inline]
fn zeroes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Index of the first zero byte.
#[inline]
pub(crate) fn zero_at(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let zeroes = zeroes(u64::from_le_bytes(*word));
        if zeroes != 0 {
            return Some(at + zeroes.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    if rest.is_empty() {
        return None;
    }
    // What is left of more than eight bytes is looked at together with what was before it.
    match bytes.last_chunk::<8>() {
        Some(last) => {
            let zeroes = zeroes(u64::from_le_bytes(*last));
            let in_last = zeroes.trailing_zeros() as usize / 8;
            (zeroes != 0).then(|| bytes.len() - 8 + in_last)
        }
        None => rest.iter().position(|&byte| byte == 0),
    }
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
