//! Loadable programs: symbols of the image, the linker, and the programs that are in memory.

pub mod link;
pub mod symbols;
