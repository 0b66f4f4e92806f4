//! Running a program, from the cache if it is there.

use alloc::boxed::Box;

use uio_console::argv::MAX_ARGS;
use uio_console::record::{Failure, Record};

use super::load::{self, NOT_RUNNABLE};
use super::registry::{Program, Version, Which};
use super::{bounds, fault};
use crate::command::{Context, Outcome, Stop, Trouble, absolute, arg_index};
use crate::engine::{Core, locked};
use crate::isolation::{End, Entry, Lack, Limits};

/// Added to the exception that ended a program, this is its exit status.
const FAULTED: i32 = 128;

/// Exit status of a program that came to its time limit, as timeout(1) gives it.
pub const TIMED_OUT: i32 = 124;

/// Runs the program that the command line names; the arguments from there on are its own.
pub fn run(cx: &mut Context<'_>) -> Outcome {
    let Some(worker) = cx.worker() else {
        return Err(Stop::Later);
    };
    let (limits, own) = bounds::read(cx)?;
    let core = cx.core();
    let given = own.path().unwrap_or_default();
    let program = match fresh(cx, worker, given, &limits) {
        Some(program) => program,
        None => match find(cx, given, own.index) {
            Ok(program) => program,
            Err(trouble) => {
                let arg = arg_index(own.index);
                return cx.report(Err(trouble), arg, arg).map(|_| NOT_RUNNABLE);
            }
        },
    };
    let end = cx
        .isolation()
        .run(worker, entry(&program), own.bytes, &limits);
    let outcome = match end {
        End::Exited(status) => Ok(status),
        other => ended(cx, &program, &limits, other),
    };
    // What is given back is dropped here, without the lock.
    drop(locked(core, |state| state.programs.put(program)));
    outcome
}

/// Tells how a program ended that did not end by itself; gives the exit status.
#[cold]
#[inline(never)]
fn ended(cx: &mut Context<'_>, program: &Program, limits: &Limits, end: End) -> Outcome {
    match end {
        End::Exited(status) => Ok(status),
        End::Fault(fault) => {
            fault::report(cx, program, &fault)?;
            Ok(FAULTED + i32::from(fault.vector))
        }
        End::TimedOut => {
            cx.failure(&Failure::TimedOut {
                ms: limits.time_ms.unwrap_or_default(),
            })?;
            Ok(TIMED_OUT)
        }
        End::Interrupted => Err(Stop::Interrupted),
        End::Lacking(lack) => {
            cx.failure(&match lack {
                Lack::Memory => Failure::NoMemory { bytes: 0 },
                Lack::Key(max) => Failure::Busy { max },
                Lack::Arguments => Failure::TooManyArguments {
                    max: MAX_ARGS as u16,
                },
            })?;
            Ok(NOT_RUNNABLE)
        }
    }
}

/// The program in memory that is the file as the host has just seen it, so that nobody needs to be
/// asked. Also takes note of the bounds of the request.
fn fresh(cx: &Context<'_>, worker: usize, path: &[u8], limits: &Limits) -> Option<Box<Program>> {
    let core = cx.core();
    let bounds = bounds::told(limits);
    let fresh = cx.fresh();
    let program = locked(core, |state| {
        state.current(worker)?.bounds = Some(bounds);
        // Only a path in its absolute form is found so; others take the long way.
        state
            .programs
            .take(Which::Same(path, Version::from(fresh?)))
    })?;
    renewed(core, program)
}

/// The program that argument `arg` names, ready to run.
#[inline(never)]
fn find(cx: &mut Context<'_>, given: &[u8], arg: usize) -> Result<Box<Program>, Trouble> {
    let core = cx.core();
    if !cx.isolation().available() {
        return Err(load::refuse(cx, &Failure::NoIsolation));
    }
    let path = absolute(cx.files(), given)?;
    if locked(core, |state| state.programs.has(Which::File(&path), true)) {
        let version = Version::from(&cx.files().stat(&path)?);
        let program = locked(core, |state| {
            state.programs.take(Which::Same(&path, version))
        });
        if let Some(program) = program.and_then(|program| renewed(core, program)) {
            return Ok(program);
        }
    }
    let source = load::open(cx, &path)?;
    let stale = Which::Stale(&path, source.version);
    while locked(core, |state| state.programs.remove(stale)).is_some() {}
    let program = load::load(cx, arg_index(arg), &path, source)?;
    while !locked(core, |state| state.programs.add(&program)) {
        if !load::evict(core) {
            let bytes = program.image.size as u64;
            return Err(load::no_memory(cx, bytes));
        }
    }
    let size = program.image.size as u64;
    if let Err(stop) = cx.record(&Record::Loaded { size }) {
        drop(locked(core, |state| state.programs.put(program)));
        return Err(stop.into());
    }
    Ok(program)
}

/// Gives a program that was run before its data as they were. A program whose memory does not
/// allow that is dropped, to be loaded again.
fn renewed(core: &dyn Core, mut program: Box<Program>) -> Option<Box<Program>> {
    let image = &mut program.image;
    let size = image.size - image.data;
    if size != 0 {
        let data = image.region.bytes_mut();
        if data.len() < size || data.len() < image.pristine.len() {
            let base = image.region.base();
            locked(core, |state| state.programs.forget(base));
            return None;
        }
        let (data, zeroes) = data.split_at_mut(image.pristine.len());
        data.copy_from_slice(&image.pristine);
        zeroes.fill(0);
    }
    Some(program)
}

/// What to call in a program, and where it lies.
fn entry(program: &Program) -> Entry<'_> {
    let image = &program.image;
    let base = image.region.base();
    Entry {
        main: image.main,
        init: &image.init,
        fini: &image.fini,
        text: base + image.text.start as u64..base + image.text.end as u64,
        data: base + image.data as u64..base + image.size as u64,
    }
}
