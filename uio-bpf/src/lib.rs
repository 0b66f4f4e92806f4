//! An eBPF runtime that runs inside a unikernel, and on a host for tests and tools.
//!
//! A program comes as instructions ([`isa`]) with the maps and variables that it names ([`bundle`]).
//! [`check`] looks at its structure and makes a [`program::Program`] of it, which the
//! [`interpreter`] runs with every access checked, or which the [`jit`] compiles. What programs
//! can reach beside their registers: [`map`]s, [`helper`]s, the context of their type ([`kind`]).
//! The runtime knows no kernel: what it needs of one is [`run::Host`].
//!
//! Instructions are those of RFC 9669.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod bundle;
pub mod check;
pub mod errno;
pub mod helper;
pub mod interpreter;
pub mod isa;
pub mod jit;
pub mod kind;
pub mod load;
pub mod lock;
pub mod map;
pub mod program;
pub mod run;
pub mod spec;
pub mod wire;
