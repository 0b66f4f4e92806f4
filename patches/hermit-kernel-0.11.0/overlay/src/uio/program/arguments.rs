//! The arguments of a program.

use alloc::vec::Vec;
use core::ptr;

/// `argv` of a C program: pointers to the arguments, then a null pointer.
pub(super) fn pointers(argv: &[u8]) -> Option<Vec<*const u8>> {
	let mut pointers = Vec::new();
	let mut rest = argv;
	while !rest.is_empty() {
		let end = rest.iter().position(|&byte| byte == 0)?;
		pointers.push(rest.as_ptr());
		rest = &rest[end + 1..];
	}
	pointers.push(ptr::null());
	Some(pointers)
}

/// Puts the arguments at the end of a stack, whose first byte is at address `base`: the strings, and
/// below them the pointers. Gives their number and the offset of the first pointer, which is a
/// multiple of 16.
#[cfg(feature = "uio-mpk")]
pub(super) fn put(stack: &mut [u8], base: usize, argv: &[u8]) -> Option<(usize, usize)> {
	const WORD: usize = size_of::<usize>();
	let count = argv.iter().filter(|&&byte| byte == 0).count();
	let strings = stack.len().checked_sub(argv.len())?;
	let vector = strings.checked_sub((count + 1) * WORD)? & !15;
	// Half of the stack is the program's in any case.
	if vector < stack.len() / 2 {
		return None;
	}
	stack.get_mut(strings..)?.copy_from_slice(argv);
	let (slots, _) = stack.get_mut(vector..strings)?.as_chunks_mut::<WORD>();
	let mut at = strings;
	for (slot, argument) in slots.iter_mut().zip(argv.split_inclusive(|&byte| byte == 0)) {
		*slot = (base + at).to_ne_bytes();
		at += argument.len();
	}
	*slots.get_mut(count)? = [0; WORD];
	Some((count, vector))
}
