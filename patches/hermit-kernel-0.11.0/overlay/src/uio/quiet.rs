//! Keeping the overlay's comings and goings cheap.
//!
//! The scheduler polls every future of the kernel, the network's among them, at each switch, and
//! an idle core that was woken spins for a while before it sleeps again. Both serve the
//! application. A switch to or from a task of the overlay needs neither.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::core_local::{core_id, core_scheduler};
use crate::scheduler::PerCoreSchedulerExt;

/// The next switch on core 0 is the overlay's.
static SWITCHING: AtomicBool = AtomicBool::new(false);

/// Core 0 was woken for the overlay.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// Switches tasks on core 0 on behalf of the overlay.
pub(crate) fn reschedule() {
	let ours = core_id() == 0;
	if ours {
		SWITCHING.store(true, Ordering::Relaxed);
	}
	core_scheduler().reschedule();
	if ours {
		SWITCHING.store(false, Ordering::Relaxed);
	}
}

/// Called by the interrupt handlers of the overlay's devices.
pub(super) fn woken() {
	WOKEN.store(true, Ordering::Relaxed);
}

/// Called by the scheduler before it chooses a task: runs the executor unless the overlay is why.
pub(crate) fn run_executor() {
	if core_id() == 0 && SWITCHING.load(Ordering::Relaxed) {
		SWITCHING.store(false, Ordering::Relaxed);
		return;
	}
	crate::executor::run();
}

/// Called by an idle core that was woken: whether it was for the overlay, which is done by now, so
/// that the core may sleep again at once.
pub(crate) fn was_idle() -> bool {
	let ours = core_id() == 0 && WOKEN.swap(false, Ordering::Relaxed);
	if ours {
		SWITCHING.store(true, Ordering::Relaxed);
	}
	ours
}
