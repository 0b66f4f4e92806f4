//! Which programs are in memory: plain data, changed under the engine's lock in a few dozen
//! instructions. What is taken out is dropped by the caller, after the lock was released.
//!
//! Invariant: a loaded program is either here, idle, or with the one request that runs it. So two
//! runs at once of the same file have a copy each, and no run sees the data of another.

use alloc::boxed::Box;
use alloc::sync::Arc;

use uio_console::Fresh;
use uio_console::record::Stat;

use super::link::Linked;
use super::symbols::Index;

/// Programs that may be in memory at once.
pub const SLOTS: usize = 32;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(u64);

impl From<Fresh> for Version {
    fn from(fresh: Fresh) -> Self {
        Self(u64::from_le_bytes(fresh.0))
    }
}

impl From<&Stat> for Version {
    fn from(stat: &Stat) -> Self {
        Self::from(Fresh::of(stat.size, stat.modified_ns, stat.inode))
    }
}

/// A program in memory.
pub struct Program {
    /// Where it was loaded from.
    pub path: Arc<[u8]>,
    /// What the file was like then.
    pub version: Version,
    /// Its image.
    pub image: Linked,
}

/// What the list of programs tells of one.
pub struct Facts {
    /// Where it was loaded from.
    pub path: Arc<[u8]>,
    /// Its first address.
    pub base: u64,
    /// Bytes that it holds.
    pub size: u64,
    /// How many times it was run.
    pub runs: u32,
    /// Whether it runs now.
    pub running: bool,
}

struct Slot {
    path: Arc<[u8]>,
    version: Version,
    base: u64,
    size: usize,
    runs: u32,
    /// When it was last taken, by [`Registry::clock`].
    used: u32,
    /// None while a request runs it.
    idle: Option<Box<Program>>,
}

/// Which programs are meant.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    /// Those loaded from this version of this file.
    Same(&'a [u8], Version),
    /// Those loaded from another version of this file.
    Stale(&'a [u8], Version),
    /// Those loaded from this file.
    File(&'a [u8]),
    /// All.
    Any,
}

/// Which programs are in memory, and the symbol index while nobody reads it.
pub struct Registry {
    slots: [Option<Slot>; SLOTS],
    /// No slot from here on was ever taken.
    high: usize,
    clock: u32,
    index: Option<Box<Index>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: [const { None }; SLOTS],
            high: 0,
            clock: 0,
            index: None,
        }
    }

    /// Bytes of memory that programs hold.
    #[must_use]
    #[inline(never)]
    pub fn bytes(&self) -> usize {
        self.taken().iter().flatten().map(|slot| slot.size).sum()
    }

    /// Whether there is such a program, idle or running.
    #[must_use]
    pub fn has(&self, which: Which<'_>, idle: bool) -> bool {
        self.find(which, idle).is_some()
    }

    /// Takes such an idle program to run it.
    pub fn take(&mut self, which: Which<'_>) -> Option<Box<Program>> {
        let found = self.find(which, true)?;
        self.clock = self.clock.wrapping_add(1);
        let slot = self.slots.get_mut(found)?.as_mut()?;
        slot.used = self.clock;
        slot.runs = slot.runs.wrapping_add(1);
        slot.idle.take()
    }

    /// Takes out such an idle program, to be dropped.
    pub fn remove(&mut self, which: Which<'_>) -> Option<Box<Program>> {
        let found = self.find(which, true)?;
        self.slots.get_mut(found)?.take()?.idle
    }

    /// Takes out the idle program that was not run for the longest time, to be dropped.
    pub fn evict(&mut self) -> Option<Box<Program>> {
        let mut oldest = None;
        for (index, slot) in self.taken().iter().enumerate() {
            if let Some(slot) = slot
                && slot.idle.is_some()
            {
                oldest = oldest.max(Some((self.clock.wrapping_sub(slot.used), index)));
            }
        }
        let (_, index) = oldest?;
        self.slots.get_mut(index)?.take()?.idle
    }

    /// Takes note of a new program, which its first request is about to run. Gives false when as
    /// many programs run as may be in memory.
    pub fn add(&mut self, program: &Program) -> bool {
        self.clock = self.clock.wrapping_add(1);
        let Some((index, free)) = self
            .slots
            .iter_mut()
            .enumerate()
            .find(|(_, slot)| slot.is_none())
        else {
            return false;
        };
        self.high = self.high.max(index + 1);
        *free = Some(Slot {
            path: Arc::clone(&program.path),
            version: program.version,
            base: program.image.region.base(),
            size: program.image.size + program.image.pristine.len(),
            runs: 1,
            used: self.clock,
            idle: None,
        });
        true
    }

    /// Takes a program back after its run. Gives it back to be dropped when another idle one is the
    /// same, or a later one of the same file.
    pub fn put(&mut self, program: Box<Program>) -> Option<Box<Program>> {
        // Where there is room for one alone, there is no other.
        let superfluous = self.high > 1 && self.has(Which::File(&program.path), true);
        let slot = self.running(program.image.region.base())?;
        if superfluous {
            *slot = None;
            return Some(program);
        }
        slot.as_mut()?.idle.replace(program)
    }

    /// Forgets a running program, which is not to be run again.
    pub fn forget(&mut self, base: u64) {
        if let Some(slot) = self.running(base) {
            *slot = None;
        }
    }

    /// What is known of the program in the slot with this number.
    #[must_use]
    pub fn facts(&self, slot: usize) -> Option<Facts> {
        let slot = self.slots.get(slot)?.as_ref()?;
        Some(Facts {
            path: Arc::clone(&slot.path),
            base: slot.base,
            size: slot.size as u64,
            runs: slot.runs,
            running: slot.idle.is_none(),
        })
    }

    /// Takes the symbol index, if nobody else has it.
    pub fn take_index(&mut self) -> Option<Box<Index>> {
        self.index.take()
    }

    /// Puts the symbol index back. Gives back one that is superfluous, to be dropped.
    pub fn put_index(&mut self, index: Box<Index>) -> Option<Box<Index>> {
        self.index.replace(index)
    }

    /// The slots that may be taken.
    fn taken(&self) -> &[Option<Slot>] {
        self.slots.get(..self.high).unwrap_or_default()
    }

    /// The first such program that is idle, or that is running.
    #[inline(never)]
    fn find(&self, which: Which<'_>, idle: bool) -> Option<usize> {
        self.taken().iter().position(|slot| {
            let Some(slot) = slot else {
                return false;
            };
            let (path, version) = match which {
                Which::Same(path, version) => (path, version == slot.version),
                Which::Stale(path, version) => (path, version != slot.version),
                Which::File(path) => (path, true),
                Which::Any => (&*slot.path, true),
            };
            version && slot.idle.is_some() == idle && *slot.path == *path
        })
    }

    /// The slot of the running program at this address.
    #[inline(never)]
    fn running(&mut self, base: u64) -> Option<&mut Option<Slot>> {
        let taken = self.slots.get_mut(..self.high).unwrap_or_default();
        taken.iter_mut().find(|slot| {
            slot.as_ref()
                .is_some_and(|slot| slot.idle.is_none() && slot.base == base)
        })
    }
}
