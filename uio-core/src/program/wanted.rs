//! What the linker asks for and the symbol index answers.

use super::symbols::format::NO_HASH;

/// A name whose address is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// It.
    pub name: &'a [u8],
    /// The address, once it is known.
    pub address: Option<u64>,
    /// Hash of the name while the index is looked through; [`NO_HASH`] once that was done.
    pub(super) hash: u64,
    /// Index of the symbol that asks.
    pub(super) symbol: u32,
}

impl<'a> Wanted<'a> {
    /// A name whose address is not known; the symbol with index `symbol` of an object asks for it.
    #[must_use]
    pub const fn new(name: &'a [u8], symbol: u32) -> Self {
        Self {
            name,
            address: None,
            hash: NO_HASH,
            symbol,
        }
    }
}
