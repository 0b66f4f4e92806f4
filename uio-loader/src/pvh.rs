//! The PVH start info: what the firmware hands over in `ebx`.
//!
//! Layout: Xen, `public/arch-x86/hvm/start_info.h` (`struct hvm_start_info`,
//! version 1). The module list in it stays unused: QEMU's PVH option ROM leaves
//! the image in fw_cfg (see [`crate::fw_cfg`]).

use crate::Error;
use crate::bytes::{u32_at, u64_at};

/// Bytes of a version 1 start info.
pub const START_INFO_LEN: usize = 56;

/// Bytes of one entry of the memory map.
pub const MEMMAP_ENTRY_LEN: usize = 24;

const MAGIC: u32 = 0x336e_c578;

/// The parts of the start info that the loader uses. Addresses are physical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartInfo {
    /// Address of the ACPI root pointer, if the firmware found one.
    pub rsdp: Option<u64>,
    /// Address of the memory map.
    pub memmap: u64,
    /// Number of its entries, [`MEMMAP_ENTRY_LEN`] bytes each.
    pub memmap_entries: u32,
}

impl StartInfo {
    /// Reads a start info.
    ///
    /// # Errors
    /// [`Error::NotPvh`] when this is no start info, [`Error::MemoryMap`] when
    /// it is one without a memory map (version 0, or none found).
    pub fn parse(bytes: &[u8; START_INFO_LEN]) -> Result<Self, Error> {
        let magic = u32_at(bytes, 0).unwrap_or(0);
        if magic != MAGIC {
            return Err(Error::NotPvh { magic });
        }
        let version = u32_at(bytes, 4).unwrap_or(0);
        let memmap = u64_at(bytes, 40).unwrap_or(0);
        let entries = u32_at(bytes, 48).unwrap_or(0);
        if version == 0 || memmap == 0 || entries == 0 {
            return Err(Error::MemoryMap { entries });
        }
        Ok(Self {
            rsdp: u64_at(bytes, 32).filter(|&address| address != 0),
            memmap,
            memmap_entries: entries,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_info() -> [u8; START_INFO_LEN] {
        let mut bytes = [0; START_INFO_LEN];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&1u32.to_le_bytes());
        bytes[32..40].copy_from_slice(&0xf_5ae0_u64.to_le_bytes());
        bytes[40..48].copy_from_slice(&0xc_8000_u64.to_le_bytes());
        bytes[48..52].copy_from_slice(&7u32.to_le_bytes());
        bytes
    }

    #[test]
    fn a_start_info_yields_its_addresses() {
        assert_eq!(
            StartInfo::parse(&start_info()),
            Ok(StartInfo {
                rsdp: Some(0xf_5ae0),
                memmap: 0xc_8000,
                memmap_entries: 7
            })
        );
    }

    #[test]
    fn no_root_pointer_is_no_address() {
        let mut bytes = start_info();
        bytes[32..40].fill(0);
        assert_eq!(StartInfo::parse(&bytes).map(|info| info.rsdp), Ok(None));
    }

    #[test]
    fn something_else_is_refused() {
        let mut bytes = start_info();
        bytes[0] = 0;
        assert_eq!(
            StartInfo::parse(&bytes),
            Err(Error::NotPvh { magic: 0x336e_c500 })
        );
        let mut bytes = start_info();
        bytes[4] = 0;
        assert_eq!(
            StartInfo::parse(&bytes),
            Err(Error::MemoryMap { entries: 7 })
        );
        let mut bytes = start_info();
        bytes[48] = 0;
        assert_eq!(
            StartInfo::parse(&bytes),
            Err(Error::MemoryMap { entries: 0 })
        );
    }
}
