//! Random bytes, and random bytes that look like code.

use uio_mpk::scan::length;

use crate::oracle;

/// xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    pub fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }
}

#[test]
fn lengths() {
    let mut random = Random(42);
    let mut bad = std::collections::BTreeMap::new();
    for _ in 0..10_000_000u32 {
        let mut window: [u8; 16] = std::array::from_fn(|_| random.byte());
        let r = random.next();
        let mut i = 0;
        if r & 3 == 0 { window[i] = [0x66, 0xf2, 0xf3, 0x67][(r >> 8) as usize & 3]; i += 1; }
        if r & 4 == 0 { window[i] = 0x40 | (r >> 16) as u8 & 15; i += 1; }
        match r >> 20 & 7 { 0 | 1 => window[i] = 0x0f, 2 => window[i] = 0xc4, 3 => window[i] = 0xc5, 4 => window[i] = 0x62, _ => {} }
        let Some(instruction) = oracle::decode(&window) else { continue };
        let step = length::decode(&window);
        let class = oracle::class(&instruction).filter(|c| c.1 == oracle::Search::InOrder).map(|c| c.0);
        if usize::from(step.len) != instruction.len() || step.class != class {
            bad.entry(format!("{:?}", instruction.code())).or_insert((window, step, instruction.len(), class));
        }
    }
    for (k, (w, s, l, c)) in &bad {
        println!("{k}: {w:02x?} {s:?} {l} {c:?}");
    }
    assert!(bad.is_empty());
}
