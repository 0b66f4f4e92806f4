//! Helpers for texts.

use super::memory::{Arguments, Result, entry};
use super::{Argument, Helper, Prototype, Returned, kinds};

pub const STRNCMP: Helper<'static> = Helper {
    id: 182,
    name: "strncmp",
    prototype: Prototype::new(
        &[
            Argument::Read,
            Argument::Size { zero: false },
            Argument::Text,
        ],
        Returned::Number,
    ),
    doc: "Compares so many bytes at most of a text with another: negative, zero or positive.",
    kinds: kinds::ALL,
    call: entry!(strncmp),
};

fn strncmp(a: Arguments<'_, '_>) -> Result {
    let first = a.read::<1>(a.number::<2>());
    let mut second = a.text::<3>().iter();
    for &one in first {
        let other = second.next().copied().unwrap_or(0);
        if one != other {
            return Ok((i64::from(one) - i64::from(other)) as u64);
        }
        if one == 0 {
            break;
        }
    }
    Ok(0)
}
