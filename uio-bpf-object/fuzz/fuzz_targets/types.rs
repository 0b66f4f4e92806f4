//! The contract: whatever comes back from a guest as types and values, it is refused or shown. The tests of the crate state
//! the same, and replay the corpus.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/contract/mod.rs"]
mod contract;

fuzz_target!(|bytes: &[u8]| contract::types(bytes));
