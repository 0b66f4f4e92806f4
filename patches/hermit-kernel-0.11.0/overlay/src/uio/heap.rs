//! What the overlay asks of the kernel's heap. A child module of `mm::allocator`, whose field it
//! reads.

use core::alloc::Layout;

use super::LockedAllocator;

/// Alignment of every allocation (`align_layout`).
const ALIGN: usize = 128;

/// Bytes that the allocator keeps behind each allocation.
const TAG: usize = size_of::<usize>();

/// Sizes from which on nothing is gained any more.
const LARGE: usize = 1 << 20;

impl LockedAllocator {
	/// Bytes of the heap, and bytes of it that are in use.
	pub(crate) fn uio_usage(&self) -> (usize, usize) {
		let talc = self.0.lock();
		let counters = talc.get_counters();
		let used = counters
			.claimed_bytes
			.saturating_sub(counters.available_bytes);
		(counters.claimed_bytes, used)
	}

	/// The size with which an allocation and its tag fill the space up to where the next one can
	/// start. What lies between could never be allocated, but would be looked at again and again.
	pub(super) fn uio_tiled_size(size: usize) -> usize {
		if size < LARGE {
			(size + TAG).next_multiple_of(ALIGN) - TAG
		} else {
			size
		}
	}

	/// As [`Self::uio_tiled_size`], for a layout.
	pub(super) fn uio_tiled(layout: Layout) -> Layout {
		let size = Self::uio_tiled_size(layout.size());
		Layout::from_size_align(size, layout.align()).unwrap_or(layout)
	}
}
