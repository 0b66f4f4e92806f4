//! Workers: tasks on which commands run that may block.

use uio_console::{RequestId, Terms};

use super::state::{CONTROL, Line, Permit, Phase, WORKERS};
use super::{Core, Job, control, locked, output};
use crate::command::{Command, Context, FAILED, INTERRUPTED, Place, Stop};
use crate::platform::Event;

/// See [`super::Engine::worker`].
pub(crate) fn run(core: &dyn Core, worker: usize) {
    if worker == CONTROL {
        return control::run(core);
    }
    if worker > WORKERS {
        return;
    }
    let mut phase = locked(core, |state| state.phase(worker));
    let mut parked_us = 0;
    loop {
        let buffer;
        match phase {
            Phase::Working(_) => {
                run_request(core, worker);
                (phase, buffer) = locked(core, |state| state.finished(worker));
                parked_us = core.system().since_boot_us();
            }
            Phase::Parked => {
                let idle_us = core.system().since_boot_us().saturating_sub(parked_us);
                let left_ms = super::PARKED_MS.saturating_sub(idle_us / 1000);
                if left_ms != 0 {
                    core.system().wait(Event(worker as u8), Some(left_ms));
                }
                (phase, buffer) = locked(core, |state| state.rested(worker, left_ms == 0));
            }
            // The state is not looked at any more: there may be a new worker of this number.
            Phase::Absent | Phase::Ending => return,
        }
        // Without the lock.
        drop(buffer);
    }
}

/// What a worker needs of its request for the whole of it.
#[derive(Default)]
struct Task {
    id: u32,
    generation: u32,
    command: Option<&'static Command>,
    terms: Terms,
    line: Line,
}

fn run_request(core: &dyn Core, worker: usize) {
    let task_id = core.system().current_task();
    let task = locked(core, |state| {
        let Some(slot) = state.current(worker) else {
            return Task::default();
        };
        slot.task = task_id;
        Task {
            id: slot.id.0,
            generation: slot.generation,
            command: slot.command,
            terms: slot.terms,
            line: slot.line.take(),
        }
    });
    let status = match task.command {
        Some(command) => {
            let mut context =
                Context::new(core, task.line.argv(), task.terms, Place::Worker(worker));
            let announced = match task.terms.announce {
                true => announce(&mut context, worker),
                false => Ok(()),
            };
            match announced.and_then(|()| (command.run)(&mut context)) {
                Ok(status) | Err(Stop::Status(status)) => status,
                Err(Stop::Interrupted) => {
                    Job::new(core, worker).say_interrupted();
                    INTERRUPTED
                }
                Err(Stop::Later) => FAILED,
            }
        }
        None => FAILED,
    };
    // The slot is free before the host reads `Exit`, so that it may open the next request at once.
    let (memory, permit) = locked(core, |state| {
        let memory = state.release(worker, Phase::Ending);
        let permit = match task.command {
            Some(_) => state.begin_exit(task.generation),
            None => Permit::Gone,
        };
        (memory, permit)
    });
    output::send_exit(
        core,
        worker,
        (RequestId(task.id), task.generation),
        permit,
        status,
    );
    drop(memory);
}

/// Tells the host of the request that worker `worker` runs.
#[inline(never)]
fn announce(cx: &mut Context<'_>, worker: usize) -> Result<(), Stop> {
    let seen = locked(cx.core(), |state| {
        state.current(worker).map(|slot| slot.seen(false))
    });
    match seen {
        Some(seen) => cx.job_record(&seen),
        None => Err(Stop::Interrupted),
    }
}

/// Wakes the workers of a mask.
pub(crate) fn wake_all(core: &dyn Core, mut workers: u32) {
    while workers != 0 {
        core.system().wake(Event(workers.trailing_zeros() as u8));
        workers &= workers - 1;
    }
}

/// Ends the waits of the workers of a mask, and the programs that they run.
pub(crate) fn interrupt(core: &dyn Core, workers: u32) {
    wake_all(core, workers);
    for worker in 0..WORKERS {
        if workers & 1 << worker == 0 {
            continue;
        }
        core.isolation().interrupt(worker);
    }
}

/// Interrupts the request of that number; false when there is none.
pub(crate) fn interrupt_job(core: &dyn Core, number: u32) -> bool {
    let worker = locked(core, |state| state.interrupt_job(number));
    interrupt(core, worker.map_or(0, |worker| 1 << worker));
    worker.is_some()
}
