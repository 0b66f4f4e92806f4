//! Values of a map: where they are.

use core::ptr::NonNull;

use super::block::Block;
use super::{MapError, Sizes};
use crate::run::Memory;

/// Bytes that cores keep between their values, so that they do not take lines of a cache from each other.
const LINE: u64 = 64;

/// Values, by number and core.
pub struct Values {
    block: Block,
    base: u64,
    /// Bytes of all values of a core.
    area: u32,
    /// Bytes from one value to the next.
    stride: u32,
    size: u32,
    count: u32,
    cores: u32,
    writable: bool,
}

impl Values {
    /// How many bytes it takes.
    pub fn bytes(sizes: &Sizes) -> Option<u64> {
        let area = Self::area_of(sizes)?;
        area.checked_mul(u64::from(sizes.cores))
    }

    fn area_of(sizes: &Sizes) -> Option<u64> {
        let stride = u64::from(sizes.value).next_multiple_of(8);
        let area = stride.checked_mul(u64::from(sizes.count))?;
        Some(if sizes.cores > 1 {
            area.next_multiple_of(LINE)
        } else {
            area
        })
    }

    /// Makes them, all zero.
    ///
    /// # Errors
    /// [`MapError::Memory`], [`MapError::Size`].
    pub fn new(sizes: &Sizes, writable: bool) -> Result<Self, MapError> {
        let bytes = Self::bytes(sizes).ok_or(MapError::Size)?;
        let area = Self::area_of(sizes).ok_or(MapError::Size)?;
        let block = Block::new(usize::try_from(bytes).map_err(|_| MapError::Size)?)?;
        Ok(Self {
            base: block.address(),
            block,
            area: area.try_into().map_err(|_| MapError::Size)?,
            stride: sizes
                .value
                .checked_next_multiple_of(8)
                .ok_or(MapError::Size)?,
            size: sizes.value,
            count: sizes.count,
            cores: sizes.cores,
            writable,
        })
    }

    /// Address of the first value of the first core.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Bytes from one value to the next.
    pub fn stride(&self) -> u32 {
        self.stride
    }

    /// Bytes from one core's values to the next core's; 0 where all cores have the same.
    pub fn area(&self) -> u32 {
        if self.cores > 1 { self.area } else { 0 }
    }

    /// How many there are, of each core.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many cores have values of their own.
    pub fn cores(&self) -> u32 {
        self.cores
    }

    /// Where a value begins in the block.
    #[inline]
    fn offset(&self, index: u32, core: u32) -> Option<usize> {
        let core = if self.cores > 1 { core } else { 0 };
        if index >= self.count || core >= self.cores {
            return None;
        }
        Some(core as usize * self.area as usize + index as usize * self.stride as usize)
    }

    /// The value of that number, as that core has it.
    #[inline]
    pub fn get(&self, index: u32, core: u32) -> Option<NonNull<u8>> {
        let offset = self.offset(index, core)?;
        let address = self.base as usize + offset;
        NonNull::new(core::ptr::with_exposed_provenance_mut(address))
    }

    /// The one value that all of the range lies in.
    #[inline]
    pub fn at(&self, address: u64, len: u64) -> Option<Memory> {
        let offset = address.wrapping_sub(self.base);
        if offset >= self.block.len() as u64 {
            return None;
        }
        // A map's memory is below 4 GiB.
        let mut offset = offset as u32;
        if self.cores > 1 {
            offset %= self.area;
        }
        let index = offset / self.stride;
        let into = offset - index * self.stride;
        if index >= self.count || into >= self.size || len > u64::from(self.size - into) {
            return None;
        }
        Some(Memory {
            address: address - u64::from(into),
            len: u64::from(self.size),
            writable: self.writable,
        })
    }

    /// Copies a value to its place.
    pub fn write(&self, index: u32, core: u32, value: &[u8]) {
        if let Some(offset) = self.offset(index, core) {
            self.block.write(offset, value);
        }
    }

    /// Makes a value zero.
    pub fn clear(&self, index: u32, core: u32) {
        if let Some(offset) = self.offset(index, core) {
            self.block.clear(offset, self.stride as usize);
        }
    }

    /// Copies a value from its place.
    pub fn read(&self, index: u32, core: u32, out: &mut [u8]) {
        if let Some(offset) = self.offset(index, core) {
            let len = out.len().min(self.size as usize);
            self.block
                .read(offset, out.get_mut(..len).unwrap_or_default());
        }
    }
}
