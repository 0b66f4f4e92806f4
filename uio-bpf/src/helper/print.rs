//! Helpers that make texts of numbers.

use super::format::{Line, format};
use super::memory::{Arguments, Result, entry};
use super::{Argument, Helper, Prototype, Returned, kinds};
use crate::errno::Errno;

/// Most values of `snprintf`: `MAX_BPRINTF_VARARGS`.
const VALUES: usize = 12;

pub const TRACE_PRINTK: Helper<'static> = Helper {
    id: 6,
    name: "trace_printk",
    prototype: Prototype::new(
        &[
            Argument::Read,
            Argument::Size { zero: false },
            Argument::Anything,
            Argument::Anything,
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "Prints a line, with up to three values: %d %i %u %x %o %p %s %c with l or ll, width and 0. Its length.",
    kinds: kinds::ALL,
    call: entry!(trace_printk),
};

pub const SNPRINTF: Helper<'static> = Helper {
    id: 165,
    name: "snprintf",
    prototype: Prototype::new(
        &[
            Argument::Write,
            Argument::Size { zero: true },
            Argument::Text,
            Argument::ReadOrNull,
            Argument::Size { zero: true },
        ],
        Returned::Number,
    ),
    doc: "Makes a text of values (u64 each), as trace_printk does; its whole length with the zero.",
    kinds: kinds::ALL,
    call: entry!(snprintf),
};

fn trace_printk(a: Arguments<'_, '_>) -> Result {
    let text = a.read::<1>(a.number::<2>());
    let end = text
        .iter()
        .position(|&byte| byte == 0)
        .ok_or(Errno::Invalid)?;
    let values = [a.number::<3>(), a.number::<4>(), a.number::<5>()];
    let mut line = Line::new();
    format(
        a.run.host,
        text.get(..end).unwrap_or_default(),
        &values,
        &mut line,
    )?;
    let text = line.text();
    a.run
        .host
        .print(a.run.program, text.strip_suffix(b"\n").unwrap_or(text));
    Ok(line.whole() as u64)
}

fn snprintf(mut a: Arguments<'_, '_>) -> Result {
    let (room, bytes) = (a.number::<2>(), a.number::<5>());
    if !bytes.is_multiple_of(8) || bytes > VALUES as u64 * 8 {
        return Err(Errno::Invalid);
    }
    let mut values = [0; VALUES];
    for (value, bytes) in values.iter_mut().zip(a.read::<4>(bytes).chunks_exact(8)) {
        *value = bytes.try_into().map_or(0, u64::from_le_bytes);
    }
    let count = bytes as usize / 8;
    let mut line = Line::new();
    let values = values.get(..count).unwrap_or_default();
    format(a.run.host, a.text::<3>(), values, &mut line)?;
    // All was read: now the room may be written, which may lie over what was read.
    let out = a.write::<1>(room);
    if let Some((last, text)) = out.split_last_mut() {
        let mut made = line.text().iter().copied();
        text.iter_mut()
            .for_each(|byte| *byte = made.next().unwrap_or(0));
        *last = 0;
    }
    Ok(line.whole() as u64 + 1)
}
