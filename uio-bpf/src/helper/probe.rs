//! Helpers that read memory anywhere.

use super::memory::{Arguments, Result, entry};
use super::{Argument, Call, Helper, Prototype, Returned, kinds};
use crate::errno::Errno;
use crate::run::Host;

const TAKES: &[Argument] = &[
    Argument::Write,
    Argument::Size { zero: true },
    Argument::Anything,
];

pub const READ: Helper<'static> = Helper {
    id: 4,
    name: "probe_read",
    prototype: Prototype::new(TAKES, Returned::Number),
    doc: "Copies memory at any address; zeros and an error if not all of it can be read.",
    kinds: kinds::ALL,
    call: READ_CALL,
};

pub const READ_STR: Helper<'static> = Helper {
    id: 45,
    name: "probe_read_str",
    prototype: Prototype::new(TAKES, Returned::Number),
    doc: "Copies a text at any address up to its zero, cut where the room ends; its length with the zero.",
    kinds: kinds::ALL,
    call: READ_STR_CALL,
};

pub const READ_KERNEL: Helper<'static> = Helper {
    id: 113,
    name: "probe_read_kernel",
    doc: "The same as probe_read.",
    ..READ
};

pub const READ_KERNEL_STR: Helper<'static> = Helper {
    id: 115,
    name: "probe_read_kernel_str",
    doc: "The same as probe_read_str.",
    ..READ_STR
};

const READ_CALL: Call = entry!(read);
const READ_STR_CALL: Call = entry!(read_str);

fn read(mut a: Arguments<'_, '_>) -> Result {
    let out = a.write::<1>(a.number::<2>());
    if out.is_empty() || a.run.host.read(a.number::<3>(), out) {
        return Ok(0);
    }
    out.fill(0);
    Err(Errno::Fault)
}

fn read_str(mut a: Arguments<'_, '_>) -> Result {
    let out = a.write::<1>(a.number::<2>());
    let Some(len) = text(a.run.host, a.number::<3>(), out) else {
        out.fill(0);
        return Err(Errno::Fault);
    };
    Ok(len as u64)
}

/// Bytes that are read at once; aligned, so that they are all on one page.
const CHUNK: usize = 32;

/// Copies a text ended by a zero, which is put there if the room ends before; what is behind stays. Its length
/// with the zero; `None` if it cannot be read.
pub fn text(host: &dyn Host, address: u64, out: &mut [u8]) -> Option<usize> {
    let mut buffer = [0; CHUNK];
    let mut chunk = CHUNK;
    let mut at = 0;
    while at < out.len() {
        let from = address.wrapping_add(at as u64);
        let len = chunk - from as usize % chunk;
        let part = buffer.get_mut(..len)?;
        if !host.read(from, part) {
            if chunk == 1 {
                return None;
            }
            // What can be read may end behind the text.
            chunk = 1;
            continue;
        }
        for (to, &byte) in out.iter_mut().skip(at).zip(&*part) {
            *to = byte;
            at += 1;
            if byte == 0 {
                return Some(at);
            }
        }
    }
    if let Some(last) = out.last_mut() {
        *last = 0;
    }
    Some(out.len())
}
