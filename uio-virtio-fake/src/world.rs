//! The memory that driver and device share, with fake physical addresses.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use virtio_drivers::{BufferDirection, PAGE_SIZE, PhysAddr};

/// What a buffer shared for the device to write holds wherever the device did not write.
pub const POISON: u8 = 0xA5;

/// Bits of a fake physical address below the number of its world.
const WORLD_SHIFT: u32 = 40;

thread_local! {
    static CURRENT: RefCell<Option<Arc<World>>> = const { RefCell::new(None) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

static WORLDS: Mutex<BTreeMap<u64, Weak<World>>> = Mutex::new(BTreeMap::new());
static NEXT_WORLD: AtomicU64 = AtomicU64::new(1);

/// Whether the calling thread is inside this crate, called by a driver or a test.
#[must_use]
pub fn in_fake() -> bool {
    DEPTH.with(|depth| depth.get() != 0)
}

/// Makes [`in_fake`] true for as long as it lives.
pub(crate) struct Inside;

impl Inside {
    pub(crate) fn enter() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

/// What a range of fake physical memory is made of.
enum Backing {
    /// Pages from `dma_alloc`, at this address of the host.
    Dma { vaddr: NonNull<u8>, pages: usize },
    /// The device's copy of a shared buffer, and where the driver's own is.
    Shared { copy: Vec<u8>, driver: usize },
}

struct Region {
    len: usize,
    direction: BufferDirection,
    backing: Backing,
}

// SAFETY: the pointer in `Backing::Dma` is to heap memory owned by the region; which thread looks at it does
// not matter, and every access from here is made under the world's lock.
unsafe impl Send for Region {}

#[derive(Default)]
struct Memory {
    next: PhysAddr,
    regions: BTreeMap<PhysAddr, Region>,
    /// Address ranges that live queues of a device occupy.
    pinned: Vec<(PhysAddr, usize)>,
    dma_budget: Option<usize>,
    shares: usize,
    violations: Vec<String>,
}

/// One test's memory: everything that [`FakeHal`](crate::FakeHal) handed out in it, and every rule broken.
pub struct World {
    id: u64,
    memory: Mutex<Memory>,
}

impl World {
    /// A new, empty world; [`Builder::build`](crate::Builder::build) makes one unless told otherwise.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let id = NEXT_WORLD.fetch_add(1, Ordering::Relaxed);
        let memory = Memory {
            next: id << WORLD_SHIFT,
            ..Memory::default()
        };
        let world = Arc::new(Self {
            id,
            memory: Mutex::new(memory),
        });
        lock(&WORLDS).insert(id, Arc::downgrade(&world));
        world
    }

    /// Makes this the world whose memory the calling thread allocates and shares.
    pub fn enter(self: &Arc<Self>) {
        CURRENT.with(|current| *current.borrow_mut() = Some(Arc::clone(self)));
    }

    /// The calling thread's world, made if it had none.
    #[must_use]
    pub fn current() -> Arc<Self> {
        if let Some(world) = CURRENT.with(|current| current.borrow().clone()) {
            return world;
        }
        let world = Self::new();
        world.enter();
        world
    }

    /// The world that handed out a fake physical address.
    pub(crate) fn of(paddr: PhysAddr) -> Option<Arc<Self>> {
        lock(&WORLDS).get(&(paddr >> WORLD_SHIFT))?.upgrade()
    }

    /// What the driver did that it must not do, in order.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        lock(&self.memory).violations.clone()
    }

    /// Number of buffers shared with the device and not unshared yet.
    #[must_use]
    pub fn live_shares(&self) -> usize {
        let memory = lock(&self.memory);
        let shared = |r: &&Region| matches!(r.backing, Backing::Shared { .. });
        memory.regions.values().filter(shared).count()
    }

    /// Number of pages allocated for DMA and not freed yet.
    #[must_use]
    pub fn live_dma_pages(&self) -> usize {
        let pages = |r: &Region| match r.backing {
            Backing::Dma { pages, .. } => pages,
            Backing::Shared { .. } => 0,
        };
        lock(&self.memory).regions.values().map(pages).sum()
    }

    /// Number of times a buffer was shared so far.
    #[must_use]
    pub fn shares(&self) -> usize {
        lock(&self.memory).shares
    }

    /// Lets the next `pages` pages be allocated for DMA and every allocation beyond fail; `None` lifts that.
    pub fn limit_dma_pages(&self, pages: Option<usize>) {
        lock(&self.memory).dma_budget = pages;
    }

    /// Checks that no rule was broken and that nothing is left shared or allocated.
    ///
    /// # Panics
    /// Otherwise, with what it found.
    pub fn assert_clean(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "driver broke rules: {violations:#?}");
        assert_eq!(self.live_shares(), 0, "buffers left shared");
        assert_eq!(self.live_dma_pages(), 0, "DMA pages left allocated");
    }

    /// Records a broken rule.
    pub(crate) fn violation(&self, what: String) {
        lock(&self.memory).violations.push(what);
    }

    /// Allocates zeroed pages, or refuses. With `marked`, the physical address is the virtual one with that bit set.
    pub(crate) fn alloc(
        &self,
        pages: usize,
        direction: BufferDirection,
        marked: Option<PhysAddr>,
    ) -> Option<(PhysAddr, NonNull<u8>)> {
        let mut memory = lock(&self.memory);
        if pages == 0 {
            memory.violations.push("dma_alloc of no pages".into());
            return None;
        }
        if let Some(budget) = &mut memory.dma_budget {
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
                memory.regions.insert(paddr, region);
                paddr
            }
            None => memory.place(0, region),
        };
        Some((paddr, vaddr))
    }

    /// Frees pages; false if they are not what was allocated.
    pub(crate) fn dealloc(&self, paddr: PhysAddr, vaddr: NonNull<u8>, pages: usize) -> bool {
        let mut memory = lock(&self.memory);
        let known = memory.regions.get(&paddr).is_some_and(
            |r| matches!(r.backing, Backing::Dma { vaddr: v, pages: p } if v == vaddr && p == pages),
        );
        if !known {
            memory.violations.push(format!(
                "dma_dealloc of {paddr:#x}, which is not allocated like that"
            ));
            return false;
        }
        let end = paddr + (pages * PAGE_SIZE) as u64;
        let pinned = memory
            .pinned
            .iter()
            .any(|&(at, len)| at < end && paddr < at + len as u64);
        if pinned {
            memory.violations.push(format!(
                "DMA memory {paddr:#x} freed while the device's queue lives in it"
            ));
        }
        memory.drop_shares_within(vaddr.as_ptr() as usize, pages * PAGE_SIZE);
        memory.regions.remove(&paddr);
        drop(memory);
        // SAFETY: the region was of this address and size, allocated in `alloc`, and is now forgotten.
        unsafe { free_pages(vaddr, pages) };
        true
    }

    /// Copies a buffer to where the device can see it.
    ///
    /// # Safety
    /// As `Hal::share`.
    pub(crate) unsafe fn share(
        &self,
        buffer: NonNull<[u8]>,
        direction: BufferDirection,
    ) -> PhysAddr {
        let mut memory = lock(&self.memory);
        let (driver, len) = (buffer.as_ptr().cast::<u8>() as usize, buffer.len());
        if len == 0 {
            memory.violations.push("share of an empty buffer".into());
        }
        if memory.shared_for_writing(driver, len, direction) {
            memory
                .violations
                .push(format!("buffer of {len} bytes shared twice at once"));
        }
        let mut copy = vec![POISON; len];
        if direction != BufferDirection::DeviceToDriver {
            // SAFETY: the caller promises a valid buffer of this length that nobody else accesses now.
            copy.copy_from_slice(unsafe { buffer.as_ref() });
        }
        memory.shares += 1;
        let offset = driver % PAGE_SIZE;
        let backing = Backing::Shared { copy, driver };
        memory.place(
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
        &self,
        paddr: PhysAddr,
        mut buffer: NonNull<[u8]>,
        direction: BufferDirection,
    ) {
        let mut memory = lock(&self.memory);
        let (driver, len) = (buffer.as_ptr().cast::<u8>() as usize, buffer.len());
        let same = memory.regions.get(&paddr).is_some_and(|r| {
            matches!(r.backing, Backing::Shared { driver: d, .. } if d == driver)
                && r.len == len
                && r.direction == direction
        });
        if !same {
            memory.violations.push(format!(
                "unshare of {paddr:#x}, which is not shared like that"
            ));
            return;
        }
        let Some(Region {
            backing: Backing::Shared { copy, .. },
            ..
        }) = memory.regions.remove(&paddr)
        else {
            return;
        };
        if direction != BufferDirection::DriverToDevice {
            // SAFETY: the caller promises a valid buffer that nobody else accesses now; its length is the copy's.
            unsafe { buffer.as_mut() }.copy_from_slice(&copy);
        }
    }

    /// Marks address ranges as used by the device's queues, instead of those marked before.
    pub(crate) fn pin(&self, ranges: Vec<(PhysAddr, usize)>) {
        lock(&self.memory).pinned = ranges;
    }

    /// Device: reads memory; false (and a violation) if it may not.
    pub(crate) fn read(&self, paddr: PhysAddr, into: &mut [u8]) -> bool {
        let mut memory = lock(&self.memory);
        let Some((region, offset)) = memory.find(paddr, into.len()) else {
            return memory.fault("reads", paddr, into.len());
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
    pub(crate) fn write(&self, paddr: PhysAddr, from: &[u8]) -> bool {
        let mut memory = lock(&self.memory);
        let Some((region, offset)) = memory.find(paddr, from.len()) else {
            return memory.fault("writes", paddr, from.len());
        };
        if region.direction == BufferDirection::DriverToDevice {
            return memory.fault("writes read-only", paddr, from.len());
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
    pub(crate) fn load_u16(&self, paddr: PhysAddr) -> u16 {
        self.atomic(paddr).map_or(0, |(_guard, cell)| {
            // SAFETY: `atomic` checked address and alignment, and the guard keeps the memory allocated.
            unsafe { cell.as_ref() }.load(Ordering::Acquire)
        })
    }

    /// Device: sets an index or flags of a ring, with release ordering.
    pub(crate) fn store_u16(&self, paddr: PhysAddr, value: u16) {
        if let Some((_guard, cell)) = self.atomic(paddr) {
            // SAFETY: `atomic` checked address and alignment, and the guard keeps the memory allocated.
            unsafe { cell.as_ref() }.store(value, Ordering::Release);
        }
    }

    fn atomic(&self, paddr: PhysAddr) -> Option<(MutexGuard<'_, Memory>, NonNull<AtomicU16>)> {
        let mut memory = lock(&self.memory);
        if let Some((region, offset)) = memory.find(paddr, 2)
            && let Backing::Dma { vaddr, .. } = region.backing
            && offset % 2 == 0
        {
            // SAFETY: `find` checked that the offset lies inside the allocation.
            let cell = unsafe { vaddr.add(offset) }.cast();
            return Some((memory, cell));
        }
        memory.fault("looks for a ring", paddr, 2);
        None
    }
}

impl Memory {
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

impl Drop for World {
    fn drop(&mut self) {
        lock(&WORLDS).remove(&self.id);
    }
}

/// Locks, also after a test's panic: what it left is still worth looking at.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
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
