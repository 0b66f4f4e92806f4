//! Where a function can be attached to, and the bytes there.

use core::ptr;

use x86_64::registers::control::{Cr0, Cr0Flags};

use crate::uio::image;

/// Bytes of a site.
pub(super) const LEN: usize = 5;

/// What the compiler puts at the entry of a function (`uio_build::trace`): `nopl 8(%rax,%rax)`.
const EMPTY: [u8; LEN] = [0x0f, 0x1f, 0x44, 0x00, 0x08];

/// WRPKRU (Intel SDM volume 2): no bytes that programs may execute must come to hold it.
const WRPKRU: [u8; 3] = [0x0f, 0x01, 0xef];

/// Whether there is a site at an address of the image's code, with nothing attached.
pub(super) fn is_empty(at: u64) -> bool {
	image::is_code(at) && image::is_code(at + LEN as u64) && read::<LEN>(at) == EMPTY
}

/// The bytes at an address of the image's code.
pub(super) fn read<const N: usize>(at: u64) -> [u8; N] {
	let from = ptr::with_exposed_provenance::<[u8; N]>(at as usize);
	// SAFETY: the caller knows that code of the image is there; it only changes here, under the lock
	// of attachments.
	unsafe { from.read_volatile() }
}

/// Has the site call a function of the kernel. False, and nothing changes, where it cannot. To be called in
/// [`super::exclusively`].
pub(super) fn call(at: u64, function: u64) -> bool {
	let distance = function.wrapping_sub(at + LEN as u64) as i64;
	let Ok(distance) = i32::try_from(distance) else {
		return false;
	};
	let [a, b, c, d] = distance.to_le_bytes();
	let bytes = [0xe8, a, b, c, d];
	// What is before and behind it stays; together they must not be what programs must not find.
	let mut around: [u8; LEN + 4] = read(at - 2);
	if let Some(middle) = around.get_mut(2..2 + LEN) {
		middle.copy_from_slice(&bytes);
	}
	if around.windows(WRPKRU.len()).any(|window| window == WRPKRU) {
		return false;
	}
	put(at, &bytes);
	true
}

/// Makes the site what the compiler made it. To be called in [`super::exclusively`].
pub(super) fn clear(at: u64) {
	put(at, &EMPTY);
}

/// Changes one byte of code. To be called in [`super::exclusively`].
pub(super) fn put_byte(at: u64, byte: u8) {
	put(at, &[byte]);
}

/// Writes code of the image.
fn put(at: u64, bytes: &[u8]) {
	let flags = Cr0::read();
	// SAFETY: interrupts are off, and nothing else runs on this core until the flag is back; no other core executes what
	// is changed. What is written is a whole instruction in place of another of the same length, or a breakpoint.
	unsafe {
		Cr0::write(flags - Cr0Flags::WRITE_PROTECT);
		let to = ptr::with_exposed_provenance_mut::<u8>(at as usize);
		for (index, &byte) in bytes.iter().enumerate() {
			to.add(index).write_volatile(byte);
		}
		Cr0::write(flags);
	}
}
