//! The corpora of the fuzz targets, replayed with the properties that the targets hold.

use std::path::Path;

use super::{generate, properties};

/// Checks every file of a corpus, made into an object by `object`; returns how many were linked, and
/// how many not.
fn replay(target: &str, object: fn(Vec<u8>) -> Vec<u8>) -> [usize; 2] {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut counts = [0; 2];
    for file in std::fs::read_dir(&corpus).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        let linked = properties::check(&object(std::fs::read(&path).unwrap()));
        counts[usize::from(!linked)] += 1;
    }
    counts
}

#[test]
fn corpora_of_the_fuzz_targets_keep_the_contract() {
    for counts in [
        replay("object", |bytes| bytes),
        replay("structured", |choices| generate::object(&choices)),
    ] {
        assert!(counts.iter().all(|&count| count > 5), "{counts:?}");
    }
}
