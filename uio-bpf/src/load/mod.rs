//! What is loaded: programs and the maps that they share.
//!
//! A [`Runtime`] is used by whoever loads and attaches, one at a time. Runs know nothing of it: a link
//! holds its program, a program its maps, so all that a run uses is there until it ends.

mod bundle;
mod error;
mod names;
mod reader;
mod unload;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use error::{LoadError, Refused};
pub use names::variables;
pub use unload::UnloadError;

use crate::helper::Table;
use crate::map::Map;
use crate::program::Program;

/// Bytes that programs and maps may take together when nobody says otherwise.
pub const MEMORY: u64 = 8 << 20;

/// A program that is loaded.
pub struct LoadedProgram {
    /// Its number.
    pub id: u32,
    /// The number of the bundle that it came in.
    pub bundle: u32,
    /// The program.
    pub program: Arc<Program>,
    /// What its section says it is attached to; empty when it does not say.
    pub target: Box<str>,
    /// Bytes of memory that it takes, but for its machine code.
    pub bytes: u64,
}

/// A map that is there.
pub struct LoadedMap {
    /// Its number.
    pub id: u32,
    /// The map.
    pub map: Arc<Map>,
    /// The bundles that have it.
    pub bundles: Vec<u32>,
}

/// What loading needs beside the bundle.
pub struct Loading<'a> {
    /// The helpers that programs may call.
    pub helpers: &'a Table<'a>,
    /// How many cores there are.
    pub cores: u32,
    /// The core that this runs on.
    pub core: u32,
    /// The address of a variable or function of the platform by name.
    pub address: &'a dyn Fn(&str) -> Option<u64>,
    /// Compiles a program, if programs are to be compiled: sets [`Program::native`]. False when that fails.
    pub prepare: &'a mut dyn FnMut(&mut Program) -> bool,
    /// Frees what `prepare` made for programs that are not loaded after all.
    pub discard: &'a mut dyn FnMut(&Program),
}

/// Everything that is loaded.
pub struct Runtime {
    /// Bytes that programs and maps may take.
    limit: u64,
    /// Bytes that they take.
    used: u64,
    next_bundle: u32,
    next_program: u32,
    next_map: u32,
    programs: Vec<LoadedProgram>,
    maps: Vec<LoadedMap>,
}

impl Runtime {
    /// Without anything in it. Programs and maps may take `limit` bytes.
    #[must_use]
    pub const fn new(limit: u64) -> Self {
        Self {
            limit,
            used: 0,
            next_bundle: 1,
            next_program: 1,
            next_map: 1,
            programs: Vec::new(),
            maps: Vec::new(),
        }
    }

    /// Bytes that programs and maps may take.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that they take.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The programs, in the order in which they were loaded.
    #[must_use]
    pub fn programs(&self) -> &[LoadedProgram] {
        &self.programs
    }

    /// The maps, in the order in which they were made.
    #[must_use]
    pub fn maps(&self) -> &[LoadedMap] {
        &self.maps
    }

    /// The program of that number.
    #[must_use]
    pub fn program(&self, id: u32) -> Option<&LoadedProgram> {
        self.programs.iter().find(|loaded| loaded.id == id)
    }

    /// The program of that name; of several the one that was loaded last.
    #[must_use]
    pub fn program_named(&self, name: &str) -> Option<&LoadedProgram> {
        self.programs
            .iter()
            .rev()
            .find(|loaded| *loaded.program.name == *name)
    }

    /// The map of that number.
    #[must_use]
    pub fn map(&self, id: u32) -> Option<&LoadedMap> {
        self.maps.iter().find(|loaded| loaded.id == id)
    }

    /// The map of that name; of several, which only private ones can be, the one that was made last.
    #[must_use]
    pub fn map_named(&self, name: &str) -> Option<&LoadedMap> {
        self.maps
            .iter()
            .rev()
            .find(|loaded| loaded.map.def().name == name)
    }
}

/// A text of one's own.
fn own(text: &str) -> Result<String, LoadError> {
    let mut own = String::new();
    let room = own.try_reserve_exact(text.len());
    room.map_err(|_| LoadError::Memory)?;
    own.push_str(text);
    Ok(own)
}

/// Bytes of one's own.
fn own_bytes(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut own = Vec::new();
    let room = own.try_reserve_exact(bytes.len());
    room.map_err(|_| LoadError::Memory)?;
    own.extend_from_slice(bytes);
    Ok(own)
}
