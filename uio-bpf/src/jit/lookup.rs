//! Look-ups in arrays, which need no call: the value's address is the array's and so many times the
//! distance of values.

use alloc::sync::Arc;

use super::emit::{Arith, Cond, RAX, Rm, Shift, Width};
use super::facts::{TARGET, is_helper_call};
use super::generate::{Generator, SCRATCH, native};
use crate::isa::{Insn, class, jump, wide};
use crate::map::ArrayLayout;
use crate::program::Program;

/// The helper that looks a key up in a map.
const LOOKUP: i32 = 1;

/// Follows the address of a map in register 1 from one instruction to the next.
#[derive(Clone, Copy, Default)]
pub struct Tracker {
    map: Option<u64>,
}

impl Tracker {
    /// Goes past an instruction with its mark; not the second half of one.
    #[inline(never)]
    pub fn pass(&mut self, program: &Program, at: usize, mark: u16) {
        let Some(&insn) = program.insns.get(at) else {
            return;
        };
        if mark & TARGET != 0 {
            self.map = None;
        }
        let class = insn.class();
        let writes = match class {
            class::LD | class::LDX | class::ALU | class::ALU64 => insn.dst() == 1,
            class::STX => insn.src() == 1 && insn.imm != 0,
            // A helper leaves register 1 as it was, a function does not.
            class::JMP => insn.opcode & 0xf0 == jump::CALL && !is_helper_call(insn),
            _ => false,
        };
        if writes {
            let named = class == class::LD && matches!(insn.src(), wide::MAP | wide::MAP_INDEX);
            self.map = named.then(|| value(program, at));
        }
    }

    /// The array in which this instruction looks a key up, if it does and code for that can be made.
    #[inline(never)]
    pub fn array(&self, program: &Program, insn: Insn, mark: u16) -> Option<ArrayLayout> {
        let address = self.map.filter(|_| mark & TARGET == 0)?;
        if !is_helper_call(insn) || insn.imm != LOOKUP {
            return None;
        }
        let mut maps = program.maps.iter();
        let map = maps.find(|&map| Arc::as_ptr(map) as u64 == address)?;
        let layout = map.array_layout()?;
        let fits = layout.core_stride == 0 && i32::try_from(layout.stride).is_ok();
        fits.then_some(layout)
    }
}

/// The value of a wide instruction.
#[must_use]
pub fn value(program: &Program, at: usize) -> u64 {
    let half = |at| {
        program
            .insns
            .get(at)
            .map_or(0, |insn: &Insn| insn.imm as u32)
    };
    u64::from(half(at + 1)) << 32 | u64::from(half(at))
}

impl Generator<'_> {
    /// Looks the number that register 2 points to up in an array.
    #[inline(never)]
    pub(super) fn look_up(&mut self, array: ArrayLayout) {
        let key = Rm::Mem(native(2), 0);
        let (compared, condition) = if array.entries == 1 {
            (key, Cond::NotEqual)
        } else {
            self.emit.load(Width::Long, SCRATCH, key);
            (Rm::Reg(SCRATCH), Cond::AboveEqual)
        };
        let limit = if array.entries == 1 {
            0
        } else {
            array.entries as i32
        };
        self.emit.set(RAX, 0);
        self.emit
            .arith_imm(Width::Long, Arith::Cmp, compared, limit);
        let outside = self.emit.forward(Some(condition as u8));
        self.emit.set(RAX, array.base);
        if array.entries != 1 {
            if array.stride.is_power_of_two() {
                let by = array.stride.trailing_zeros() as u8;
                self.emit.shift_imm(Width::Quad, Shift::Shl, SCRATCH, by);
            } else {
                let stride = array.stride as i32;
                self.emit.imul_imm(Width::Quad, SCRATCH, SCRATCH, stride);
            }
            self.emit
                .arith(Width::Quad, Arith::Add, Rm::Reg(RAX), SCRATCH);
        }
        self.emit.here(outside);
    }
}
