//! The overlay itself: its engine, the task that listens, and its workers.

use uio_core::engine::{Engine, Receiver};

use super::files::AllFiles;
use super::platform::Hermit;
use super::program::{self, Programs};
use super::tasks::{self, OVERLAY_PRIO, WORKER_PRIO};
use crate::arch::core_local::core_scheduler;
#[cfg(feature = "uio-virtio")]
use crate::uio::virtio::console::{self, VirtioConsole};

#[cfg(feature = "uio-virtio")]
static HOST: VirtioConsole = VirtioConsole;

/// The channel of a kernel without a transport: nobody hears what is sent.
#[cfg(not(feature = "uio-virtio"))]
struct Host;
#[cfg(not(feature = "uio-virtio"))]
static HOST: Host = Host;

#[cfg(not(feature = "uio-virtio"))]
impl uio_core::Channel for Host {
	fn try_send(&self, _: &[u8]) -> bool {
		true
	}

	fn wait_for_room(&self) {}
}

/// The engine. It allocates nothing before somebody talks to it.
pub(super) static ENGINE: Engine<Hermit> = Engine::new(&Hermit, &AllFiles, &HOST, &Programs);

/// Bytes of stack of the overlay task.
const OVERLAY_STACK: usize = 32 * 1024;

/// Bytes of stack of a worker; without protection keys programs run on it.
const WORKER_STACK: usize = 64 * 1024;

/// Starts the task that listens, if there is a console to listen to.
pub(super) fn init() {
	tasks::set_name(core_scheduler().get_current_task_id().into(), "main");
	#[cfg(feature = "uio-virtio")]
	if !tasks::has_memory(OVERLAY_STACK) {
		error!("uio: there is no memory for the overlay");
	} else if let Some(receiver) = console::start() {
		*LISTENER.lock() = Some(receiver);
		tasks::spawn(listen, 0, OVERLAY_PRIO, OVERLAY_STACK, "uio");
	}
}

/// Where [`init`] leaves the console for [`listen`].
#[cfg(feature = "uio-virtio")]
static LISTENER: hermit_sync::InterruptTicketMutex<Option<console::Receiver>> =
	hermit_sync::InterruptTicketMutex::new(None);

/// The overlay task.
#[cfg(feature = "uio-virtio")]
extern "C" fn listen(_: usize) {
	let Some(mut console) = LISTENER.lock().take() else {
		return;
	};
	let mut receiver = Receiver::new();
	while console.receive(&mut |bytes| ENGINE.receive(&mut receiver, bytes)) {}
	error!("uio: the console is given up");
}

/// Starts worker `worker`; false when there is no memory for its stacks.
pub(super) fn spawn_worker(worker: usize) -> bool {
	if !tasks::has_memory(WORKER_STACK) {
		return false;
	}
	tasks::spawn(work, worker, WORKER_PRIO, WORKER_STACK, "uio-worker");
	true
}

extern "C" fn work(worker: usize) {
	program::worker_started(worker);
	ENGINE.worker(worker);
	program::worker_ended(worker);
	tasks::ended(WORKER_STACK);
}

/// Bytes of memory that the overlay holds: what devices see, and the stacks of its tasks.
pub(super) fn held() -> usize {
	#[cfg(feature = "uio-virtio")]
	let shared = super::virtio::held();
	#[cfg(not(feature = "uio-virtio"))]
	let shared = 0;
	shared + tasks::held()
}
