//! Unloading a bundle: all of it or nothing.

use alloc::sync::Arc;

use super::{LoadedMap, Runtime};
use crate::program::Program;

/// Why a bundle is not unloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnloadError {
    /// There is no such bundle.
    None,
    /// A program of this number is attached, runs, or is in a program array that others have.
    InUse(u32),
}

impl Runtime {
    /// Unloads a bundle: its programs, and those maps that no other bundle has. How many bytes that gave back.
    /// `discard` frees the machine code of each program. `core` is the core that this runs on.
    ///
    /// # Errors
    /// [`UnloadError`]; nothing is unloaded then.
    pub fn unload(
        &mut self,
        bundle: u32,
        core: u32,
        discard: &mut dyn FnMut(&Program),
    ) -> Result<u64, UnloadError> {
        if !self.programs.iter().any(|loaded| loaded.bundle == bundle) {
            return Err(UnloadError::None);
        }
        // Whoever runs one of these has got it from a link, from here, or from a program array. So once nobody but this
        // bundle's own arrays has one, nobody can come to run one.
        for loaded in self
            .programs
            .iter()
            .filter(|loaded| loaded.bundle == bundle)
        {
            let here = 1 + self.own_slots(&loaded.program, bundle, core);
            if Arc::strong_count(&loaded.program) > here {
                return Err(UnloadError::InUse(loaded.id));
            }
        }
        let mut freed = 0;
        for programs in self.own_maps(bundle).filter_map(|map| map.map.programs()) {
            programs.clear(core);
        }
        self.programs.retain(|loaded| {
            if loaded.bundle != bundle {
                return true;
            }
            discard(&loaded.program);
            freed += loaded.bytes;
            false
        });
        self.maps.retain_mut(|loaded| {
            loaded.bundles.retain(|&other| other != bundle);
            let keep = !loaded.bundles.is_empty();
            if !keep {
                freed += loaded.map.bytes();
            }
            keep
        });
        self.used = self.used.saturating_sub(freed);
        Ok(freed)
    }

    /// The maps that only this bundle has.
    fn own_maps(&self, bundle: u32) -> impl Iterator<Item = &LoadedMap> {
        self.maps.iter().filter(move |map| *map.bundles == [bundle])
    }

    /// How often a program is in program arrays that only this bundle has.
    fn own_slots(&self, program: &Arc<Program>, bundle: u32, core: u32) -> usize {
        let arrays = self.own_maps(bundle).filter_map(|map| map.map.programs());
        arrays.map(|array| array.holds(program, core)).sum()
    }
}
