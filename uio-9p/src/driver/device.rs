//! Start and end of the device.

use alloc::boxed::Box;
use alloc::vec::Vec;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, DeviceType, Transport as Device};
use virtio_drivers::{Hal, PAGE_SIZE};

use super::ring::Ring;
use crate::error::Error;

/// `VIRTIO_F_VERSION_1` (VIRTIO 1.2, 6).
const VERSION_1: u64 = 1 << 32;
/// `VIRTIO_9P_MOUNT_TAG`: the config space holds a name (Linux' `uapi/linux/virtio_9p.h`; VIRTIO 1.2, 5 only assigns the
/// device's number).
const MOUNT_TAG: u64 = 1;
/// Longest name accepted, in bytes; QEMU's limit is 31.
const MAX_MOUNT_TAG: u16 = 255;
/// The device's only queue.
pub(super) const QUEUE: u16 = 0;
/// Reads of the status or config space until one is given up.
const PATIENCE: usize = 1000;

const BEGIN: DeviceStatus = DeviceStatus::ACKNOWLEDGE.union(DeviceStatus::DRIVER);

/// A queue in use, and the name of the share.
type Started<H, T> = (Ring<H, T>, Box<[u8]>);

/// Initialises the device (VIRTIO 1.2, 3.1.1).
pub(super) fn start<H: Hal, T: Device>(
    mut device: T,
    slots: usize,
    prepare: &mut dyn FnMut(&mut T) -> Result<(), Error>,
) -> Result<Started<H, T>, Error> {
    if device.device_type() != DeviceType::_9P || !reset(&mut device) {
        return Err(Error::BadDevice);
    }
    match agree(&mut device, prepare) {
        Ok((queue, mount_tag)) => {
            device.set_status(BEGIN | DeviceStatus::FEATURES_OK | DeviceStatus::DRIVER_OK);
            Ok((Ring::new(queue, device, slots), mount_tag))
        }
        Err(error) => {
            device.set_status(DeviceStatus::FAILED);
            Err(error)
        }
    }
}

/// Everything up to the queue.
fn agree<H: Hal, T: Device, const SIZE: usize>(
    device: &mut T,
    prepare: &mut dyn FnMut(&mut T) -> Result<(), Error>,
) -> Result<(VirtQueue<H, SIZE>, Box<[u8]>), Error> {
    device.set_status(DeviceStatus::ACKNOWLEDGE);
    device.set_status(BEGIN);
    let offered = device.read_device_features();
    if offered & VERSION_1 == 0 {
        return Err(Error::BadDevice);
    }
    device.write_driver_features(offered & (VERSION_1 | MOUNT_TAG));
    device.set_status(BEGIN | DeviceStatus::FEATURES_OK);
    if !device.get_status().contains(DeviceStatus::FEATURES_OK) {
        return Err(Error::BadDevice);
    }
    device.set_guest_page_size(PAGE_SIZE as u32);
    let mount_tag = if offered & MOUNT_TAG == 0 {
        Box::default()
    } else {
        mount_tag(device)?
    };
    prepare(device)?;
    let queue = VirtQueue::new(device, QUEUE, false, false).map_err(|error| match error {
        virtio_drivers::Error::DmaError => Error::NoMemory,
        _ => Error::BadDevice,
    })?;
    Ok((queue, mount_tag))
}

/// Resets the device, and waits until it says so (VIRTIO 1.2, 2.4.1). Whether it did.
pub(super) fn reset<T: Device>(device: &mut T) -> bool {
    device.set_status(DeviceStatus::empty());
    (0..PATIENCE).any(|_| device.get_status().is_empty())
}

/// `tag_len[2] tag[tag_len]`, read until it did not change meanwhile (VIRTIO 1.2, 2.5.1).
fn mount_tag<T: Device>(device: &T) -> Result<Box<[u8]>, Error> {
    for _ in 0..PATIENCE {
        let before = device.read_config_generation();
        let tag = read_mount_tag(device);
        if device.read_config_generation() == before {
            return tag;
        }
    }
    Err(Error::BadDevice)
}

fn read_mount_tag<T: Device>(device: &T) -> Result<Box<[u8]>, Error> {
    let bad = |_| Error::BadDevice;
    let len: u16 = device.read_config_space(0).map_err(bad)?;
    if len > MAX_MOUNT_TAG {
        return Err(Error::BadDevice);
    }
    let mut tag = Vec::with_capacity(usize::from(len));
    for index in 0..usize::from(len) {
        let byte: u8 = device.read_config_space(2 + index).map_err(bad)?;
        tag.push(byte);
    }
    Ok(tag.into_boxed_slice())
}
