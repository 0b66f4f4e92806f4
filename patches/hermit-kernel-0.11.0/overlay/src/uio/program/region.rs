//! Memory of programs: frames with a guard page on either side.

use alloc::boxed::Box;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::{ptr, slice};

use align_address::Align;
use memory_addresses::PhysAddr;
use uio_core::isolation::Region;

use super::pages::{self, Access, PAGE, protect};
use crate::arch::mm::physicalmem;
use crate::env;

static HELD: AtomicUsize = AtomicUsize::new(0);

/// Bytes of memory that programs hold.
pub(super) fn held() -> usize {
	HELD.load(Ordering::Relaxed) + pages::held()
}

/// Physical memory, mapped at its own address and nowhere else.
pub(super) struct Frames {
	start: usize,
	size: usize,
	/// Offset of the data, behind text and constants; 0 until the memory is sealed.
	writable_from: usize,
}

impl Frames {
	/// Zeroed memory, at least `bytes` of it, with the rights of data of the kernel's key.
	pub(super) fn new(bytes: usize) -> Option<Self> {
		let size = bytes.max(1).align_up(PAGE);
		let whole = size + 2 * PAGE;
		let first = physicalmem::allocate(whole).ok()?.as_usize();
		HELD.fetch_add(whole, Ordering::Relaxed);
		let frames = Self {
			start: first + PAGE,
			size,
			writable_from: 0,
		};
		let start = ptr::with_exposed_provenance_mut::<u8>(frames.start);
		// SAFETY: the frames are ours, and physical memory is mapped writable at its own address.
		unsafe { start.write_bytes(0, size) };
		let guarded = protect(first, PAGE, Access::Guard)
			&& protect(frames.end(), PAGE, Access::Guard)
			&& protect(frames.start, size, Access::Data(0));
		guarded.then_some(frames)
	}

	pub(super) fn start(&self) -> usize {
		self.start
	}

	pub(super) fn end(&self) -> usize {
		self.start + self.size
	}

	/// Whether 32-bit relocations against the image reach from anywhere inside.
	fn near_image(&self) -> bool {
		let image = env::get_base_address().as_usize();
		let reach = (1 << 31) - env::get_image_size() - self.size;
		self.start.abs_diff(image) <= reach
	}
}

/// Memory for a program's image.
pub(super) fn allocate(bytes: usize) -> Option<Box<dyn Region>> {
	let frames = Frames::new(bytes).filter(Frames::near_image)?;
	Some(Box::new(frames))
}

impl Region for Frames {
	fn base(&self) -> u64 {
		self.start as u64
	}

	fn bytes_mut(&mut self) -> &mut [u8] {
		let start = ptr::with_exposed_provenance_mut(self.start + self.writable_from);
		// SAFETY: the frames are ours, mapped writable from there on, and zeroed when they were
		// allocated. The loader asks for them before the program runs and between its runs only.
		unsafe { slice::from_raw_parts_mut(start, self.size - self.writable_from) }
	}

	fn seal(&mut self, text: Range<usize>, constants: Range<usize>) {
		self.writable_from = constants.end.min(self.size);
		// The tables are there since the memory was allocated.
		protect(self.start + text.start, text.len(), Access::Text);
		protect(self.start + constants.start, constants.len(), Access::Constants);
	}
}

impl Drop for Frames {
	fn drop(&mut self) {
		let (first, whole) = (self.start - PAGE, self.size + 2 * PAGE);
		#[cfg(feature = "uio-mpk")]
		super::keyed::forget_data(self.start..self.end());
		// Without a table in the end nothing was changed there.
		protect(first, whole, Access::Kernel);
		pages::flush_other_cores();
		physicalmem::deallocate(PhysAddr::new(first as u64), whole);
		HELD.fetch_sub(whole, Ordering::Relaxed);
	}
}

/// Memory for code of the kernel that is made at run time: programs do not execute it.
#[cfg(feature = "uio-bpf")]
struct KernelCode(Frames);

/// Memory for code of the kernel.
#[cfg(feature = "uio-bpf")]
pub(in crate::uio) fn allocate_code(bytes: usize) -> Option<Box<dyn Region>> {
	Some(Box::new(KernelCode(Frames::new(bytes)?)))
}

#[cfg(feature = "uio-bpf")]
impl Region for KernelCode {
	fn base(&self) -> u64 {
		self.0.base()
	}

	fn bytes_mut(&mut self) -> &mut [u8] {
		self.0.bytes_mut()
	}

	fn seal(&mut self, text: Range<usize>, _: Range<usize>) {
		self.0.writable_from = self.0.size;
		protect(self.0.start + text.start, text.len().align_up(PAGE), Access::KernelText);
	}
}
