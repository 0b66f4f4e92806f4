//! Text for the serial port without `core::fmt`, which alone is larger than
//! the rest of the loader.

/// Where messages go.
pub trait Text {
    /// Writes `text` as it is.
    fn text(&mut self, text: &str);

    /// Writes `value` in decimal.
    fn dec(&mut self, mut value: u64) {
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
            at -= 1;
            if value == 0 {
                break;
            }
        }
        self.text(ascii(digits.get(at..)));
    }

    /// Writes `value` in hexadecimal with `0x` before it.
    fn hex(&mut self, mut value: u64) {
        let mut digits = [b'0'; 16];
        let mut at = digits.len();
        for digit in digits.iter_mut().rev() {
            let nibble = (value & 0xf) as u8;
            *digit = if nibble < 10 {
                b'0' + nibble
            } else {
                b'a' + nibble - 10
            };
            value >>= 4;
            at -= 1;
            if value == 0 {
                break;
            }
        }
        self.text("0x");
        self.text(ascii(digits.get(at..)));
    }
}

fn ascii(digits: Option<&[u8]>) -> &str {
    digits
        .and_then(|digits| core::str::from_utf8(digits).ok())
        .unwrap_or("?")
}

#[cfg(test)]
impl Text for String {
    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_leading_zeros() {
        for value in [0, 7, 10, 99, 4096, u64::MAX] {
            let mut out = String::new();
            out.dec(value);
            out.text(" ");
            out.hex(value);
            assert_eq!(out, format!("{value} {value:#x}"));
        }
    }
}
