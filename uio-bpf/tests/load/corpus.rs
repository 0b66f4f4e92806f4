//! What the fuzzer found worth keeping, again.

use std::path::Path;

use crate::contract;

#[test]
fn corpus_of_the_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/load");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        contract::check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 50, "{count}");
}
