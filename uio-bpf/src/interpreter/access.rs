//! Loads, stores and atomic operations (RFC 9669, section 5).

use super::Registers;
use super::ops::{Code, Op};
use super::view::{Atomic, Denied, View, atomic};
use crate::isa;
use crate::run::{Run, Stop};

/// Loads or stores; `None` if it does neither.
#[inline(always)]
pub fn access(
    op: &Op,
    registers: &mut Registers,
    view: &mut View,
    run: &mut Run<'_>,
) -> Option<Result<(), Denied>> {
    use Code::*;
    let offset = op.off as i64 as u64;
    let from = registers[op.src as usize].wrapping_add(offset);
    let to = registers[op.dst as usize].wrapping_add(offset);
    let value = registers[op.src as usize];
    let loaded = match op.code {
        Load8 => view.read::<u8>(run, from).map(u64::from),
        Load16 => view.read::<u16>(run, from).map(u64::from),
        Load32 => view.read::<u32>(run, from).map(u64::from),
        Load64 => view.read::<u64>(run, from),
        LoadSigned8 => view.read::<i8>(run, from).map(|value| value as u64),
        LoadSigned16 => view.read::<i16>(run, from).map(|value| value as u64),
        LoadSigned32 => view.read::<i32>(run, from).map(|value| value as u64),
        Store8K => return Some(view.write(run, to, op.imm as u8)),
        Store16K => return Some(view.write(run, to, op.imm as u16)),
        Store32K => return Some(view.write(run, to, op.imm as u32)),
        Store64K => return Some(view.write(run, to, op.imm)),
        Store8X => return Some(view.write(run, to, value as u8)),
        Store16X => return Some(view.write(run, to, value as u16)),
        Store32X => return Some(view.write(run, to, value as u32)),
        Store64X => return Some(view.write(run, to, value)),
        _ => return None,
    };
    Some(loaded.map(|value| registers[op.dst as usize] = value))
}

/// An atomic operation, and what it leaves in registers.
#[inline(never)]
pub fn atomically(
    op: &Op,
    registers: &mut Registers,
    view: &mut View,
    run: &mut Run<'_>,
) -> Result<(), Stop> {
    let len = if op.code == Code::Atomic32 { 4 } else { 8 };
    let address = registers[op.dst as usize].wrapping_add(op.off as i64 as u64);
    let operation = op.imm as i32;
    let what = Atomic {
        operation,
        operand: registers[op.src as usize],
        expected: registers[0],
    };
    let before = atomic(view, run, address, len, what)?;
    if operation == isa::atomic::CMPXCHG {
        registers[0] = before;
    } else if operation & isa::atomic::FETCH != 0 {
        registers[op.src as usize] = before;
    }
    Ok(())
}
