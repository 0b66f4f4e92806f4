//! Arithmetic (RFC 9669, sections 4.1 and 4.2). Each function is for some of the codes, and says whether it
//! was for this one.

use super::Registers;
use super::ops::{Code, Op};

/// On 64 bits.
#[inline(always)]
pub fn wide(op: &Op, registers: &mut Registers) -> bool {
    use Code::*;
    let left = registers[op.dst as usize];
    let right = registers[op.src as usize];
    let value = op.imm;
    registers[op.dst as usize] = match op.code {
        Add64K => left.wrapping_add(value),
        Add64X => left.wrapping_add(right),
        Sub64K => left.wrapping_sub(value),
        Sub64X => left.wrapping_sub(right),
        Mul64K => left.wrapping_mul(value),
        Mul64X => left.wrapping_mul(right),
        Or64K => left | value,
        Or64X => left | right,
        And64K => left & value,
        And64X => left & right,
        Xor64K => left ^ value,
        Xor64X => left ^ right,
        Lsh64K => left.wrapping_shl(value as u32),
        Lsh64X => left.wrapping_shl(right as u32),
        Rsh64K => left.wrapping_shr(value as u32),
        Rsh64X => left.wrapping_shr(right as u32),
        Arsh64K => (left as i64).wrapping_shr(value as u32) as u64,
        Arsh64X => (left as i64).wrapping_shr(right as u32) as u64,
        Mov64K => value,
        Mov64X => right,
        Neg64 => left.wrapping_neg(),
        _ => return false,
    };
    true
}

/// On the low 32 bits; the high ones become zero.
#[inline(always)]
pub fn narrow(op: &Op, registers: &mut Registers) -> bool {
    use Code::*;
    let left = registers[op.dst as usize] as u32;
    let right = registers[op.src as usize] as u32;
    let value = op.imm as u32;
    registers[op.dst as usize] = u64::from(match op.code {
        Add32K => left.wrapping_add(value),
        Add32X => left.wrapping_add(right),
        Sub32K => left.wrapping_sub(value),
        Sub32X => left.wrapping_sub(right),
        Mul32K => left.wrapping_mul(value),
        Mul32X => left.wrapping_mul(right),
        Or32K => left | value,
        Or32X => left | right,
        And32K => left & value,
        And32X => left & right,
        Xor32K => left ^ value,
        Xor32X => left ^ right,
        Lsh32K => left.wrapping_shl(value),
        Lsh32X => left.wrapping_shl(right),
        Rsh32K => left.wrapping_shr(value),
        Rsh32X => left.wrapping_shr(right),
        Arsh32K => (left as i32).wrapping_shr(value) as u32,
        Arsh32X => (left as i32).wrapping_shr(right) as u32,
        Mov32K => value,
        Mov32X => right,
        Neg32 => left.wrapping_neg(),
        _ => return false,
    });
    true
}

/// Division by zero gives zero; modulo zero leaves the low part of the register as it is.
#[inline(always)]
pub fn divide(op: &Op, registers: &mut Registers) -> bool {
    use Code::*;
    let left = registers[op.dst as usize];
    let right = registers[op.src as usize];
    let value = op.imm;
    registers[op.dst as usize] = match op.code {
        Div64K => quotient(left, value),
        Div64X => quotient(left, right),
        Div32K => quotient(low(left), low(value)),
        Div32X => quotient(low(left), low(right)),
        Mod64K => rest(left, value),
        Mod64X => rest(left, right),
        Mod32K => rest(low(left), low(value)),
        Mod32X => rest(low(left), low(right)),
        Sdiv64K => signed_quotient(left, value),
        Sdiv64X => signed_quotient(left, right),
        Sdiv32K => low(signed_quotient(extend(left), extend(value))),
        Sdiv32X => low(signed_quotient(extend(left), extend(right))),
        Smod64K => signed_rest(left, value),
        Smod64X => signed_rest(left, right),
        Smod32K => low(signed_rest(extend(left), extend(value))),
        Smod32X => low(signed_rest(extend(left), extend(right))),
        _ => return false,
    };
    true
}

/// `MOVSX`, and the order of bytes on a little-endian machine.
#[inline(always)]
pub fn convert(op: &Op, registers: &mut Registers) -> bool {
    use Code::*;
    let left = registers[op.dst as usize];
    let right = registers[op.src as usize];
    registers[op.dst as usize] = match op.code {
        Movsx64From8 => right as i8 as u64,
        Movsx64From16 => right as i16 as u64,
        Movsx64From32 => extend(right),
        Movsx32From8 => low(right as i8 as u64),
        Movsx32From16 => low(right as i16 as u64),
        Low16 => left & 0xffff,
        Low32 => low(left),
        Swap16 => u64::from((left as u16).swap_bytes()),
        Swap32 => u64::from((left as u32).swap_bytes()),
        Swap64 => left.swap_bytes(),
        Nop => left,
        _ => return false,
    };
    true
}

/// The low 32 bits.
#[inline(always)]
fn low(value: u64) -> u64 {
    u64::from(value as u32)
}

/// The low 32 bits with their sign.
#[inline(always)]
fn extend(value: u64) -> u64 {
    value as i32 as u64
}

#[inline(always)]
fn quotient(left: u64, right: u64) -> u64 {
    left.checked_div(right).unwrap_or(0)
}

#[inline(always)]
fn rest(left: u64, right: u64) -> u64 {
    left.checked_rem(right).unwrap_or(left)
}

#[inline(always)]
fn signed_quotient(left: u64, right: u64) -> u64 {
    match right {
        0 => 0,
        _ => (left as i64).wrapping_div(right as i64) as u64,
    }
}

#[inline(always)]
fn signed_rest(left: u64, right: u64) -> u64 {
    match right {
        0 => left,
        _ => (left as i64).wrapping_rem(right as i64) as u64,
    }
}
