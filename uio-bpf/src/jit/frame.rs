//! Entry and exit of functions, and the ways out of a run that ends early.
//!
//! The first function saves for all others what they write of registers that belong to who called the
//! program, because a run may end in any of them: going back to the stack as the first function had it
//! and leaving it as at its end is all that this takes. Where helpers are called it saves all of them,
//! since a helper may be ended in its middle, too.

use super::call::ENTRY_LEN;
use super::emit::{Arith, Cond, RAX, RBP, RCX, RDI, RSP, Rm, Width, op};
use super::facts::{ARGUMENTS, FunctionFacts, LIVE, SAVED, bit};
use super::generate::{BUDGET, Generator, Place, SCRATCH, SCRATCH2, field, native};
use crate::isa::FRAME_LEN;
use crate::kind::Kind;

/// More words of a frame than this are cleared all at once.
const MOST_SINGLE: u32 = 10;

/// Values of [`crate::run::Run::leave`] that code sets itself.
pub mod leave {
    /// The budget is used up.
    pub const BUDGET: i32 = 2;
    /// Functions call each other too deep.
    pub const FRAMES: i32 = 3;
    /// The program returned and holds what it has to give back.
    pub const GRANTS: i32 = 4;
}

impl Generator<'_> {
    /// What a function saves of registers 6 to 9, and whether it keeps the stack aligned for calls.
    fn saves(&self, number: usize) -> (u16, bool) {
        if number != 0 {
            let facts = self
                .facts
                .functions
                .get(number)
                .copied()
                .unwrap_or_default();
            return (facts.written, facts.helpers || facts.calls);
        }
        let helpers = self.facts.any(|one| one.helpers);
        let calls = helpers || self.facts.any(|one| one.calls);
        // What is read and never written is set to zero, which is writing, too.
        let set = self.facts.written() | self.facts.live_at_start() & SAVED;
        let saved = if helpers { SAVED } else { set };
        (saved, calls)
    }

    fn push_saved(&mut self, number: usize) {
        let (saved, aligned) = self.saves(number);
        for register in (6..=9).filter(|&register| saved & bit(register) != 0) {
            self.emit.push(native(register));
        }
        // The return address and an even number of registers are not a multiple of 16 bytes.
        if aligned && saved.count_ones() % 2 == 0 {
            self.emit.push(SCRATCH);
        }
    }

    fn pop_saved(&mut self, number: usize) {
        let (saved, aligned) = self.saves(number);
        if aligned && saved.count_ones() % 2 == 0 {
            self.emit.pop(SCRATCH);
        }
        for register in (6..=9).rev().filter(|&register| saved & bit(register) != 0) {
            self.emit.pop(native(register));
        }
        self.emit.ret();
    }

    /// Whether a function has a frame pointer of its own: if it uses it, or what it calls may.
    fn has_frame(&self, number: usize) -> bool {
        let uses = |facts: &FunctionFacts| facts.frame || facts.calls;
        number != 0 && (self.facts.indirect || self.facts.functions.get(number).is_some_and(uses))
    }

    /// Whether a run may end early, by a fault included.
    fn may_leave(&self) -> bool {
        self.facts.charges || self.facts.any(|one| one.memory || one.helpers)
    }

    /// The entry of a function.
    #[inline(never)]
    pub(super) fn prologue(&mut self, number: usize) {
        self.push_saved(number);
        if self.has_frame(number) {
            self.emit
                .arith_imm(Width::Quad, Arith::Sub, Rm::Reg(RBP), FRAME_LEN as i32);
        }
        self.clear_frame(number);
        if number != 0 {
            return;
        }
        self.begin();
        let given = match self.program.kind {
            Kind::Executable => bit(1) | bit(2),
            _ => bit(1),
        };
        self.clear(self.facts.live_at_start() & !given);
    }

    /// Clears what the function may read of its frame before it has written it.
    #[inline(never)]
    fn clear_frame(&mut self, number: usize) {
        let words = self.facts.functions.get(number).map_or(0, |one| one.clear);
        if words.count_ones() <= MOST_SINGLE {
            for word in (0..64).filter(|word| words & 1 << word != 0) {
                let place = Rm::Mem(RBP, -8 * (word + 1));
                self.emit.store_imm(Width::Quad, place, 0);
            }
            return;
        }
        let count = 64 - words.leading_zeros();
        self.emit.push(RAX);
        self.emit.mov(Width::Quad, SCRATCH, RDI);
        self.emit.mov(Width::Quad, SCRATCH2, RCX);
        let lowest = Rm::Mem(RBP, -8 * count as i32);
        self.emit.op(Width::Quad, op::LEA, RDI, lowest);
        self.emit.set(RCX, u64::from(count));
        self.emit.set(RAX, 0);
        self.emit.fill();
        self.emit.mov(Width::Quad, RCX, SCRATCH2);
        self.emit.mov(Width::Quad, RDI, SCRATCH);
        self.emit.pop(RAX);
    }

    /// The run begins.
    fn begin(&mut self) {
        if self.may_leave() {
            self.emit.store(Width::Quad, field::ENTRY, RSP);
        }
        if self.facts.charges {
            self.emit.load(Width::Quad, BUDGET, field::BUDGET);
        }
    }

    /// Registers that nobody sets are zero.
    #[inline(never)]
    fn clear(&mut self, registers: u16) {
        for register in (0..10).filter(|register| registers & 1 << register != 0) {
            self.emit.set(native(register), 0);
        }
    }

    /// The exit of a function.
    #[inline(never)]
    pub(super) fn epilogue(&mut self, number: usize) {
        if number == 0 && self.facts.charges {
            self.emit.store(Width::Quad, field::BUDGET, BUDGET);
        }
        if number == 0 && self.facts.records {
            self.emit
                .arith_imm(Width::Long, Arith::Cmp, field::GRANTS, 0);
            let none = self.emit.forward(Some(Cond::Equal as u8));
            self.emit
                .store_imm(Width::Quad, field::LEAVE, leave::GRANTS);
            self.emit.here(none);
        }
        if self.has_frame(number) {
            self.emit
                .arith_imm(Width::Quad, Arith::Add, Rm::Reg(RBP), FRAME_LEN as i32);
        }
        self.pop_saved(number);
    }

    /// What is behind the functions.
    #[inline(never)]
    pub(super) fn ways_out(&mut self) {
        if !self.may_leave() {
            return;
        }
        if self.facts.charges {
            self.place(Place::LeaveFrames);
            self.emit
                .store_imm(Width::Quad, field::LEAVE, leave::FRAMES);
            let end = self.emit.forward(None);
            self.place(Place::LeaveBudget);
            self.emit
                .store_imm(Width::Quad, field::LEAVE, leave::BUDGET);
            self.emit.here(end);
            self.emit.store(Width::Quad, field::BUDGET, BUDGET);
        }
        self.place(Place::LeaveHelper);
        self.emit.store(Width::Quad, field::AT, SCRATCH2);
        self.emit.load(Width::Quad, RSP, field::ENTRY);
        self.place(Place::Leave);
        self.pop_saved(0);
        if self.facts.indirect {
            self.callback();
            self.table();
        }
    }

    /// A helper calls a function: its number is in [`SCRATCH`], its arguments are in their registers,
    /// and the frame pointer is the caller's.
    fn callback(&mut self) {
        self.place(Place::Callback);
        // That saves and restores [`SCRATCH`] is of no use to it.
        self.push_saved(0);
        self.begin();
        let functions = self.program.functions.iter();
        let live = functions.fold(0, |all, one| all | self.facts.mark(one.start as usize));
        self.clear(live & LIVE & !ARGUMENTS);
        self.function_entry();
        self.emit.call_reg(SCRATCH2);
        self.emit.store(Width::Quad, field::BUDGET, BUDGET);
        self.pop_saved(0);
    }

    /// The table of functions.
    fn table(&mut self) {
        self.place(Place::Functions);
        let table = self.emit.at();
        for (number, function) in self.program.functions.iter().enumerate() {
            let len = u64::from(function.end - function.start);
            let distance = (self.function_of(number) as u64).wrapping_sub(table as u64);
            for half in [len, len >> 32, distance, distance >> 32] {
                self.emit.dword(half as u32);
            }
        }
        debug_assert!(self.emit.at() - table == self.program.functions.len() * ENTRY_LEN);
    }
}
