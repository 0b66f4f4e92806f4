//! Numbers as arguments give them.

/// Reads a decimal number, or a hexadecimal one after `0x`.
#[must_use]
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let (digits, base) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        digits => (digits, 10),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = char::from(digit).to_digit(base)?;
        value.checked_mul(base.into())?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"4096"), Some(4096));
        assert_eq!(number(b"0xfF10"), Some(0xff10));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"0xffffffffffffffff"), Some(u64::MAX));
        for bad in [
            &b""[..],
            b"0x",
            b"-1",
            b"1k",
            b"ff",
            b"18446744073709551616",
            b"0x10000000000000000",
            b"1 ",
        ] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
