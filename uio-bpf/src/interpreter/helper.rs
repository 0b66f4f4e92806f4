//! Calls of helpers: their arguments are checked against the prototype, what they give is remembered.
#![allow(
    unsafe_code,
    reason = "helpers are called with arguments that were checked"
)]

use alloc::sync::Arc;

use super::view::View;
use crate::helper::{Argument, Helper, Returned};
use crate::isa::FUNCTION_TOKEN;
use crate::map::Map;
use crate::run::{Memory, Run, Stop};

/// Calls a helper with registers 1 to 5. Gives register 0.
///
/// # Errors
/// The argument that is not what it must be.
///
/// # Safety
/// As [`super::run`].
#[inline(never)]
pub(super) unsafe fn call(
    view: &mut View,
    run: &mut Run<'_>,
    helper: &Helper<'_>,
    arguments: [u64; 5],
) -> Result<u64, Stop> {
    let mut map = None;
    for index in 0..arguments.len() {
        let argument = helper.prototype.arguments[index];
        if argument == Argument::None {
            break;
        }
        if !check(view, run, &mut map, argument, arguments, index) {
            return Err(Stop::Argument {
                helper: helper.id,
                argument: index as u8 + 1,
                value: arguments[index],
            });
        }
    }
    let slot = match helper.prototype.returns {
        Returned::RecordOrNull(_) | Returned::MemoryOrNull(_) => match free(run) {
            Some(slot) => slot,
            None => return Ok(0),
        },
        _ => 0,
    };
    let [a, b, c, d, e] = arguments;
    // SAFETY: the arguments were checked against the prototype; `run` is the caller's alone.
    let result = unsafe { (helper.call)(a, b, c, d, e, run) };
    if helper.prototype.arguments[0] == Argument::Record {
        give_back(run, a);
        view.forget();
    }
    let granted = match helper.prototype.returns {
        Returned::ValueOrNull => {
            if let Some(value) = map.and_then(|map| map.value_at(result, 1)) {
                view.expect(value);
            }
            return Ok(result);
        }
        Returned::RecordOrNull(number) => Memory {
            address: result,
            len: arguments
                .get(usize::from(number).wrapping_sub(1))
                .copied()
                .unwrap_or(0),
            writable: true,
        },
        Returned::MemoryOrNull(len) => Memory {
            address: result,
            len: u64::from(len),
            writable: false,
        },
        Returned::Nothing | Returned::Number => return Ok(result),
    };
    if result != 0 && granted.len != 0 {
        run.granted[slot] = granted;
        run.grants = run.grants.wrapping_add(u32::from(granted.writable));
        view.expect(granted);
    }
    Ok(result)
}

/// Whether an argument is what it must be. `map` is the map among the arguments before it.
fn check<'a>(
    view: &mut View,
    run: &mut Run<'a>,
    map: &mut Option<&'a Map>,
    argument: Argument,
    arguments: [u64; 5],
    index: usize,
) -> bool {
    let value = arguments[index];
    let next = arguments.get(index + 1).copied().unwrap_or(0);
    let (len, write) = match argument {
        Argument::None | Argument::Anything | Argument::Constant | Argument::Opaque => return true,
        Argument::Size { zero } => return zero || value != 0,
        Argument::Context => return value == run.context.address,
        Argument::Map(kinds) => {
            *map = named(run, value);
            return map.is_some_and(|map| kinds >> (map.kind() as u32) & 1 != 0);
        }
        Argument::Function => {
            let number = value.wrapping_sub(FUNCTION_TOKEN);
            return number < run.program.functions.len() as u64;
        }
        Argument::Record => return run.granted.iter().any(|grant| holds(grant, value)),
        Argument::Text => return text(view, run, value),
        Argument::ReadOrNull if value == 0 => return true,
        Argument::Read | Argument::ReadOrNull => (next, false),
        Argument::Write => (next, true),
        Argument::Key => (map.map_or(0, |map| u64::from(map.key_size())), false),
        Argument::Value => (map.map_or(0, |map| u64::from(map.value_size())), false),
        Argument::Fixed(len) => (u64::from(len), false),
        Argument::FixedWrite(len) => (u64::from(len), true),
    };
    len == 0 || view.range(run, value, len, write).is_ok()
}

/// The map of that address, if the program names it.
fn named<'a>(run: &Run<'a>, address: u64) -> Option<&'a Map> {
    let mut maps = run.program.maps.iter();
    let found = maps.find(|map| Arc::as_ptr(map) as u64 == address);
    found.map(|map| &**map)
}

/// Whether a text begins there that ends in memory that the program may read.
fn text(view: &mut View, run: &mut Run<'_>, mut address: u64) -> bool {
    loop {
        match view.byte(run, address) {
            Ok(0) => return true,
            Ok(_) => address = address.wrapping_add(1),
            Err(_) => return false,
        }
    }
}

fn holds(grant: &Memory, address: u64) -> bool {
    grant.writable && grant.len != 0 && grant.address == address
}

/// A place for what a helper will give. Records stay until they are given back; the rest makes room.
pub fn free(run: &Run<'_>) -> Option<usize> {
    let empty = run.granted.iter().position(|grant| grant.len == 0);
    empty.or_else(|| run.granted.iter().position(|grant| !grant.writable))
}

/// Takes a record away from the program.
pub fn give_back(run: &mut Run<'_>, address: u64) {
    if let Some(grant) = run.granted.iter_mut().find(|grant| holds(grant, address)) {
        *grant = Memory::NONE;
        run.grants = run.grants.wrapping_sub(1);
    }
}

/// The number of the helper that gives a record back unused: `ringbuf_discard`.
const DISCARD: u32 = 133;

/// Gives back what the program still holds at its end.
///
/// # Safety
/// As [`super::run`].
#[cold]
#[inline(never)]
pub(super) unsafe fn release(run: &mut Run<'_>) {
    let held = core::mem::replace(&mut run.granted, [Memory::NONE; crate::run::GRANTS]);
    run.grants = 0;
    let Some(helper) = run.helpers.get(DISCARD) else {
        return;
    };
    for grant in held.iter().filter(|grant| grant.writable && grant.len != 0) {
        // SAFETY: the record was given to this run and not given back.
        unsafe { (helper.call)(grant.address, 0, 0, 0, 0, run) };
    }
}
