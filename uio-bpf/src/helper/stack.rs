//! Helpers for the function that a program is attached to, and for stacks.

use core::mem::offset_of;

use super::memory::{Arguments, Result, entry};
use super::{Argument, Helper, Prototype, Returned, kinds};
use crate::bundle::MapKind;
use crate::errno::Errno;
use crate::kind::{FunctionEntry, FunctionExit};
use crate::map::{DEPTH, stack_flags};

pub const GET_STACKID: Helper<'static> = Helper {
    id: 27,
    name: "get_stackid",
    prototype: Prototype::new(
        &[
            Argument::Context,
            Argument::Map(1 << MapKind::StackTrace as u32),
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "The number of the running task's stack; flags: frames to skip, 0x200 compare hashes only, 0x400 replace another.",
    kinds: kinds::ATTACHED,
    call: entry!(stack_id),
};

pub const GET_STACK: Helper<'static> = Helper {
    id: 67,
    name: "get_stack",
    prototype: Prototype::new(
        &[
            Argument::Context,
            Argument::Write,
            Argument::Size { zero: true },
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "Copies the return addresses of the running task's stack; flags: frames to skip. How many bytes.",
    kinds: kinds::ATTACHED,
    call: entry!(stack),
};

pub const GET_FUNC_IP: Helper<'static> = Helper {
    id: 173,
    name: "get_func_ip",
    prototype: Prototype::new(&[Argument::Context], Returned::Number),
    doc: "Address of the function.",
    kinds: kinds::FUNCTION,
    call: entry!(function),
};

pub const GET_FUNC_ARG: Helper<'static> = Helper {
    id: 183,
    name: "get_func_arg",
    prototype: Prototype::new(
        &[
            Argument::Context,
            Argument::Anything,
            Argument::FixedWrite(8),
        ],
        Returned::Number,
    ),
    doc: "Copies an argument of the function, from 0.",
    kinds: kinds::FUNCTION,
    call: entry!(argument),
};

pub const GET_FUNC_RET: Helper<'static> = Helper {
    id: 184,
    name: "get_func_ret",
    prototype: Prototype::new(
        &[Argument::Context, Argument::FixedWrite(8)],
        Returned::Number,
    ),
    doc: "Copies what the function returned.",
    kinds: kinds::EXIT,
    call: entry!(returned),
};

pub const GET_FUNC_ARG_CNT: Helper<'static> = Helper {
    id: 185,
    name: "get_func_arg_cnt",
    prototype: Prototype::new(&[Argument::Context], Returned::Number),
    doc: "How many arguments can be had: those in registers.",
    kinds: kinds::FUNCTION,
    call: entry!(arguments),
};

/// The running task's return addresses, as many as fit.
fn frames<'a>(
    a: &Arguments<'_, '_>,
    flags: u64,
    out: &'a mut [u64],
) -> core::result::Result<&'a [u64], Errno> {
    if flags & stack_flags::USER != 0 {
        return Err(Errno::Invalid);
    }
    let skip = (flags & stack_flags::SKIP) as u32;
    let count = a.run.host.stack(a.run, skip, out);
    out.get(..count)
        .filter(|frames| !frames.is_empty())
        .ok_or(Errno::Fault)
}

fn stack_id(a: Arguments<'_, '_>) -> Result {
    const FLAGS: u64 = stack_flags::SKIP | stack_flags::FAST_COMPARE | stack_flags::REUSE;
    let map = a.map::<2>();
    let flags = a.number::<3>();
    if flags & !FLAGS != 0 {
        return Err(Errno::Invalid);
    }
    let mut out = [0; DEPTH];
    let depth = map.value_size() as usize / 8;
    let frames = frames(&a, flags, out.get_mut(..depth).ok_or(Errno::Invalid)?)?;
    map.stack_number(frames, flags, a.run.host.core())
        .map(u64::from)
}

fn stack(mut a: Arguments<'_, '_>) -> Result {
    let (len, flags) = (a.number::<3>(), a.number::<4>());
    if !len.is_multiple_of(8) || flags & !stack_flags::SKIP != 0 {
        return Err(Errno::Invalid);
    }
    let mut out = [0; DEPTH];
    let depth = (len as usize / 8).min(DEPTH);
    let frames = frames(&a, flags, out.get_mut(..depth).unwrap_or_default())?;
    let mut bytes = a.write::<2>(len).chunks_mut(8);
    for frame in frames {
        if let Some(place) = bytes.next() {
            place.copy_from_slice(&frame.to_le_bytes());
        }
    }
    bytes.for_each(|rest| rest.fill(0));
    Ok(frames.len() as u64 * 8)
}

fn function(a: Arguments<'_, '_>) -> Result {
    a.context(offset_of!(FunctionEntry, function))
        .ok_or(Errno::NotSupported)
}

fn argument(mut a: Arguments<'_, '_>) -> Result {
    let number = a.number::<2>() as usize;
    if number >= FunctionEntry::ARGUMENTS {
        return Err(Errno::Invalid);
    }
    let at = offset_of!(FunctionEntry, arguments) + number * 8;
    let value = a.context(at).ok_or(Errno::NotSupported)?;
    a.write::<3>(8).copy_from_slice(&value.to_le_bytes());
    Ok(0)
}

fn returned(mut a: Arguments<'_, '_>) -> Result {
    let value = a
        .context(offset_of!(FunctionExit, returned))
        .ok_or(Errno::NotSupported)?;
    a.write::<2>(8).copy_from_slice(&value.to_le_bytes());
    Ok(0)
}

fn arguments(_: Arguments<'_, '_>) -> Result {
    Ok(FunctionEntry::ARGUMENTS as u64)
}
