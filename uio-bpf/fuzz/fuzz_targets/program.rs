//! The contract: whatever a program is, it is refused or comes to an end, and writes only what it may. The tests of the
//! crate state the same, and replay the corpus.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/hostile/contract.rs"]
mod contract;
#[path = "../../tests/hostile/shape.rs"]
mod shape;

fuzz_target!(|bytes: &[u8]| {
    contract::check_program(bytes);
});
