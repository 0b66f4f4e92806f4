//! The two `Hal`s a driver under test can stand on.

#![allow(unsafe_code)]

use crate::memory::free_pages;
use crate::world::{Inside, World};
use std::ptr::NonNull;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

/// A `Hal` that bounces: what is shared is copied, and copied back when it is unshared.
///
/// See the crate's documentation for what that catches.
#[derive(Debug)]
pub struct FakeHal;

// SAFETY: `dma_alloc` returns fresh, zeroed, page-aligned memory of the heap that stays until `dma_dealloc`.
unsafe impl Hal for FakeHal {
    fn dma_alloc(pages: usize, direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let _inside = Inside::enter();
        World::current()
            .memory()
            .alloc(pages, direction, None)
            .unwrap_or((0, NonNull::dangling()))
    }

    unsafe fn dma_dealloc(paddr: PhysAddr, vaddr: NonNull<u8>, pages: usize) -> i32 {
        let _inside = Inside::enter();
        if let Some(world) = World::of(paddr) {
            if world.memory().dealloc(paddr, vaddr, pages) {
                0
            } else {
                -1
            }
        } else {
            // The world ended before the driver did.
            // SAFETY: the caller promises that this is from `dma_alloc`, thus from the heap.
            unsafe { free_pages(vaddr, pages) };
            0
        }
    }

    unsafe fn mmio_phys_to_virt(paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        World::current().violation(format!("MMIO at {paddr:#x}, which the fake does not have"));
        NonNull::dangling()
    }

    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        let _inside = Inside::enter();
        // SAFETY: the caller's promises are those that `World::share` asks for.
        unsafe { World::current().memory().share(buffer, direction) }
    }

    unsafe fn unshare(paddr: PhysAddr, buffer: NonNull<[u8]>, direction: BufferDirection) {
        let _inside = Inside::enter();
        match World::of(paddr) {
            // SAFETY: the caller's promises are those that `World::unshare` asks for.
            Some(world) => unsafe { world.memory().unshare(paddr, buffer, direction) },
            None => {
                World::current()
                    .violation(format!("unshare of {paddr:#x}, which was never shared"));
            }
        }
    }
}

/// A `Hal` that costs a driver what a real one on identity-mapped DMA memory costs: an addition.
///
/// For counting instructions and nothing else: `share` and `unshare` are not tracked, and buffers must lie in memory from
/// its own `dma_alloc`, elsewhere the device does not find them. Everything on the thread that built the device.
#[derive(Debug)]
pub struct DirectHal;

/// Set in every fake physical address of [`DirectHal`].
const DIRECT: PhysAddr = 1 << 62;

// SAFETY: `dma_alloc` returns fresh, zeroed, page-aligned memory of the heap that stays until `dma_dealloc`.
unsafe impl Hal for DirectHal {
    fn dma_alloc(pages: usize, direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let _inside = Inside::enter();
        World::current()
            .memory()
            .alloc(pages, direction, Some(DIRECT))
            .unwrap_or((0, NonNull::dangling()))
    }

    unsafe fn dma_dealloc(paddr: PhysAddr, vaddr: NonNull<u8>, pages: usize) -> i32 {
        let _inside = Inside::enter();
        if World::current().memory().dealloc(paddr, vaddr, pages) {
            0
        } else {
            -1
        }
    }

    unsafe fn mmio_phys_to_virt(_paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        NonNull::dangling()
    }

    #[inline]
    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.as_ptr().cast::<u8>() as PhysAddr | DIRECT
    }

    #[inline]
    unsafe fn unshare(_paddr: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
