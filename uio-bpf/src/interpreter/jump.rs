//! Jumps (RFC 9669, section 4.3).

use super::Registers;
use super::ops::{Code, Op};

/// Whether the jump is taken; `None` if it is no jump.
#[inline(always)]
#[rustfmt::skip]
pub fn taken(op: &Op, registers: &Registers) -> Option<bool> {
    use Code::*;
    let left = registers[op.dst as usize];
    let right = registers[op.src as usize];
    let value = op.imm;
    Some(match op.code {
        Ja => true,
        Jeq64K => left == value,
        Jeq64X => left == right,
        Jeq32K => left as u32 == value as u32,
        Jeq32X => left as u32 == right as u32,
        Jne64K => left != value,
        Jne64X => left != right,
        Jne32K => left as u32 != value as u32,
        Jne32X => left as u32 != right as u32,
        Jset64K => left & value != 0,
        Jset64X => left & right != 0,
        Jset32K => (left & value) as u32 != 0,
        Jset32X => (left & right) as u32 != 0,
        Jgt64K => left > value,
        Jgt64X => left > right,
        Jgt32K => (left as u32) > (value as u32),
        Jgt32X => (left as u32) > (right as u32),
        Jge64K => left >= value,
        Jge64X => left >= right,
        Jge32K => (left as u32) >= (value as u32),
        Jge32X => (left as u32) >= (right as u32),
        Jlt64K => left < value,
        Jlt64X => left < right,
        Jlt32K => (left as u32) < (value as u32),
        Jlt32X => (left as u32) < (right as u32),
        Jle64K => left <= value,
        Jle64X => left <= right,
        Jle32K => (left as u32) <= (value as u32),
        Jle32X => (left as u32) <= (right as u32),
        Jsgt64K => (left as i64) > (value as i64),
        Jsgt64X => (left as i64) > (right as i64),
        Jsgt32K => (left as i32) > (value as i32),
        Jsgt32X => (left as i32) > (right as i32),
        Jsge64K => (left as i64) >= (value as i64),
        Jsge64X => (left as i64) >= (right as i64),
        Jsge32K => (left as i32) >= (value as i32),
        Jsge32X => (left as i32) >= (right as i32),
        Jslt64K => (left as i64) < (value as i64),
        Jslt64X => (left as i64) < (right as i64),
        Jslt32K => (left as i32) < (value as i32),
        Jslt32X => (left as i32) < (right as i32),
        Jsle64K => (left as i64) <= (value as i64),
        Jsle64X => (left as i64) <= (right as i64),
        Jsle32K => (left as i32) <= (value as i32),
        Jsle32X => (left as i32) <= (right as i32),
        _ => return None,
    })
}
