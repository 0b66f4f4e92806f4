//! The contract: the scanner and its decoder agree with a disassembler at every byte of any code. The tests of the
//! crate state the same, and replay the corpus.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/scan/contract.rs"]
mod contract;
#[path = "../../tests/scan/oracle.rs"]
mod oracle;

fuzz_target!(|code: &[u8]| contract::check(code));
