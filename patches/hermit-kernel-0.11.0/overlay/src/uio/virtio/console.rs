//! The console over virtio: the overlay's channel to the host.

use core::sync::atomic::{AtomicU32, Ordering};

use hermit_sync::{InterruptTicketMutex, RawInterruptTicketMutex};
use uio_console::driver::{self, Console, Error};
use uio_console::frame;
use uio_core::Channel;
use uio_core::platform::EVENTS;

use super::hal::Dma;
use super::pci::Transport;
use crate::uio::event::Event;

type Tx = driver::Tx<Dma, Transport, RawInterruptTicketMutex>;
type Rx = driver::Rx<Dma, Transport, RawInterruptTicketMutex>;

/// The sending half. Held for the encoding of one frame at most.
static TX: InterruptTicketMutex<Option<Tx>> = InterruptTicketMutex::new(None);

/// Something may have arrived, or been sent.
static ACTIVITY: Event = Event::new();

/// Those who wait for room: a bit for each entry of [`ROOM`] that is in use.
static WAITING: AtomicU32 = AtomicU32::new(0);
static ROOM: [Event; EVENTS] = [const { Event::new() }; EVENTS];

/// How often a device that broke the rules is started anew before it is given up.
const RESTARTS: usize = 8;

/// The channel.
pub(in crate::uio) struct VirtioConsole;

/// The receiving half, for the one task that receives.
pub(in crate::uio) struct Receiver {
	rx: Rx,
	restarts: usize,
}

/// Starts the console; `None` when none is attached or it does not work.
pub(in crate::uio) fn start() -> Option<Receiver> {
	let transport = Transport::console()?;
	match Console::new(transport) {
		Ok(console) => {
			*TX.lock() = Some(console.tx);
			Some(Receiver {
				rx: console.rx,
				restarts: 0,
			})
		}
		Err(err) => {
			error!("uio: the console does not start: {err:?}");
			None
		}
	}
}

/// Called by the interrupt handler of the device, as its last act.
pub(super) fn on_interrupt() {
	ACTIVITY.wake_from_interrupt();
}

impl Receiver {
	/// Blocks until the device has something to say, and hands what arrived to `each`. False when
	/// the device is given up.
	pub(in crate::uio) fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> bool {
		let received = self.rx.receive(each);
		let sent = match TX.lock().as_mut() {
			Some(tx) => tx.completed(),
			None => Ok(false),
		};
		match (received, sent) {
			(Ok(_), Ok(room)) => {
				if room {
					wake_waiting();
				}
				// Whatever the device did since its last interrupt ends this at once.
				ACTIVITY.wait(None);
				true
			}
			(Err(err), _) | (_, Err(err)) => self.restart(err),
		}
	}

	fn restart(&mut self, err: Error) -> bool {
		error!("uio: the console broke the rules ({err:?})");
		self.restarts += 1;
		if self.restarts > RESTARTS {
			*TX.lock() = None;
			wake_waiting();
			return false;
		}
		let restarted = match TX.lock().as_mut() {
			Some(tx) => driver::restart(&mut self.rx, tx),
			None => Err(Error::Mismatch),
		};
		wake_waiting();
		restarted.is_ok()
	}
}

/// Wakes everyone who waits for room.
fn wake_waiting() {
	let waiting = WAITING.load(Ordering::Acquire);
	for (bit, room) in ROOM.iter().enumerate() {
		if waiting & (1 << bit) != 0 {
			room.wake();
		}
	}
}

impl Channel for VirtioConsole {
	fn try_send(&self, payload: &[u8]) -> bool {
		let mut tx = TX.lock();
		let Some(tx) = tx.as_mut() else {
			// Nobody will ever read it.
			return true;
		};
		let sent = tx.try_send(frame::stuffed_len(payload.len()), &mut |out| {
			frame::stuff(payload, out).unwrap_or(0)
		});
		!matches!(sent, Err(Error::Full | Error::NoMemory))
	}

	fn wait_for_room(&self) {
		let Some(bit) = claim() else {
			return;
		};
		let room_now = match TX.lock().as_mut() {
			Some(tx) => tx.arm() != Ok(false),
			None => true,
		};
		if !room_now {
			ROOM[bit].wait(None);
		}
		WAITING.fetch_and(!(1 << bit), Ordering::Release);
	}
}

/// Takes a free entry of [`ROOM`]. There is one for each task of the overlay.
fn claim() -> Option<usize> {
	let mut waiting = WAITING.load(Ordering::Relaxed);
	loop {
		let bit = (!waiting).trailing_zeros() as usize;
		if bit >= EVENTS {
			return None;
		}
		match WAITING.compare_exchange_weak(
			waiting,
			waiting | (1 << bit),
			Ordering::AcqRel,
			Ordering::Relaxed,
		) {
			Ok(_) => return Some(bit),
			Err(now) => waiting = now,
		}
	}
}
