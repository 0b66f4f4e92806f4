//! Calls (RFC 9669, section 4.3.1).

use super::emit::{Arith, Cond, RAX, RBP, Rm, Shift, Width, op};
use super::entry::BY_NUMBER;
use super::facts::{callee, is_helper_call, is_local_call, keeps_records};
use super::generate::{BUDGET, Generator, Place, RUN, SCRATCH, SCRATCH2, field, native};
use crate::helper::Argument;
use crate::isa::{FRAME_LEN, FUNCTION_TOKEN, Insn};

/// Bytes of an entry in the table of functions: how many instructions, how far from the table.
pub const ENTRY_LEN: usize = 16;

impl Generator<'_> {
    /// `CALL` and `CALLX`.
    #[inline(never)]
    pub(super) fn call(&mut self, insn: Insn, at: usize) {
        if is_local_call(insn) {
            self.call_local(callee(insn, at), at);
        } else if is_helper_call(insn) {
            match self.array(insn, at) {
                Some(array) => self.look_up(array),
                None => self.call_helper(insn.imm as u32, at),
            }
        } else {
            self.call_indirect(insn.dst(), at);
        }
    }

    #[inline(never)]
    fn call_local(&mut self, start: usize, at: usize) {
        let functions = &self.program.functions;
        let Ok(number) = functions.binary_search_by_key(&(start as u32), |one| one.start) else {
            return;
        };
        let len = functions.get(number).map_or(0, |one| one.end - one.start);
        if self.facts.indirect {
            self.frame_left(at);
        }
        self.charge(len as usize);
        self.leave(at, Some(Cond::Below), Place::LeaveBudget);
        let target = self.function_of(number);
        self.emit.call(target);
    }

    /// Ends the run if there is no frame left for a function that is called. Where all calls name what
    /// they call, that was checked before.
    fn frame_left(&mut self, at: usize) {
        let below = Rm::Mem(RBP, -(FRAME_LEN as i32));
        self.emit.op(Width::Quad, op::LEA, SCRATCH2, below);
        self.emit.op(Width::Quad, 0x3b, SCRATCH2, field::STACK);
        self.leave(at, Some(Cond::BelowEqual), Place::LeaveFrames);
    }

    fn call_helper(&mut self, id: u32, at: usize) {
        let Some(helper) = self.table.get(id) else {
            return;
        };
        if helper.prototype.arguments.contains(&Argument::Function) {
            self.emit.store(Width::Quad, field::FRAME_POINTER, RBP);
        }
        if keeps_records(&helper.prototype) {
            self.emit.store_imm(Width::Quad, field::CALLEE, id as i32);
            self.call_native(BY_NUMBER as usize as u64, at);
        } else {
            self.call_native(helper.call as usize as u64, at);
        }
    }

    /// Calls a helper's code.
    fn call_native(&mut self, address: u64, at: usize) {
        let kept = self.kept(at);
        let odd = !kept.count_ones().is_multiple_of(2);
        for register in (1..=5).filter(|register| kept & 1 << register != 0) {
            self.emit.push(native(register));
        }
        if odd {
            self.emit.push(SCRATCH);
        }
        if self.facts.charges {
            self.emit.store(Width::Quad, field::BUDGET, BUDGET);
        }
        self.emit.mov(Width::Quad, SCRATCH, RUN);
        self.emit.set(RAX, address);
        self.emit.call_reg(RAX);
        if self.facts.charges {
            self.emit.load(Width::Quad, BUDGET, field::BUDGET);
        }
        if odd {
            self.emit.pop(SCRATCH);
        }
        for register in (1..=5).rev().filter(|register| kept & 1 << register != 0) {
            self.emit.pop(native(register));
        }
        self.emit
            .arith_imm(Width::Quad, Arith::Cmp, field::LEAVE, 0);
        self.leave(at, Some(Cond::NotEqual), Place::LeaveHelper);
    }

    /// `CALLX`: a function by its token, a helper by its number.
    #[inline(never)]
    fn call_indirect(&mut self, register: u8, at: usize) {
        let value = native(register);
        self.emit.mov(Width::Quad, SCRATCH, value);
        self.emit.set(SCRATCH2, FUNCTION_TOKEN);
        self.emit
            .arith(Width::Quad, Arith::Sub, Rm::Reg(SCRATCH), SCRATCH2);
        let count = self.program.functions.len() as i32;
        self.emit
            .arith_imm(Width::Quad, Arith::Cmp, Rm::Reg(SCRATCH), count);
        let other = self.emit.forward(Some(Cond::AboveEqual as u8));
        self.frame_left(at);
        self.function_entry();
        self.emit.op(Width::Quad, 0x2b, BUDGET, Rm::Mem(SCRATCH, 0));
        self.leave(at, Some(Cond::Below), Place::LeaveBudget);
        self.emit.call_reg(SCRATCH2);
        let done = self.emit.forward(None);
        self.emit.here(other);
        self.emit.store(Width::Quad, field::CALLEE, value);
        self.emit.store(Width::Quad, field::FRAME_POINTER, RBP);
        self.call_native(BY_NUMBER as usize as u64, at);
        self.emit.here(done);
    }

    /// From a function's number in one register to its entry in the table there, and its code in the other
    /// one.
    pub(super) fn function_entry(&mut self) {
        let table = self.place_of(Place::Functions);
        self.emit.lea_rip(SCRATCH2, table);
        self.emit.shift_imm(
            Width::Quad,
            Shift::Shl,
            SCRATCH,
            ENTRY_LEN.trailing_zeros() as u8,
        );
        self.emit
            .arith(Width::Quad, Arith::Add, Rm::Reg(SCRATCH), SCRATCH2);
        self.emit
            .op(Width::Quad, 0x03, SCRATCH2, Rm::Mem(SCRATCH, 8));
    }
}
