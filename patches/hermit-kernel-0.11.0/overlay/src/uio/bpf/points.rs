//! Functions without a site: a breakpoint stands in place of their first instruction.
//!
//! A copy of that instruction, and a jump to the one behind it, lie in memory of their own. Who comes to the breakpoint
//! calls [`entry`](super::entry::entry) from there, as a site would, and goes on with the copy.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use uio_core::isolation::Region;

use super::{entry, site};

/// Bytes of a place for a copy.
const PLACE: usize = 32;

/// Bytes before the copy, so that its address less [`site::LEN`] is the place.
const BEFORE: usize = site::LEN;

/// The longest instruction that is copied.
const LONGEST: usize = 12;

/// `jmp [rip]`; the address follows.
const JUMP: [u8; 6] = [0xff, 0x25, 0, 0, 0, 0];

/// A function with a breakpoint.
#[derive(Clone, Copy)]
pub(super) struct Point {
	/// Its address.
	pub(super) function: u64,
	/// What is called instead of it, as sites are: [`super::table`] knows it by this address.
	pub(super) place: u64,
	/// What was in place of the breakpoint.
	first: u8,
}

/// All of them, by rising address; never changed, only replaced, and never freed: there is no telling who has just come
/// to one.
static CURRENT: AtomicPtr<Vec<Point>> = AtomicPtr::new(ptr::null_mut());

/// The breakpoints there are.
pub(super) fn current() -> &'static [Point] {
	// SAFETY: never freed.
	unsafe { CURRENT.load(Ordering::Acquire).as_ref() }.map_or(&[], Vec::as_slice)
}

/// The breakpoint of a function.
pub(super) fn of(function: u64) -> Option<&'static Point> {
	let points = current();
	let index = points.binary_search_by_key(&function, |point| point.function).ok()?;
	points.get(index)
}

/// The breakpoint whose key in the table this is.
pub(super) fn at(key: u64) -> Option<&'static Point> {
	current().iter().find(|point| point.place == key)
}

/// The function that a key in the table stands for.
pub(super) fn real(key: u64) -> u64 {
	at(key).map_or(key, |point| point.function)
}

/// Called for every breakpoint exception: has what came to one of these call [`entry::entry`] and go on with the
/// copy. False if it is another's.
pub(super) fn hit(instruction: &mut u64, stack: &mut u64) -> bool {
	let Some(point) = of(instruction.wrapping_sub(1)) else {
		return false;
	};
	*stack -= 8;
	let slot = ptr::with_exposed_provenance_mut::<u64>(*stack as usize);
	// SAFETY: below the stack pointer of whoever is about to execute the first instruction of a function, where nothing
	// is but what a call would put there as well.
	unsafe { slot.write(point.place + BEFORE as u64) };
	*instruction = entry::entry as *const () as u64;
	true
}

/// Whether an instruction does the same elsewhere: it is none that depends on where it is, and none that does not go on
/// behind itself. Those with which functions begin, that is; others are refused.
fn is_movable(code: &[u8]) -> bool {
	let code = match code {
		// REX.
		[0x40..=0x4f, rest @ ..] => rest,
		_ => code,
	};
	match code {
		// PUSH, POP; MOV r, imm.
		[0x50..=0x5f | 0xb0..=0xbf, ..] => true,
		// Arithmetic and MOV, with an operand that is not relative to the instruction.
		[0x00..=0x03 | 0x08..=0x0b | 0x20..=0x23 | 0x28..=0x2b | 0x30..=0x33 | 0x38..=0x3b | 0x80 | 0x81 | 0x83
			| 0x84..=0x8b | 0x8d | 0xc6 | 0xc7, operand, ..] => operand & 0xc7 != 0x05,
		// ENDBR64 is F3 0F 1E FA.
		[0xf3, 0x0f, 0x1e, 0xfa, ..] => true,
		_ => false,
	}
}

/// Memory for copies.
pub(super) struct Copies {
	regions: Vec<Box<dyn Region>>,
}

impl Copies {
	pub(super) const fn new() -> Self {
		Self { regions: Vec::new() }
	}

	/// Makes copies of the first instructions of functions, whose lengths are given, and remembers them. Nothing leads there
	/// yet. `None` if one cannot be moved, or without memory.
	pub(super) fn add(&mut self, functions: &[(u64, u8)]) -> Option<()> {
		let mut region = crate::uio::program::region::allocate_code(functions.len() * PLACE)?;
		let base = region.base();
		let mut points = current().to_vec();
		for (index, &(function, len)) in functions.iter().enumerate() {
			let len = usize::from(len);
			let code = site::read::<LONGEST>(function);
			let first = code.get(..len).filter(|code| is_movable(code))?;
			let at = index * PLACE;
			let place = region.bytes_mut().get_mut(at + BEFORE..at + PLACE)?;
			place.get_mut(..len)?.copy_from_slice(first);
			place.get_mut(len..len + JUMP.len())?.copy_from_slice(&JUMP);
			let back = function + len as u64;
			let target = len + JUMP.len();
			place.get_mut(target..target + 8)?.copy_from_slice(&back.to_le_bytes());
			points.push(Point {
				function,
				place: base + at as u64,
				first: code[0],
			});
		}
		region.seal(0..functions.len() * PLACE, 0..0);
		points.sort_unstable_by_key(|point| point.function);
		self.regions.push(region);
		CURRENT.store(Box::into_raw(Box::new(points)), Ordering::Release);
		Some(())
	}
}

impl Point {
	/// Puts the breakpoint there.
	pub(super) fn set(&self) {
		site::put_byte(self.function, 0xcc);
	}

	/// Takes it away.
	pub(super) fn clear(&self) {
		site::put_byte(self.function, self.first);
	}
}
