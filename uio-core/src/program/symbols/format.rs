//! The symbol index on disk. `docs/symbols.md` draws it; this file is what reader and writer share.
//!
//! An index is a sequence of blocks of [`BLOCK`] bytes, all numbers little-endian. Each block ends
//! with a checksum that binds it to its number and to the header, so that a damaged block, or one of
//! another index, is noticed when it is read. Block 0 is the header; then come
//!
//! - *name blocks*: hash of a name to address. The hash of a name tells its block, and the writer
//!   takes as many blocks as it needs for every name to fit the one that its hash tells. So a lookup
//!   reads one block, whether it finds the name or not.
//! - *symbol blocks*: the symbols by address, with their names.
//! - *fence blocks*: the first address in each symbol block. The header holds the first address in
//!   each fence block, so address to symbol takes three blocks at most.

/// Bytes of a block.
pub const BLOCK: usize = 2048;
/// Bytes of a block before its checksum.
pub const BODY: usize = BLOCK - 8;
/// What an index starts with.
pub const MAGIC: [u8; 8] = *b"uIO-syms";
/// Version of the format.
pub const VERSION: u32 = 2;

/// Bytes of an entry in a name block: hash (8), address (4), symbol (4).
pub const NAME_ENTRY: usize = 16;
/// Entries in a name block. They are sorted by hash; the unused ones at its end hold [`NO_HASH`].
pub const NAME_ENTRIES: usize = BODY / NAME_ENTRY;
/// In place of a hash in an unused entry of a name block; no name has this hash.
pub const NO_HASH: u64 = u64::MAX;

/// Bytes of a symbol block before its first entry: how many entries there are (2), then zeroes.
pub const SYMBOL_HEAD: usize = 8;
/// Bytes of an entry in a symbol block: address (4), size (4), offset of the name in the block (2),
/// length of the name (2), [flags](FUNCTION) (1), then zeroes.
pub const SYMBOL_ENTRY: usize = 16;
/// The most bytes of a name that are kept; of a longer one, the rest is cut. Hashes are of the whole.
pub const MAX_NAME: usize = 1024;
/// Low bits of a reference to a symbol that give its place in its block; the rest is the number of
/// the block among the symbol blocks.
pub const SLOT_BITS: u32 = 7;

/// Flag of a symbol: it is code.
pub const FUNCTION: u8 = 1;
/// Flag of a symbol: it is global (the name binds in the whole image).
pub const GLOBAL: u8 = 2;
/// Flag of a symbol: it is the kernel's own, and its name in the image has a prefix.
pub const KERNEL: u8 = 4;

/// Entries in a fence block (4 bytes each); the unused ones at its end hold `u32::MAX`.
pub const FENCES: usize = BODY / 4;

/// Offsets in the header.
pub mod header {
    /// [`super::MAGIC`].
    pub const MAGIC: usize = 0;
    /// [`super::VERSION`].
    pub const VERSION: usize = 8;
    /// [`super::BLOCK`].
    pub const BLOCK: usize = 12;
    /// Bytes of the file.
    pub const LENGTH: usize = 16;
    /// What the hash of a name starts from.
    pub const SEED: usize = 24;
    /// Number of the first name block, and how many there are.
    pub const NAMES: usize = 32;
    /// How many names there are.
    pub const NAME_COUNT: usize = 40;
    /// Number of the first symbol block, and how many there are.
    pub const SYMBOLS: usize = 44;
    /// How many symbols there are.
    pub const SYMBOL_COUNT: usize = 52;
    /// Number of the first fence block, and how many there are.
    pub const FENCES: usize = 56;
    /// Bytes of the build id.
    pub const BUILD_ID_LEN: usize = 64;
    /// The build id.
    pub const BUILD_ID: usize = 68;
    /// The most bytes of a build id.
    pub const MAX_BUILD_ID: usize = 32;
    /// First address in each fence block; the unused ones hold `u32::MAX`.
    pub const TOP: usize = 104;
    /// How many fence blocks there may be.
    pub const TOP_LEN: usize = (super::BODY - TOP) / 4;
}

/// Odd, and without a pattern: the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of a hash: both halves of a product, in which every bit depends on every other.
fn fold(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(MIX);
    product as u64 ^ (product >> 64) as u64
}

/// Hash of a name: a step for its length, then one for every 8 bytes and one for the last 8, which
/// may overlap; for the bytes themselves, the first highest, of a name that has less. The high bits,
/// which choose the block, depend on every byte.
#[must_use]
pub fn hash(seed: u64, name: &[u8]) -> u64 {
    let mut hash = fold(seed ^ MIX, name.len() as u64);
    let last = match name.last_chunk() {
        Some(last) => u64::from_le_bytes(*last),
        None => name
            .iter()
            .fold(0, |last, &byte| last << 8 | u64::from(byte)),
    };
    for word in name.as_chunks().0 {
        hash = fold(hash, u64::from_le_bytes(*word));
    }
    fold(fold(hash, last), MIX)
}

/// Which of `blocks` name blocks holds the name with this hash.
#[must_use]
pub fn name_block(hash: u64, blocks: u32) -> u32 {
    // The high half of the product is below `blocks`.
    ((u128::from(hash) * u128::from(blocks)) >> 64) as u32
}

/// Checksum of block `number` of the index whose header has the checksum `index` (0 for the header
/// itself). Any change inside one word of a block changes it.
#[must_use]
pub fn checksum(index: u64, number: u32, body: &[u8]) -> u64 {
    let mut sum = index ^ u64::from(number).wrapping_mul(MIX);
    let (rows, rest) = body.as_chunks::<40>();
    for row in rows {
        // Five words in a row: the loop costs as much as they do.
        sum = add(sum, row, 0);
        sum = add(sum, row, 8);
        sum = add(sum, row, 16);
        sum = add(sum, row, 24);
        sum = add(sum, row, 32);
    }
    for word in rest.as_chunks::<8>().0 {
        sum = add(sum, word, 0);
    }
    sum
}

/// Adds a word to a checksum. No two words give the same sum, no two sums either.
#[inline(always)]
fn add(sum: u64, bytes: &[u8], at: usize) -> u64 {
    (sum ^ u64_at(bytes, at)).rotate_left(29).wrapping_mul(MIX)
}

/// Reads a number of 2 bytes; 0 behind the end, which no caller asks for.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => u16::from_le_bytes(*chunk),
        None => 0,
    }
}

/// Reads a number of 4 bytes; 0 behind the end, which no caller asks for.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => u32::from_le_bytes(*chunk),
        None => 0,
    }
}

/// Reads a number of 8 bytes; 0 behind the end, which no caller asks for.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => 0,
    }
}
