//! Memory that devices see.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicUsize, Ordering};

use memory_addresses::{PhysAddr, VirtAddr};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE};

use crate::arch::mm::{paging, physicalmem};
use crate::mm;

/// Memory for devices out of the kernel's physical memory, which is mapped at its own address.
pub(crate) struct Dma;

/// Bytes that devices hold.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Bytes of memory that the overlay shares with devices.
pub(crate) fn held() -> usize {
	HELD.load(Ordering::Relaxed)
}

/// Every address below this is mapped to itself, as far as it is RAM; the kernel's heap and
/// stacks lie above it (`virtualmem::init`).
const IDENTITY_END: usize = 1 << 45;

// SAFETY: each method below keeps what the trait asks of it.
unsafe impl Hal for Dma {
	// Physical memory is handed out by the kernel's frame allocator, page-aligned, once, and is
	// mapped writable at its own address.
	fn dma_alloc(pages: usize, _: BufferDirection) -> (virtio_drivers::PhysAddr, NonNull<u8>) {
		let size = pages * PAGE_SIZE;
		let Ok(frames) = physicalmem::allocate(size) else {
			// The caller takes a physical address of 0 for a failure.
			return (0, NonNull::dangling());
		};
		let start = ptr::with_exposed_provenance_mut::<u8>(frames.as_usize());
		// SAFETY: the frames are ours alone and mapped.
		unsafe { start.write_bytes(0, size) };
		HELD.fetch_add(size, Ordering::Relaxed);
		match NonNull::new(start) {
			Some(start) => (frames.as_u64(), start),
			None => (0, NonNull::dangling()),
		}
	}

	unsafe fn dma_dealloc(
		paddr: virtio_drivers::PhysAddr,
		_: NonNull<u8>,
		pages: usize,
	) -> i32 {
		physicalmem::deallocate(PhysAddr::new(paddr), pages * PAGE_SIZE);
		HELD.fetch_sub(pages * PAGE_SIZE, Ordering::Relaxed);
		0
	}

	// Each call maps the range anew, uncached, at an address of its own.
	unsafe fn mmio_phys_to_virt(paddr: virtio_drivers::PhysAddr, size: usize) -> NonNull<u8> {
		let offset = (paddr % PAGE_SIZE as u64) as usize;
		let start = PhysAddr::new(paddr - offset as u64);
		let mapped = mm::map(start, size + offset, true, true, true);
		NonNull::new((mapped + offset).as_mut_ptr()).unwrap_or(NonNull::dangling())
	}

	unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> virtio_drivers::PhysAddr {
		let address = buffer.cast::<u8>().as_ptr().expose_provenance();
		if address < IDENTITY_END {
			// Memory of `dma_alloc`, the only memory that the drivers hand to devices.
			return address as u64;
		}
		paging::virtual_to_physical(VirtAddr::new(address as u64)).map_or(0, PhysAddr::as_u64)
	}

	unsafe fn unshare(_: virtio_drivers::PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
