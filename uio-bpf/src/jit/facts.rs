//! What is known of a program before code is made of it: where jumps lead, which registers may still be
//! read, what each function saves.

use alloc::vec::Vec;

use super::Error;
use super::lookup::Tracker;
use crate::check::jump_target;
use crate::helper::{Argument, Prototype, Returned, Table};
use crate::isa::{FRAME_POINTER, Insn, SOURCE_REGISTER, alu, atomic, call, class, jump, mode};
use crate::program::{Function, Program};

/// Bits of a mark that say which of registers 0 to 9 may be read before they are written, from the
/// instruction on.
pub const LIVE: u16 = 0x3ff;
/// A jump leads here, or a function begins here.
pub const TARGET: u16 = 1 << 10;
/// The second half of a wide instruction.
pub const SECOND: u16 = 1 << 11;
/// Its jump needs the long form.
pub const LONG: u16 = 1 << 12;
/// Its jump to where runs are ended needs the long form.
pub const LONG_EXIT: u16 = 1 << 13;

/// It looks a key up in an array, which needs no call.
pub const INLINE: u16 = 1 << 14;

/// Registers 1 to 5.
pub const ARGUMENTS: u16 = 0x3e;
/// Registers 6 to 9, which functions give back as they got them.
pub const SAVED: u16 = 0x3c0;

/// A register as a bit of [`LIVE`]; the frame pointer has none.
#[must_use]
pub fn bit(register: u8) -> u16 {
    if register == FRAME_POINTER {
        0
    } else {
        1 << register & LIVE
    }
}

/// What is known of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionFacts {
    /// Which of registers 6 to 9 it writes.
    pub written: u16,
    /// It calls helpers.
    pub helpers: bool,
    /// It calls functions of the program, or may.
    pub calls: bool,
    /// It uses its frame pointer.
    pub frame: bool,
    /// It accesses memory.
    pub memory: bool,
    /// Words of its frame that it has to clear: bit 0 is the highest one.
    pub clear: u64,
}

/// What is known of a program.
pub struct Facts {
    /// Of each instruction: [`LIVE`] and the flags.
    pub marks: Vec<u16>,
    /// Of each function.
    pub functions: Vec<FunctionFacts>,
    /// Functions are called by what is in a register, here or by helpers.
    pub indirect: bool,
    /// The budget is charged somewhere.
    pub charges: bool,
    /// Helpers give it what it has to give back.
    pub records: bool,
    /// Registers that some caller of a function reads as the function left them, 1 to 5 only.
    leaked: u16,
}

/// Whether it calls a helper by its number.
#[must_use]
pub fn is_helper_call(insn: Insn) -> bool {
    insn.opcode == class::JMP | jump::CALL && insn.src() == call::HELPER
}

/// Whether it calls a function of the program.
#[must_use]
pub fn is_local_call(insn: Insn) -> bool {
    insn.opcode == class::JMP | jump::CALL && insn.src() == call::LOCAL
}

/// Whether it calls what is in a register.
#[must_use]
pub fn is_indirect_call(insn: Insn) -> bool {
    insn.opcode == class::JMP | jump::CALL | SOURCE_REGISTER
}

/// Whether what the program holds changes with a call of the helper.
#[must_use]
pub fn keeps_records(prototype: &Prototype) -> bool {
    matches!(prototype.returns, Returned::RecordOrNull(_))
        || prototype.arguments.contains(&Argument::Record)
}

/// Where the function begins that it calls.
#[must_use]
pub fn callee(insn: Insn, at: usize) -> usize {
    (at as i64 + 1 + i64::from(insn.imm)) as usize
}

impl Facts {
    /// Looks at a program.
    ///
    /// # Errors
    /// [`Error::Memory`], or [`Error::Helper`] for a helper that the table lacks.
    pub fn new(program: &Program, table: &Table<'_>) -> Result<Self, Error> {
        let mut marks = Vec::new();
        let mut functions = Vec::new();
        let room = marks
            .try_reserve_exact(program.insns.len())
            .and_then(|()| functions.try_reserve_exact(program.functions.len()));
        room.map_err(|_| Error::Memory)?;
        marks.resize(program.insns.len(), 0);
        let mut facts = Self {
            marks,
            functions,
            indirect: false,
            charges: false,
            records: false,
            leaked: 0,
        };
        for &function in &program.functions {
            let known = facts.function(&program.insns, function, table)?;
            facts.functions.push(known);
        }
        facts.charges |= facts.indirect;
        while facts.live(program, table) {}
        for (number, &function) in program.functions.iter().enumerate() {
            let words = super::stack::words(program, &facts, function);
            let called = facts.inlined(program, function);
            if let Some(known) = facts.functions.get_mut(number) {
                known.clear = words;
                known.helpers |= called;
            }
        }
        Ok(facts)
    }

    /// Which of registers 6 to 9 functions write, together.
    #[must_use]
    pub fn written(&self) -> u16 {
        self.functions.iter().fold(0, |all, one| all | one.written)
    }

    /// Whether anything holds for any function.
    #[must_use]
    pub fn any(&self, what: fn(&FunctionFacts) -> bool) -> bool {
        self.functions.iter().any(what)
    }

    /// The mark of an instruction, nothing behind the last one.
    #[must_use]
    pub fn mark(&self, at: usize) -> u16 {
        self.marks.get(at).copied().unwrap_or(0)
    }

    #[inline(never)]
    fn set(&mut self, at: usize, bits: u16) -> bool {
        match self.marks.get_mut(at) {
            Some(mark) if *mark & bits != bits => {
                *mark |= bits;
                true
            }
            _ => false,
        }
    }

    /// Goes over a function once, forwards.
    #[inline(never)]
    fn function(
        &mut self,
        insns: &[Insn],
        function: Function,
        table: &Table<'_>,
    ) -> Result<FunctionFacts, Error> {
        let mut facts = FunctionFacts::default();
        self.set(function.start as usize, TARGET);
        let mut at = function.start as usize;
        while at < function.end as usize {
            let Some(&insn) = insns.get(at) else { break };
            let effect = Effect::of(insn, table);
            facts.written |= effect.writes & SAVED;
            facts.frame |= effect.frame;
            if let Some(target) = jump_target(insn, at) {
                self.set(target as usize, TARGET);
                self.charges |= target <= at as i64;
            }
            match insn.class() {
                class::LD => {
                    at += 1;
                    self.set(at, SECOND);
                }
                class::LDX | class::ST | class::STX => facts.memory = true,
                _ if is_local_call(insn) => {
                    facts.calls = true;
                    self.charges = true;
                }
                _ if is_indirect_call(insn) => {
                    facts.calls = true;
                    facts.helpers = true;
                    self.indirect = true;
                    self.records = true;
                }
                _ if is_helper_call(insn) => {
                    let helper = table
                        .get(insn.imm as u32)
                        .ok_or(Error::Helper { at: at as u32 })?;
                    self.records |= keeps_records(&helper.prototype);
                    self.indirect |= helper.prototype.arguments.contains(&Argument::Function);
                }
                _ => {}
            }
            at += 1;
        }
        Ok(facts)
    }

    /// Goes over a function once more, now that it is known where jumps lead: which calls of helpers need
    /// no call.
    #[inline(never)]
    fn inlined(&mut self, program: &Program, function: Function) -> bool {
        let mut tracker = Tracker::default();
        let mut called = false;
        for at in function.start as usize..function.end as usize {
            let mark = self.mark(at);
            let Some(&insn) = program.insns.get(at).filter(|_| mark & SECOND == 0) else {
                continue;
            };
            if tracker.array(program, insn, mark).is_some() {
                self.set(at, INLINE);
            } else {
                called |= is_helper_call(insn);
            }
            tracker.pass(program, at, mark);
        }
        called
    }

    /// Goes over the program once, backwards. Says whether it learned of a register that is live.
    #[inline(never)]
    fn live(&mut self, program: &Program, table: &Table<'_>) -> bool {
        let leaked = self.leaked;
        let mut learned = false;
        for (number, function) in program.functions.iter().enumerate().rev() {
            let end = if number == 0 { 0 } else { self.leaked };
            for at in (function.start as usize..function.end as usize).rev() {
                if self.mark(at) & SECOND != 0 {
                    continue;
                }
                let Some(&insn) = program.insns.get(at) else {
                    continue;
                };
                let before = self.before(program, table, insn, at, end);
                learned |= self.set(at, before & LIVE);
            }
        }
        learned || leaked != self.leaked
    }

    /// The registers that are live before an instruction.
    #[inline(never)]
    fn before(
        &mut self,
        program: &Program,
        table: &Table<'_>,
        insn: Insn,
        at: usize,
        end: u16,
    ) -> u16 {
        let next = if insn.class() == class::LD {
            at + 2
        } else {
            at + 1
        };
        let mut after = self.mark(next) & LIVE;
        if insn.opcode == class::JMP | jump::EXIT {
            return bit(0) | end;
        }
        if let Some(target) = jump_target(insn, at) {
            let there = self.mark(target as usize) & LIVE;
            let always = insn.opcode & 0xf0 == jump::JA;
            after = if always { there } else { after | there };
        }
        let effect = Effect::of(insn, table);
        let local = is_local_call(insn);
        if !local && !is_indirect_call(insn) {
            return after & !effect.writes | effect.reads;
        }
        // What the function reads, and what its caller gets back as it was. What its caller reads of
        // registers 0 to 5 is the function's own; helpers leave 1 to 5 as they were.
        self.leaked |= after & ARGUMENTS;
        let mut read = effect.reads;
        for function in &program.functions {
            if !local || function.start as usize == callee(insn, at) {
                read |= self.mark(function.start as usize);
            }
        }
        let kept = if local { SAVED } else { SAVED | ARGUMENTS };
        after & kept | read & LIVE
    }

    /// Registers that may be read before anything was written to them, where the program begins.
    #[must_use]
    pub fn live_at_start(&self) -> u16 {
        self.mark(0) & LIVE
    }
}

/// What an instruction reads and writes of registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Effect {
    reads: u16,
    writes: u16,
    /// Whether it names the frame pointer.
    frame: bool,
}

impl Effect {
    #[inline(never)]
    fn of(insn: Insn, table: &Table<'_>) -> Self {
        let (dst, src) = (insn.dst(), insn.src());
        let register = insn.opcode & SOURCE_REGISTER != 0;
        let operation = insn.opcode & 0xf0;
        let (reads, writes, named) = match insn.class() {
            class::LD => (0, bit(dst), 0),
            class::LDX => (bit(src), bit(dst), src),
            class::ST => (bit(dst), 0, dst),
            class::STX => {
                let (more, writes) = Self::of_store(insn);
                let named = dst.max(src);
                (bit(dst) | bit(src) | more, writes, named)
            }
            class::ALU | class::ALU64 => {
                let from = operation != alu::END && register;
                let old = if operation == alu::MOV { 0 } else { bit(dst) };
                let other = if from { bit(src) } else { 0 };
                (old | other, bit(dst), if from { src } else { 0 })
            }
            _ => return Self::of_branch(insn, table),
        };
        Self {
            reads,
            writes,
            frame: named == FRAME_POINTER,
        }
    }

    /// What an atomic operation reads beside its operands, and what it writes.
    fn of_store(insn: Insn) -> (u16, u16) {
        if insn.opcode & 0xe0 != mode::ATOMIC {
            (0, 0)
        } else if insn.imm == atomic::CMPXCHG {
            (bit(0), bit(0))
        } else if insn.imm & atomic::FETCH != 0 {
            (0, bit(insn.src()))
        } else {
            (0, 0)
        }
    }

    fn of_branch(insn: Insn, table: &Table<'_>) -> Self {
        let mut effect = Self::default();
        match insn.opcode & 0xf0 {
            jump::JA | jump::EXIT => {}
            jump::CALL if is_indirect_call(insn) => {
                effect.reads = ARGUMENTS | bit(insn.dst());
                effect.frame = insn.dst() == FRAME_POINTER;
            }
            jump::CALL if is_helper_call(insn) => {
                effect.writes = bit(0);
                effect.reads = table.get(insn.imm as u32).map_or(ARGUMENTS, |helper| {
                    let taken = helper.prototype.arguments.iter();
                    let count = taken.take_while(|&&one| one != Argument::None).count();
                    ((2 << count) - 1) & ARGUMENTS
                });
            }
            jump::CALL => {}
            _ => {
                effect.reads = bit(insn.dst());
                effect.frame = insn.dst() == FRAME_POINTER;
                if insn.opcode & SOURCE_REGISTER != 0 {
                    effect.reads |= bit(insn.src());
                    effect.frame |= insn.src() == FRAME_POINTER;
                }
            }
        }
        effect
    }
}
