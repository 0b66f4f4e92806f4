//! The corpora of the fuzz targets, again.

mod contract;

use std::fs;
use std::path::Path;

fn replay(name: &str, contract: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut files = 0;
    for file in fs::read_dir(&corpus).unwrap() {
        contract(&fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 10, "{name}: {files} files");
}

#[test]
fn objects() {
    replay("object", contract::object);
}

#[test]
fn sections_of_types() {
    replay("btf", contract::btf);
}

#[test]
fn types_and_values() {
    replay("types", contract::types);
}
