//! Loads, stores and atomic operations (RFC 9669, section 5), and wide constants.

use super::emit::{Arith, Cond, RAX, Reg, Rm, Width, op};
use super::generate::{Generator, SCRATCH, SCRATCH2, native};
use super::lookup::value;
use crate::isa::{Insn, atomic, class, mode, size};

fn width(insn: Insn) -> Width {
    match insn.opcode & 0x18 {
        size::B => Width::Byte,
        size::H => Width::Word,
        size::W => Width::Long,
        _ => Width::Quad,
    }
}

impl Generator<'_> {
    /// `LDDW`: its value is resolved.
    pub(super) fn wide(&mut self, insn: Insn, at: usize) {
        self.emit.set(native(insn.dst()), value(self.program, at));
    }

    /// Any instruction of the classes `LDX`, `ST` and `STX`.
    #[inline(never)]
    pub(super) fn memory(&mut self, insn: Insn, at: usize) {
        let distance = i32::from(insn.off);
        match insn.class() {
            class::LDX => self.load(insn, Rm::Mem(native(insn.src()), distance)),
            class::ST => {
                let to = Rm::Mem(native(insn.dst()), distance);
                self.emit.store_imm(width(insn), to, insn.imm);
            }
            _ if insn.opcode & 0xe0 == mode::ATOMIC => self.atomic(insn, at),
            _ => {
                let to = Rm::Mem(native(insn.dst()), distance);
                self.emit.store(width(insn), to, native(insn.src()));
            }
        }
    }

    fn load(&mut self, insn: Insn, from: Rm) {
        let to = native(insn.dst());
        let signed = insn.opcode & 0xe0 == mode::MEMSX;
        let (width, opcode) = match (width(insn), signed) {
            (Width::Byte, false) => (Width::Long, op::MOVZX_BYTE),
            (Width::Word, false) => (Width::Long, op::MOVZX_WORD),
            (Width::Byte, true) => (Width::Quad, op::MOVSX_BYTE),
            (Width::Word, true) => (Width::Quad, op::MOVSX_WORD),
            (Width::Long, true) => (Width::Quad, op::MOVSXD),
            (width, _) => (width, op::MOV_LOAD),
        };
        self.emit.op(width, opcode, to, from);
    }

    #[inline(never)]
    fn atomic(&mut self, insn: Insn, at: usize) {
        let width = width(insn);
        let src = native(insn.src());
        let to = Rm::Mem(native(insn.dst()), i32::from(insn.off));
        let what = match insn.imm & !atomic::FETCH {
            atomic::OR => Arith::Or,
            atomic::AND => Arith::And,
            atomic::XOR => Arith::Xor,
            _ => Arith::Add,
        };
        match insn.imm {
            atomic::XCHG => self.emit.op(width, op::XCHG, src, to),
            atomic::CMPXCHG => {
                self.emit.lock();
                self.emit.op(width, op::CMPXCHG, src, to);
                if width == Width::Long {
                    // Where the values were equal, `eax` was not written.
                    self.emit.mov(Width::Long, RAX, RAX);
                }
            }
            imm if imm & atomic::FETCH == 0 => {
                self.emit.lock();
                self.emit.arith(width, what, to, src);
            }
            _ if what == Arith::Add => {
                self.emit.lock();
                self.emit.op(width, op::XADD, src, to);
            }
            _ => self.fetch(width, what, insn, at),
        }
    }

    /// Fetches what was there and stores what an operation makes of it, which the processor has no
    /// instruction for.
    fn fetch(&mut self, width: Width, what: Arith, insn: Insn, at: usize) {
        // Comparing needs `rax`, which is register 0: it stays in a copy meanwhile.
        let copied = |register: u8| {
            let native: Reg = native(register);
            if native == RAX { SCRATCH2 } else { native }
        };
        let (base, src) = (copied(insn.dst()), copied(insn.src()));
        let to = Rm::Mem(base, i32::from(insn.off));
        self.emit.mov(Width::Quad, SCRATCH2, RAX);
        self.emit.load(width, RAX, to);
        let again = self.emit.at();
        self.emit.mov(width, SCRATCH, RAX);
        self.emit.arith(width, what, Rm::Reg(SCRATCH), src);
        self.emit.lock();
        self.emit.op(width, op::CMPXCHG, SCRATCH, to);
        self.emit.jump(Some(Cond::NotEqual as u8), again, false);
        if src != SCRATCH2 {
            if self.live_after(at) & super::facts::bit(insn.src()) != 0 {
                self.emit.mov(width, src, RAX);
            }
            self.emit.mov(Width::Quad, RAX, SCRATCH2);
        }
    }
}
