//! Helpers that say how a run goes on.

use super::memory::{Arguments, Result, entry};
use super::{Argument, Helper, Prototype, Returned, kinds};
use crate::bundle::MapKind;
use crate::errno::Errno;

/// Most rounds of a loop: `BPF_MAX_LOOPS`.
const LOOPS: u64 = 1 << 23;

pub const TAIL_CALL: Helper<'static> = Helper {
    id: 12,
    name: "tail_call",
    prototype: Prototype::new(
        &[
            Argument::Context,
            Argument::Map(1 << MapKind::ProgramArray as u32),
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "Goes on in the program of that index, of the same type; returns only if it cannot.",
    kinds: kinds::ALL,
    call: entry!(tail_call),
};

pub const LOOP: Helper<'static> = Helper {
    id: 181,
    name: "loop",
    prototype: Prototype::new(
        &[
            Argument::Anything,
            Argument::Function,
            Argument::Opaque,
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "Calls a function with 0, 1, 2 and so on and its context so often, until it returns 1; how often.",
    kinds: kinds::ALL,
    call: entry!(repeat),
};

fn tail_call(mut a: Arguments<'_, '_>) -> Result {
    let programs = a.map::<2>().programs().ok_or(Errno::Invalid)?;
    // Linux: the index is 32 bits wide.
    let index = a.number::<3>() as u32;
    let core = a.run.host.core();
    let program = programs.get(index, core).ok_or(Errno::NoEntry)?;
    // What the program has to give back, only its own maps know; its type says what its context is.
    let may = program.kind == a.run.program.kind && a.run.grants == 0;
    if !may {
        return Err(Errno::Invalid);
    }
    a.run.tail_calls = a.run.tail_calls.checked_sub(1).ok_or(Errno::TooBig)?;
    a.go_on(program);
    Ok(0)
}

fn repeat(mut a: Arguments<'_, '_>) -> Result {
    let rounds = a.number::<1>() & u64::from(u32::MAX);
    if a.number::<4>() != 0 {
        return Err(Errno::Invalid);
    }
    if rounds > LOOPS {
        return Err(Errno::TooBig);
    }
    let mut done = 0;
    while done < rounds {
        let returned = a.call::<2>([done, a.number::<3>(), 0, 0, 0]);
        done += 1;
        if returned != Some(0) {
            break;
        }
    }
    Ok(done)
}
