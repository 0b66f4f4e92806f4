//! Helpers that tell what goes on around the program.

use super::memory::{Arguments, Result, entry};
use super::{Argument, Helper, Prototype, Returned, kinds};
use crate::errno::Errno;

pub const KTIME_GET_NS: Helper<'static> = Helper {
    id: 5,
    name: "ktime_get_ns",
    prototype: Prototype::new(&[], Returned::Number),
    doc: "Nanoseconds since boot.",
    kinds: kinds::ALL,
    call: entry!(now),
};

pub const GET_PRANDOM_U32: Helper<'static> = Helper {
    id: 7,
    name: "get_prandom_u32",
    prototype: Prototype::new(&[], Returned::Number),
    doc: "A random number of 32 bits, not for secrets.",
    kinds: kinds::ALL,
    call: entry!(random),
};

pub const GET_SMP_PROCESSOR_ID: Helper<'static> = Helper {
    id: 8,
    name: "get_smp_processor_id",
    prototype: Prototype::new(&[], Returned::Number),
    doc: "The number of the core.",
    kinds: kinds::ALL,
    call: entry!(core),
};

pub const GET_CURRENT_PID_TGID: Helper<'static> = Helper {
    id: 14,
    name: "get_current_pid_tgid",
    prototype: Prototype::new(&[], Returned::Number),
    doc: "The number of the running task in the low half; the high half, the only process, is 0.",
    kinds: kinds::ALL,
    call: entry!(task),
};

pub const GET_CURRENT_COMM: Helper<'static> = Helper {
    id: 16,
    name: "get_current_comm",
    prototype: Prototype::new(
        &[Argument::Write, Argument::Size { zero: false }],
        Returned::Number,
    ),
    doc: "Copies the name of the running task, zeros behind it, at least one.",
    kinds: kinds::ALL,
    call: entry!(task_name),
};

pub const KTIME_GET_BOOT_NS: Helper<'static> = Helper {
    id: 125,
    name: "ktime_get_boot_ns",
    prototype: Prototype::new(&[], Returned::Number),
    doc: "Nanoseconds since boot.",
    kinds: kinds::ALL,
    call: entry!(now),
};

pub const KALLSYMS_LOOKUP_NAME: Helper<'static> = Helper {
    id: 179,
    name: "kallsyms_lookup_name",
    prototype: Prototype::new(
        &[
            Argument::Read,
            Argument::Size { zero: false },
            Argument::Anything,
            Argument::FixedWrite(8),
        ],
        Returned::Number,
    ),
    doc: "Address of a symbol whose name the program was loaded with; flags are 0.",
    kinds: kinds::ALL,
    call: entry!(symbol),
};

fn now(a: Arguments<'_, '_>) -> Result {
    Ok(a.run.host.now())
}

fn random(a: Arguments<'_, '_>) -> Result {
    Ok(a.run.host.random().into())
}

fn core(a: Arguments<'_, '_>) -> Result {
    Ok(a.run.host.core().into())
}

fn task(a: Arguments<'_, '_>) -> Result {
    Ok(a.run.host.task().into())
}

fn task_name(mut a: Arguments<'_, '_>) -> Result {
    let out = a.write::<1>(a.number::<2>());
    let (last, name) = out.split_last_mut().ok_or(Errno::Invalid)?;
    let len = a.run.host.task_name(name);
    name.iter_mut().skip(len).for_each(|byte| *byte = 0);
    *last = 0;
    Ok(0)
}

fn symbol(mut a: Arguments<'_, '_>) -> Result {
    let name = a.read::<1>(a.number::<2>());
    if a.number::<3>() != 0 {
        return Err(Errno::Invalid);
    }
    let end = name
        .iter()
        .position(|&byte| byte == 0)
        .ok_or(Errno::Invalid)?;
    let name = name.get(..end).unwrap_or_default();
    let known = a.run.program.symbol(name);
    let address = known.unwrap_or_else(|| a.run.host.symbol(name));
    a.write::<4>(8).copy_from_slice(&address.to_le_bytes());
    if address == 0 {
        Err(Errno::NoEntry)
    } else {
        Ok(0)
    }
}
