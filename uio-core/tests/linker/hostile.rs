//! Random damage: whatever the bytes are, the linker links them or refuses them, and does not panic.

use super::builder::*;
use super::compile::{Room, compilers};
use super::surroundings::{World, heap};

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// An object that uses every table, and is small, so that much of the damage hits something.
fn seed() -> Vec<u8> {
    let section = |name, kind, flags, contents: Vec<u8>| Section {
        name,
        kind,
        flags,
        align: 8,
        contents,
        ..Section::default()
    };
    // Every type that is applied, each with a symbol that is in its reach; symbol 8 is absolute.
    let mut relocations: Vec<(u64, u32, u32, i64)> = vec![
        (0, 12, 8, 1),
        (2, 14, 8, -0x1200),
        (4, 13, 3, 2),
        (6, 15, 3, 0),
    ];
    let kinds = [
        0, 1, 2, 3, 4, 9, 10, 11, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 41, 42,
    ];
    relocations.extend(
        (8..)
            .zip(kinds)
            .map(|(offset, kind)| (offset, kind, 1 + kind % 4, i64::from(kind) - 20)),
    );
    relocations.extend([
        (40, 4, 5, -4),
        (44, 9, 5, -4),
        (48, 1, 6, 0),
        (56, 26, 9, 0),
    ]);
    Object::new()
        .section(section(".rodata", PROGBITS, ALLOC, vec![1; 24]))
        .section(section(".data", PROGBITS, ALLOC | WRITE, vec![2; 64]))
        .section(section(".bss", NOBITS, ALLOC | WRITE, Vec::new()))
        .section(section(
            ".init_array",
            INIT_ARRAY,
            ALLOC | WRITE,
            vec![0; 16],
        ))
        .symbol("constant", GLOBAL_NOTYPE, 2, 8)
        .symbol("variable", GLOBAL_NOTYPE, 3, 16)
        .symbol("zero", GLOBAL_NOTYPE, 4, 0)
        .symbol("outside", GLOBAL_FUNCTION, UNDEF, 0)
        .symbol("weak", WEAK_NOTYPE, UNDEF, 0)
        .symbol("common", GLOBAL_NOTYPE, COMMON, 8)
        .symbol("absolute", GLOBAL_NOTYPE, ABS, 0x1234)
        .symbol("_GLOBAL_OFFSET_TABLE_", GLOBAL_NOTYPE, UNDEF, 0)
        .symbol("", LOCAL_SECTION, 2, 0)
        .relocations(3, &relocations)
        .relocations(5, &[(0, 1, 1, 0), (8, 1, 1, 1)])
        .build()
}

/// Values that sit on an edge.
const EDGES: [u64; 10] = [
    0,
    1,
    7,
    63,
    4096,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX / 2,
    u64::MAX - 7,
    u64::MAX,
];

fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => {
                let edge = EDGES[random.below(EDGES.len())].to_le_bytes();
                let at = at & !7;
                let len = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&edge[..len]);
            }
            3 => {
                let from = random.below(bytes.len());
                let len = random
                    .below(65)
                    .min(bytes.len() - at)
                    .min(bytes.len() - from);
                bytes.copy_within(from..from + len, at);
            }
            4 => {
                let len = random.below(33).min(bytes.len() - at);
                bytes[at..at + len].fill(random.next() as u8);
            }
            _ if random.below(8) == 0 => bytes.truncate(at.max(1)),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
}

fn try_all(seed: &[u8], rounds: usize, random: &mut Random) -> usize {
    let mut linked = 0;
    for _ in 0..rounds {
        let mut bytes = seed.to_vec();
        damage(random, &mut bytes);
        let mut world = World::new(&heap)
            .with("outside", 0x7fff_1234_5678)
            .with("uio_write", 0x4100_0000);
        if let Ok(program) = world.link(&bytes) {
            let text = 0x4000_0000..0x4000_0000 + program.text.end as u64;
            assert!(text.contains(&program.main), "main is code");
            assert!(
                program
                    .init
                    .iter()
                    .chain(&program.fini)
                    .all(|function| text.contains(function))
            );
            assert!(program.text.end <= program.data && program.data <= program.size);
            linked += 1;
        }
    }
    linked
}

#[test]
fn damaged_objects_are_linked_or_refused() {
    let mut random = Random(1);
    let seed = seed();
    let refusal = World::new(&heap)
        .with("outside", 0x7fff_1234_5678)
        .link(&seed)
        .err();
    assert_eq!(refusal, None, "most damage would meet the same refusal");
    let linked = try_all(&seed, 160_000, &mut random);
    assert!(linked > 1000, "damage should spare some: {linked}");
}

#[test]
fn damaged_objects_of_compilers_are_linked_or_refused() {
    let source = "#include <stdarg.h>\nlong uio_write(int, const void *, unsigned long);\n\
        static int calls; const char *const text[] = {\"one\", \"two\"};\n\
        __attribute__((constructor)) static void begin(void) { ++calls; }\n\
        int main(int argc, char **argv) { calls += argc; return (int)uio_write(1, text[argc & 1], 3) + **argv; }";
    let mut random = Random(2);
    for compiler in compilers() {
        let room = Room::new();
        for flags in [
            &["-O2", "-fPIC", "-g"],
            &["-O0", "-fPIE", "-ffunction-sections"],
        ] {
            let object = room.object(compiler, source, flags);
            let linked = try_all(&object, 10_000, &mut random);
            assert!(
                linked > 1000,
                "{compiler} {flags:?}: damage should spare some: {linked}"
            );
        }
    }
}

#[test]
fn noise_is_refused() {
    let mut random = Random(3);
    for round in 0..2000 {
        let mut bytes: Vec<u8> = (0..random.below(600))
            .map(|_| random.next() as u8)
            .collect();
        if round % 2 == 0 && bytes.len() >= 20 {
            bytes[..20].copy_from_slice(&seed()[..20]);
        }
        assert!(World::new(&heap).link(&bytes).is_err());
    }
}
