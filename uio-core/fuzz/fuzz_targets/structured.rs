//! Objects that are made by the rules, or nearly: see [`uio_core_fuzz::generate`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use uio_core_fuzz::{generate, properties};

fuzz_target!(|choices: &[u8]| {
    properties::check(&generate::object(choices));
});
