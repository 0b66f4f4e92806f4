//! 9P2000.L
#![cfg_attr(not(any(test, feature = "test-utils")), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod client;
pub mod error;
pub mod fs;
pub mod msg;
pub mod transport;
pub mod types;
