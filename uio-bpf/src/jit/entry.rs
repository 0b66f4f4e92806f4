//! From Rust into compiled code, and back.
#![allow(
    unsafe_code,
    reason = "calls code that was compiled, and helpers for it"
)]

use core::arch::asm;

use super::frame::leave;
use super::plan::Code;
use crate::helper::{Argument, Call, Returned};
use crate::interpreter::{self, free, give_back};
use crate::isa::{FRAME_LEN, FUNCTION_TOKEN};
use crate::run::{End, Memory, Run, STACK_LEN, Stop};

/// Calls a helper by the number in [`Run::callee`]: what compiled code does where the number is not
/// known before, or where the helper gives what has to be given back.
pub const BY_NUMBER: Call = by_number;

/// Where a stop happened is said by what compiled code noted.
const NOTED: u32 = u32::MAX;

/// Runs a program from its beginning to its end, and the programs that it goes on in; those that are not
/// compiled under the interpreter. Registers 1 and 2 hold the arguments.
///
/// # Safety
/// As [`interpreter::run`]; the program's code is where it says; and the program is one that accesses
/// only what it may, or its faults are dealt with.
#[inline]
pub unsafe fn run(run: &mut Run<'_>, arguments: [u64; 2]) -> End {
    // SAFETY: the caller's.
    unsafe {
        let Some(value) = start(run, arguments) else {
            return interpreter::run(run, arguments);
        };
        if run.leave == 0 {
            return End::Returned(value);
        }
        finish(run, value, arguments)
    }
}

/// Runs one program, if it is compiled.
///
/// # Safety
/// As [`run`].
#[inline(always)]
unsafe fn start(run: &mut Run<'_>, arguments: [u64; 2]) -> Option<u64> {
    let code = run.program.native.as_ref()?;
    let first = run.program.functions.first().map_or(0, |first| first.end);
    run.compiled = true;
    run.budget -= i64::from(first);
    if run.budget < 0 {
        run.leave = leave::BUDGET as u64;
        run.at = 0;
        return Some(0);
    }
    // SAFETY: the caller's.
    Some(unsafe { enter(code, run, arguments) })
}

/// Says how a run ended that called [`Code::entry`] itself and found [`Run::leave`] not to be zero: goes on in the next
/// program, or gives the reason.
///
/// # Safety
/// As [`run`].
#[cold]
#[inline(never)]
pub unsafe fn finish(run: &mut Run<'_>, mut value: u64, arguments: [u64; 2]) -> End {
    loop {
        let reason = core::mem::take(&mut run.leave);
        if reason == leave::GRANTS as u64 || reason == 0 {
            // SAFETY: the caller's.
            unsafe { interpreter::release(run) };
            return End::Returned(value);
        }
        if let Some((why, at)) = stopped(run, reason) {
            // SAFETY: the caller's.
            unsafe { interpreter::release(run) };
            return End::Stopped { why, at };
        }
        if let Some(next) = run.next.take() {
            run.program = next;
        }
        // SAFETY: the caller's.
        match unsafe { start(run, arguments) } {
            Some(returned) => value = returned,
            None => {
                run.compiled = false;
                // SAFETY: the caller's.
                return unsafe { interpreter::run(run, arguments) };
            }
        }
    }
}

/// Why a run was left, unless it goes on in another program.
fn stopped(run: &Run<'_>, reason: u64) -> Option<(Stop, u32)> {
    let noted = run.at as u32;
    if reason == leave::BUDGET as u64 {
        return Some((Stop::Budget, noted));
    }
    if reason == leave::FRAMES as u64 {
        return Some((Stop::Frames, noted));
    }
    match run.stop {
        Some((why, NOTED)) => Some((why, noted)),
        Some(stop) => Some(stop),
        None if run.next.is_some() => None,
        None => Some((Stop::Interrupted, noted)),
    }
}

/// Calls the code of a program.
///
/// # Safety
/// As [`run`].
#[inline(always)]
unsafe fn enter(code: &Code, run: &mut Run<'_>, [first, second]: [u64; 2]) -> u64 {
    let value;
    // SAFETY: the code does what C functions do, but that `r12` and `rbp` may be lost; the latter is saved here.
    // It uses what the caller of `run` answers for.
    unsafe {
        asm!(
            "push rbp",
            "push rbp",
            "mov rbp, {frame}",
            "call {code}",
            "pop rbp",
            "pop rbp",
            frame = in(reg) run.stack as u64 + STACK_LEN as u64,
            code = in(reg) code.entry,
            inout("rdi") first => _,
            inout("rsi") second => _,
            inout("r12") &raw mut *run => _,
            out("rax") value,
            clobber_abi("sysv64"),
        );
    }
    value
}

/// Calls a function of the program that runs, for a helper that was given its token, under whichever
/// engine the program runs. `None` ends the run: the helper returns at once, its value is not used.
///
/// # Safety
/// As [`run`]; called by a helper.
pub unsafe fn call_function(run: &mut Run<'_>, token: u64, arguments: [u64; 5]) -> Option<u64> {
    if !run.compiled {
        // SAFETY: the caller's.
        return unsafe { interpreter::call_function(run, token, arguments) };
    }
    let number = token.wrapping_sub(FUNCTION_TOKEN);
    let code = run
        .program
        .native
        .as_ref()
        .filter(|code| code.callback != 0);
    let function = run.program.functions.get(number as usize);
    let (Some(code), Some(function)) = (code, function) else {
        return stop(run, Stop::Callee { value: token }, NOTED);
    };
    if run.frame_pointer.wrapping_sub(FRAME_LEN as u64) <= run.stack as u64 {
        return stop(run, Stop::Frames, function.start);
    }
    run.budget -= i64::from(function.end - function.start);
    if run.budget < 0 {
        return stop(run, Stop::Budget, function.start);
    }
    let (entry, frame_pointer) = (run.entry, run.frame_pointer);
    // SAFETY: the caller's; the number is one of the program's functions.
    let value = unsafe { enter_function(code, run, number, arguments) };
    run.entry = entry;
    run.frame_pointer = frame_pointer;
    if run.leave == 0 {
        return Some(value);
    }
    // Without a reason, the run goes on in another program, or the host ends it.
    match stopped(run, run.leave) {
        None | Some((Stop::Interrupted, _)) => None,
        Some((why, at)) => stop(run, why, at),
    }
}

/// Ends the run from inside a helper.
fn stop(run: &mut Run<'_>, why: Stop, at: u32) -> Option<u64> {
    run.stop = Some((why, at));
    run.leave = 1;
    None
}

/// Calls a function of a program.
///
/// # Safety
/// As [`call_function`].
unsafe fn enter_function(code: &Code, run: &mut Run<'_>, number: u64, arguments: [u64; 5]) -> u64 {
    let [a, b, c, d, e] = arguments;
    let value;
    // SAFETY: as in `enter`.
    unsafe {
        asm!(
            "push rbp",
            "push rbp",
            "mov rbp, rax",
            "call {code}",
            "pop rbp",
            "pop rbp",
            code = in(reg) code.callback,
            inout("rdi") a => _,
            inout("rsi") b => _,
            inout("rdx") c => _,
            inout("rcx") d => _,
            inout("r8") e => _,
            inout("r9") number => _,
            inout("r12") &raw mut *run => _,
            inout("rax") run.frame_pointer => value,
            clobber_abi("sysv64"),
        );
    }
    value
}

unsafe extern "sysv64" fn by_number(
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    run: *mut Run<'_>,
) -> u64 {
    // SAFETY: compiled code has its run in `r12` and hands that on.
    let run = unsafe { &mut *run };
    let value = run.callee;
    let helper = u32::try_from(value).ok().and_then(|id| run.helpers.get(id));
    let helper = helper.filter(|helper| helper.is_for(run.program.kind));
    let Some(helper) = helper else {
        stop(run, Stop::Callee { value }, NOTED);
        return 0;
    };
    let mut slot = None;
    if let Returned::RecordOrNull(number) = helper.prototype.returns {
        let len = [a, b, c, d, e]
            .get(usize::from(number).wrapping_sub(1))
            .copied();
        slot = free(run).zip(len);
        if slot.is_none() {
            return 0;
        }
    }
    // SAFETY: the caller's; arguments are the program's.
    let address = unsafe { (helper.call)(a, b, c, d, e, run) };
    if helper.prototype.arguments.first() == Some(&Argument::Record) {
        give_back(run, a);
    }
    if let Some((slot, len)) = slot
        && address != 0
        && len != 0
        && let Some(grant) = run.granted.get_mut(slot)
    {
        *grant = Some(Memory {
            address,
            len,
            writable: true,
        });
        run.grants += 1;
    }
    address
}
