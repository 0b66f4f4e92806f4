//! From symbols to the blocks of an index.

use uio_core::program::symbols::format::{
    self, BLOCK, BODY, FENCES, MAX_NAME, NAME_ENTRIES, NO_HASH, SLOT_BITS, SYMBOL_ENTRY,
    SYMBOL_HEAD, header,
};

use super::Summary;
use super::image::Image;
use super::names;

type Block = [u8; BLOCK];

/// A symbol block under construction: entries grow from its start, names from its end.
struct SymbolBlock {
    block: Block,
    count: usize,
    names_at: usize,
}

impl SymbolBlock {
    fn new() -> Self {
        Self {
            block: [0; BLOCK],
            count: 0,
            names_at: BODY,
        }
    }

    /// Whether one more symbol with a name of that length fits.
    fn has_room(&self, name: usize) -> bool {
        SYMBOL_HEAD + (self.count + 1) * SYMBOL_ENTRY + name <= self.names_at
            && self.count < 1 << SLOT_BITS
    }

    fn push(&mut self, name: &[u8], address: u32, size: u32, flags: u8) {
        self.names_at -= name.len();
        put(&mut self.block, self.names_at, name);
        let at = SYMBOL_HEAD + self.count * SYMBOL_ENTRY;
        put(&mut self.block, at, &address.to_le_bytes());
        put(&mut self.block, at + 4, &size.to_le_bytes());
        // Both fit: a block has 2048 bytes.
        put(
            &mut self.block,
            at + 8,
            &(self.names_at as u16).to_le_bytes(),
        );
        put(&mut self.block, at + 10, &(name.len() as u16).to_le_bytes());
        self.block[at + 12] = flags;
        self.count += 1;
        put(&mut self.block, 0, &(self.count as u16).to_le_bytes());
    }
}

/// A name's entry: its hash, its address, and which symbol it is.
type NameEntry = (u64, u32, u32);

/// The bytes of an image's index.
pub fn pack(image: &Image) -> (Vec<u8>, Summary) {
    let names = names::resolve(&image.symbols);
    let (symbol_blocks, firsts, references) = pack_symbols(image, &names);
    let (seed, name_blocks) = pack_names(image, &names, &references);
    let fence_blocks = pack_fences(&firsts);
    let tops: Vec<u32> = firsts.iter().copied().step_by(FENCES).collect();

    let names_at = 1;
    let symbols_at = names_at + name_blocks.len();
    let fences_at = symbols_at + symbol_blocks.len();
    let blocks = fences_at + fence_blocks.len();
    let mut head = [0; BLOCK];
    put(&mut head, header::MAGIC, &format::MAGIC);
    put(&mut head, header::BLOCK, &(BLOCK as u32).to_le_bytes());
    put(&mut head, header::VERSION, &format::VERSION.to_le_bytes());
    put(
        &mut head,
        header::LENGTH,
        &((blocks * BLOCK) as u64).to_le_bytes(),
    );
    put(&mut head, header::SEED, &seed.to_le_bytes());
    let tables = [
        (header::NAMES, names_at, name_blocks.len()),
        (header::SYMBOLS, symbols_at, symbol_blocks.len()),
        (header::FENCES, fences_at, fence_blocks.len()),
    ];
    for (at, first, count) in tables {
        put(&mut head, at, &(first as u32).to_le_bytes());
        put(&mut head, at + 4, &(count as u32).to_le_bytes());
    }
    put(
        &mut head,
        header::NAME_COUNT,
        &(names.len() as u32).to_le_bytes(),
    );
    put(
        &mut head,
        header::SYMBOL_COUNT,
        &(image.symbols.len() as u32).to_le_bytes(),
    );
    head[header::BUILD_ID_LEN] = image.build_id.len() as u8;
    put(&mut head, header::BUILD_ID, &image.build_id);
    head[header::TOP..BODY].fill(0xff);
    for (index, top) in tops.iter().enumerate() {
        put(&mut head, header::TOP + index * 4, &top.to_le_bytes());
    }

    let mut bytes = Vec::with_capacity(blocks * BLOCK);
    let mut id = 0;
    let body = name_blocks
        .iter()
        .chain(&symbol_blocks)
        .chain(&fence_blocks);
    for (number, block) in std::iter::once(&head).chain(body).enumerate() {
        let sum = format::checksum(id, number as u32, &block[..BODY]);
        bytes.extend_from_slice(&block[..BODY]);
        bytes.extend_from_slice(&sum.to_le_bytes());
        if number == 0 {
            id = sum;
        }
    }
    let summary = Summary {
        build_id: image.build_id.clone(),
        symbols: image.symbols.len(),
        names: names.len(),
        bytes: bytes.len() as u64,
    };
    (bytes, summary)
}

/// The symbol blocks, the first address in each, and the reference to each symbol.
fn pack_symbols(image: &Image, names: &names::Names) -> (Vec<Block>, Vec<u32>, Vec<u32>) {
    let mut blocks: Vec<SymbolBlock> = Vec::new();
    let mut firsts = Vec::new();
    let mut references = Vec::with_capacity(image.symbols.len());
    for (index, symbol) in image.symbols.iter().enumerate() {
        let mut name = names::shown(names, &image.symbols, index);
        name.truncate(MAX_NAME);
        if !blocks
            .last()
            .is_some_and(|block| block.has_room(name.len()))
        {
            blocks.push(SymbolBlock::new());
            firsts.push(symbol.address);
        }
        let number = (blocks.len() - 1) as u32;
        if let Some(block) = blocks.last_mut() {
            references.push(number << SLOT_BITS | block.count as u32);
            block.push(&name, symbol.address, symbol.size, symbol.flags);
        }
    }
    (
        blocks.into_iter().map(|block| block.block).collect(),
        firsts,
        references,
    )
}

/// A seed with which no two names have the same hash, and the name blocks for it.
fn pack_names(image: &Image, names: &names::Names, references: &[u32]) -> (u64, Vec<Block>) {
    for seed in 0.. {
        let mut entries: Vec<NameEntry> = names
            .iter()
            .map(|(name, &symbol)| {
                (
                    format::hash(seed, name),
                    image.symbols[symbol].address,
                    references[symbol],
                )
            })
            .collect();
        entries.sort_unstable();
        let collide = entries.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if !collide && entries.last().is_none_or(|last| last.0 != NO_HASH) {
            return (seed, spread(&entries));
        }
    }
    unreachable!("one of 2^64 seeds suits");
}

/// Spreads entries over as few blocks as hold them all, each in the block that its hash tells.
fn spread(entries: &[NameEntry]) -> Vec<Block> {
    let mut count = entries.len().div_ceil(NAME_ENTRIES);
    loop {
        let mut blocks = vec![[0xff; BLOCK]; count];
        let mut used = vec![0; count];
        let fits = entries.iter().all(|&(hash, address, reference)| {
            let block = format::name_block(hash, count as u32) as usize;
            let slot = used[block];
            used[block] += 1;
            if slot >= NAME_ENTRIES {
                return false;
            }
            let at = slot * format::NAME_ENTRY;
            put(&mut blocks[block], at, &hash.to_le_bytes());
            put(&mut blocks[block], at + 8, &address.to_le_bytes());
            put(&mut blocks[block], at + 12, &reference.to_le_bytes());
            true
        });
        if fits {
            return blocks;
        }
        count += count.div_ceil(64);
    }
}

fn pack_fences(firsts: &[u32]) -> Vec<Block> {
    let pack = |firsts: &[u32]| {
        let mut block = [0xff; BLOCK];
        for (index, first) in firsts.iter().enumerate() {
            put(&mut block, index * 4, &first.to_le_bytes());
        }
        block
    };
    firsts.chunks(FENCES).map(pack).collect()
}

fn put(block: &mut Block, at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}
