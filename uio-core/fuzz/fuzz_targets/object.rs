//! Any bytes, mutated as bytes and as fields of ELF tables: see [`uio_core_fuzz::properties`].
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use uio_core_fuzz::memory::{Counted, most};
use uio_core_fuzz::{mutate, properties};

#[global_allocator]
static MEMORY: Counted = Counted;

fuzz_target!(|object: &[u8]| {
    // Symbols need three times what they take in the file at most; the image and what the check makes
    // of it ten times its size at most.
    let bytes = most(|| {
        properties::check(object);
    });
    assert!(bytes <= 16 * object.len() + 16 * properties::MAX);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed.is_multiple_of(2) {
        return fuzzer_mutate(data, size, max_size);
    }
    mutate::fields(&mut data[..size], seed);
    size
});
