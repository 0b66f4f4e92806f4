//! Loadable programs: symbols of the image, the linker, and the programs that are in memory.

pub(crate) mod bounds;
pub(crate) mod fault;
pub mod link;
pub(crate) mod load;
pub(crate) mod lookup;
pub(crate) mod registry;
pub(crate) mod run;
pub mod symbols;
mod trace;
mod wanted;

pub use load::{MAX_PROGRAM, MAX_PROGRAMS};
pub use wanted::Wanted;

use crate::command::{Context, arg_index};

/// Index of the argument that is this operand.
#[cold]
pub(crate) fn index_of(cx: &Context<'_>, operand: &[u8]) -> u8 {
    arg_index(
        cx.argv()
            .iter()
            .position(|arg| arg == operand)
            .unwrap_or_default(),
    )
}
