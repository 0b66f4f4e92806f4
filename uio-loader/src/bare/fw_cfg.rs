//! Talks to QEMU's firmware configuration device.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::ptr;

use uio_loader::Error;
use uio_loader::elf::Source;
use uio_loader::fw_cfg::{
    ID_DMA, KEY_ID, KEY_SIGNATURE, Progress, REQUEST_LEN, Request, SIGNATURE,
};

use super::port;

const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;
/// The upper half of a request's address; writing the lower one starts it.
const DMA_ADDRESS_HIGH: u16 = 0x514;
const DMA_ADDRESS_LOW: u16 = 0x518;

/// The device, which was found and can do DMA.
pub struct FwCfg(());

impl FwCfg {
    /// Finds the device.
    ///
    /// # Errors
    /// [`Error::NoFwCfg`], [`Error::NoFwCfgDma`].
    pub fn find() -> Result<Self, Error> {
        if read_by_port(KEY_SIGNATURE) != SIGNATURE {
            return Err(Error::NoFwCfg);
        }
        if u32::from_le_bytes(read_by_port(KEY_ID)) & ID_DMA == 0 {
            return Err(Error::NoFwCfgDma);
        }
        Ok(Self(()))
    }

    /// Reads an item that holds a little-endian size; a missing one reads as 0.
    ///
    /// # Errors
    /// [`Error::FwCfg`].
    pub fn size(&self, key: u16) -> Result<u32, Error> {
        let mut size = [0; 4];
        self.read(key, 0, &mut size)?;
        Ok(u32::from_le_bytes(size))
    }

    /// Reads from byte `offset` of an item; beyond its end there are zeros.
    ///
    /// # Errors
    /// [`Error::FwCfg`].
    pub fn read(&self, key: u16, offset: u32, into: &mut [u8]) -> Result<(), Error> {
        let len = u32::try_from(into.len()).map_err(|_| Error::FwCfg { key })?;
        let address = into.as_mut_ptr() as u64;
        let done = transfer(Request::Seek { key, offset })
            // Physical and virtual addresses are the same. The device writes
            // `len` bytes, all inside `into`, before `transfer` returns.
            && transfer(Request::Read { address, len });
        if done {
            Ok(())
        } else {
            Err(Error::FwCfg { key })
        }
    }
}

/// Reads the first four bytes of an item without DMA.
fn read_by_port(key: u16) -> [u8; 4] {
    // SAFETY: without DMA the device accesses no memory.
    unsafe {
        port::write_u16(SELECTOR, key);
        [(); 4].map(|()| port::read_u8(DATA))
    }
}

/// Hands the device a request and waits for its end.
///
/// The address in a read request must be exclusively borrowed by the caller:
/// this function is private so that [`FwCfg::read`] stays the only one.
fn transfer(request: Request) -> bool {
    let request: UnsafeCell<[u8; REQUEST_LEN]> = UnsafeCell::new(request.encode());
    let address = request.get() as u64;
    // SAFETY: the device reads and writes `request`, which is borrowed here
    // and nowhere else, and the memory that a read request names, which
    // `FwCfg::read` borrows exclusively. `write_u32` counts as access to all
    // memory, so the compiler keeps neither in registers.
    unsafe {
        port::write_u32(DMA_ADDRESS_HIGH, ((address >> 32) as u32).swap_bytes());
        port::write_u32(DMA_ADDRESS_LOW, (address as u32).swap_bytes());
    }
    loop {
        // SAFETY: in bounds of `request`; volatile, as the device changes it.
        let control = unsafe { ptr::read_volatile(request.get().cast::<[u8; 4]>()) };
        match Progress::decode(control) {
            Progress::Done => return true,
            Progress::Failed => return false,
            Progress::Pending => spin_loop(),
        }
    }
}

/// One item of the device as a file.
pub struct Item<'a> {
    fw_cfg: &'a FwCfg,
    key: u16,
    len: u32,
}

impl<'a> Item<'a> {
    /// Item `key`, which has `len` bytes.
    pub fn new(fw_cfg: &'a FwCfg, key: u16, len: u32) -> Self {
        Self { fw_cfg, key, len }
    }
}

impl Source for Item<'_> {
    fn len(&self) -> u64 {
        self.len.into()
    }

    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let offset = u32::try_from(offset).map_err(|_| Error::FwCfg { key: self.key })?;
        self.fw_cfg.read(self.key, offset, into)
    }
}
