//! The interpreter: every access is checked over its whole range, whatever the program is.
//!
//! Each instruction was turned into what it does, a function, and its operands: the loop calls one after the other.

mod access;
mod arithmetic;
mod calls;
mod helper;
mod jump;
mod machine;
mod op;
mod ops;
mod view;

pub(crate) use helper::{free, give_back};
pub use machine::{Machine, call_function, release, run};
pub use ops::Ops;
