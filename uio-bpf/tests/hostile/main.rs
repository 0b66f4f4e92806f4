//! Programs that may be anything, checked and interpreted; the fuzz target `program` has the same contract.

mod contract;
mod shape;

use std::path::Path;

/// Numbers at random, the same each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

#[test]
fn programs_at_random() {
    let mut random = Random(1);
    let mut ran = 0;
    for _ in 0..20_000 {
        let len = random.next() % 24 + 1;
        let mut bytes = vec![random.next() as u8];
        bytes.extend((0..len).flat_map(|_| random.next().to_le_bytes()));
        ran += u32::from(contract::check_program(&bytes));
    }
    assert!(ran > 2_000, "only {ran} ran");
}

#[test]
fn corpus_of_the_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/program");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        count += u32::from(contract::check_program(&bytes));
    }
    assert!(count > 50, "{count}");
}
