//! Jumps (RFC 9669, section 4.3).

use super::emit::{Arith, Cond, Rm, Width, op};
use super::generate::{Generator, Place, native};
use crate::check::jump_target;
use crate::isa::{Insn, SOURCE_REGISTER, class, jump};

fn condition(operation: u8) -> Cond {
    match operation {
        jump::JEQ => Cond::Equal,
        jump::JGT => Cond::Above,
        jump::JGE => Cond::AboveEqual,
        jump::JSGT => Cond::Greater,
        jump::JSGE => Cond::GreaterEqual,
        jump::JLT => Cond::Below,
        jump::JLE => Cond::BelowEqual,
        jump::JSLT => Cond::Less,
        jump::JSLE => Cond::LessEqual,
        // `JSET` too: `test` leaves zero where no bit is common.
        _ => Cond::NotEqual,
    }
}

impl Generator<'_> {
    /// Any instruction of the classes `JMP` and `JMP32`.
    #[inline(never)]
    pub(super) fn branch(&mut self, insn: Insn, at: usize) {
        match insn.opcode & 0xf0 {
            jump::CALL => return self.call(insn, at),
            jump::EXIT => return self.epilogue(self.function),
            _ => {}
        }
        let Some(target) = jump_target(insn, at) else {
            return;
        };
        let target = target as usize;
        let always = insn.opcode & 0xf0 == jump::JA;
        if always && target == at + 1 {
            return;
        }
        if !always {
            self.compare(insn);
        }
        let condition = condition(insn.opcode & 0xf0);
        if target > at {
            let condition = (!always).then_some(condition as u8);
            return self.jump_to(at, condition, target);
        }
        let skip = (!always).then(|| self.emit.forward(Some(condition.inverted())));
        self.charge(at - target + 1);
        self.jump_to(at, Some(Cond::AboveEqual as u8), target);
        self.leave(at, None, Place::LeaveBudget);
        if let Some(skip) = skip {
            self.emit.here(skip);
        }
    }

    /// Sets the flags as the condition wants them.
    fn compare(&mut self, insn: Insn) {
        let width = if insn.class() == class::JMP {
            Width::Quad
        } else {
            Width::Long
        };
        let dst = native(insn.dst());
        let bits = insn.opcode & 0xf0 == jump::JSET;
        if insn.opcode & SOURCE_REGISTER != 0 {
            let src = native(insn.src());
            if bits {
                self.emit.op(width, op::TEST, src, Rm::Reg(dst));
            } else {
                self.emit.arith(width, Arith::Cmp, Rm::Reg(dst), src);
            }
        } else if bits {
            self.emit.test_imm(width, dst, insn.imm);
        } else if insn.imm == 0 {
            self.emit.op(width, op::TEST, dst, Rm::Reg(dst));
        } else {
            self.emit
                .arith_imm(width, Arith::Cmp, Rm::Reg(dst), insn.imm);
        }
    }
}
