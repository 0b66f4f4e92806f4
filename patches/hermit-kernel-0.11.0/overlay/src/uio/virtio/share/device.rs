//! The device behind the share.

use alloc::boxed::Box;
use alloc::sync::Arc;

use hermit_sync::{OnceCell, RawInterruptTicketMutex};
use uio_9p::driver::{Driver, Options, PLACES, Wait};
use uio_9p::transport::Transport;

use crate::env;
use crate::uio::event::Semaphore;
use crate::uio::virtio::hal::Dma;
use crate::uio::virtio::pci;

type Device = Driver<Dma, pci::Transport, RawInterruptTicketMutex>;

static DEVICE: OnceCell<Arc<Device>> = OnceCell::new();

static WAITING: [Semaphore; PLACES] = [const { Semaphore::new() }; PLACES];

struct Sleep;

impl Wait for Sleep {
	fn wait(&self, place: usize, timeout_ms: Option<u32>) -> bool {
		let Some(semaphore) = WAITING.get(place) else {
			return false;
		};
		semaphore.take(timeout_ms.map(u64::from))
	}

	fn wake(&self, place: usize) {
		if let Some(semaphore) = WAITING.get(place) {
			semaphore.give();
		}
	}
}

/// Starts the first device, or the one with this mount tag. `None` when there is none.
pub(super) fn start(tag: Option<&[u8]>) -> Option<Arc<dyn Transport>> {
	let mut options = Options {
		acknowledge: false,
		..Options::default()
	};
	if let Some(msize) = env::var("UIO_MSIZE").and_then(|msize| msize.parse().ok()) {
		options.msize = msize;
	}
	for index in 0.. {
		let transport = pci::Transport::share(index)?;
		let device = match Device::new(transport, Box::new(Sleep), &options, &mut |_| Ok(())) {
			Ok(device) => device,
			Err(err) => {
				error!("uio: the share does not start: {err:?}");
				continue;
			}
		};
		if tag.is_none_or(|tag| tag == device.mount_tag()) {
			let device = Arc::new(device);
			let _ = DEVICE.set(device.clone());
			return Some(device);
		}
	}
	None
}

/// Called by the interrupt handler of the device.
pub(in crate::uio::virtio) fn on_interrupt() {
	if let Some(device) = DEVICE.get() {
		device.on_interrupt();
	}
}
