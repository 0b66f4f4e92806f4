//! The interrupt descriptor table as the processor sees it (Intel SDM volume 3, 6.14.1).

use core::ptr;

use x86_64::structures::idt::InterruptDescriptorTable;

/// An entry: where the handler is, in three parts, and how it is called.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(in crate::uio) struct Gate {
	low: u64,
	high: u64,
}

/// Bits of the low word that belong to the handler's address.
const ADDRESS: u64 = 0xffff_0000_0000_ffff;

/// Where the low word has the privilege level that may raise the exception by an instruction.
#[cfg(feature = "uio-mpk")]
const RING_3: u64 = 3 << 45;

const _: () = assert!(size_of::<InterruptDescriptorTable>() == 256 * size_of::<Gate>());

/// The entries of a table.
pub(in crate::uio) fn gates(table: &mut InterruptDescriptorTable) -> &mut [Gate; 256] {
	// SAFETY: the table has that size, and consists of such entries.
	unsafe { &mut *ptr::from_mut(table).cast() }
}

impl Gate {
	/// No handler.
	#[cfg(feature = "uio-mpk")]
	pub(super) const EMPTY: Self = Self { low: 0, high: 0 };

	pub(in crate::uio) fn handler(&self) -> u64 {
		self.low & 0xffff | self.low >> 32 & 0xffff_0000 | self.high << 32
	}

	/// Sets the handler; the rest stays, the stack above all.
	pub(super) fn set_handler(&mut self, address: u64) {
		self.low = self.low & !ADDRESS | address & 0xffff | (address & 0xffff_0000) << 32;
		self.high = address >> 32;
	}

	/// Lets an instruction of ring 3 raise the exception.
	#[cfg(feature = "uio-mpk")]
	pub(super) fn open_to_ring_3(&mut self) {
		self.low |= RING_3;
	}
}
