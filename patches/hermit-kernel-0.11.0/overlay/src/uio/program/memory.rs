//! Memory that a program allocated.

use alloc::alloc::{alloc, dealloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr;

use super::interface::MAX_MEMORY;

/// Alignment of what `uio_alloc` gives, as `malloc` has it.
const ALIGN: usize = 16;

/// What a program has allocated and not freed.
pub(super) struct Allocations {
	blocks: Vec<(usize, Layout)>,
	bytes: usize,
}

impl Allocations {
	pub(super) const fn new() -> Self {
		Self {
			blocks: Vec::new(),
			bytes: 0,
		}
	}

	/// At least `size` bytes, or null.
	pub(super) fn allocate(&mut self, size: usize) -> *mut u8 {
		let Ok(layout) = Layout::from_size_align(size.max(1), ALIGN) else {
			return ptr::null_mut();
		};
		if size > MAX_MEMORY - self.bytes || self.blocks.try_reserve(1).is_err() {
			return ptr::null_mut();
		}
		// SAFETY: the layout has a size.
		let block = unsafe { alloc(layout) };
		if !block.is_null() {
			self.blocks.push((block.expose_provenance(), layout));
			self.bytes += layout.size();
		}
		block
	}

	/// Frees what [`Self::allocate`] gave; anything else is left alone.
	pub(super) fn free(&mut self, block: *mut u8) {
		// What was allocated last tends to be freed first.
		let found = self
			.blocks
			.iter()
			.rposition(|(address, _)| *address == block.addr());
		if let Some(index) = found {
			let (address, layout) = self.blocks.swap_remove(index);
			self.give_back(address, layout);
		}
	}

	/// Frees everything.
	pub(super) fn release(&mut self) {
		for (address, layout) in core::mem::take(&mut self.blocks) {
			self.give_back(address, layout);
		}
	}

	fn give_back(&mut self, address: usize, layout: Layout) {
		self.bytes -= layout.size();
		// SAFETY: the block is one that `allocate` got with this layout, and it was just taken off
		// the list, so that it is freed once.
		unsafe { dealloc(ptr::with_exposed_provenance_mut(address), layout) };
	}
}
