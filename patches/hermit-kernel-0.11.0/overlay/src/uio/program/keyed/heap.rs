//! The heap of a program: an allocator that runs with the program's rights, on pages of its key. What
//! a program does to its heap is its own affair.
//!
//! Only growing crosses into the kernel. Everything else here is code of the image that a program
//! executes: it touches nothing but the program's memory, and reads where the heap is.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use talc::{ErrOnOom, Span, Talc};
use uio_mpk::gate;

use super::super::interface::GROW;
use super::stubs;

/// Alignment of what `uio_alloc` gives, as `malloc` has it.
const ALIGN: usize = 16;

/// Bytes before each block, which hold its size.
const HEADER: usize = ALIGN;

/// What every chunk has room for besides what was asked for.
const OVERHEAD: usize = 1024;

/// The least that the heap grows by.
pub(in super::super) const CHUNK: usize = 64 * 1024;

/// What `uio_grow` gives: first address and size of new memory; nothing when there is none.
#[repr(C)]
pub(in super::super) struct Chunk {
	pub(in super::super) start: usize,
	pub(in super::super) size: usize,
}

type Grow = extern "C" fn(usize) -> Chunk;

fn heap() -> *mut Talc<ErrOnOom> {
	ptr::with_exposed_provenance_mut(gate::active_heap())
}

/// Adds memory for a block of that size; false when there is none.
fn grow(size: usize) -> bool {
	let Some(stub) = stubs::address(GROW) else {
		return false;
	};
	// SAFETY: the stub of that call has this type.
	let grow = unsafe { core::mem::transmute::<*const (), Grow>(ptr::with_exposed_provenance(stub as usize)) };
	let first = heap().is_null();
	let chunk = grow(size.saturating_add(OVERHEAD));
	if chunk.size == 0 {
		return false;
	}
	let start = ptr::with_exposed_provenance_mut::<u8>(chunk.start);
	let used = if first { size_of::<Talc<ErrOnOom>>().next_multiple_of(ALIGN) } else { 0 };
	// SAFETY: the memory is new, and the program's. Its first chunk starts with the heap itself.
	unsafe {
		if first {
			heap().write(Talc::new(ErrOnOom));
		}
		let span = Span::new(start.add(used), start.add(chunk.size));
		(*heap()).claim(span).is_ok()
	}
}

fn layout(size: usize) -> Option<Layout> {
	let size = size.max(1).checked_add(HEADER)?;
	Layout::from_size_align(size, ALIGN).ok()
}

/// `uio_alloc`
pub(in super::super) extern "C" fn allocate(size: usize) -> *mut u8 {
	let Some(layout) = layout(size) else {
		return ptr::null_mut();
	};
	loop {
		if !heap().is_null() {
			// SAFETY: the heap is there, and the program is the only task that uses it.
			let block = unsafe { (*heap()).malloc(layout) };
			if let Ok(block) = block {
				// SAFETY: the block has room for its header.
				return unsafe {
					block.cast::<usize>().write(layout.size());
					block.add(HEADER).as_ptr()
				};
			}
		}
		if !grow(layout.size()) {
			return ptr::null_mut();
		}
	}
}

/// `uio_free`
pub(in super::super) extern "C" fn free(block: *mut u8) {
	let Some(block) = NonNull::new(block.wrapping_sub(HEADER)).filter(|_| !block.is_null()) else {
		return;
	};
	if heap().is_null() {
		return;
	}
	// SAFETY: a program that gives what it did not get harms its own heap only.
	unsafe {
		let size = block.cast::<usize>().read();
		if let Ok(layout) = Layout::from_size_align(size, ALIGN) {
			(*heap()).free(block, layout);
		}
	}
}
