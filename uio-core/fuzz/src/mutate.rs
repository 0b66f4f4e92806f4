//! Changes single fields of an object's tables, where a change of bytes would hit contents.

/// SplitMix64.
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
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Offsets and sizes of the fields of the ELF header (gABI 4.1, figure 4-3).
const HEADER: [(usize, usize); 9] = [
    (15, 1),
    (16, 2),
    (18, 2),
    (24, 8),
    (40, 8),
    (52, 2),
    (58, 2),
    (60, 2),
    (62, 2),
];
/// The same of a section header (figure 4-8).
const SECTION: [(usize, usize); 10] = [
    (0, 4),
    (4, 4),
    (8, 8),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 4),
    (44, 4),
    (48, 8),
    (56, 8),
];
/// The same of a symbol (figure 4-16).
const SYMBOL: [(usize, usize); 6] = [(0, 4), (4, 1), (5, 1), (6, 2), (8, 8), (16, 8)];
/// The same of a relocation (figure 4-21), its type and symbol apart.
const RELOCATION: [(usize, usize); 4] = [(0, 8), (8, 4), (12, 4), (16, 8)];

fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
    )
}

/// Where a random field is.
fn field(bytes: &[u8], random: &mut Random) -> Option<(usize, usize)> {
    let headers = number(bytes, 40, 8)? as usize;
    // So that no sum overflows.
    if headers > bytes.len() {
        return None;
    }
    let sections = number(bytes, 60, 2)? as usize;
    let header = headers.checked_add(random.below(sections) * 64)?;
    let choice = random.below(10);
    if choice == 0 {
        return Some(HEADER[random.below(HEADER.len())]);
    }
    let (kind, from) = (
        number(bytes, header + 4, 4)?,
        number(bytes, header + 24, 8)?,
    );
    let (fields, entry): (&[_], _) = match kind {
        2 if choice < 8 => (&SYMBOL, 24),
        4 if choice < 8 => (&RELOCATION, 24),
        _ => (&SECTION, 0),
    };
    let (at, len) = fields[random.below(fields.len())];
    if entry == 0 {
        return Some((header + at, len));
    }
    let count = number(bytes, header + 32, 8)? as usize / entry;
    let from = (from as usize).checked_add(random.below(count).saturating_mul(entry))?;
    Some((from.checked_add(at)?, len))
}

/// Changes one to four fields.
pub fn fields(bytes: &mut [u8], seed: u32) {
    let mut random = Random(seed.into());
    for _ in 0..=random.below(4) {
        let Some((at, len)) = field(bytes, &mut random) else {
            return;
        };
        let Some(old) = number(bytes, at, len) else {
            return;
        };
        let small = random.next() & 63;
        let new = match random.below(8) {
            0 => small,
            1 => old.wrapping_add(small),
            2 => old.wrapping_sub(small),
            3 => old ^ 1 << small,
            4 => u64::MAX - small,
            5 => (bytes.len() as u64).wrapping_sub(small),
            6 => 1 << small,
            _ => random.next(),
        };
        bytes[at..at + len].copy_from_slice(&new.to_le_bytes()[..len]);
    }
}
