//! Tracing without writing a program: `uio trace` and `uio perf`.
//!
//! The client writes the program ([`programs`]), finds the functions that a pattern means ([`functions`]), has the guest attach it,
//! and shows what it collected ([`histogram`], [`stacks`]). Whatever happens meanwhile, the program is detached and
//! unloaded in the end.

pub mod asm;
pub mod functions;
pub mod guest;
pub mod histogram;
pub mod programs;
pub mod sites;
pub mod stacks;
pub mod tracer;
