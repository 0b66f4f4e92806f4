//! The machine: registers, and the loop over instructions.
#![allow(
    unsafe_code,
    reason = "who starts a run answers for its stack, its context and its helpers"
)]

use core::mem::MaybeUninit;

use super::helper;
use super::op::{At, Registers};
use super::view::{Denied, View};
use crate::isa::{FRAME_LEN, FUNCTION_TOKEN, MAX_FRAMES};
use crate::run::{End, Run, STACK_LEN, Stop};

/// A run under the interpreter. A run that used up its budget can go on with a new one.
pub struct Machine<'r, 'a> {
    pub(super) registers: Registers,
    pub(super) view: View,
    /// The run.
    pub run: &'r mut Run<'a>,
    /// Where it ended or waits.
    pub(super) at: At,
    pub(super) ending: Ending,
    /// How many functions are active when the machine's first one is the innermost.
    pub(super) base: u32,
    /// What starting the first function costs; 0 once it was started.
    cost: u32,
    arguments: [u64; 2],
    /// Those of the functions between the first and the innermost.
    pub(super) saved: Saved,
}

/// What functions go on with when the ones that they called return, by how many functions are active then. Only
/// those that wait are there.
///
/// Registers of a function are apart, so that they are copied one by one: two together, just after one of them was
/// written, make the processor wait.
pub(super) struct Saved {
    back: [MaybeUninit<At>; MAX_FRAMES],
    registers: [[MaybeUninit<u64>; MAX_FRAMES]; 4],
}

impl Saved {
    const NONE: Self = Self {
        back: [MaybeUninit::uninit(); MAX_FRAMES],
        registers: [[MaybeUninit::uninit(); MAX_FRAMES]; 4],
    };

    /// Keeps where a function goes on, and its registers 6 to 9 if they are `KEPT`. False if it is too deep.
    #[inline(always)]
    pub fn keep<const KEPT: bool>(
        &mut self,
        frames: usize,
        registers: &Registers,
        back: At,
    ) -> bool {
        if frames >= MAX_FRAMES {
            return false;
        }
        if KEPT {
            for (saved, register) in self.registers.iter_mut().zip(&registers[6..10]) {
                saved[frames].write(*register);
            }
        }
        self.back[frames].write(back);
        true
    }

    /// Gives them back. `None` if it is too deep.
    ///
    /// # Safety
    /// They were kept there, the registers if they are `KEPT`.
    #[inline(always)]
    pub unsafe fn restore<const KEPT: bool>(
        &self,
        frames: usize,
        registers: &mut Registers,
    ) -> Option<At> {
        let back = self.back.get(frames)?;
        if KEPT {
            for (saved, register) in self.registers.iter().zip(&mut registers[6..10]) {
                // SAFETY: the caller's.
                *register = unsafe { saved[frames].assume_init() };
            }
        }
        // SAFETY: the caller's.
        Some(unsafe { back.assume_init() })
    }
}

/// Why the loop ended.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// The machine's first function returned.
    Returned,
    /// At an instruction.
    Stopped(Stop),
    /// A helper wants it: the run says why.
    Left,
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
    // SAFETY: the caller's.
    let mut machine = unsafe { Machine::new(run, arguments) };
    let end = machine.resume();
    // SAFETY: the caller's.
    unsafe { release(run) };
    end
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
    let Some(&function) = run.program.functions.get(number) else {
        return leave(run, Stop::Callee { value: token }, 0);
    };
    if run.frames as usize >= MAX_FRAMES {
        return leave(run, Stop::Frames, function.start);
    }
    run.frames += 1;
    let at = At::number(&run.program.ops.0, function.start);
    let mut machine = Machine::at(run, at, function.end - function.start);
    let [a, b, c, d, e] = arguments;
    machine.registers[1..6].copy_from_slice(&[a, b, c, d, e]);
    machine.view.enter(machine.run, machine.registers[10]);
    machine.go();
    let (base, ending) = (machine.base, machine.ending);
    let value = machine.registers[0];
    let at = machine.number();
    run.frames = base - 1;
    match ending {
        Ending::Returned => Some(value),
        Ending::Left => None,
        Ending::Stopped(why) => leave(run, why, at),
    }
}

/// Ends the run from inside a helper.
fn leave(run: &mut Run<'_>, why: Stop, at: u32) -> Option<u64> {
    run.stop = Some((why, at));
    run.leave = 1;
    None
}

impl<'r, 'a> Machine<'r, 'a> {
    /// Before the first instruction of the run's program. Who makes one calls [`release`] in the end.
    ///
    /// # Safety
    /// As [`run`](self::run), as long as the machine is used.
    #[inline(always)]
    pub unsafe fn new(run: &'r mut Run<'a>, arguments: [u64; 2]) -> Self {
        run.frames = 1;
        run.used[1] = 0;
        let (at, cost) = first(run);
        let mut machine = Self::at(run, at, cost);
        machine.arguments = arguments;
        [machine.registers[1], machine.registers[2]] = arguments;
        machine
    }

    #[inline(always)]
    fn at(run: &'r mut Run<'a>, at: At, cost: u32) -> Self {
        let mut registers = [0; 16];
        registers[10] = top(run) - u64::from(run.frames - 1) * FRAME_LEN as u64;
        Self {
            registers,
            view: View::new(run),
            at,
            ending: Ending::Returned,
            base: run.frames,
            cost,
            arguments: [0; 2],
            saved: Saved::NONE,
            run,
        }
    }

    /// Goes on until the end. After [`Stop::Budget`], a run whose budget was raised can go on where it was.
    #[inline]
    pub fn resume(&mut self) -> End {
        loop {
            self.go();
            return match self.ending {
                Ending::Returned => End::Returned(self.registers[0]),
                Ending::Stopped(why) => End::Stopped {
                    why,
                    at: self.number(),
                },
                Ending::Left => match self.left() {
                    Some(end) => end,
                    None => continue,
                },
            };
        }
    }

    /// What comes after a helper that ended the program: `None` if another program goes on.
    #[cold]
    fn left(&mut self) -> Option<End> {
        let at = self.number();
        if let Some((why, at)) = self.run.stop {
            return Some(End::Stopped { why, at });
        }
        let Some(next) = self.run.next.take() else {
            let why = Stop::Interrupted;
            return Some(End::Stopped { why, at });
        };
        self.run.leave = 0;
        self.run.program = next;
        self.run.frames = 1;
        self.run.used[1] = 0;
        (self.at, self.cost) = first(self.run);
        self.registers = [0; 16];
        [self.registers[1], self.registers[2]] = self.arguments;
        self.registers[10] = top(self.run);
        self.view = View::new(self.run);
        None
    }

    /// The number of the instruction where it is.
    fn number(&self) -> u32 {
        self.at.number_in(&self.run.program.ops.0)
    }

    /// The loop over instructions: to the end of the machine's first function.
    #[inline(never)]
    fn go(&mut self) {
        if self.cost != 0 {
            self.run.budget -= i64::from(self.cost);
            if self.run.budget < 0 {
                self.ending = Ending::Stopped(Stop::Budget);
                return;
            }
            self.cost = 0;
        }
        let mut at = self.at;
        while !at.is_end() {
            // The end leads to itself, so not every step has to look for it.
            at = (at.step)(self, at);
            at = (at.step)(self, at);
            at = (at.step)(self, at);
            at = (at.step)(self, at);
            at = (at.step)(self, at);
            at = (at.step)(self, at);
            at = (at.step)(self, at);
            at = (at.step)(self, at);
        }
    }

    /// The destination register.
    #[inline(always)]
    pub(super) fn dst(&mut self, at: At) -> &mut u64 {
        &mut self.registers[at.dst as usize]
    }

    /// The source register.
    #[inline(always)]
    pub(super) fn src(&self, at: At) -> u64 {
        self.registers[at.src as usize]
    }

    /// Goes where a jump leads, if it is taken.
    #[inline(always)]
    pub(super) fn jump(&mut self, at: At, taken: bool) -> At {
        if taken {
            return self.jump_by(at, i32::from(at.off));
        }
        at.next()
    }

    /// Goes where a jump leads; backwards costs.
    #[inline(always)]
    pub(super) fn jump_by(&mut self, at: At, by: i32) -> At {
        if by < 0 {
            self.run.budget += i64::from(by);
            if self.run.budget < 0 {
                return self.out_of_budget(at);
            }
        }
        at.jump(by)
    }

    /// Leaves the loop at this instruction.
    #[inline(always)]
    pub(super) fn end(&mut self, at: At, ending: Ending) -> At {
        self.at = at;
        self.ending = ending;
        At::END
    }

    /// Ends the run at this instruction.
    #[cold]
    #[inline(never)]
    pub(super) fn stop(&mut self, at: At, why: Stop) -> At {
        self.end(at, Ending::Stopped(why))
    }

    /// Ends the run at this instruction, which it cannot pay.
    #[cold]
    #[inline(never)]
    pub(super) fn out_of_budget(&mut self, at: At) -> At {
        self.stop(at, Stop::Budget)
    }

    /// Ends the run at this call.
    #[cold]
    #[inline(never)]
    pub(super) fn too_deep(&mut self, at: At) -> At {
        self.stop(at, Stop::Frames)
    }

    /// Ends the run, or the program, as the helper wanted that was called.
    #[cold]
    #[inline(never)]
    pub(super) fn leave(&mut self, at: At) -> At {
        self.end(at, Ending::Left)
    }

    /// Ends the run at an access that is not allowed.
    #[cold]
    #[inline(never)]
    pub(super) fn denied(&mut self, at: At, denied: Denied) -> At {
        self.stop(at, denied.into())
    }
}

/// Where the stack begins, which is used downwards.
#[inline(always)]
fn top(run: &Run<'_>) -> u64 {
    run.stack as u64 + STACK_LEN as u64
}

/// Where the run's program begins, and what starting it costs.
#[inline(always)]
fn first(run: &Run<'_>) -> (At, u32) {
    let program = run.program;
    let cost = program.functions.first().map_or(0, |first| first.end);
    (At::first(&program.ops.0), cost)
}
