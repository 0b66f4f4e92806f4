//! Return addresses of the running task, by frame pointers. Callable wherever a probe is.

use core::ptr;

use super::{entry, shadow};
use crate::arch::core_local::core_scheduler;
use crate::uio::platform::readable;

/// The addresses in `first` that are not 0, then return addresses from frame pointer `frame` on, without the first
/// `skip` of all: fills `out` from the start and gives how many.
pub(super) fn addresses(first: &[u64], mut frame: u64, skip: u32, out: &mut [u64]) -> usize {
	let stack = core_scheduler().uio_peek_stack();
	let mut left = skip as usize;
	let mut count = 0;
	for &at in first.iter().filter(|&&at| at != 0) {
		if left > 0 {
			left -= 1;
		} else if let Some(place) = out.get_mut(count) {
			*place = at;
			count += 1;
		}
	}
	while count < out.len() {
		let inside = frame % 8 == 0
			&& match &stack {
				Some(stack) => stack.start <= frame && frame + 16 <= stack.end,
				None => frame.checked_add(16).is_some() && readable(frame, 16).is_ok(),
			};
		if !inside {
			break;
		}
		let words = ptr::with_exposed_provenance::<[u64; 2]>(frame as usize);
		// SAFETY: it lies on the task's stack, or is mapped memory, and aligned.
		let [next, mut back] = unsafe { words.read_volatile() };
		if back == entry::exit as *const () as u64 {
			back = shadow::back(frame + 8).unwrap_or(back);
		}
		if back == 0 {
			break;
		}
		if left > 0 {
			left -= 1;
		} else if let Some(place) = out.get_mut(count) {
			*place = back;
			count += 1;
		}
		if next <= frame {
			break;
		}
		frame = next;
	}
	count
}
