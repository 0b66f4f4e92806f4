//! The memory itself: regions under fake physical addresses, and the unsafe code that reaches into them.

#![allow(unsafe_code)]

use crate::world::POISON;
use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use virtio_drivers::{BufferDirection, PAGE_SIZE, PhysAddr};

/// What a range of fake physical memory is made of.
pub(crate) enum Backing {
    /// Pages from `dma_alloc`, at this address of the host.
    Dma { vaddr: NonNull<u8>, pages: usize },
    /// The device's copy of a shared buffer, and where the driver's own is.
    Shared { copy: Vec<u8>, driver: usize },
}

pub(crate) struct Region {
    len: usize,
    direction: BufferDirection,
    pub(crate) backing: Backing,
}

// SAFETY: the pointer in `Backing::Dma` is to heap memory owned by the region; which thread looks at it does
// not matter, and every access from here is made under the world's lock.
unsafe impl Send for Region {}

#[derive(Default)]
pub(crate) struct Memory {
    next: PhysAddr,
    pub(crate) regions: BTreeMap<PhysAddr, Region>,
    /// Address ranges that live queues of a device occupy.
    pinned: Vec<(PhysAddr, usize)>,
    pub(crate) dma_budget: Option<usize>,
    pub(crate) shares: usize,
    pub(crate) violations: Vec<String>,
}

impl Memory {
    /// No memory, the first of which will be at an address just above `next`.
    pub(crate) fn starting_at(next: PhysAddr) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }

    /// Allocates zeroed pages, or refuses. With `marked`, the physical address is the virtual one with that bit set.
    pub(crate) fn alloc(
        &mut self,
        pages: usize,
        direction: BufferDirection,
        marked: Option<PhysAddr>,
    ) -> Option<(PhysAddr, NonNull<u8>)> {
        if pages == 0 {
            self.violations.push("dma_alloc of no pages".into());
            return None;
        }
        if let Some(budget) = &mut self.dma_budget {
            *budget = budget.checked_sub(pages)?;
        }
        let vaddr = alloc_pages(pages)?;
        let len = pages * PAGE_SIZE;
        let region = Region {
            len,
            direction,
            backing: Backing::Dma { vaddr, pages },
        };
        let paddr = match marked {
            Some(mark) => {
                let paddr = vaddr.as_ptr() as PhysAddr | mark;
                self.regions.insert(paddr, region);
                paddr
            }
            None => self.place(0, region),
        };
        Some((paddr, vaddr))
    }

    /// Frees pages; false if they are not what was allocated.
    pub(crate) fn dealloc(&mut self, paddr: PhysAddr, vaddr: NonNull<u8>, pages: usize) -> bool {
        let known = self.regions.get(&paddr).is_some_and(
            |r| matches!(r.backing, Backing::Dma { vaddr: v, pages: p } if v == vaddr && p == pages),
        );
        if !known {
            self.violations.push(format!(
                "dma_dealloc of {paddr:#x}, which is not allocated like that"
            ));
            return false;
        }
        let end = paddr + (pages * PAGE_SIZE) as u64;
        let pinned = self
            .pinned
            .iter()
            .any(|&(at, len)| at < end && paddr < at + len as u64);
        if pinned {
            self.violations.push(format!(
                "DMA memory {paddr:#x} freed while the device's queue lives in it"
            ));
        }
        self.drop_shares_within(vaddr.as_ptr() as usize, pages * PAGE_SIZE);
        self.regions.remove(&paddr);
        // SAFETY: the region was of this address and size, allocated in `alloc`, and is now forgotten.
        unsafe { free_pages(vaddr, pages) };
        true
    }

    /// Copies a buffer to where the device can see it.
    ///
    /// # Safety
    /// As `Hal::share`.
    pub(crate) unsafe fn share(
        &mut self,
        buffer: NonNull<[u8]>,
        direction: BufferDirection,
    ) -> PhysAddr {
        let (driver, len) = (buffer.as_ptr().cast::<u8>() as usize, buffer.len());
        if len == 0 {
            self.violations.push("share of an empty buffer".into());
        }
        if self.shared_for_writing(driver, len, direction) {
            self.violations
                .push(format!("buffer of {len} bytes shared twice at once"));
        }
        let mut copy = vec![POISON; len];
        if direction != BufferDirection::DeviceToDriver {
            // SAFETY: the caller promises a valid buffer of this length that nobody else accesses now.
            copy.copy_from_slice(unsafe { buffer.as_ref() });
        }
        self.shares += 1;
        let offset = driver % PAGE_SIZE;
        let backing = Backing::Shared { copy, driver };
        self.place(
            offset,
            Region {
                len,
                direction,
                backing,
            },
        )
    }

    /// Takes a buffer back from the device, with what it wrote.
    ///
    /// # Safety
    /// As `Hal::unshare`.
    pub(crate) unsafe fn unshare(
        &mut self,
        paddr: PhysAddr,
        mut buffer: NonNull<[u8]>,
        direction: BufferDirection,
    ) {
        let (driver, len) = (buffer.as_ptr().cast::<u8>() as usize, buffer.len());
        let same = self.regions.get(&paddr).is_some_and(|r| {
            matches!(r.backing, Backing::Shared { driver: d, .. } if d == driver)
                && r.len == len
                && r.direction == direction
        });
        if !same {
            self.violations.push(format!(
                "unshare of {paddr:#x}, which is not shared like that"
            ));
            return;
        }
        let Some(Region {
            backing: Backing::Shared { copy, .. },
            ..
        }) = self.regions.remove(&paddr)
        else {
            return;
        };
        if direction != BufferDirection::DriverToDevice {
            // SAFETY: the caller promises a valid buffer that nobody else accesses now; its length is the copy's.
            unsafe { buffer.as_mut() }.copy_from_slice(&copy);
        }
    }

    /// Marks address ranges as used by the device's queues, instead of those marked before.
    pub(crate) fn pin(&mut self, ranges: Vec<(PhysAddr, usize)>) {
        self.pinned = ranges;
    }

    /// Device: reads memory; false (and a violation) if it may not.
    pub(crate) fn read(&mut self, paddr: PhysAddr, into: &mut [u8]) -> bool {
        let Some((region, offset)) = self.find(paddr, into.len()) else {
            return self.fault("reads", paddr, into.len());
        };
        match &region.backing {
            Backing::Shared { copy, .. } => {
                into.copy_from_slice(&copy[offset..offset + into.len()]);
            }
            Backing::Dma { vaddr, .. } => {
                // SAFETY: `find` checked that the range lies inside this live allocation.
                unsafe {
                    vaddr
                        .as_ptr()
                        .add(offset)
                        .copy_to(into.as_mut_ptr(), into.len());
                };
            }
        }
        true
    }

    /// Device: writes memory; false (and a violation) if it may not.
    pub(crate) fn write(&mut self, paddr: PhysAddr, from: &[u8]) -> bool {
        let Some((region, offset)) = self.find(paddr, from.len()) else {
            return self.fault("writes", paddr, from.len());
        };
        if region.direction == BufferDirection::DriverToDevice {
            return self.fault("writes read-only", paddr, from.len());
        }
        match &mut region.backing {
            Backing::Shared { copy, .. } => copy[offset..offset + from.len()].copy_from_slice(from),
            Backing::Dma { vaddr, .. } => {
                // SAFETY: `find` checked that the range lies inside this live allocation.
                unsafe {
                    vaddr
                        .as_ptr()
                        .add(offset)
                        .copy_from(from.as_ptr(), from.len());
                };
            }
        }
        true
    }

    /// Device: an index or flags of a ring, with acquire ordering; 0 (and a violation) if there is none.
    pub(crate) fn load_u16(&mut self, paddr: PhysAddr) -> u16 {
        self.atomic(paddr)
            .map_or(0, |cell| cell.load(Ordering::Acquire))
    }

    /// Device: sets an index or flags of a ring, with release ordering.
    pub(crate) fn store_u16(&mut self, paddr: PhysAddr, value: u16) {
        if let Some(cell) = self.atomic(paddr) {
            cell.store(value, Ordering::Release);
        }
    }

    fn atomic(&mut self, paddr: PhysAddr) -> Option<&AtomicU16> {
        if let Some((region, offset)) = self.find(paddr, 2)
            && let Backing::Dma { vaddr, .. } = region.backing
            && offset % 2 == 0
        {
            // SAFETY: `find` checked that the two bytes lie inside the allocation, which cannot be freed as long as `self` is
            // borrowed; they are aligned as it is by pages. Driver and device access them atomically.
            return Some(unsafe { vaddr.add(offset).cast().as_ref() });
        }
        self.fault("looks for a ring", paddr, 2);
        None
    }

    /// Adds a region at the next free address plus `offset`, with a gap after it.
    fn place(&mut self, offset: usize, region: Region) -> PhysAddr {
        let page = PAGE_SIZE as u64;
        let paddr = self.next + page + offset as u64;
        self.next = (paddr + region.len as u64).next_multiple_of(page);
        self.regions.insert(paddr, region);
        paddr
    }

    /// The region that holds all of a range, and the range's offset in it.
    fn find(&mut self, paddr: PhysAddr, len: usize) -> Option<(&mut Region, usize)> {
        let (&start, region) = self.regions.range_mut(..=paddr).next_back()?;
        let offset = usize::try_from(paddr - start).ok()?;
        (offset.checked_add(len)? <= region.len).then_some((region, offset))
    }

    fn fault(&mut self, verb: &str, paddr: PhysAddr, len: usize) -> bool {
        self.violations.push(format!(
            "the device {verb} {len} bytes at {paddr:#x}, which the driver does not share"
        ));
        false
    }

    fn shared_for_writing(&self, driver: usize, len: usize, direction: BufferDirection) -> bool {
        self.regions.values().any(|r| match r.backing {
            Backing::Shared { driver: d, .. } => {
                let writes = |d: BufferDirection| d != BufferDirection::DriverToDevice;
                d < driver + len && driver < d + r.len && (writes(direction) || writes(r.direction))
            }
            Backing::Dma { .. } => false,
        })
    }

    /// Memory from `dma_alloc` may be freed without unsharing its buffers: nothing was mapped for it.
    fn drop_shares_within(&mut self, start: usize, len: usize) {
        let inside = |r: &Region| matches!(r.backing, Backing::Shared { driver, .. } if (start..start + len).contains(&driver));
        self.regions.retain(|_, r| !inside(r));
    }
}

fn layout(pages: usize) -> Option<Layout> {
    Layout::from_size_align(pages.checked_mul(PAGE_SIZE)?, PAGE_SIZE).ok()
}

/// Zeroed pages of the host's heap.
fn alloc_pages(pages: usize) -> Option<NonNull<u8>> {
    let layout = layout(pages).filter(|l| l.size() != 0)?;
    // SAFETY: the layout's size is not zero.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
}

/// Frees what [`alloc_pages`] returned.
///
/// # Safety
/// `vaddr` is from `alloc_pages(pages)` and not freed yet.
pub(crate) unsafe fn free_pages(vaddr: NonNull<u8>, pages: usize) {
    if let Some(layout) = layout(pages) {
        // SAFETY: the caller promises a live allocation of this layout.
        unsafe { std::alloc::dealloc(vaddr.as_ptr(), layout) };
    }
}
