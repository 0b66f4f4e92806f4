//! Texts of numbers, as C's `printf` makes them, within fixed room.

use super::probe;
use crate::errno::Errno;
use crate::run::Host;

/// Longest line.
pub const LINE: usize = 256;

/// Longest text of an address.
const TEXT: usize = 128;

/// Widest number: what is wider is refused.
const WIDTH: usize = 64;

/// A line that is made.
pub struct Line {
    bytes: [u8; LINE],
    len: usize,
    /// What the length would be with room for all.
    whole: usize,
}

impl Line {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            bytes: [0; LINE],
            len: 0,
            whole: 0,
        }
    }

    /// What there was room for.
    pub fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The length that there would be with room for all.
    pub fn whole(&self) -> usize {
        self.whole
    }

    fn push(&mut self, byte: u8) {
        self.whole += 1;
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn pad(&mut self, count: usize, with: u8) {
        (0..count).for_each(|_| self.push(with));
    }
}

/// What a `%` says.
#[derive(Default)]
struct Conversion {
    /// Filled up with zeros.
    zeros: bool,
    /// Filled up behind.
    left: bool,
    width: usize,
    /// 64 bits wide.
    long: bool,
    what: u8,
}

/// Makes a text of `text` with `values` in the place of its conversions.
///
/// # Errors
/// [`Errno::Invalid`] for a conversion that is none, or more of them than values.
pub fn format(host: &dyn Host, text: &[u8], values: &[u64], line: &mut Line) -> Result<(), Errno> {
    let mut text = text.iter().copied();
    let mut values = values.iter().copied();
    while let Some(byte) = text.next() {
        if byte != b'%' {
            line.push(byte);
            continue;
        }
        let conversion = conversion(&mut text).ok_or(Errno::Invalid)?;
        if conversion.what == b'%' {
            line.push(b'%');
            continue;
        }
        let value = values.next().ok_or(Errno::Invalid)?;
        convert(host, &conversion, value, line)?;
    }
    Ok(())
}

fn conversion(text: &mut impl Iterator<Item = u8>) -> Option<Conversion> {
    let mut conversion = Conversion::default();
    loop {
        match text.next()? {
            b'0' if conversion.width == 0 => conversion.zeros = true,
            b'-' if conversion.width == 0 => conversion.left = true,
            digit @ b'0'..=b'9' => {
                conversion.width = conversion.width * 10 + usize::from(digit - b'0');
                if conversion.width > WIDTH {
                    return None;
                }
            }
            b'l' | b'z' => conversion.long = true,
            b'h' => {}
            what => {
                conversion.what = what;
                return Some(conversion);
            }
        }
    }
}

fn convert(host: &dyn Host, how: &Conversion, value: u64, line: &mut Line) -> Result<(), Errno> {
    let (value, negative) = match (how.what, how.long) {
        (b'd' | b'i', true) => ((value as i64).unsigned_abs(), (value as i64) < 0),
        (b'd' | b'i', false) => ((value as i32).unsigned_abs().into(), (value as i32) < 0),
        (b'u' | b'x' | b'X' | b'o', false) => (value & u64::from(u32::MAX), false),
        _ => (value, false),
    };
    let radix = match how.what {
        b'd' | b'i' | b'u' => 10,
        b'x' | b'X' | b'p' => 16,
        b'o' => 8,
        b'c' => {
            fill(how, &[value as u8], line);
            return Ok(());
        }
        b's' => {
            let mut text = [0; TEXT];
            let len = probe::text(host, value, &mut text).map_or(0, |len| len - 1);
            fill(how, text.get(..len).unwrap_or_default(), line);
            return Ok(());
        }
        _ => return Err(Errno::Invalid),
    };
    // From the end: as many digits as 2^64 has with base 8, a sign, `0x`.
    let mut digits = [0; 24];
    let mut at = digits.len();
    let mut rest = value;
    let mut put = |byte: u8| {
        at -= 1;
        if let Some(place) = digits.get_mut(at) {
            *place = byte;
        }
    };
    loop {
        let letter = if how.what == b'X' { b'A' } else { b'a' };
        let digit = (rest % radix) as u8;
        put(if digit < 10 {
            b'0' + digit
        } else {
            letter + digit - 10
        });
        rest /= radix;
        if rest == 0 {
            break;
        }
    }
    let sign: &[u8] = match how.what {
        b'p' => b"0x",
        _ if negative => b"-",
        _ => b"",
    };
    if how.zeros && !how.left {
        let len = digits.len() - at + sign.len();
        sign.iter().for_each(|&byte| line.push(byte));
        line.pad(how.width.saturating_sub(len), b'0');
        digits.iter().skip(at).for_each(|&byte| line.push(byte));
        return Ok(());
    }
    sign.iter().rev().for_each(|&byte| {
        at -= 1;
        if let Some(place) = digits.get_mut(at) {
            *place = byte;
        }
    });
    fill(how, digits.get(at..).unwrap_or_default(), line);
    Ok(())
}

/// Puts a text into its width.
fn fill(how: &Conversion, text: &[u8], line: &mut Line) {
    let gap = how.width.saturating_sub(text.len());
    if !how.left {
        line.pad(gap, b' ');
    }
    text.iter().for_each(|&byte| line.push(byte));
    if how.left {
        line.pad(gap, b' ');
    }
}
