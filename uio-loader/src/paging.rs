//! The page tables that the kernel starts with.
//!
//! Kernel 0.11.0 extends them itself and expects a certain shape:
//!
//! - `[0, 2 MiB)` in base pages, most of them absent: it maps the page of its
//!   multiprocessor start code (0x8000) and pages of the BIOS area itself, and
//!   panics where a large page is in the way.
//! - From 2 MiB to the end of its image in large pages; above, nothing: it maps
//!   all other RAM in large pages, and takes frames for tables from there.
//!
//! Layout: Intel SDM volume 3A, section 4.5 "4-Level Paging".

use core::ops::Range;

use crate::ram::IMAGE_LIMIT;
use crate::{Error, LARGE_PAGE, PAGE};

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;

/// One table of any level.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Table(pub [u64; 512]);

/// One table of each level: enough for the first gibibyte.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Tables {
    /// Level 4, to which CR3 points.
    pub level4: Table,
    /// Level 3, for the first 512 GiB.
    pub level3: Table,
    /// Level 2, for the first GiB.
    pub level2: Table,
    /// Level 1, for the first 2 MiB.
    pub level1: Table,
}

impl Tables {
    /// Tables that map nothing.
    pub const EMPTY: Self = Self {
        level4: Table([0; 512]),
        level3: Table([0; 512]),
        level2: Table([0; 512]),
        level1: Table([0; 512]),
    };

    /// Fills empty tables that lie at physical address `at`, so that they map
    /// the `loader`, the `image` and the page or two of the ACPI root pointer
    /// `rsdp` to themselves.
    ///
    /// Returns whether the root pointer is mapped: it is if it lies below 1 MiB.
    ///
    /// # Errors
    /// [`Error::LoaderPlace`] when the loader is not in `[1 MiB, 2 MiB)`,
    /// [`Error::NoRoom`] when the image is not in `[2 MiB, 1 GiB)`.
    pub fn map(
        &mut self,
        at: u64,
        loader: Range<u64>,
        image: Range<u64>,
        rsdp: Option<u64>,
    ) -> Result<bool, Error> {
        if loader.start < LARGE_PAGE / 2 || loader.end > LARGE_PAGE {
            return Err(Error::LoaderPlace { end: loader.end });
        }
        if image.start < LARGE_PAGE || image.end > IMAGE_LIMIT {
            return Err(Error::NoRoom {
                need: image.end.saturating_sub(image.start),
            });
        }
        let chain = PRESENT | WRITABLE;
        set(&mut self.level4, 0, (at + PAGE) | chain);
        set(&mut self.level3, 0, (at + 2 * PAGE) | chain);
        set(&mut self.level2, 0, (at + 3 * PAGE) | chain);
        for page in pages(loader, PAGE) {
            set(&mut self.level1, page, (page * PAGE) | PRESENT | WRITABLE);
        }
        for page in pages(image, LARGE_PAGE) {
            set(
                &mut self.level2,
                page,
                (page * LARGE_PAGE) | PRESENT | WRITABLE | LARGE,
            );
        }
        // The kernel looks for tables behind the root pointer by mapping them.
        let rsdp = rsdp
            .and_then(|rsdp| Some(rsdp..rsdp.checked_add(RSDP_LEN)?))
            .filter(|rsdp| rsdp.end <= LARGE_PAGE / 2);
        for page in pages(rsdp.clone().unwrap_or(0..0), PAGE) {
            set(&mut self.level1, page, (page * PAGE) | PRESENT);
        }
        Ok(rsdp.is_some())
    }
}

/// Bytes of the ACPI root pointer (ACPI 6.5, section 5.2.5.3).
const RSDP_LEN: u64 = 36;

/// The numbers of the pages of `size` bytes that `range` touches.
fn pages(range: Range<u64>, size: u64) -> Range<u64> {
    range.start / size..range.end.div_ceil(size)
}

fn set(table: &mut Table, index: u64, entry: u64) {
    if let Some(slot) = usize::try_from(index)
        .ok()
        .and_then(|index| table.0.get_mut(index))
    {
        *slot = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 0x11_0000;

    fn map(image: Range<u64>, rsdp: Option<u64>) -> (Box<Tables>, bool) {
        let mut tables = Box::new(Tables::EMPTY);
        let mapped = tables.map(AT, 0x10_0000..0x11_8000, image, rsdp).unwrap();
        (tables, mapped)
    }

    /// Walks the tables as the processor does; they lie at [`AT`].
    fn translate(tables: &Tables, address: u64) -> Option<(u64, bool)> {
        let table = |entry: u64| {
            [
                &tables.level4,
                &tables.level3,
                &tables.level2,
                &tables.level1,
            ]
            .into_iter()
            .zip((AT..).step_by(PAGE as usize))
            .find(|(_, at)| *at == entry & !0xfff)
            .map(|(table, _)| table)
        };
        let mut entry = AT | PRESENT | WRITABLE;
        let mut writable = true;
        for shift in [39, 30, 21, 12] {
            if entry & PRESENT == 0 {
                return None;
            }
            if entry & LARGE != 0 {
                let offset = address & (LARGE_PAGE - 1);
                return Some(((entry & !(LARGE_PAGE - 1)) | offset, writable));
            }
            entry = table(entry)?.0[(address >> shift) as usize & 511];
            writable &= entry & WRITABLE != 0;
        }
        (entry & PRESENT != 0).then_some(((entry & !0xfff) | (address & 0xfff), writable))
    }

    #[test]
    fn loader_and_image_are_mapped_to_themselves_and_nothing_else_is() {
        let (tables, _) = map(0x20_0000..0x60_0000, None);
        for page in 0..0x4000_0000 / PAGE {
            let address = page * PAGE + 0x123;
            let mapped = (0x10_0000..0x11_8000).contains(&address)
                || (0x20_0000..0x60_0000).contains(&address);
            assert_eq!(
                translate(&tables, address),
                mapped.then_some((address, true)),
                "{address:#x}"
            );
        }
        for address in [0x4000_0000, 1 << 39, 1 << 47] {
            assert_eq!(translate(&tables, address), None);
        }
    }

    #[test]
    fn the_first_two_mebibytes_are_base_pages() {
        let (tables, _) = map(0x20_0000..0x40_0000, None);
        assert_eq!(tables.level2.0[0] & LARGE, 0);
        assert_eq!(tables.level1.0[0x8], 0, "start code of other processors");
        assert!(
            tables.level1.0[0x9f..0x100].iter().all(|&entry| entry == 0),
            "BIOS area"
        );
    }

    #[test]
    fn the_root_pointer_is_readable() {
        let (tables, mapped) = map(0x20_0000..0x40_0000, Some(0xf_5ff0));
        assert!(mapped);
        assert_eq!(translate(&tables, 0xf_5ff0), Some((0xf_5ff0, false)));
        assert_eq!(translate(&tables, 0xf_6000), Some((0xf_6000, false)));
        assert_eq!(translate(&tables, 0xf_7000), None);
        assert_eq!(translate(&tables, 0xf_4000), None);
    }

    #[test]
    fn a_root_pointer_elsewhere_stays_unmapped() {
        for rsdp in [0xf_ffff, 0x20_0000, u64::MAX] {
            let (tables, mapped) = map(0x20_0000..0x40_0000, Some(rsdp));
            assert!(!mapped);
            assert_eq!(translate(&tables, 0xf_f000), None);
        }
    }

    #[test]
    fn what_the_tables_cannot_reach_is_refused() {
        let mut tables = Box::new(Tables::EMPTY);
        let image = 0x20_0000..0x40_0000;
        assert_eq!(
            tables.map(AT, 0x10_0000..0x20_1000, image.clone(), None),
            Err(Error::LoaderPlace { end: 0x20_1000 })
        );
        assert_eq!(
            tables.map(AT, 0xf_0000..0x11_0000, image, None),
            Err(Error::LoaderPlace { end: 0x11_0000 })
        );
        let image = 0x20_0000..IMAGE_LIMIT + LARGE_PAGE;
        assert_eq!(
            tables.map(AT, 0x10_0000..0x11_0000, image, None),
            Err(Error::NoRoom { need: IMAGE_LIMIT })
        );
    }
}
