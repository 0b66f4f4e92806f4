//! Which memory there is, and which part of it the image gets.

use core::ops::Range;

use crate::bytes::{u32_at, u64_at};
use crate::pvh::MEMMAP_ENTRY_LEN;
use crate::{Error, LARGE_PAGE, PAGE};

/// Most ranges of RAM that are kept; a PC has three.
pub const MAX_RANGES: usize = 32;

/// The image lies below this, where the loader's one page directory reaches.
pub const IMAGE_LIMIT: u64 = 1 << 30;

/// Entry type of usable RAM (ACPI 6.5, table 15.2 "Address Range Types").
const TYPE_RAM: u32 = 1;

/// All usable RAM: whole pages, ascending, without overlaps.
#[derive(Debug)]
pub struct RamMap {
    ranges: [Range<u64>; MAX_RANGES],
    count: usize,
}

impl RamMap {
    /// Reads the firmware's memory map of [`MEMMAP_ENTRY_LEN`]-byte entries.
    ///
    /// Ranges that hold no whole page are dropped.
    ///
    /// # Errors
    /// [`Error::MemoryMap`] when there are more than [`MAX_RANGES`] ranges of
    /// RAM, none at all, or two that overlap.
    pub fn parse(memmap: &[u8]) -> Result<Self, Error> {
        let entries = u32::try_from(memmap.len() / MEMMAP_ENTRY_LEN).unwrap_or(u32::MAX);
        let mut map = Self {
            ranges: [const { 0..0 }; MAX_RANGES],
            count: 0,
        };
        for entry in memmap.chunks_exact(MEMMAP_ENTRY_LEN) {
            let (Some(start), Some(len), Some(kind)) =
                (u64_at(entry, 0), u64_at(entry, 8), u32_at(entry, 16))
            else {
                continue;
            };
            let end = start.saturating_add(len) & !(PAGE - 1);
            let start = start.saturating_add(PAGE - 1) & !(PAGE - 1);
            if kind == TYPE_RAM && start < end {
                map.insert(start..end).ok_or(Error::MemoryMap { entries })?;
            }
        }
        if map.count == 0 {
            return Err(Error::MemoryMap { entries });
        }
        Ok(map)
    }

    /// Inserts in ascending order; `None` if there is no room or an overlap.
    fn insert(&mut self, range: Range<u64>) -> Option<()> {
        let at = self
            .ranges()
            .iter()
            .take_while(|other| other.start < range.start)
            .count();
        let follows = at == 0 || self.ranges().get(at - 1)?.end <= range.start;
        let precedes = self
            .ranges()
            .get(at)
            .is_none_or(|next| range.end <= next.start);
        if !follows || !precedes || self.count == MAX_RANGES {
            return None;
        }
        self.count += 1;
        let tail = self.ranges.get_mut(at..self.count)?;
        tail.rotate_right(1);
        *tail.first_mut()? = range;
        Some(())
    }

    /// The ranges of RAM, ascending.
    pub fn ranges(&self) -> &[Range<u64>] {
        self.ranges.get(..self.count).unwrap_or_default()
    }

    /// The end of the last range of RAM.
    pub fn end(&self) -> u64 {
        self.ranges().last().map_or(0, |range| range.end)
    }

    /// The lowest place for an image of `len` bytes: from a large page boundary
    /// at or above 2 MiB to the end of the large page that holds its last byte.
    ///
    /// The kernel gives away every page that shares no large page with its image, and
    /// nothing below the image. So whole large pages are claimed, and as low as possible.
    ///
    /// # Errors
    /// [`Error::NoRoom`] when no range of RAM below [`IMAGE_LIMIT`] has that much.
    pub fn place(&self, len: u64) -> Result<Range<u64>, Error> {
        let whole = len
            .checked_next_multiple_of(LARGE_PAGE)
            .ok_or(Error::NoRoom { need: len })?;
        self.ranges()
            .iter()
            .filter_map(|range| {
                let start = range
                    .start
                    .max(LARGE_PAGE)
                    .checked_next_multiple_of(LARGE_PAGE)?;
                let end = start.checked_add(whole)?;
                (end <= range.end.min(IMAGE_LIMIT)).then_some(start..end)
            })
            .next()
            .ok_or(Error::NoRoom { need: whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memmap(entries: &[(u64, u64, u32)]) -> Vec<u8> {
        entries
            .iter()
            .flat_map(|(start, len, kind)| {
                let mut entry = [0; MEMMAP_ENTRY_LEN];
                entry[0..8].copy_from_slice(&start.to_le_bytes());
                entry[8..16].copy_from_slice(&len.to_le_bytes());
                entry[16..20].copy_from_slice(&kind.to_le_bytes());
                entry
            })
            .collect()
    }

    /// What SeaBIOS reports on a `pc` with 4 GiB.
    fn pc_4g() -> Vec<u8> {
        memmap(&[
            (0, 0x9_fc00, 1),
            (0x9_fc00, 0x400, 2),
            (0xf_0000, 0x1_0000, 2),
            (0x10_0000, 0xbfee_0000, 1),
            (0xbffe_0000, 0x2_0000, 2),
            (0xfffc_0000, 0x4_0000, 2),
            (0x1_0000_0000, 0x4000_0000, 1),
        ])
    }

    #[test]
    fn whole_pages_of_ram_are_kept() {
        let map = RamMap::parse(&pc_4g()).unwrap();
        assert_eq!(
            map.ranges(),
            [
                0..0x9_f000,
                0x10_0000..0xbffe_0000,
                0x1_0000_0000..0x1_4000_0000
            ]
        );
        assert_eq!(map.end(), 0x1_4000_0000);
    }

    #[test]
    fn order_does_not_matter() {
        let map = RamMap::parse(&memmap(&[
            (0x40_0000, 0x1000, 1),
            (0x10_0000, 0x1000, 1),
            (0x20_0000, 0x1000, 1),
            (0x30_0800, 0x800, 1),
        ]))
        .unwrap();
        assert_eq!(
            map.ranges(),
            [
                0x10_0000..0x10_1000,
                0x20_0000..0x20_1000,
                0x40_0000..0x40_1000
            ]
        );
    }

    #[test]
    fn overlaps_floods_and_nothing_are_refused() {
        let refused = |entries: &[(u64, u64, u32)]| {
            assert_eq!(
                RamMap::parse(&memmap(entries)).err(),
                Some(Error::MemoryMap {
                    entries: entries.len() as u32
                })
            );
        };
        refused(&[]);
        refused(&[(0, 0x1000, 2)]);
        refused(&[(0, 0x2000, 1), (0x1000, 0x2000, 1)]);
        refused(&[(0x1000, 0x2000, 1), (0, 0x2000, 1)]);
        refused(&[(0x1000, 0x2000, 1), (0x1000, 0x1000, 1)]);
        let many: Vec<_> = (0..33).map(|i| (i * 0x2000, 0x1000, 1)).collect();
        refused(&many);
        RamMap::parse(&memmap(&many[..32])).unwrap();
    }

    #[test]
    fn a_range_at_the_end_of_the_address_space_does_not_wrap() {
        let map = RamMap::parse(&memmap(&[(0, 0x1000, 1), (u64::MAX - 10, 100, 1)])).unwrap();
        assert_eq!(map.ranges(), std::slice::from_ref(&(0..0x1000)));
    }

    #[test]
    fn the_image_goes_to_two_mebibytes() {
        let map = RamMap::parse(&pc_4g()).unwrap();
        assert_eq!(map.place(1), Ok(0x20_0000..0x40_0000));
        assert_eq!(map.place(0x20_0001), Ok(0x20_0000..0x60_0000));
        assert_eq!(
            map.place(IMAGE_LIMIT - LARGE_PAGE),
            Ok(0x20_0000..IMAGE_LIMIT)
        );
        assert_eq!(
            map.place(IMAGE_LIMIT),
            Err(Error::NoRoom { need: IMAGE_LIMIT })
        );
        assert_eq!(map.place(u64::MAX), Err(Error::NoRoom { need: u64::MAX }));
    }

    #[test]
    fn the_image_skips_a_range_that_is_too_small() {
        let map = RamMap::parse(&memmap(&[
            (0x10_0000, 0x20_0000, 1),
            (0xff_0000, 0x100_0000, 1),
        ]))
        .unwrap();
        assert_eq!(map.place(0x1000), Ok(0x100_0000..0x120_0000));
        assert_eq!(
            map.place(0xf0_0000),
            Err(Error::NoRoom { need: 0x100_0000 })
        );
    }
}
