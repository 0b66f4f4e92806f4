//! How full the kernel's heap is. A child module of `mm::allocator`, whose field it reads.

use super::LockedAllocator;

impl LockedAllocator {
	/// Bytes of the heap, and bytes of it that are in use.
	pub(crate) fn uio_usage(&self) -> (usize, usize) {
		let talc = self.0.lock();
		let counters = talc.get_counters();
		(
			counters.claimed_bytes,
			counters
				.claimed_bytes
				.saturating_sub(counters.available_bytes),
		)
	}
}
