//! Divisions (RFC 9669, section 4.1): the processor has `rdx:rax` divided, which are registers 3
//! and 0, and faults where the RFC has a result.

use super::emit::{Arith, Cond, RAX, RDX, Reg, Rm, Shift, Unary, Width, op};
use super::facts::bit;
use super::generate::{Generator, SCRATCH, SCRATCH2, field, native};
use crate::isa::{Insn, SOURCE_REGISTER, alu};

/// One division.
#[derive(Clone, Copy)]
struct Division {
    width: Width,
    signed: bool,
    /// The remainder is wanted.
    remainder: bool,
    dst: u8,
    at: usize,
}

impl Generator<'_> {
    /// `DIV`, `SDIV`, `MOD` and `SMOD`.
    #[inline(never)]
    pub(super) fn divide(&mut self, width: Width, insn: Insn, at: usize) {
        let division = Division {
            width,
            signed: insn.off == 1,
            remainder: insn.opcode & 0xf0 == alu::MOD,
            dst: insn.dst(),
            at,
        };
        if insn.opcode & SOURCE_REGISTER != 0 {
            self.by_register(division, native(insn.src()));
        } else {
            self.by_constant(division, insn.imm);
        }
    }

    /// The result where the divisor is 0: 0, or what was divided.
    #[inline(never)]
    fn by_zero(&mut self, division: Division) {
        if division.remainder {
            self.shift_by(division.width, Shift::Shl, division.dst, 0);
        } else {
            self.emit.set(native(division.dst), 0);
        }
    }

    /// The result where the divisor is -1, which the processor refuses for the smallest number.
    fn by_minus_one(&mut self, division: Division) {
        let dst = native(division.dst);
        if division.remainder {
            self.emit.set(dst, 0);
        } else {
            self.emit.unary(division.width, Unary::Neg, Rm::Reg(dst));
        }
    }

    fn by_constant(&mut self, division: Division, divisor: i32) {
        let narrow = division.width != Width::Quad;
        let power = !division.signed
            && if narrow {
                (divisor as u32).is_power_of_two()
            } else {
                divisor > 0 && (divisor as u32).is_power_of_two()
            };
        if divisor == 0 {
            self.by_zero(division);
        } else if division.signed && divisor == -1 {
            self.by_minus_one(division);
        } else if power && division.remainder {
            self.mask(division.width, division.dst, divisor.wrapping_sub(1));
        } else if power {
            let by = divisor.trailing_zeros() as u8;
            self.shift_by(division.width, Shift::Shr, division.dst, by);
        } else {
            self.emit.store_imm(division.width, field::CALLEE, divisor);
            self.quotient(division, field::CALLEE, 0);
        }
    }

    fn by_register(&mut self, division: Division, divisor: Reg) {
        let narrow = division.width;
        let divide = if division.signed {
            // 0 and -1 are what is below 2 after adding 1.
            self.emit.op(narrow, op::LEA, SCRATCH, Rm::Mem(divisor, 1));
            self.emit.arith_imm(narrow, Arith::Cmp, Rm::Reg(SCRATCH), 1);
            self.emit.forward(Some(Cond::Above as u8))
        } else {
            self.emit.op(narrow, op::TEST, divisor, Rm::Reg(divisor));
            self.emit.forward(Some(Cond::NotEqual as u8))
        };
        let mut signed_end = None;
        if division.signed {
            // The flags tell 1 (a divisor of 0) from 0 (-1).
            let zero = self.emit.forward(Some(Cond::Equal as u8));
            self.by_minus_one(division);
            signed_end = Some(self.emit.forward(None));
            self.emit.here(zero);
        }
        self.by_zero(division);
        let end = self.emit.forward(None);
        self.emit.here(divide);
        let (operand, copied) = match divisor {
            RAX => (SCRATCH2, bit(0)),
            RDX => (SCRATCH, bit(3)),
            other => (other, 0),
        };
        self.quotient(division, Rm::Reg(operand), copied);
        self.emit.here(end);
        if let Some(end) = signed_end {
            self.emit.here(end);
        }
    }

    /// Divides by what is neither 0 nor -1. `copied` names the register, of 0 and 3, that is the
    /// divisor and is divided by in its copy.
    fn quotient(&mut self, division: Division, divisor: Rm, copied: u16) {
        let Division { width, dst, .. } = division;
        let to = native(dst);
        let live = self.live_after(division.at) & !bit(dst);
        let keep_rax = live & bit(0) != 0;
        let keep_rdx = live & bit(3) != 0;
        if keep_rax || copied == bit(0) {
            self.emit.mov(Width::Quad, SCRATCH2, RAX);
        }
        if keep_rdx || copied == bit(3) {
            self.emit.mov(Width::Quad, SCRATCH, RDX);
        }
        if to != RAX {
            self.emit.mov(width, RAX, to);
        }
        if division.signed {
            self.emit.sign_into_rdx(width);
            self.emit.unary(width, Unary::Idiv, divisor);
        } else {
            self.emit.set(RDX, 0);
            self.emit.unary(width, Unary::Div, divisor);
        }
        let result = if division.remainder { RDX } else { RAX };
        if to != result {
            self.emit.mov(width, to, result);
        }
        if keep_rax {
            self.emit.mov(Width::Quad, RAX, SCRATCH2);
        }
        if keep_rdx {
            self.emit.mov(Width::Quad, RDX, SCRATCH);
        }
    }
}
