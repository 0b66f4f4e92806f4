//! Arithmetic but for divisions (RFC 9669, sections 4.1 and 4.2).

use super::emit::{Arith, RCX, Rm, Shift, Unary, Width, op};
use super::facts::bit;
use super::generate::{Generator, SCRATCH, SCRATCH2, native};
use crate::isa::{Insn, SOURCE_REGISTER, alu, class};

impl Generator<'_> {
    /// Any instruction of the classes `ALU` and `ALU64`.
    #[inline(never)]
    pub(super) fn arithmetic(&mut self, insn: Insn, at: usize) {
        let width = if insn.class() == class::ALU64 {
            Width::Quad
        } else {
            Width::Long
        };
        let register = insn.opcode & SOURCE_REGISTER != 0;
        match insn.opcode & 0xf0 {
            alu::ADD => self.simple(width, Arith::Add, insn),
            alu::SUB => self.simple(width, Arith::Sub, insn),
            alu::OR => self.simple(width, Arith::Or, insn),
            alu::XOR => self.simple(width, Arith::Xor, insn),
            alu::AND => self.and(width, insn),
            alu::MUL => self.multiply(width, insn),
            alu::DIV | alu::MOD => self.divide(width, insn, at),
            alu::LSH => self.shift(width, Shift::Shl, insn, at),
            alu::RSH => self.shift(width, Shift::Shr, insn, at),
            alu::ARSH => self.shift(width, Shift::Sar, insn, at),
            alu::NEG => self
                .emit
                .unary(width, Unary::Neg, Rm::Reg(native(insn.dst()))),
            alu::MOV if register => self.move_register(width, insn),
            alu::MOV if width == Width::Quad => self
                .emit
                .set(native(insn.dst()), i64::from(insn.imm) as u64),
            alu::MOV => self
                .emit
                .set(native(insn.dst()), u64::from(insn.imm as u32)),
            _ => self.swap(insn, width == Width::Quad || register),
        }
    }

    fn simple(&mut self, width: Width, what: Arith, insn: Insn) {
        let to = Rm::Reg(native(insn.dst()));
        if insn.opcode & SOURCE_REGISTER != 0 {
            self.emit.arith(width, what, to, native(insn.src()));
        } else {
            self.emit.arith_imm(width, what, to, insn.imm);
        }
    }

    fn and(&mut self, width: Width, insn: Insn) {
        if insn.opcode & SOURCE_REGISTER != 0 {
            return self.simple(width, Arith::And, insn);
        }
        self.mask(width, insn.dst(), insn.imm);
    }

    /// `dst &= mask`.
    #[inline(never)]
    pub(super) fn mask(&mut self, width: Width, dst: u8, mask: i32) {
        let to = native(dst);
        match mask {
            0xff => self.emit.op(Width::Byte, op::MOVZX_BYTE, to, Rm::Reg(to)),
            0xffff => self.emit.op(Width::Long, op::MOVZX_WORD, to, Rm::Reg(to)),
            _ => {
                // A mask without a sign clears the high half.
                let width = if mask >= 0 { Width::Long } else { width };
                self.emit.arith_imm(width, Arith::And, Rm::Reg(to), mask);
            }
        }
    }

    fn multiply(&mut self, width: Width, insn: Insn) {
        let to = native(insn.dst());
        if insn.opcode & SOURCE_REGISTER != 0 {
            self.emit
                .op(width, op::IMUL, to, Rm::Reg(native(insn.src())));
        } else if insn.imm > 1 && insn.imm & (insn.imm - 1) == 0 {
            let by = insn.imm.trailing_zeros() as u8;
            self.emit.shift_imm(width, Shift::Shl, to, by);
        } else {
            self.emit.imul_imm(width, to, to, insn.imm);
        }
    }

    /// `MOV` and `MOVSX` of a register.
    fn move_register(&mut self, width: Width, insn: Insn) {
        let (to, from) = (native(insn.dst()), native(insn.src()));
        match insn.off {
            8 => {
                let width = if width == Width::Quad {
                    width
                } else {
                    Width::Byte
                };
                self.emit.op(width, op::MOVSX_BYTE, to, Rm::Reg(from));
            }
            16 => self.emit.op(width, op::MOVSX_WORD, to, Rm::Reg(from)),
            32 => self.emit.op(Width::Quad, op::MOVSXD, to, Rm::Reg(from)),
            _ if width == Width::Quad && to == from => {}
            _ => self.emit.mov(width, to, from),
        }
    }

    /// A shift; the processor takes as many bits of the distance as the RFC says, 5 or 6.
    fn shift(&mut self, width: Width, what: Shift, insn: Insn, at: usize) {
        let to = native(insn.dst());
        if insn.opcode & SOURCE_REGISTER == 0 {
            let bits = if width == Width::Quad { 63 } else { 31 };
            return self.shift_by(width, what, insn.dst(), insn.imm as u8 & bits);
        }
        let by = native(insn.src());
        if by == RCX {
            self.emit.shift(width, what, to);
        } else if to == RCX {
            self.emit.mov(width, SCRATCH, RCX);
            self.emit.mov(Width::Long, RCX, by);
            self.emit.shift(width, what, SCRATCH);
            self.emit.mov(width, RCX, SCRATCH);
        } else {
            // Register 4 is in `rcx`.
            let keep = self.live_after(at) & bit(4) != 0;
            if keep {
                self.emit.mov(Width::Quad, SCRATCH2, RCX);
            }
            self.emit.mov(Width::Long, RCX, by);
            self.emit.shift(width, what, to);
            if keep {
                self.emit.mov(Width::Quad, RCX, SCRATCH2);
            }
        }
    }

    /// A shift by a constant.
    #[inline(never)]
    pub(super) fn shift_by(&mut self, width: Width, what: Shift, dst: u8, by: u8) {
        let to = native(dst);
        if by != 0 {
            self.emit.shift_imm(width, what, to, by);
        } else if width != Width::Quad {
            self.emit.mov(Width::Long, to, to);
        }
    }

    /// Byte swaps: `swap` is false where the bytes have the right order already.
    fn swap(&mut self, insn: Insn, swap: bool) {
        let to = native(insn.dst());
        match (insn.imm, swap) {
            (16, true) => {
                self.emit.shift_imm(Width::Word, Shift::Rol, to, 8);
                self.emit.op(Width::Long, op::MOVZX_WORD, to, Rm::Reg(to));
            }
            (32, true) => self.emit.bswap(Width::Long, to),
            (64, true) => self.emit.bswap(Width::Quad, to),
            (16, false) => self.emit.op(Width::Long, op::MOVZX_WORD, to, Rm::Reg(to)),
            (32, false) => self.emit.mov(Width::Long, to, to),
            _ => {}
        }
    }
}
