//! The interpreter: every access is checked over its whole range, whatever the program is.

mod access;
mod arithmetic;
mod helper;
mod jump;
mod machine;
mod ops;
mod view;

pub(crate) use helper::{free, give_back};
pub use machine::{Machine, call_function, release, run};
pub use ops::Ops;

/// Registers by number: as many as four bits can name.
type Registers = [u64; 16];
