//! The contract: whatever the sections `.BTF` and `.BTF.ext` hold, it is refused or can be asked for anything. The tests of the crate state
//! the same, and replay the corpus.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/contract/mod.rs"]
mod contract;

fuzz_target!(|bytes: &[u8]| contract::btf(bytes));
