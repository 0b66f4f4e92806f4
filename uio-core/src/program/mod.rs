//! Loadable programs: symbols of the image, the linker, and the programs that are in memory.

pub mod link;
pub(crate) mod load;
pub(crate) mod lookup;
pub(crate) mod registry;
pub(crate) mod run;
pub mod symbols;

pub use load::{MAX_PROGRAM, MAX_PROGRAMS};
