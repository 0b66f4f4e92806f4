//! The machine: registers, and the loop over instructions.
#![allow(
    unsafe_code,
    reason = "who starts a run answers for its stack, its context and its helpers"
)]

use core::mem::MaybeUninit;

use super::helper;
use super::op::{At, Registers};
use super::view::View;
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
    /// Whether the machine's first function returned. If not, the run says why the loop ended.
    returned: bool,
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
    unsafe {
        let end = Machine::new(run, arguments).resume();
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
    let Some(&function) = run.program.functions.get(number) else {
        return leave(run, Stop::Callee { value: token }, 0);
    };
    if run.frames as usize >= MAX_FRAMES {
        return leave(run, Stop::Frames, function.start);
    }
    let frames = run.frames;
    run.frames += 1;
    let at = At::number(&run.program.ops, function.start);
    let cost = function.end - function.start;
    let [a, b, c, d, e] = arguments;
    let pointer = top(run) - u64::from(frames) * FRAME_LEN as u64;
    let registers = [0, a, b, c, d, e, 0, 0, 0, 0, pointer];
    let mut machine = Machine::at(run, at, cost, registers);
    machine.view.enter(machine.run, pointer);
    machine.go();
    let (returned, value) = (machine.returned, machine.registers[0]);
    run.frames = frames;
    if !returned {
        run.leave = run.leave.max(1);
    }
    returned.then_some(value)
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
        let registers = first_registers(run, arguments);
        let (at, cost) = (At::first(&run.program.ops), run.program.ops.first_cost);
        let mut machine = Self::at(run, at, cost, registers);
        machine.arguments = arguments;
        machine
    }

    #[inline(always)]
    fn at(run: &'r mut Run<'a>, at: At, cost: u32, registers: Registers) -> Self {
        Self {
            registers,
            view: View::new(run),
            at,
            returned: false,
            base: run.frames,
            cost,
            arguments: [0; 2],
            saved: Saved::NONE,
            run,
        }
    }

    /// Goes on until the end. After [`Stop::Budget`], a run whose budget was raised can go on where it was, unless that was
    /// in a function that a helper called: then it ends in the same way again.
    ///
    /// # Safety
    /// As [`run`](self::run): of the run, only the budget was changed meanwhile.
    #[inline]
    pub unsafe fn resume(&mut self) -> End {
        if self.run.leave == 0 {
            self.run.stop = None;
            self.go();
        }
        loop {
            if self.returned {
                return End::Returned(self.registers[0]);
            }
            if let Some(end) = self.left() {
                return end;
            }
            self.go();
        }
    }

    /// What comes after the loop ended early: `None` if another program goes on.
    #[cold]
    fn left(&mut self) -> Option<End> {
        if let Some((why, at)) = self.run.stop {
            return Some(End::Stopped { why, at });
        }
        let Some(next) = self.run.next.take() else {
            let (why, at) = (Stop::Interrupted, self.number());
            return Some(End::Stopped { why, at });
        };
        self.run.leave = 0;
        self.run.program = next;
        self.run.frames = 1;
        self.run.used[1] = 0;
        (self.at, self.cost) = (At::first(&next.ops), next.ops.first_cost);
        self.registers = first_registers(self.run, self.arguments);
        self.view = View::new(self.run);
        None
    }

    /// The number of the instruction where it is.
    fn number(&self) -> u32 {
        self.at.number_in(&self.run.program.ops)
    }

    /// The loop over instructions: to the end of the machine's first function.
    #[inline(never)]
    fn go(&mut self) {
        if self.cost != 0 {
            self.run.budget -= i64::from(self.cost);
            if self.run.budget < 0 {
                self.out_of_budget(self.at);
                return;
            }
            self.cost = 0;
        }
        let mut at = self.at;
        loop {
            // The end leads to itself, so not every step has to look for it.
            at = (at.step)(self, at);
            at = (at.step)(self, at);
            if at.is_end() {
                return;
            }
        }
    }

    /// What a step ends with that nothing can stop: the next one, at once. That is as deep as four steps if
    /// the compiler makes calls of it, and takes a quarter less where it makes jumps.
    #[inline(always)]
    pub(super) fn after(&mut self, at: At) -> At {
        let next = at.next();
        if next.pauses() {
            return next;
        }
        (next.step)(self, next)
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

    /// Ends the loop: the first function returned.
    #[inline(always)]
    pub(super) fn end(&mut self) -> At {
        self.returned = true;
        At::END
    }

    /// Ends the run at this instruction.
    #[cold]
    #[inline(never)]
    pub(super) fn stop(&mut self, at: At, why: Stop) -> At {
        self.at = at;
        self.run.stop = Some((why, self.number()));
        At::END
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
        self.at = at;
        At::END
    }

    /// Ends the run at an access that is not allowed.
    #[cold]
    #[inline(never)]
    pub(super) fn denied(&mut self, at: At, address: u64, len: u32, write: bool) -> At {
        self.stop(
            at,
            Stop::Access {
                address,
                len,
                write,
            },
        )
    }
}

/// Where the stack begins, which is used downwards.
#[inline(always)]
fn top(run: &Run<'_>) -> u64 {
    run.stack as u64 + STACK_LEN as u64
}

/// What registers hold when a program begins.
#[inline(always)]
fn first_registers(run: &Run<'_>, [first, second]: [u64; 2]) -> Registers {
    [0, first, second, 0, 0, 0, 0, 0, 0, 0, top(run)]
}
