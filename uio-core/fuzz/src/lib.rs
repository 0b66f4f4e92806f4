//! What the fuzz targets of `uio-core` have in common. The tests of the crate use the same files to
//! replay the corpus.

#[path = "../../tests/linker/builder.rs"]
pub mod builder;
pub mod generate;
pub mod memory;
pub mod mirror;
pub mod mutate;
pub mod properties;
