//! Protection-key domains for programs that run inside a unikernel.
//!
//! A program gets a key of its own; the pages that it may write carry it, everything else carries
//! key 0, which a program may read only. This crate knows the registers ([`rights`]), hands out the
//! keys ([`keys`]), crosses between the two sets of rights ([`gate`]), and finds instructions that
//! could undo the protection ([`scan`]). It knows no kernel.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

#[cfg(target_arch = "x86_64")]
pub mod domain;
#[cfg(target_arch = "x86_64")]
pub mod gate;
pub mod keys;
pub mod rights;
pub mod scan;
