//! What programs print (`trace_printk`): a ring of lines, of which the oldest make room.

use alloc::boxed::Box;

use hermit_sync::InterruptTicketMutex;
use uio_bpf::program::Program;

/// Bytes of lines that are kept.
const LEN: usize = 16 * 1024;

/// The most bytes of one line.
const LONGEST: usize = 256;

static RING: InterruptTicketMutex<Ring> = InterruptTicketMutex::new(Ring { bytes: None, end: 0 });

struct Ring {
	bytes: Option<Box<[u8; LEN]>>,
	/// How many bytes were ever written.
	end: u64,
}

/// Makes room, once; false without memory.
pub(super) fn prepare() -> bool {
	let layout = core::alloc::Layout::new::<[u8; LEN]>();
	if RING.lock().bytes.is_some() {
		return true;
	}
	// SAFETY: the layout is not empty.
	let new = unsafe { alloc::alloc::alloc_zeroed(layout) }.cast::<[u8; LEN]>();
	if new.is_null() {
		return false;
	}
	// SAFETY: it was just allocated like this, and is all zero.
	RING.lock().bytes = Some(unsafe { Box::from_raw(new) });
	true
}

/// Adds a line. On a busy core.
pub(super) fn add(program: &Program, line: &[u8]) {
	let mut ring = RING.lock();
	let name = program.name.as_bytes();
	let line = line.get(..LONGEST).unwrap_or(line);
	let parts = [name, b": ", line.strip_suffix(b"\n").unwrap_or(line), b"\n"];
	for &byte in parts.into_iter().flatten() {
		ring.push(byte);
	}
}

impl Ring {
	fn push(&mut self, byte: u8) {
		let at = self.end as usize % LEN;
		if let Some(place) = self.bytes.as_mut().and_then(|bytes| bytes.get_mut(at)) {
			*place = byte;
			self.end += 1;
		}
	}
}

/// Copies lines from byte number `from` on; gives how many bytes, and the number of the first: a later one when what
/// was there has made room. On a core that is marked as busy.
pub(super) fn read(from: u64, out: &mut [u8]) -> (usize, u64) {
	let ring = RING.lock();
	let Some(bytes) = &ring.bytes else {
		return (0, from);
	};
	let oldest = ring.end.saturating_sub(LEN as u64);
	let first = from.max(oldest);
	let len = (ring.end.saturating_sub(first) as usize).min(out.len());
	for (index, place) in out.iter_mut().take(len).enumerate() {
		*place = bytes[(first as usize + index) % LEN];
	}
	(len, first)
}
