//! The kernel's log, kept in a ring of fixed size.

use core::fmt;

use hermit_sync::InterruptTicketMutex;
use uio_console::record::LogLine;

use crate::arch::core_local::core_id;
use crate::arch::processor::{get_frequency, get_timestamp};

/// Bytes of the ring: a header and the text of each line, oldest dropped first.
const RING_SIZE: usize = 16 * 1024;

/// The longest text of a line; what is longer is cut.
const MAX_TEXT: usize = 240;

static RING: InterruptTicketMutex<Ring> = InterruptTicketMutex::new(Ring::new());

struct Ring {
	bytes: [u8; RING_SIZE],
	/// Offsets since boot; the byte of offset `n` is `bytes[n % RING_SIZE]`.
	head: usize,
	tail: usize,
	/// Number of the line at `tail`.
	first: u64,
	/// Number of the next line.
	next: u64,
}

/// Bytes of a line before its text: time stamp counter (8), core (2), level (1), length of the text (1).
const HEADER: usize = 12;

impl Ring {
	const fn new() -> Self {
		Self {
			bytes: [0; RING_SIZE],
			head: 0,
			tail: 0,
			first: 0,
			next: 0,
		}
	}

	fn put(&mut self, data: &[u8]) {
		let at = self.head % RING_SIZE;
		let (to_end, wrapped) = data.split_at(data.len().min(RING_SIZE - at));
		self.bytes[at..at + to_end.len()].copy_from_slice(to_end);
		self.bytes[..wrapped.len()].copy_from_slice(wrapped);
		self.head += data.len();
	}

	fn get(&self, offset: usize, out: &mut [u8]) {
		let at = offset % RING_SIZE;
		let to_end = out.len().min(RING_SIZE - at);
		let (first, second) = out.split_at_mut(to_end);
		first.copy_from_slice(&self.bytes[at..at + first.len()]);
		second.copy_from_slice(&self.bytes[..second.len()]);
	}

	fn text_len(&self, line: usize) -> usize {
		usize::from(self.bytes[(line + HEADER - 1) % RING_SIZE])
	}

	fn push(&mut self, level: u8, text: &[u8]) {
		while self.head + HEADER + text.len() - self.tail > RING_SIZE {
			self.tail += HEADER + self.text_len(self.tail);
			self.first += 1;
		}
		let mut header = [0; HEADER];
		// The clock's frequency is not known yet when the first lines are logged.
		header[..8].copy_from_slice(&get_timestamp().to_le_bytes());
		header[8..10].copy_from_slice(&(core_id() as u16).to_le_bytes());
		header[10] = level;
		header[11] = text.len() as u8;
		self.put(&header);
		self.put(text);
		self.next += 1;
	}
}

/// Where the text of a line collects while it is formatted.
struct Line {
	text: [u8; MAX_TEXT],
	len: usize,
}

impl fmt::Write for Line {
	fn write_str(&mut self, s: &str) -> fmt::Result {
		let len = s.len().min(MAX_TEXT - self.len);
		self.text[self.len..self.len + len].copy_from_slice(&s.as_bytes()[..len]);
		self.len += len;
		Ok(())
	}
}

/// Keeps a line of the log.
pub(crate) fn keep(record: &::log::Record<'_>) {
	let mut line = Line {
		text: [0; MAX_TEXT],
		len: 0,
	};
	// Writing to a `Line` cannot fail; a failing `Display` leaves a shorter line.
	let _ = fmt::Write::write_fmt(&mut line, *record.args());
	RING.lock()
		.push(record.level() as u8, &line.text[..line.len]);
}

/// Calls `each` with the lines from number `from` on that the ring still holds, oldest first;
/// stops when it returns false. The lock is not held while `each` runs.
pub(crate) fn read(from: u64, each: &mut dyn FnMut(&LogLine<'_>) -> bool) {
	let mut wanted = from;
	let mut at = None;
	let mut text = [0; MAX_TEXT];
	loop {
		let ring = RING.lock();
		// Where the wanted line is: next to the one before it, or found from the oldest on.
		let (mut number, mut offset) = match at {
			Some((number, offset)) if number >= ring.first => (number, offset),
			_ => (ring.first, ring.tail),
		};
		while number < wanted && number < ring.next {
			offset += HEADER + ring.text_len(offset);
			number += 1;
		}
		if number >= ring.next {
			return;
		}
		let mut header = [0; HEADER];
		ring.get(offset, &mut header);
		let len = usize::from(header[11]);
		ring.get(offset + HEADER, &mut text[..len]);
		drop(ring);

		let [time @ .., core_low, core_high, level, _] = header;
		let line = LogLine {
			number,
			at_us: u64::from_le_bytes(time) / u64::from(get_frequency().max(1)),
			level,
			core: u16::from_le_bytes([core_low, core_high]),
			text: &text[..len],
		};
		if !each(&line) {
			return;
		}
		wanted = number + 1;
		at = Some((wanted, offset + HEADER + len));
	}
}
