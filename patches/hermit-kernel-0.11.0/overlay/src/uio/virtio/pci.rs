//! Finding the overlay's devices, and a transport that sets up MSI-X.

use core::fmt::Debug;
use core::ops::BitAnd;
use core::ptr::NonNull;

use pci_types::capability::PciCapability;
use pci_types::{Bar, CommandRegister, ConfigRegionAccess, PciAddress};
use virtio_drivers::Hal;
use virtio_drivers::transport::pci::PciTransport;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction, PciRoot};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::hal::Dma;
use super::irq::{self, Vector};
use crate::arch::pci::PciConfigRegion;
use crate::drivers::pci::{PCI_DEVICES, PciDevice};

const VIRTIO_VENDOR: u16 = 0x1af4;

/// PCI device ids of virtio devices of version 1 are 0x1040 and the device id (VIRTIO 1.2, 4.1.2).
const CONSOLE: u16 = 0x1040 + 3;
const SHARE: u16 = 0x1040 + 9;

/// Whether the overlay drives `device`, so that the kernel must pass over it.
pub(crate) fn claims(device: &PciDevice<PciConfigRegion>) -> bool {
	matches!(device.id(), (VIRTIO_VENDOR, CONSOLE | SHARE))
}

/// Whether a share is attached.
pub(super) fn has_share() -> bool {
	let is_share = |device: &PciDevice<_>| device.id() == (VIRTIO_VENDOR, SHARE);
	PCI_DEVICES
		.get()
		.is_some_and(|devices| devices.iter().any(is_share))
}

/// Configuration space by the ports 0xcf8 and 0xcfc.
struct Ports(PciConfigRegion);

fn address(function: DeviceFunction) -> PciAddress {
	PciAddress::new(0, function.bus, function.device, function.function)
}

impl ConfigurationAccess for Ports {
	fn read_word(&self, function: DeviceFunction, offset: u8) -> u32 {
		// SAFETY: reading configuration space of a device that was found there has no effects.
		unsafe { self.0.read(address(function), u16::from(offset & 0xfc)) }
	}

	fn write_word(&mut self, function: DeviceFunction, offset: u8, data: u32) {
		// SAFETY: only `virtio-drivers` writes here, to size the base address registers.
		unsafe {
			self.0
				.write(address(function), u16::from(offset & 0xfc), data);
		}
	}

	unsafe fn unsafe_clone(&self) -> Self {
		Self(self.0)
	}
}

/// The virtio PCI transport, with one MSI-X message for all queues of the device.
pub(crate) struct Transport {
	inner: PciTransport,
	/// The device's common configuration structure (VIRTIO 1.2, 4.1.4.3).
	common: NonNull<u8>,
}

// SAFETY: the pointer is to registers of the device, which any core may access.
unsafe impl Send for Transport {}

impl Transport {
	/// The overlay's console, if one is attached.
	pub(super) fn console() -> Option<Self> {
		Self::find(CONSOLE, 0, Vector::Console)
	}

	/// The overlay's share number `index`, in the order of the bus.
	pub(super) fn share(index: usize) -> Option<Self> {
		Self::find(SHARE, index, Vector::Share)
	}

	fn find(id: u16, index: usize, vector: Vector) -> Option<Self> {
		let device = PCI_DEVICES
			.get()?
			.iter()
			.filter(|device| device.id() == (VIRTIO_VENDOR, id))
			.nth(index)?;
		let transport = Self::new(device, vector);
		if transport.is_none() {
			error!("uio: device {id:#x} has no MSI-X or no virtio 1 registers, it stays off");
		}
		transport
	}

	fn new(device: &PciDevice<PciConfigRegion>, vector: Vector) -> Option<Self> {
		let function = DeviceFunction {
			bus: device.address.bus(),
			device: device.address.device(),
			function: device.address.function(),
		};
		device.set_command(CommandRegister::MEMORY_ENABLE | CommandRegister::BUS_MASTER_ENABLE);
		enable_msix(device, vector)?;
		let common = common_configuration(device)?;
		let mut root = PciRoot::new(Ports(*device.access()));
		let inner = PciTransport::new::<Dma, _>(&mut root, function).ok()?;
		irq::install(vector);
		Some(Self { inner, common })
	}

	/// Sends the used-buffer notifications of `queue` as message 0 (VIRTIO 1.2, 4.1.5.1.2).
	fn set_vector(&mut self, queue: u16) {
		const QUEUE_SELECT: usize = 22;
		const QUEUE_MSIX_VECTOR: usize = 26;
		// SAFETY: `common` is the mapped structure, which has both of these two-byte fields.
		unsafe {
			self.common
				.byte_add(QUEUE_SELECT)
				.cast::<u16>()
				.write_volatile(queue);
			self.common
				.byte_add(QUEUE_MSIX_VECTOR)
				.cast::<u16>()
				.write_volatile(0);
		}
	}
}

/// Maps `len` bytes of a base address register.
fn map(device: &PciDevice<PciConfigRegion>, bar: u8, offset: u64, len: usize) -> Option<NonNull<u8>> {
	let (start, size) = match device.get_bar(bar)? {
		Bar::Memory32 { address, size, .. } => (u64::from(address), u64::from(size)),
		Bar::Memory64 { address, size, .. } => (address, size),
		Bar::Io { .. } => return None,
	};
	if start == 0 || offset.checked_add(len as u64)? > size {
		return None;
	}
	// SAFETY: the range lies inside memory that the firmware gave to this device.
	Some(unsafe { Dma::mmio_phys_to_virt(start + offset, len) })
}

/// Turns on MSI-X with message 0 for `vector` (PCI 3.0, 6.8.2).
fn enable_msix(device: &PciDevice<PciConfigRegion>, vector: Vector) -> Option<()> {
	let mut msix = device.capabilities()?.find_map(|found| match found {
		PciCapability::MsiX(msix) => Some(msix),
		_ => None,
	})?;
	let table = map(
		device,
		msix.table_bar(),
		u64::from(msix.table_offset()),
		16,
	)?;
	let (address, data) = irq::message(vector);
	// SAFETY: the first entry of the table: address low and high, data, vector control.
	unsafe {
		let entry = table.cast::<u32>();
		entry.write_volatile(address);
		entry.add(1).write_volatile(0);
		entry.add(2).write_volatile(data);
		entry.add(3).write_volatile(0);
	}
	msix.set_enabled(true, device.access());
	msix.set_function_mask(false, device.access());
	Some(())
}

/// Maps the common configuration structure (VIRTIO 1.2, 4.1.4).
fn common_configuration(device: &PciDevice<PciConfigRegion>) -> Option<NonNull<u8>> {
	const COMMON_CFG: u8 = 1;
	const SIZE: usize = 56;

	let capability = device.capabilities()?.find_map(|found| {
		let PciCapability::Vendor(capability) = found else {
			return None;
		};
		// SAFETY: reading the capability has no effects.
		let read = |offset| unsafe {
			device
				.access()
				.read(capability.address, capability.offset + offset)
		};
		let kind = (read(0) >> 24) as u8;
		(kind == COMMON_CFG).then(|| (read(4) as u8, read(8)))
	});
	let (bar, offset) = capability?;
	map(device, bar, u64::from(offset), SIZE)
}

impl virtio_drivers::transport::Transport for Transport {
	fn device_type(&self) -> DeviceType {
		self.inner.device_type()
	}

	fn read_device_features(&mut self) -> u64 {
		self.inner.read_device_features()
	}

	fn write_driver_features(&mut self, driver_features: u64) {
		self.inner.write_driver_features(driver_features);
	}

	fn max_queue_size(&mut self, queue: u16) -> u32 {
		self.inner.max_queue_size(queue)
	}

	fn notify(&mut self, queue: u16) {
		self.inner.notify(queue);
	}

	fn get_status(&self) -> DeviceStatus {
		self.inner.get_status()
	}

	fn set_status(&mut self, status: DeviceStatus) {
		self.inner.set_status(status);
	}

	fn set_guest_page_size(&mut self, guest_page_size: u32) {
		self.inner.set_guest_page_size(guest_page_size);
	}

	fn requires_legacy_layout(&self) -> bool {
		self.inner.requires_legacy_layout()
	}

	fn queue_set(
		&mut self,
		queue: u16,
		size: u32,
		descriptors: u64,
		driver_area: u64,
		device_area: u64,
	) {
		self.set_vector(queue);
		self.inner
			.queue_set(queue, size, descriptors, driver_area, device_area);
	}

	fn queue_unset(&mut self, queue: u16) {
		self.inner.queue_unset(queue);
	}

	fn queue_used(&mut self, queue: u16) -> bool {
		self.inner.queue_used(queue)
	}

	fn ack_interrupt(&mut self) -> InterruptStatus {
		self.inner.ack_interrupt()
	}

	fn begin_init<F: bitflags::Flags<Bits = u64> + BitAnd<Output = F> + Debug>(
		&mut self,
		supported_features: F,
	) -> F {
		self.inner.begin_init(supported_features)
	}

	fn finish_init(&mut self) {
		self.inner.finish_init();
	}

	fn read_config_generation(&self) -> u32 {
		self.inner.read_config_generation()
	}

	fn read_config_space<T: FromBytes + IntoBytes>(
		&self,
		offset: usize,
	) -> virtio_drivers::Result<T> {
		self.inner.read_config_space(offset)
	}

	fn write_config_space<T: IntoBytes + Immutable>(
		&mut self,
		offset: usize,
		value: T,
	) -> virtio_drivers::Result<()> {
		self.inner.write_config_space(offset, value)
	}
}
