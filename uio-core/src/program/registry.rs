//! Which programs are in memory: plain data, changed under the engine's lock in a few dozen
//! instructions. What is taken out is dropped by the caller, after the lock was released.
//!
//! Invariant: a loaded program is either here, idle, or with the one request that runs it. So two
//! runs at once of the same file have a copy each, and no run sees the data of another.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ops::Range;

use uio_console::record::Stat;

use super::link::Linked;
use super::symbols::Index;
use crate::platform::EVENTS;

/// Programs that may be in memory at once.
pub const SLOTS: usize = 32;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    size: u64,
    modified_ns: u64,
    inode: u64,
}

impl From<&Stat> for Version {
    fn from(stat: &Stat) -> Self {
        Self {
            size: stat.size,
            modified_ns: stat.modified_ns,
            inode: stat.inode,
        }
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

/// What [`Registry::unload`] found.
#[derive(Default)]
pub enum Unloaded {
    /// This one was idle; there may be more.
    One(Box<Program>),
    /// Only running ones are left.
    Running,
    /// None is left.
    #[default]
    None,
}

/// Which programs are in memory, and the symbol index while nobody reads it.
pub struct Registry {
    slots: [Option<Slot>; SLOTS],
    clock: u32,
    index: Option<Box<Index>>,
    /// The code that each worker runs.
    texts: [Range<u64>; EVENTS],
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
            clock: 0,
            index: None,
            texts: [const { 0..0 }; EVENTS],
        }
    }

    /// Bytes of memory that programs hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.slots.iter().flatten().map(|slot| slot.size).sum()
    }

    /// Whether a program from this file is in memory, idle.
    #[must_use]
    pub fn has(&self, path: &[u8]) -> bool {
        self.slots
            .iter()
            .flatten()
            .any(|slot| slot.idle.is_some() && *slot.path == *path)
    }

    /// Takes an idle program that was loaded from this version of this file, to run it.
    pub fn take(&mut self, path: &[u8], version: Version) -> Option<Box<Program>> {
        let slot =
            self.slots.iter_mut().flatten().find(|slot| {
                slot.idle.is_some() && slot.version == version && *slot.path == *path
            })?;
        self.clock = self.clock.wrapping_add(1);
        slot.used = self.clock;
        slot.runs = slot.runs.wrapping_add(1);
        slot.idle.take()
    }

    /// Takes out an idle program that was loaded from another version of this file.
    pub fn stale(&mut self, path: &[u8], version: Version) -> Option<Box<Program>> {
        self.remove(|slot| slot.version != version && *slot.path == *path)
    }

    /// Takes out the idle program that was not run for the longest time.
    pub fn evict(&mut self) -> Option<Box<Program>> {
        let clock = self.clock;
        let idle = self
            .slots
            .iter()
            .flatten()
            .filter(|slot| slot.idle.is_some());
        let oldest = idle.map(|slot| clock.wrapping_sub(slot.used)).max()?;
        self.remove(|slot| clock.wrapping_sub(slot.used) == oldest)
    }

    /// Takes out an idle program that was loaded from this file, or from any.
    pub fn unload(&mut self, path: Option<&[u8]>) -> Unloaded {
        let named = |slot: &Slot| path.is_none_or(|path| *slot.path == *path);
        match self.remove(named) {
            Some(program) => Unloaded::One(program),
            None if self.slots.iter().flatten().any(named) => Unloaded::Running,
            None => Unloaded::None,
        }
    }

    /// Takes note of a new program, which its first request is about to run. Gives false when as
    /// many programs run as may be in memory.
    pub fn add(&mut self, program: &Program) -> bool {
        self.clock = self.clock.wrapping_add(1);
        let Some(free) = self.slots.iter_mut().find(|slot| slot.is_none()) else {
            return false;
        };
        *free = Some(Slot {
            path: Arc::clone(&program.path),
            version: program.version,
            base: program.image.region.base(),
            size: program.image.size,
            runs: 1,
            used: self.clock,
            idle: None,
        });
        true
    }

    /// Takes note that a worker runs the program whose code is there.
    pub fn begin(&mut self, worker: usize, text: Range<u64>) {
        if let Some(slot) = self.texts.get_mut(worker) {
            *slot = text;
        }
    }

    /// Addresses of the code of the program that a worker runs; none if it runs none.
    #[must_use]
    pub fn text(&self, worker: usize) -> Option<Range<u64>> {
        self.texts
            .get(worker)
            .filter(|text| !text.is_empty())
            .cloned()
    }

    /// Takes a program back after its run by a worker. Gives it back to be dropped when another idle one is the
    /// same, or a later one of the same file.
    pub fn put(&mut self, worker: usize, program: Box<Program>) -> Option<Box<Program>> {
        self.begin(worker, 0..0);
        let base = program.image.region.base();
        let superfluous = self.has(&program.path);
        let slot = self.slots.iter_mut().find(|slot| {
            slot.as_ref()
                .is_some_and(|slot| slot.idle.is_none() && slot.base == base)
        });
        match slot {
            Some(slot) if superfluous => *slot = None,
            Some(Some(slot)) => {
                slot.idle = Some(program);
                return None;
            }
            _ => {}
        }
        Some(program)
    }

    /// Forgets a program that is not to be run again.
    pub fn forget(&mut self, base: u64) {
        for slot in &mut self.slots {
            if slot
                .as_ref()
                .is_some_and(|slot| slot.idle.is_none() && slot.base == base)
            {
                *slot = None;
            }
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

    /// Takes out an idle program of which `which` holds.
    fn remove(&mut self, which: impl Fn(&Slot) -> bool) -> Option<Box<Program>> {
        let slot = self.slots.iter_mut().find(|slot| {
            slot.as_ref()
                .is_some_and(|slot| slot.idle.is_some() && which(slot))
        })?;
        slot.take()?.idle
    }
}
