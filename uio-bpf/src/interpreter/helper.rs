//! Calls of helpers: their arguments are checked against the prototype, what they give is remembered.
#![allow(
    unsafe_code,
    reason = "helpers are called with arguments that were checked"
)]

use alloc::sync::Arc;

use super::machine::Machine;
use super::op::At;
use super::view::View;
use crate::helper::{Argument, Helper, Returned};
use crate::isa::FUNCTION_TOKEN;
use crate::map::Map;
use crate::run::{Memory, Run, Stop};

/// Calls a helper with registers 1 to 5. Its result is register 0.
///
/// # Safety
/// As [`super::run`].
#[inline(never)]
pub unsafe fn call(machine: &mut Machine<'_, '_>, at: At, helper: &Helper<'_>) -> At {
    let prototype = &helper.prototype;
    let mut map = None;
    for (index, &argument) in prototype.arguments.iter().enumerate() {
        if argument == Argument::None {
            break;
        }
        if !check(machine, &mut map, argument, index + 1) {
            let why = Stop::Argument {
                helper: helper.id,
                argument: index as u8 + 1,
                value: machine.registers[(index + 1) & 7],
            };
            return machine.stop(at, why);
        }
    }
    // SAFETY: the caller's, and the arguments were checked.
    unsafe { checked(machine, at, helper, map) }
}

/// As [`call`], for helpers that take a map and a key of it alone: what programs call most.
///
/// # Safety
/// As [`super::run`].
#[inline(always)]
pub unsafe fn call_with_key(machine: &mut Machine<'_, '_>, at: At, helper: &Helper<'_>) -> At {
    let [_, map, key, ..] = machine.registers;
    if let Some(map) = named(machine.run, map)
        && let Argument::Map(kinds) = helper.prototype.arguments[0]
        && kinds >> (map.kind() as u32) & 1 != 0
        && machine
            .view
            .range(machine.run, key, u64::from(map.key_size()), false)
    {
        // SAFETY: the caller's, and the arguments were checked.
        return unsafe { checked(machine, at, helper, Some(map)) };
    }
    // Which of them is wrong is said there.
    // SAFETY: the caller's.
    unsafe { call(machine, at, helper) }
}

/// What `map_lookup_elem` does where the map is an array that all cores share: there it needs nothing of the kernel.
/// False if it is another map, or an argument is wrong.
#[inline(always)]
pub fn look_up(machine: &mut Machine<'_, '_>) -> bool {
    let [_, map, key, ..] = machine.registers;
    let Some(map) = named(machine.run, map) else {
        return false;
    };
    let Some(array) = map.array_layout().filter(|array| array.core_stride == 0) else {
        return false;
    };
    let Some(index) = machine.view.read::<u32>(machine.run, key) else {
        return false;
    };
    machine.registers[0] = 0;
    if index < array.entries {
        let address = array.base + u64::from(index) * u64::from(array.stride);
        machine.registers[0] = address;
        machine.view.expect(Memory {
            address,
            len: u64::from(map.value_size()),
            writable: map.is_writable(),
        });
    }
    true
}

/// Calls a helper whose arguments are right.
///
/// # Safety
/// As [`call`].
#[inline(always)]
unsafe fn checked(
    machine: &mut Machine<'_, '_>,
    at: At,
    helper: &Helper<'_>,
    map: Option<&Map>,
) -> At {
    let prototype = &helper.prototype;
    let gives = matches!(
        prototype.returns,
        Returned::RecordOrNull(_) | Returned::MemoryOrNull(_)
    );
    if gives && free(machine.run).is_none() {
        machine.registers[0] = 0;
        return at.next();
    }
    let [_, a, b, c, d, e, ..] = machine.registers;
    // SAFETY: the arguments were checked against the prototype; the run is the machine's alone.
    let result = unsafe { (helper.call)(a, b, c, d, e, machine.run) };
    machine.registers[0] = result;
    if machine.run.leave != 0 {
        return machine.leave(at);
    }
    match (prototype.returns, map) {
        (Returned::ValueOrNull, Some(map)) if result != 0 => machine.view.expect(Memory {
            address: result,
            len: u64::from(map.value_size()),
            writable: map.is_writable(),
        }),
        (Returned::Number | Returned::Nothing | Returned::ValueOrNull, _) => {
            if prototype.arguments[0] == Argument::Record {
                give_back(machine.run, a);
                machine.view.forget();
            }
        }
        (returns, _) => grant(machine, returns, result),
    }
    at.next()
}

/// Remembers the memory that a helper gave.
#[inline(never)]
fn grant(machine: &mut Machine<'_, '_>, returns: Returned, address: u64) {
    let (len, writable) = match returns {
        Returned::RecordOrNull(number) => (machine.registers[usize::from(number & 7)], true),
        Returned::MemoryOrNull(len) => (u64::from(len), false),
        _ => return,
    };
    let granted = Memory {
        address,
        len,
        writable,
    };
    if address == 0 || len == 0 {
        return;
    }
    if let Some(slot) = free(machine.run) {
        machine.run.granted[slot] = Some(granted);
        machine.run.grants += u32::from(writable);
        machine.view.expect(granted);
    }
}

/// Whether the argument in a register is what it must be. `map` is the map among the arguments
/// before it.
#[inline(always)]
fn check<'a>(
    machine: &mut Machine<'_, 'a>,
    map: &mut Option<&'a Map>,
    argument: Argument,
    register: usize,
) -> bool {
    let value = machine.registers[register & 7];
    let (len, write) = match argument {
        Argument::Key | Argument::Value => {
            let Some(map) = map else {
                return false;
            };
            let is_key = argument == Argument::Key;
            let len = if is_key {
                map.key_size()
            } else {
                map.value_size()
            };
            (u64::from(len), false)
        }
        Argument::Map(kinds) => {
            *map = named(machine.run, value);
            return map.is_some_and(|map| kinds >> (map.kind() as u32) & 1 != 0);
        }
        Argument::None | Argument::Anything | Argument::Constant | Argument::Opaque => return true,
        Argument::Size { zero } => return zero || value != 0,
        Argument::Context => return value == machine.run.context.address,
        Argument::Function => {
            let number = value.wrapping_sub(FUNCTION_TOKEN);
            return number < machine.run.program.functions.len() as u64;
        }
        Argument::Record => {
            let mut granted = machine.run.granted.iter().flatten();
            return granted.any(|grant| holds(grant, value));
        }
        Argument::Text => return text(&mut machine.view, machine.run, value),
        Argument::ReadOrNull if value == 0 => return true,
        // The next argument is the length.
        Argument::Read | Argument::ReadOrNull => (machine.registers[(register + 1) & 7], false),
        Argument::Write => (machine.registers[(register + 1) & 7], true),
        Argument::Fixed(len) => (u64::from(len), false),
        Argument::FixedWrite(len) => (u64::from(len), true),
    };
    len == 0 || machine.view.range(machine.run, value, len, write)
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
        match view.read::<u8>(run, address) {
            Some(0) => return true,
            Some(_) => address = address.wrapping_add(1),
            None => return false,
        }
    }
}

fn holds(grant: &Memory, address: u64) -> bool {
    grant.writable && grant.address == address
}

/// A place for what a helper will give. Records stay until they are given back; the rest makes room.
pub fn free(run: &Run<'_>) -> Option<usize> {
    let empty = run.granted.iter().position(Option::is_none);
    let lost = |grant: &Option<Memory>| grant.is_some_and(|grant| !grant.writable);
    empty.or_else(|| run.granted.iter().position(lost))
}

/// Takes a record away from the program.
pub fn give_back(run: &mut Run<'_>, address: u64) {
    let mut granted = run.granted.iter_mut();
    let found = granted.find(|grant| grant.is_some_and(|grant| holds(&grant, address)));
    if let Some(grant) = found {
        *grant = None;
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
    let held = core::mem::take(&mut run.granted);
    run.grants = 0;
    let Some(helper) = run.helpers.get(DISCARD) else {
        return;
    };
    for grant in held.iter().flatten().filter(|grant| grant.writable) {
        // SAFETY: the record was given to this run and not given back.
        unsafe { (helper.call)(grant.address, 0, 0, 0, 0, run) };
    }
}
