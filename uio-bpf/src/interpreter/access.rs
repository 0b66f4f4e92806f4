//! Loads, stores and atomic operations (RFC 9669, section 5).

use super::machine::Machine;
use super::op::{At, Step};
use super::view::{Atomic, atomic};
use crate::isa::{self, Insn, class, mode, size};

/// A step that loads a number of a type, widened as the type is.
macro_rules! load {
    ($type:ty) => {{
        fn step(machine: &mut Machine<'_, '_>, at: At) -> At {
            let address = machine.src(at).wrapping_add(i64::from(at.off) as u64);
            let Some(value) = machine.view.read::<$type>(machine.run, address) else {
                return machine.denied(at, address, size_of::<$type>() as u32, false);
            };
            *machine.dst(at) = value as i64 as u64;
            machine.after(at)
        }
        step as Step
    }};
}

/// A step that stores a number of a type: the source, or the immediate.
macro_rules! store {
    ($type:ty, $value:expr) => {{
        fn step(machine: &mut Machine<'_, '_>, at: At) -> At {
            let value: fn(&Machine<'_, '_>, At) -> u64 = $value;
            let value = value(machine, at) as $type;
            let address = machine.dst(at).wrapping_add(i64::from(at.off) as u64);
            if !machine.view.write::<$type>(machine.run, address, value) {
                return machine.denied(at, address, size_of::<$type>() as u32, true);
            }
            machine.after(at)
        }
        step as Step
    }};
}

/// The step of an instruction of the classes `LD`, `LDX`, `ST` and `STX`.
#[must_use]
pub fn step(insn: Insn) -> Step {
    let signed = insn.opcode & 0xe0 == mode::MEMSX;
    match (insn.class(), insn.opcode & 0x18) {
        (class::LD, _) => wide,
        (class::LDX, size::B) if signed => load!(i8),
        (class::LDX, size::H) if signed => load!(i16),
        (class::LDX, size::W) if signed => load!(i32),
        (class::LDX, size::B) => load!(u8),
        (class::LDX, size::H) => load!(u16),
        (class::LDX, size::W) => load!(u32),
        (class::LDX, _) => load!(u64),
        (class::ST, size::B) => store!(u8, |_, at| at.wide()),
        (class::ST, size::H) => store!(u16, |_, at| at.wide()),
        (class::ST, size::W) => store!(u32, |_, at| at.wide()),
        (class::ST, _) => store!(u64, |_, at| at.wide()),
        (_, size::W) if insn.opcode & 0xe0 == mode::ATOMIC => atomic32,
        (_, size::DW) if insn.opcode & 0xe0 == mode::ATOMIC => atomic64,
        (_, size::B) => store!(u8, |machine, at| machine.src(at)),
        (_, size::H) => store!(u16, |machine, at| machine.src(at)),
        (_, size::W) => store!(u32, |machine, at| machine.src(at)),
        (_, _) => store!(u64, |machine, at| machine.src(at)),
    }
}

/// `LDDW`: the second half has the high bits.
fn wide(machine: &mut Machine<'_, '_>, at: At) -> At {
    let second = at.next();
    *machine.dst(at) = u64::from(at.imm as u32) | (second.imm as u64) << 32;
    machine.after(second)
}

fn atomic32(machine: &mut Machine<'_, '_>, at: At) -> At {
    atomically(machine, at, 4)
}

fn atomic64(machine: &mut Machine<'_, '_>, at: At) -> At {
    atomically(machine, at, 8)
}

/// An atomic operation, and what it leaves in registers.
fn atomically(machine: &mut Machine<'_, '_>, at: At, len: u64) -> At {
    let address = machine.dst(at).wrapping_add(i64::from(at.off) as u64);
    let what = Atomic {
        operation: at.imm,
        operand: machine.src(at),
        expected: machine.registers[0],
    };
    let before = match atomic(&mut machine.view, machine.run, address, len, what) {
        Ok(before) => before,
        Err(why) => return machine.stop(at, why),
    };
    if at.imm == isa::atomic::CMPXCHG {
        machine.registers[0] = before;
    } else if at.imm & isa::atomic::FETCH != 0 {
        machine.registers[at.src as usize] = before;
    }
    at.next()
}
