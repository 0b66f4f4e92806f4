//! The page through which programs call the interface: for each call a few instructions that cross
//! into the kernel. It is made at first use, since what crosses depends on the processor.

use core::slice;

use hermit_sync::OnceCell;
use uio_core::isolation::Region;
use uio_mpk::gate::{self, RETURN};

use super::super::config::{Backend, backend};
use super::super::pages::PAGE;
use super::super::region::Frames;

/// Bytes of one stub.
const LEN: usize = 32;

/// The page; `None` when there was no memory for it.
fn page() -> Option<usize> {
	static STUBS: OnceCell<Option<Frames>> = OnceCell::new();
	let frames = STUBS.get_or_init(|| {
		let mut frames = Frames::new(PAGE)?;
		let start = frames.start();
		let (stubs, _) = frames.bytes_mut().as_chunks_mut::<LEN>();
		for (number, stub) in stubs.iter_mut().enumerate() {
			write(stub, number as u32, start + number * LEN);
		}
		frames.seal(0..PAGE, PAGE..PAGE);
		Some(frames)
	});
	frames.as_ref().map(Frames::start)
}

/// Address of the stub of a call.
pub(in super::super) fn address(number: u32) -> Option<u64> {
	Some((page()? + number as usize * LEN) as u64)
}

/// Appends bytes to code.
struct Code<'a>(slice::IterMut<'a, u8>);

impl Code<'_> {
	fn put(&mut self, bytes: &[u8]) {
		for byte in bytes {
			if let Some(place) = self.0.next() {
				*place = *byte;
			}
		}
	}
}

/// Writes the stub of call `number`, whose first byte is at address `at`.
fn write(stub: &mut [u8; LEN], number: u32, at: usize) {
	let mut code = Code(stub.iter_mut());
	if number == RETURN {
		// mov rdi, rax
		code.put(&[0x48, 0x89, 0xc7]);
	}
	// mov r10, rcx; mov eax, number
	code.put(&[0x49, 0x89, 0xca, 0xb8]);
	code.put(&number.to_le_bytes());
	if backend() == Backend::Pks {
		// jmp enter_by_jump
		let after = at + LEN - code.0.len() + 5;
		let target = gate::enter_by_jump() as usize;
		code.put(&[0xe9]);
		code.put(&(target.wrapping_sub(after) as u32).to_le_bytes());
	} else {
		// syscall; ret
		code.put(&[0x0f, 0x05, 0xc3]);
	}
	code.put(&[0xcc; LEN]);
}
