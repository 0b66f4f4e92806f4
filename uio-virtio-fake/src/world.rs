//! Worlds: which thread's driver gets which memory, and what went wrong there.

use crate::memory::{Backing, Memory, Region};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use virtio_drivers::PhysAddr;

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
        let memory = Memory::starting_at(id << WORLD_SHIFT);
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

    /// What both sides see, locked.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// Records a broken rule.
    pub(crate) fn violation(&self, what: String) {
        lock(&self.memory).violations.push(what);
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
