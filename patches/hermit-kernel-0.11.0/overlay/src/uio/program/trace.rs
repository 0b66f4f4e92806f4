//! Return addresses on a stack, for reports of faults.

use alloc::vec::Vec;
use core::ops::Range;
use core::ptr;

use crate::uio::platform::readable;

/// The most return addresses that are reported.
const MAX: usize = 24;

/// The most words of a stack that are looked at.
const MAX_WORDS: usize = 4096;

/// A word of memory, if it is mapped.
fn word(at: u64) -> Option<u64> {
	if at % 8 != 0 {
		return None;
	}
	readable(at, 8).ok()?;
	let word = ptr::with_exposed_provenance::<u64>(at as usize);
	// SAFETY: it is mapped memory, just checked, and aligned.
	Some(unsafe { word.read_volatile() })
}

/// Return addresses from frame pointer `frame` on, as code has them that was compiled with
/// `-fno-omit-frame-pointer`. `stack` bounds what is looked at.
#[inline(never)]
pub(super) fn frames(mut frame: u64, stack: &Range<u64>) -> Vec<u64> {
	let mut found = Vec::new();
	while found.len() < MAX && stack.contains(&frame) {
		let (Some(next), Some(back)) = (word(frame), word(frame + 8)) else {
			break;
		};
		if back == 0 || !stack.contains(&(frame + 8)) {
			break;
		}
		found.push(back);
		if next <= frame {
			break;
		}
		frame = next;
	}
	found
}

/// Words of a stack from `from` on that are return addresses by what they look like: code for which
/// `is_code` holds, behind a call instruction.
#[inline(never)]
pub(super) fn scan(from: u64, end: u64, is_code: &dyn Fn(u64) -> bool) -> Vec<u64> {
	let mut found = Vec::new();
	let words = (from.next_multiple_of(8)..end.saturating_sub(7)).step_by(8);
	for value in words.take(MAX_WORDS).map_while(word) {
		if is_code(value) && follows_call(value) {
			found.push(value);
			if found.len() == MAX {
				break;
			}
		}
	}
	found
}

/// Whether the instruction before an address can be a call (Intel SDM volume 2, CALL).
fn follows_call(at: u64) -> bool {
	let Some(start) = at.checked_sub(7).filter(|&start| readable(start, 7).is_ok()) else {
		return false;
	};
	let byte = |back: u64| {
		let byte = ptr::with_exposed_provenance::<u8>((start + 7 - back) as usize);
		// SAFETY: the bytes are mapped, just checked.
		unsafe { byte.read_volatile() }
	};
	// call rel32; call r/m64, with nothing, a register, or a displacement of 8 or 32 bits behind.
	let indirect = |back: u64| byte(back) == 0xff && byte(back - 1) >> 3 & 7 == 2;
	byte(5) == 0xe8 || [2, 3, 4, 6, 7].into_iter().any(indirect)
}
