//! From a program to its code: how long it is, then the code itself.

use alloc::vec::Vec;
use core::ops::Range;

use super::facts::Facts;
use super::generate::{Generator, PLACES, Place, Stub};
use crate::helper::Table;
use crate::program::Program;

/// Why a program was not compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no memory for the plan.
    Memory,
    /// There is no helper that an instruction calls: the program was checked with other ones.
    Helper {
        /// The instruction.
        at: u32,
    },
    /// The code has another length than was planned.
    Length {
        /// What was planned, in bytes.
        planned: usize,
        /// What there is room for, or what it came to.
        actual: usize,
    },
}

/// A compiled program: where its code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Where it is called: with the [`Run`](crate::run::Run) in `r12`, the end of the stack in `rbp`, the
    /// context in `rdi` (for [`Kind::Executable`](crate::kind::Kind::Executable) its length in `rsi`), and the native
    /// stack as C functions want it. [`Run::compiled`](crate::run::Run::compiled) is set before; what the first function
    /// costs is charged before, and what is left of the budget is not negative. It returns register 0 in `rax`. Like a C function it leaves `rbx` and
    /// `r13` to `r15` as they were. `r12` and `rbp` are as they were only if
    /// [`Run::leave`](crate::run::Run::leave) is zero, otherwise [`super::finish`] says how the run ended.
    pub entry: u64,
    /// Where a run goes on that is to be ended from outside, after a fault: the stack pointer must be
    /// [`Run::entry`](crate::run::Run::entry), and [`Run::leave`](crate::run::Run::leave) 1. It returns
    /// to who called `entry`. 0 if nothing in the code can fault.
    pub leave: u64,
    /// Where helpers enter functions of the program; 0 if none does.
    pub(super) callback: u64,
    /// Its first byte.
    start: u64,
    /// Its length in bytes.
    len: u32,
}

impl Code {
    /// The addresses that the code has.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.start..self.start + u64::from(self.len)
    }

    /// The instruction of the program, by its number, that the code at an address was made for. Plans
    /// anew, so that nothing has to be kept for it.
    #[must_use]
    pub fn instruction_at(
        &self,
        program: &Program,
        table: &Table<'_>,
        address: u64,
    ) -> Option<u32> {
        if !self.range().contains(&address) {
            return None;
        }
        let plan = compile(program, table).ok()?;
        plan.instruction_at((address - self.start) as u32)
    }
}

/// A program about to be compiled.
pub struct Plan<'a> {
    program: &'a Program,
    table: &'a Table<'a>,
    facts: Facts,
    labels: Vec<u32>,
    stubs: Vec<Stub>,
    len: usize,
}

/// Plans the code of a program, which was checked with the same helpers.
///
/// # Errors
/// [`Error::Memory`] and [`Error::Helper`].
pub fn compile<'a>(program: &'a Program, table: &'a Table<'a>) -> Result<Plan<'a>, Error> {
    let facts = Facts::new(program, table)?;
    let count = program.insns.len() + PLACES + program.functions.len();
    let mut labels = Vec::new();
    labels.try_reserve_exact(count).map_err(|_| Error::Memory)?;
    labels.resize(count, 0);
    let mut plan = Plan {
        program,
        table,
        facts,
        labels,
        stubs: Vec::new(),
        len: 0,
    };
    // The first pass has no labels to go by, so that every jump is short. Then jumps only ever become
    // longer, until none does and no label moves.
    let (mut changed, _) = plan.pass(&mut [], false);
    while changed {
        (changed, plan.len) = plan.pass(&mut [], true);
    }
    Ok(plan)
}

impl Plan<'_> {
    /// The length of the code in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no code, which never happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes the code into a buffer of its length. It will run at `address`.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn emit(&mut self, buffer: &mut [u8], address: u64) -> Result<Code, Error> {
        let planned = self.len;
        if buffer.len() != planned {
            let actual = buffer.len();
            return Err(Error::Length { planned, actual });
        }
        let (changed, actual) = self.pass(buffer, false);
        if changed || actual != planned {
            return Err(Error::Length { planned, actual });
        }
        let place = |place: Place| match self.place(place) {
            0 => 0,
            offset => address + u64::from(offset),
        };
        Ok(Code {
            entry: address,
            leave: place(Place::Leave),
            callback: place(Place::Callback),
            start: address,
            len: planned as u32,
        })
    }

    fn place(&self, place: Place) -> u32 {
        let index = self.program.insns.len() + place as usize;
        self.labels.get(index).copied().unwrap_or(0)
    }

    fn instruction_at(&self, offset: u32) -> Option<u32> {
        if offset >= self.place(Place::Stubs) {
            return None;
        }
        let labels = self.labels.get(..self.program.insns.len())?;
        let behind = labels.partition_point(|&label| label <= offset);
        Some(behind.saturating_sub(1) as u32)
    }

    fn pass(&mut self, out: &mut [u8], growing: bool) -> (bool, usize) {
        let Self {
            program,
            table,
            facts,
            labels,
            stubs,
            ..
        } = self;
        Generator::new(program, table, facts, (labels, stubs), out, growing).pass()
    }
}
