//! Programs by number, for tail calls.
//!
//! The host swaps programs while others run. A run that goes on in one holds it ([`Arc`]), so it may be
//! swapped at any time; but a run must not be the last that holds it, since then the run
//! would free its memory, wherever it runs. So a program that was taken out stays here, retired, until nobody else
//! has it, and the host frees it when it changes the map the next time or asks for it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::MapError;
use super::block::boxed;
use crate::errno::Errno;
use crate::lock::Lock;
use crate::program::Program;

type Slot = Option<Arc<Program>>;

/// Programs.
pub struct Programs {
    slots: Lock<Box<[Slot]>>,
    /// Used by the host only.
    retired: Lock<Vec<Arc<Program>>>,
}

impl Programs {
    /// How many bytes it takes.
    pub fn bytes(count: u32) -> Option<u64> {
        u64::from(count).checked_mul(size_of::<Slot>() as u64)
    }

    /// Room for so many programs.
    ///
    /// # Errors
    /// [`MapError::Memory`].
    pub fn new(count: u32) -> Result<Self, MapError> {
        Ok(Self {
            slots: Lock::new(boxed(count as usize, || None)?),
            retired: Lock::new(Vec::new()),
        })
    }

    /// The program of that number.
    pub fn get(&self, index: u32, core: u32) -> Option<Arc<Program>> {
        let found = self
            .slots
            .with(core, |slots| slots.get(index as usize)?.clone());
        found.flatten()
    }

    /// Puts a program there, or takes away what is there.
    ///
    /// # Errors
    /// [`Errno::TooBig`] behind the end, [`Errno::NoMemory`], [`Errno::NoEntry`] when nothing is to be taken
    /// away.
    pub fn set(&self, index: u32, program: Slot, core: u32) -> Result<(), Errno> {
        self.collect(core);
        let room = self
            .retired
            .with(core, |retired| retired.try_reserve(1).is_ok());
        if room != Some(true) {
            return Err(Errno::NoMemory);
        }
        let taking = program.is_none();
        let old = self.slots.with(core, |slots| {
            let slot = slots.get_mut(index as usize).ok_or(Errno::TooBig)?;
            Ok(core::mem::replace(slot, program))
        });
        let Some(old) = old.ok_or(Errno::Busy)?? else {
            return if taking { Err(Errno::NoEntry) } else { Ok(()) };
        };
        // Whoever else has it has cloned it before: from here on that number only falls.
        if Arc::strong_count(&old) > 1 {
            self.retired.with(core, |retired| retired.push(old));
        }
        Ok(())
    }

    /// Frees what was taken out and nobody runs any more. How many there still are.
    pub fn collect(&self, core: u32) -> usize {
        let taken = self.retired.with(core, core::mem::take);
        let mut taken = taken.unwrap_or_default();
        // Outside the lock: this frees memory.
        taken.retain(|program| Arc::strong_count(program) > 1);
        let left = taken.len();
        self.retired.with(core, |retired| {
            if retired.is_empty() {
                *retired = taken;
            } else {
                retired.append(&mut taken);
            }
        });
        left
    }

    /// Takes all programs out. How many of them, and of those that were taken out before, still run.
    pub fn clear(&self, core: u32) -> usize {
        let mut index = 0;
        while self.set(index, None, core) != Err(Errno::TooBig) {
            index += 1;
        }
        self.collect(core)
    }
}
