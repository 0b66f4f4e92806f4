//! Calls of functions and helpers, and the way back (RFC 9669, section 4.3).
#![allow(unsafe_code, reason = "who starts a run answers for its helpers")]

use super::helper;
use super::machine::Machine;
use super::op::{At, Step};
use crate::helper::{APPLICATION, Argument, Helper, OWN};
use crate::isa::{FRAME_LEN, FUNCTION_TOKEN, Insn, SOURCE_REGISTER, call, jump};
use crate::run::Stop;

/// The number of `map_lookup_elem`.
const LOOK_UP: u32 = 1;

/// The step of a call or `EXIT`.
#[must_use]
pub fn step(insn: Insn) -> Step {
    match insn.opcode & 0xf0 {
        jump::EXIT => exit,
        _ if insn.opcode & SOURCE_REGISTER != 0 => by_register,
        _ if insn.src() == call::LOCAL => local,
        _ if insn.imm as u32 >= APPLICATION => application,
        _ => own,
    }
}

/// A function that the program names: its offset is how long that is.
fn local(machine: &mut Machine<'_, '_>, at: At) -> At {
    enter::<true>(machine, at, at.jump(at.imm), u32::from(at.off as u16))
}

/// As [`local`], of a function that leaves registers 6 to 9 as they are.
pub fn local_unchanged(machine: &mut Machine<'_, '_>, at: At) -> At {
    enter::<false>(machine, at, at.jump(at.imm), u32::from(at.off as u16))
}

/// A helper of the runtime: its offset is the place in the table.
fn own(machine: &mut Machine<'_, '_>, at: At) -> At {
    let helper = machine.run.helpers.own.get(usize::from(at.off as u16));
    call(machine, at, helper, at.wide())
}

/// A helper of the runtime that takes a map and a key of it.
fn own_with_key(machine: &mut Machine<'_, '_>, at: At) -> At {
    let helper = machine.run.helpers.own.get(usize::from(at.off as u16));
    let Some(helper) = helper else {
        return call(machine, at, None, at.wide());
    };
    // SAFETY: who started the run answers for its helpers and its memory.
    unsafe { helper::call_with_key(machine, at, helper) }
}

/// `map_lookup_elem`.
fn look_up(machine: &mut Machine<'_, '_>, at: At) -> At {
    if helper::look_up(machine) {
        return at.next();
    }
    own_with_key(machine, at)
}

/// The step of a call of a helper of the runtime, if there is one for it alone.
#[must_use]
pub fn for_helper(helper: &Helper<'_>) -> Option<Step> {
    let own = OWN.first();
    if own.is_some_and(|own| own.id == LOOK_UP && core::ptr::fn_addr_eq(own.call, helper.call)) {
        return Some(look_up);
    }
    let taken = &helper.prototype.arguments;
    let with_key = matches!(taken, [Argument::Map(_), Argument::Key, Argument::None, ..]);
    with_key.then_some(own_with_key as Step)
}

/// A helper of the application.
fn application(machine: &mut Machine<'_, '_>, at: At) -> At {
    let helper = machine.run.helpers.get(at.imm as u32);
    call(machine, at, helper, at.wide())
}

/// `CALLX`.
fn by_register(machine: &mut Machine<'_, '_>, at: At) -> At {
    let value = *machine.dst(at);
    let number = value.wrapping_sub(FUNCTION_TOKEN) as usize;
    if let Some(to) = machine.run.program.functions.get(number) {
        let start = At::number(&machine.run.program.ops, to.start);
        return enter::<true>(machine, at, start, to.end - to.start);
    }
    let id = u32::try_from(value).ok();
    let helper = id.and_then(|id| machine.run.helpers.get(id));
    let kind = machine.run.program.kind;
    call(
        machine,
        at,
        helper.filter(|helper| helper.is_for(kind)),
        value,
    )
}

#[inline(never)]
fn call(machine: &mut Machine<'_, '_>, at: At, helper: Option<&Helper<'_>>, value: u64) -> At {
    let Some(helper) = helper else {
        return machine.stop(at, Stop::Callee { value });
    };
    // SAFETY: who started the run answers for its helpers and its memory.
    unsafe { helper::call(machine, at, helper) }
}

/// Goes into a function of the program. `KEEP` if it may change registers 6 to 9.
#[inline(always)]
fn enter<const KEEP: bool>(machine: &mut Machine<'_, '_>, at: At, to: At, cost: u32) -> At {
    let frames = machine.run.frames as usize;
    if !machine
        .saved
        .keep::<KEEP>(frames, &machine.registers, at.next())
    {
        return machine.too_deep(at);
    }
    machine.run.budget -= i64::from(cost);
    if machine.run.budget < 0 {
        return machine.out_of_budget(at);
    }
    machine.run.frames = frames as u32 + 1;
    machine.registers[10] -= FRAME_LEN as u64;
    machine.view.enter(machine.run, machine.registers[10]);
    to
}

fn exit(machine: &mut Machine<'_, '_>, at: At) -> At {
    leave::<true>(machine, at)
}

/// As [`exit`], of a function that leaves registers 6 to 9 as they are.
pub fn exit_unchanged(machine: &mut Machine<'_, '_>, at: At) -> At {
    leave::<false>(machine, at)
}

#[inline(always)]
fn leave<const KEEP: bool>(machine: &mut Machine<'_, '_>, at: At) -> At {
    if machine.run.frames == machine.base {
        return machine.end();
    }
    machine.run.frames -= 1;
    let frames = machine.run.frames as usize;
    // SAFETY: `enter` kept them when so many functions were active; registers too, where they may have changed: this
    // step and the call's say the same of the function, and `CALLX` always keeps them.
    let back = unsafe {
        machine
            .saved
            .restore::<KEEP>(frames, &mut machine.registers)
    };
    let Some(back) = back else {
        return machine.too_deep(at);
    };
    machine.registers[10] += FRAME_LEN as u64;
    machine.view.back(machine.run, machine.registers[10]);
    back
}
