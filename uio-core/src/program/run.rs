//! Running a program, from the cache if it is there.

use alloc::boxed::Box;

use uio_console::argv::Argv;
use uio_console::record::{Failure, Record};

use super::load::{self, NOT_RUNNABLE};
use super::registry::{Program, Version, Which};
use crate::command::{Context, Outcome, Stop, Trouble, absolute};
use crate::engine::{Core, locked};
use crate::isolation::{End, Entry, Limits};

/// Added to the exception that ended a program, this is its exit status.
const FAULTED: i32 = 128;

/// Exit status of a program that came to its time limit, as timeout(1) gives it.
const TIMED_OUT: i32 = 124;

/// Runs the program that argument 1 names; the arguments from there on are its own.
pub fn run(cx: &mut Context<'_>) -> Outcome {
    let Some(worker) = cx.worker() else {
        return Err(Stop::Later);
    };
    let argv = own_arguments(cx.argv());
    let (program, cached) = match find(cx) {
        Ok(found) => found,
        Err(trouble) => {
            cx.report(Err(trouble), 1, 1)?;
            return Ok(NOT_RUNNABLE);
        }
    };
    let isolation = cx.isolation();
    let started = cx.record(&Record::Started {
        isolation: isolation.name(),
        cached,
    });
    let end = started.map(|()| {
        let limits = Limits {
            policy: isolation.policy(),
            time_ms: Some(Limits::TIME_MS),
            cpu_share: Limits::CPU_SHARE,
            below: false,
        };
        isolation.run(worker, entry(&program), argv, &limits)
    });
    // What is given back is dropped here, without the lock.
    drop(locked(cx.core(), |state| state.programs.put(program)));
    match end? {
        End::Exited(status) => Ok(status),
        End::Fault(fault) => {
            cx.failure(&Failure::Fault {
                vector: fault.vector,
                instruction: fault.instruction,
                access: fault.access,
            })?;
            Ok(FAULTED + i32::from(fault.vector))
        }
        End::TimedOut => Ok(TIMED_OUT),
        End::Interrupted => Err(Stop::Interrupted),
    }
}

/// The arguments as the program sees them: without the name of the command that runs it.
fn own_arguments(argv: Argv<'_>) -> &[u8] {
    let command = argv.get(0).map_or(0, |command| command.len() + 1);
    argv.as_bytes().get(command..).unwrap_or(&[])
}

/// The program that argument 1 names, ready to run, and whether it was in the cache.
fn find(cx: &mut Context<'_>) -> Result<(Box<Program>, bool), Trouble> {
    let core = cx.core();
    let path = absolute(cx.files(), cx.arg(1).unwrap_or_default())?;
    if locked(core, |state| state.programs.has(Which::File(&path), true)) {
        let version = Version::from(&cx.files().stat(&path)?);
        let program = locked(core, |state| {
            state.programs.take(Which::Same(&path, version))
        });
        if let Some(program) = program.and_then(|program| renewed(core, program)) {
            return Ok((program, true));
        }
    }
    let source = load::open(cx, &path)?;
    let stale = Which::Stale(&path, source.version);
    while locked(core, |state| state.programs.remove(stale)).is_some() {}
    let program = load::load(cx, 1, &path, source)?;
    while !locked(core, |state| state.programs.add(&program)) {
        if !load::evict(core) {
            let bytes = program.image.size as u64;
            return Err(load::no_memory(cx, bytes));
        }
    }
    Ok((program, false))
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
