//! Protection-key domains for programs that run inside a unikernel.
//!
//! A program gets a key of its own; the pages that it may write carry it, everything else carries
//! key 0, which a program may read only. This crate knows the registers ([`rights`]), finds
//! instructions that could undo the protection ([`scan`]) and crosses between the two sets of rights.
//! It knows no kernel.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

pub mod scan;
