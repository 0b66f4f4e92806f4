//! One pass over a program that makes code of it, or tells how long that is.
//!
//! Layout: the functions, the first one first; what is left for when a run is ended ([`stubs`](self));
//! the ways out; the way in for functions that helpers call, and the table of functions.

use alloc::vec::Vec;
use core::mem::offset_of;

use super::emit::{
    Arith, Cond, Emitter, R8, R9, R10, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI,
    Reg, Rm, Width,
};
use super::facts::{ARGUMENTS, Facts, INLINE, LIVE, LONG, LONG_EXIT, SECOND};
use super::lookup::Tracker;
use crate::helper::Table;
use crate::isa::{Insn, class};
use crate::map::ArrayLayout;
use crate::program::Program;
use crate::run::Run;

/// Where registers of the program are; 0 to 5 as a C function has them, so that calls of helpers move
/// nothing.
const REGISTERS: [Reg; 16] = [
    RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP, RBP, RBP, RBP, RBP, RBP,
];

/// The run.
pub const RUN: Reg = R12;
/// For use within one instruction.
pub const SCRATCH: Reg = R9;
/// For use within one instruction.
pub const SCRATCH2: Reg = R10;
/// The budget that is left, in programs that charge it.
pub const BUDGET: Reg = R11;

/// Fields of [`Run`] that code knows.
pub mod field {
    use super::{Reg, Rm, Run, offset_of};

    const fn of(offset: usize) -> Rm {
        Rm::Mem(Reg(12), offset as i32)
    }

    /// [`Run::budget`].
    pub const BUDGET: Rm = of(offset_of!(Run<'static>, budget));
    /// [`Run::entry`].
    pub const ENTRY: Rm = of(offset_of!(Run<'static>, entry));
    /// [`Run::leave`].
    pub const LEAVE: Rm = of(offset_of!(Run<'static>, leave));
    /// [`Run::at`].
    pub const AT: Rm = of(offset_of!(Run<'static>, at));
    /// [`Run::callee`].
    pub const CALLEE: Rm = of(offset_of!(Run<'static>, callee));
    /// [`Run::frame_pointer`].
    pub const FRAME_POINTER: Rm = of(offset_of!(Run<'static>, frame_pointer));
    /// [`Run::grants`].
    pub const GRANTS: Rm = of(offset_of!(Run<'static>, grants));
    /// [`Run::stack`].
    pub const STACK: Rm = of(offset_of!(Run<'static>, stack));
}

/// Where a register of the program is.
#[must_use]
pub fn native(register: u8) -> Reg {
    REGISTERS[usize::from(register & 0xf)]
}

/// Places in the code that are no instructions of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The end of the last function; what is left for when a run is ended begins.
    Stubs,
    /// Behind a helper that ended the run.
    LeaveHelper,
    /// The budget is used up.
    LeaveBudget,
    /// There is no frame left.
    LeaveFrames,
    /// The native stack is as it was at the entry.
    Leave,
    /// A helper calls a function.
    Callback,
    /// The functions.
    Functions,
    /// The end.
    End,
}

/// How many places there are.
pub const PLACES: usize = Place::End as usize + 1;

/// Bytes of what is left of an instruction for when it ends the run.
const STUB_LEN: usize = 11;

/// A way in which an instruction ends the run.
#[derive(Clone, Copy)]
pub struct Stub {
    at: u32,
    to: Place,
}

/// A pass.
pub struct Generator<'a> {
    /// Where code goes.
    pub emit: Emitter<'a>,
    /// The program.
    pub program: &'a Program,
    /// The helpers.
    pub table: &'a Table<'a>,
    /// What is known of the program.
    pub facts: &'a mut Facts,
    /// Where instructions begin, then places, then functions, as the pass before had them; this one corrects them.
    labels: &'a mut [u32],
    stubs: &'a mut Vec<Stub>,
    /// The map whose address is in register 1.
    tracker: Tracker,
    /// The function that code is made for.
    pub function: usize,
    /// Whether jumps may still become long.
    growing: bool,
    changed: bool,
}

impl<'a> Generator<'a> {
    /// A pass that writes into `out`. `growing` says whether the labels are those of a whole pass.
    pub fn new(
        program: &'a Program,
        table: &'a Table<'a>,
        facts: &'a mut Facts,
        (labels, stubs): (&'a mut [u32], &'a mut Vec<Stub>),
        out: &'a mut [u8],
        growing: bool,
    ) -> Self {
        stubs.clear();
        Self {
            emit: Emitter::new(out),
            program,
            table,
            facts,
            labels,
            stubs,
            tracker: Tracker::default(),
            function: 0,
            growing,
            changed: false,
        }
    }

    /// Makes the code. Says whether a label moved, so that another pass is needed; and how long the
    /// code is.
    pub fn pass(mut self) -> (bool, usize) {
        for number in 0..self.program.functions.len() {
            self.function = number;
            self.one_function(number);
        }
        self.place(Place::Stubs);
        self.stubs();
        self.ways_out();
        self.place(Place::End);
        (self.changed, self.emit.at())
    }

    fn one_function(&mut self, number: usize) {
        let Some(&function) = self.program.functions.get(number) else {
            return;
        };
        self.set_label(self.program.insns.len() + PLACES + number);
        self.tracker = Tracker::default();
        self.prologue(number);
        for at in function.start as usize..function.end as usize {
            self.set_label(at);
            let mark = self.facts.mark(at);
            let insn = self.program.insns.get(at).filter(|_| mark & SECOND == 0);
            if let Some(&insn) = insn {
                self.instruction(insn, at);
                self.tracker.pass(self.program, at, mark);
            }
        }
    }

    fn instruction(&mut self, insn: Insn, at: usize) {
        match insn.class() {
            class::LD => self.wide(insn, at),
            class::ALU | class::ALU64 => self.arithmetic(insn, at),
            class::JMP | class::JMP32 => self.branch(insn, at),
            _ => self.memory(insn, at),
        }
    }

    /// The array in which an instruction looks a key up without a call.
    pub fn array(&self, insn: Insn, at: usize) -> Option<ArrayLayout> {
        let mark = self.facts.mark(at);
        let found = self.tracker.array(self.program, insn, mark);
        found.filter(|_| mark & INLINE != 0)
    }

    /// Registers that may still be read after an instruction.
    pub fn live_after(&self, at: usize) -> u16 {
        // Behind the last instruction of a function nothing is: it jumps.
        self.facts.mark(at + 1) & LIVE
    }

    #[inline(never)]
    fn set_label(&mut self, index: usize) {
        let here = self.emit.at() as u32;
        if let Some(label) = self.labels.get_mut(index) {
            self.changed |= *label != here;
            *label = here;
        }
    }

    /// A place is here.
    pub fn place(&mut self, place: Place) {
        self.set_label(self.program.insns.len() + place as usize);
    }

    /// Where code for an instruction is.
    pub fn label_of(&self, at: usize) -> usize {
        self.labels.get(at).map_or(0, |&label| label as usize)
    }

    /// Where a function is entered.
    pub fn function_of(&self, number: usize) -> usize {
        self.label_of(self.program.insns.len() + PLACES + number)
    }

    /// Where a place is.
    pub fn place_of(&self, place: Place) -> usize {
        self.label_of(self.program.insns.len() + place as usize)
    }

    /// A jump of instruction `at`, remembered as long by `mark` if the short form does not reach.
    #[inline(never)]
    fn reach(&mut self, at: usize, mark: u16, condition: Option<u8>, target: usize) {
        let mut long = self.facts.mark(at) & mark != 0;
        if !long && self.growing && !self.emit.short_reaches(target) {
            long = true;
            self.changed = true;
            if let Some(marks) = self.facts.marks.get_mut(at) {
                *marks |= mark;
            }
        }
        self.emit.jump(condition, target, long);
    }

    /// A jump to another instruction.
    pub fn jump_to(&mut self, at: usize, condition: Option<u8>, target: usize) {
        let target = self.label_of(target);
        self.reach(at, LONG, condition, target);
    }

    /// The run ends, on a condition or always.
    #[inline(never)]
    pub fn leave(&mut self, at: usize, condition: Option<Cond>, to: Place) {
        let target = self.place_of(Place::Stubs) + self.stubs.len() * STUB_LEN;
        self.stubs.push(Stub { at: at as u32, to });
        self.reach(
            at,
            LONG_EXIT,
            condition.map(|condition| condition as u8),
            target,
        );
    }

    /// Tells which instruction ended the run, and why.
    fn stubs(&mut self) {
        for index in 0..self.stubs.len() {
            let Some(&Stub { at, to }) = self.stubs.get(index) else {
                break;
            };
            let target = self.place_of(to);
            self.emit.byte(0x41);
            self.emit.byte(0xb8 | SCRATCH2.0 & 7);
            self.emit.dword(at);
            self.emit.jump(None, target, true);
        }
    }

    /// Charges the budget, which is not negative: less than that is [`Cond::Below`].
    pub fn charge(&mut self, count: usize) {
        self.emit
            .arith_imm(Width::Quad, Arith::Sub, Rm::Reg(BUDGET), count as i32);
    }

    /// Registers 1 to 5 that a helper has to leave as they are, because they are read later.
    pub fn kept(&self, at: usize) -> u16 {
        self.live_after(at) & ARGUMENTS
    }
}
