//! The contract on random bytes, and on random bytes that look like code.

use crate::contract;

/// Pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.next() as usize % from.len()]
    }
}

/// Prefixes, and the bytes that the refused opcodes are made of.
const PREFIXES: [u8; 20] = [
    0x66, 0x66, 0x67, 0xf2, 0xf2, 0xf3, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x40, 0x41,
    0x44, 0x48, 0x49, 0x4f,
];
const SECOND: [u8; 30] = [
    0x00, 0x01, 0x01, 0x01, 0x05, 0x06, 0x07, 0x08, 0x09, 0x20, 0x22, 0x23, 0x30, 0x32, 0x34, 0x35,
    0x37, 0x38, 0x3a, 0x78, 0xa1, 0xa9, 0xaa, 0xae, 0xb2, 0xb4, 0xb5, 0xc7, 0xb9, 0xff,
];
const VECTOR: [u8; 4] = [0x62, 0xc4, 0xc5, 0x8f];

/// The prefix of a vector instruction, most often one that exists.
fn vector(random: &mut Random, code: &mut Vec<u8>) {
    let bits = random.next();
    match random.of(&VECTOR) {
        0xc5 => code.extend([0xc5, 0xf8 | bits as u8 & 7]),
        0xc4 => code.extend([
            0xc4,
            0xe1 + (bits % 3) as u8,
            0x78 | (bits >> 8) as u8 & 0x87,
        ]),
        0x8f => code.extend([
            0x8f,
            0xe8 + (bits % 3) as u8,
            0x78 | (bits >> 8) as u8 & 0x84,
        ]),
        _ => {
            let map = [1, 2, 3, 5, 6, 7][bits as usize % 6];
            let second = 0x7c | (bits >> 8) as u8 & 0x83;
            code.extend([0x62, 0xf0 | map, second, 0x08 | (bits >> 16) as u8 & 0x60]);
        }
    }
}

/// Bytes among which refused instructions are frequent.
fn like_code(random: &mut Random) -> Vec<u8> {
    let mut code = Vec::new();
    while code.len() < 64 {
        for _ in 0..random.next() % 4 {
            let prefix = random.of(&PREFIXES);
            code.push(prefix);
        }
        match random.next() % 8 {
            0..=3 => {
                code.push(0x0f);
                let second = random.of(&SECOND);
                code.push(second);
                if second == 0x38 {
                    code.push(random.of(&[0x80, 0x81, 0x82, 0xf8, 0xf6]));
                }
            }
            4 => vector(random, &mut code),
            _ => code.push(random.next() as u8),
        }
        for _ in 0..random.next() % 6 {
            code.push(random.next() as u8);
        }
    }
    code
}

#[test]
fn like_instructions() {
    let mut random = Random(0x7569_6f31);
    for _ in 0..100_000 {
        contract::check(&like_code(&mut random));
    }
}

#[test]
fn any_bytes() {
    let mut random = Random(0x7569_6f32);
    let mut code = vec![0; 4096];
    for _ in 0..300 {
        code.fill_with(|| random.next() as u8);
        contract::check(&code);
    }
}

/// Every pair and triple that an opcode with 0F can begin with, with every prefix that counts.
#[test]
fn every_opcode() {
    for prefix in [
        &[][..],
        &[0x66],
        &[0xf2],
        &[0xf3],
        &[0x48],
        &[0xf3, 0x48],
        &[0x66, 0xf3],
    ] {
        for second in 0..=255u8 {
            for third in 0..=255u8 {
                let mut code = prefix.to_vec();
                code.extend([0x0f, second, third, 0x04, 0x25, 1, 2, 3, 4, 5]);
                contract::check(&code);
            }
        }
        for op in 0..=255u8 {
            for modrm in 0..=255u8 {
                let mut code = prefix.to_vec();
                code.extend([op, modrm, 0x25, 1, 2, 3, 4, 5, 6, 7, 8]);
                contract::check(&code);
            }
        }
    }
}
