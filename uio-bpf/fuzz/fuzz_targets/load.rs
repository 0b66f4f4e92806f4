//! The contract: whatever bytes are loaded as a bundle, nothing panics, and nothing is left behind. The tests of the
//! crate state the same, and replay the corpus.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/load/contract.rs"]
mod contract;

fuzz_target!(|bytes: &[u8]| contract::check(bytes));
