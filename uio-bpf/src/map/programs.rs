//! Programs by number, for tail calls.
//!
//! The host swaps programs while others run. A run that goes on in one holds it ([`crate::run::Held`]), so it
//! may be taken out at any time. But a run must not be the last that holds a program, since it would
//! free memory then, wherever it runs: who puts a program here keeps it until nobody else has it, as
//! [`crate::load::Runtime`] does.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::MapError;
use super::block::boxed;
use crate::errno::Errno;
use crate::lock::Lock;
use crate::program::Program;

type Slot = Option<Arc<Program>>;

/// Programs.
pub struct Programs {
    slots: Lock<Box<[Slot]>>,
}

impl Programs {
    /// How many bytes it takes.
    pub(super) fn bytes(count: u32) -> Option<u64> {
        u64::from(count).checked_mul(size_of::<Slot>() as u64)
    }

    /// Room for so many programs.
    ///
    /// # Errors
    /// [`MapError::Memory`].
    pub(super) fn new(count: u32) -> Result<Self, MapError> {
        Ok(Self {
            slots: Lock::new(boxed(count as usize, || None)?),
        })
    }

    /// The program of that number.
    pub fn get(&self, index: u32, core: u32) -> Option<Arc<Program>> {
        let found = self
            .slots
            .with(core, |slots| slots.get(index as usize)?.clone());
        found.flatten()
    }

    /// Puts a program there, or takes away what is there. Gives that.
    ///
    /// # Errors
    /// [`Errno::TooBig`] behind the end, [`Errno::Busy`].
    pub fn set(
        &self,
        index: u32,
        program: Option<Arc<Program>>,
        core: u32,
    ) -> Result<Option<Arc<Program>>, Errno> {
        let old = self.slots.with(core, |slots| {
            let slot = slots.get_mut(index as usize).ok_or(Errno::TooBig)?;
            Ok(core::mem::replace(slot, program))
        });
        old.ok_or(Errno::Busy)?
    }

    /// How often it holds a program.
    pub fn holds(&self, program: &Arc<Program>, core: u32) -> usize {
        let slots = self.slots.with(core, |slots| {
            let slots = slots.iter().flatten();
            slots.filter(|held| Arc::ptr_eq(held, program)).count()
        });
        slots.unwrap_or(0)
    }

    /// Takes all programs out.
    pub fn clear(&self, core: u32) {
        let mut index = 0;
        while self.set(index, None, core).err() != Some(Errno::TooBig) {
            index += 1;
        }
    }
}
