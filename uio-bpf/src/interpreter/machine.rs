//! The machine: registers, calls, and the loop over instructions.
#![allow(
    unsafe_code,
    reason = "who starts a run answers for its stack, its context and its helpers"
)]

use core::mem::MaybeUninit;

use super::ops::{Code, Op};
use super::view::View;
use super::{Registers, access, arithmetic, helper, jump};
use crate::helper::Helper;
use crate::isa::{FRAME_LEN, FUNCTION_TOKEN, MAX_FRAMES};
use crate::run::{End, Run, STACK_LEN, Stop};

/// A run under the interpreter. A run that used up its budget can go on with a new one.
pub struct Machine {
    registers: Registers,
    /// The next instruction.
    pc: usize,
    /// How many functions are active when the machine's first one is the innermost.
    base: u32,
    /// Instructions of the first function, which starting it costs; 0 once it was started.
    cost: u32,
    arguments: [u64; 2],
    view: View,
    /// What the functions between the first and the innermost go on with. Only those are there.
    saved: [MaybeUninit<Saved>; MAX_FRAMES - 1],
}

/// What a function goes on with when the one that it called returns.
#[derive(Clone, Copy)]
struct Saved {
    registers: [u64; 4],
    pc: usize,
}

/// Runs a program from its beginning to its end, and the programs that it goes on in. Registers 1 and
/// 2 hold the arguments.
///
/// # Safety
/// `run.stack` are [`STACK_LEN`] bytes, aligned to 16, that nothing else uses meanwhile. `run.context` and
/// `run.granted` describe memory that is there meanwhile, which Rust code refers to by raw pointers at most. Helpers in
/// `run.helpers` do what their prototypes say, and the program was checked with the same helpers.
#[inline]
pub unsafe fn run(run: &mut Run<'_>, arguments: [u64; 2]) -> End {
    let mut machine = Machine::new(run, arguments);
    // SAFETY: the caller's.
    unsafe {
        let end = machine.resume(run);
        release(run);
        end
    }
}

/// Gives back what the program still holds: whoever runs a [`Machine`] does this at its end.
///
/// # Safety
/// As [`run`].
#[inline(always)]
pub unsafe fn release(run: &mut Run<'_>) {
    if run.grants != 0 {
        // SAFETY: the caller's.
        unsafe { helper::release(run) };
    }
}

/// Calls a function of the program that runs, for a helper that was given its token. `None` ends the
/// run: the helper returns at once, its value is not used.
///
/// # Safety
/// As [`run`]; called by a helper of a program that the interpreter runs.
pub unsafe fn call_function(run: &mut Run<'_>, token: u64, arguments: [u64; 5]) -> Option<u64> {
    let number = token.wrapping_sub(FUNCTION_TOKEN) as usize;
    let Some(function) = run.program.functions.get(number) else {
        return leave(run, Stop::Callee { value: token }, 0);
    };
    if run.frames as usize >= MAX_FRAMES {
        return leave(run, Stop::Frames, function.start);
    }
    let cost = function.end - function.start;
    let start = function.start as usize;
    run.frames += 1;
    let mut machine = Machine::at(run, start, cost);
    for (register, value) in machine.registers.iter_mut().skip(1).zip(arguments) {
        *register = value;
    }
    machine.view.frames(run);
    // SAFETY: the caller's.
    let returned = unsafe { machine.go(run) };
    run.frames = machine.base - 1;
    match returned {
        Ok(value) => Some(value),
        Err(Ending::Left) => None,
        Err(Ending::Stopped(why)) => leave(run, why, machine.pc as u32),
    }
}

/// Ends the run from inside a helper.
fn leave(run: &mut Run<'_>, why: Stop, at: u32) -> Option<u64> {
    run.stop = Some((why, at));
    run.leave = 1;
    None
}

/// Why the loop did not come to the end of the function.
enum Ending {
    /// At the instruction that is next.
    Stopped(Stop),
    /// A helper wants it: the run says why.
    Left,
}

impl From<Stop> for Ending {
    fn from(why: Stop) -> Self {
        Self::Stopped(why)
    }
}

impl Machine {
    /// Before the first instruction of the run's program.
    #[inline(always)]
    #[must_use]
    pub fn new(run: &mut Run<'_>, arguments: [u64; 2]) -> Self {
        run.frames = 1;
        run.stack_low = run.stack as u64 + STACK_LEN as u64;
        let mut machine = Self::at(run, 0, first_cost(run));
        machine.arguments = arguments;
        [machine.registers[1], machine.registers[2]] = arguments;
        machine
    }

    #[inline(always)]
    fn at(run: &Run<'_>, pc: usize, cost: u32) -> Self {
        let top = run.stack as u64 + STACK_LEN as u64;
        let mut registers = [0; 16];
        registers[10] = top - u64::from(run.frames - 1) * FRAME_LEN as u64;
        Self {
            registers,
            pc,
            base: run.frames,
            cost,
            arguments: [0; 2],
            view: View::new(run),
            saved: [MaybeUninit::uninit(); MAX_FRAMES - 1],
        }
    }

    /// Goes on until the end. After [`Stop::Budget`], a run whose budget was raised can go on where it was.
    ///
    /// # Safety
    /// As [`run`](self::run), and it is the run that the machine was made for.
    #[inline]
    pub unsafe fn resume(&mut self, run: &mut Run<'_>) -> End {
        loop {
            // SAFETY: the caller's.
            let why = match unsafe { self.go(run) } {
                Ok(value) => return End::Returned(value),
                Err(Ending::Stopped(why)) => why,
                Err(Ending::Left) => {
                    if let Some((why, at)) = run.stop {
                        return End::Stopped { why, at };
                    }
                    let Some(next) = run.next.take() else {
                        let at = self.pc as u32;
                        let why = Stop::Interrupted;
                        return End::Stopped { why, at };
                    };
                    run.leave = 0;
                    run.program = next;
                    run.frames = 1;
                    let low = run.stack_low;
                    *self = Self::at(run, 0, first_cost(run)).with(self.arguments);
                    run.stack_low = low;
                    continue;
                }
            };
            let at = self.pc as u32;
            return End::Stopped { why, at };
        }
    }

    fn with(mut self, arguments: [u64; 2]) -> Self {
        self.arguments = arguments;
        [self.registers[1], self.registers[2]] = arguments;
        self
    }

    /// The loop over instructions: to the end of the machine's first function.
    ///
    /// # Safety
    /// As [`Machine::resume`].
    #[inline(never)]
    unsafe fn go(&mut self, run: &mut Run<'_>) -> Result<u64, Ending> {
        let program = run.program;
        let ops: &[Op] = &program.ops.0;
        let (registers, view) = (&mut self.registers, &mut self.view);
        let mut pc = self.pc;
        if self.cost != 0 {
            charge(run, self.cost)?;
            self.cost = 0;
        }
        let ending = loop {
            let Some(op) = ops.get(pc) else {
                break Ending::Stopped(Stop::Callee { value: pc as u64 });
            };
            pc += 1;
            // Each of these is for some of the codes; together they are one jump through one table.
            if arithmetic::wide(op, registers)
                || arithmetic::narrow(op, registers)
                || arithmetic::divide(op, registers)
                || arithmetic::convert(op, registers)
            {
                continue;
            }
            if let Some(taken) = jump::taken(op, registers) {
                if !taken {
                    continue;
                }
                if op.off < 0 {
                    run.budget += i64::from(op.off);
                    if run.budget < 0 {
                        break Ending::Stopped(Stop::Budget);
                    }
                }
                pc = pc.wrapping_add_signed(op.off as isize);
                continue;
            }
            match access::access(op, registers, view, run) {
                Some(Ok(())) => continue,
                Some(Err(denied)) => break Ending::Stopped(denied.into()),
                None => {}
            }
            let (callee, len) = match op.code {
                Code::Wide => {
                    registers[op.dst as usize] = op.imm;
                    pc += 1;
                    continue;
                }
                Code::Atomic32 | Code::Atomic64 => {
                    match access::atomically(op, registers, view, run) {
                        Ok(()) => continue,
                        Err(why) => break Ending::Stopped(why),
                    }
                }
                Code::Exit => {
                    let Some(depth) = (run.frames - self.base).checked_sub(1) else {
                        return Ok(registers[0]);
                    };
                    pc = back(&self.saved, registers, view, run, depth);
                    continue;
                }
                Code::Call => (op.imm as u32, (op.imm >> 32) as u32),
                _ => match callee(run, op, registers) {
                    Ok(Callee::Function(start, len)) => (start, len),
                    Ok(Callee::Helper(helper)) => {
                        let [_, a, b, c, d, e, ..] = *registers;
                        // SAFETY: the caller's.
                        match unsafe { helper::call(view, run, helper, [a, b, c, d, e]) } {
                            Ok(value) => registers[0] = value,
                            Err(why) => break Ending::Stopped(why),
                        }
                        if run.leave != 0 {
                            break Ending::Left;
                        }
                        continue;
                    }
                    Err(why) => break Ending::Stopped(why),
                },
            };
            match enter(&mut self.saved, registers, view, run, self.base, pc, len) {
                Ok(()) => pc = callee as usize,
                Err(why) => break Ending::Stopped(why),
            }
        };
        self.pc = pc - 1;
        Err(ending)
    }
}

/// What is called.
enum Callee<'a> {
    /// A function: where it begins, and how long it is.
    Function(u32, u32),
    Helper(&'a Helper<'a>),
}

/// What `CALL` of a helper and `CALLX` call.
#[inline(always)]
fn callee<'a>(run: &Run<'a>, op: &Op, registers: &Registers) -> Result<Callee<'a>, Stop> {
    let helper = match op.code {
        Code::CallOwn => run.helpers.own.get(op.off as usize),
        Code::CallApplication => run.helpers.application.get(op.off as usize),
        _ => return called_by_register(run, registers[op.dst as usize]),
    };
    helper
        .map(Callee::Helper)
        .ok_or(Stop::Callee { value: op.imm })
}

#[inline(never)]
fn called_by_register<'a>(run: &Run<'a>, value: u64) -> Result<Callee<'a>, Stop> {
    let number = value.wrapping_sub(FUNCTION_TOKEN) as usize;
    if let Some(to) = run.program.functions.get(number) {
        return Ok(Callee::Function(to.start, to.end - to.start));
    }
    let helper = u32::try_from(value).ok().and_then(|id| run.helpers.get(id));
    let helper = helper.filter(|helper| helper.is_for(run.program.kind));
    helper.map(Callee::Helper).ok_or(Stop::Callee { value })
}

/// What starting the run's program costs.
#[inline(always)]
fn first_cost(run: &Run<'_>) -> u32 {
    run.program.functions.first().map_or(0, |first| first.end)
}

#[inline(always)]
fn charge(run: &mut Run<'_>, cost: u32) -> Result<(), Stop> {
    run.budget -= i64::from(cost);
    if run.budget < 0 {
        return Err(Stop::Budget);
    }
    Ok(())
}

type Frames = [MaybeUninit<Saved>; MAX_FRAMES - 1];

/// Goes into a function of the program; `pc` is where its caller goes on.
#[inline(always)]
fn enter(
    saved: &mut Frames,
    registers: &mut Registers,
    view: &mut View,
    run: &mut Run<'_>,
    base: u32,
    pc: usize,
    cost: u32,
) -> Result<(), Stop> {
    if run.frames as usize >= MAX_FRAMES {
        return Err(Stop::Frames);
    }
    charge(run, cost)?;
    let Some(place) = saved.get_mut((run.frames - base) as usize) else {
        return Err(Stop::Frames);
    };
    let [_, _, _, _, _, _, r6, r7, r8, r9, ..] = *registers;
    place.write(Saved {
        registers: [r6, r7, r8, r9],
        pc,
    });
    registers[10] -= FRAME_LEN as u64;
    run.frames += 1;
    view.frames(run);
    Ok(())
}

/// Goes back to the caller, which is that deep in the machine's functions. Gives where it goes on.
#[inline(always)]
fn back(
    saved: &Frames,
    registers: &mut Registers,
    view: &mut View,
    run: &mut Run<'_>,
    depth: u32,
) -> usize {
    let Some(place) = saved.get(depth as usize) else {
        return usize::MAX;
    };
    // SAFETY: `enter` wrote it when it made this depth.
    let saved = unsafe { place.assume_init_ref() };
    registers[6..10].copy_from_slice(&saved.registers);
    registers[10] += FRAME_LEN as u64;
    run.frames -= 1;
    view.frames(run);
    saved.pc
}
