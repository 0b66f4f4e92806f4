//! The contract: whatever the file, it is refused or becomes a bundle whose references hold. The tests of the crate state
//! the same, and replay the corpus.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/contract/mod.rs"]
mod contract;

fuzz_target!(|bytes: &[u8]| contract::object(bytes));
