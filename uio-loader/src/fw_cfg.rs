//! QEMU's firmware configuration device: keys, and the request of one DMA
//! transfer (QEMU, `docs/specs/fw_cfg.rst`).
//!
//! The image stays on the host until a range of it is asked for, and then QEMU
//! itself writes it where it belongs. So the guest copies nothing, and an image
//! with megabytes of symbols costs what its segments cost.

/// "QEMU", present on every QEMU machine.
pub const KEY_SIGNATURE: u16 = 0x00;

/// Feature bits, little-endian: bit 1 says that DMA works.
pub const KEY_ID: u16 = 0x01;

/// Size of the `-initrd` file, little-endian.
pub const KEY_INITRD_SIZE: u16 = 0x0b;

/// The `-initrd` file.
pub const KEY_INITRD_DATA: u16 = 0x12;

/// Size of the `-append` string with its NUL, little-endian.
pub const KEY_CMDLINE_SIZE: u16 = 0x14;

/// The `-append` string with its NUL.
pub const KEY_CMDLINE_DATA: u16 = 0x15;

/// The bit of [`KEY_ID`] that announces DMA.
pub const ID_DMA: u32 = 1 << 1;

/// What [`KEY_SIGNATURE`] holds.
pub const SIGNATURE: [u8; 4] = *b"QEMU";

/// Bytes of a request.
pub const REQUEST_LEN: usize = 16;

const CONTROL_ERROR: u32 = 1 << 0;
const CONTROL_READ: u32 = 1 << 1;
const CONTROL_SKIP: u32 = 1 << 2;
const CONTROL_SELECT: u32 = 1 << 3;

/// One request to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Selects item `key` and skips its first `offset` bytes.
    Seek {
        /// The item.
        key: u16,
        /// Bytes to skip.
        offset: u32,
    },
    /// Reads the next `len` bytes of the selected item to physical `address`.
    Read {
        /// Where to.
        address: u64,
        /// How many.
        len: u32,
    },
}

impl Request {
    /// The request as the device reads it: big-endian control, length, address.
    pub fn encode(self) -> [u8; REQUEST_LEN] {
        let (control, len, address) = match self {
            Self::Seek { key, offset } => (
                u32::from(key) << 16 | CONTROL_SELECT | CONTROL_SKIP,
                offset,
                0,
            ),
            Self::Read { address, len } => (CONTROL_READ, len, address),
        };
        let mut request = [0; REQUEST_LEN];
        let (head, tail) = request.split_at_mut(8);
        tail.copy_from_slice(&address.to_be_bytes());
        let (first, second) = head.split_at_mut(4);
        first.copy_from_slice(&control.to_be_bytes());
        second.copy_from_slice(&len.to_be_bytes());
        request
    }
}

/// What the control field of a request says later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not finished.
    Pending,
    /// Finished.
    Done,
    /// Refused by the device.
    Failed,
}

impl Progress {
    /// Reads the first four bytes of a request that was handed to the device.
    pub fn decode(control: [u8; 4]) -> Self {
        match u32::from_be_bytes(control) {
            0 => Self::Done,
            bits if bits & CONTROL_ERROR != 0 => Self::Failed,
            _ => Self::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_selects_and_skips() {
        assert_eq!(
            Request::Seek {
                key: KEY_INITRD_DATA,
                offset: 0x0102_0304
            }
            .encode(),
            [0, 0x12, 0, 0x0c, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn a_read_names_place_and_length() {
        assert_eq!(
            Request::Read {
                address: 0x1_0020_0000,
                len: 0x1000
            }
            .encode(),
            [0, 0, 0, 2, 0, 0, 0x10, 0, 0, 0, 0, 1, 0, 0x20, 0, 0]
        );
    }

    #[test]
    fn the_device_clears_the_control_field_or_sets_its_error_bit() {
        assert_eq!(Progress::decode([0; 4]), Progress::Done);
        assert_eq!(Progress::decode([0, 0, 0, 1]), Progress::Failed);
        assert_eq!(Progress::decode([0, 0, 0, 2]), Progress::Pending);
    }
}
