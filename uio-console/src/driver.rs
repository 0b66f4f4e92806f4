//! The virtio-console driver (VIRTIO 1.2, 5.3): port 0, a stream of bytes each way.
//!
//! [`Console::new`] starts the device and gives three parts that live in different places:
//!
//! | part | belongs to | does |
//! |---|---|---|
//! | [`Rx`] | the one task that reads | [`Rx::receive`] hands over what arrived and lends the buffers again |
//! | [`Tx`] | whoever sends, under the platform's short lock | [`Tx::try_send`] encodes straight into a DMA buffer |
//! | [`Interrupt`] | the interrupt handler | [`Interrupt::acknowledge`] lowers the line |
//!
//! Nothing here ever waits. A reader on the host that is slow or absent shows as [`Error::Full`], after which
//! [`Tx::arm`] asks for an interrupt; without that, the device does not interrupt for what it has sent.
//! After an interrupt the platform calls, in task context, [`Tx::completed`] (true: wake those who wait for room) and
//! [`Rx::receive`]. An interrupt that got lost costs nothing but time: both may be called at any moment.
//!
//! # A device that lies
//! Used entries that name no lent buffer, or name it twice, or claim more bytes than it has, are [`Error::Broken`]; so is
//! `DEVICE_NEEDS_RESET`. That state is latched for both halves until [`restart`]. `virtio-drivers` itself would panic or
//! index out of bounds on some of them; `ring.rs` says why none of these reach it.
//!
//! # Features
//! `VIRTIO_F_VERSION_1` only. Not `VIRTIO_CONSOLE_F_MULTIPORT`: one port needs no control queues. Not
//! `VIRTIO_F_EVENT_IDX`: `VirtQueue` 0.13 then no longer lets completions be suppressed (`set_dev_notify` does nothing),
//! and its `should_notify` compares indices without wrapping, which loses a notification now and then.
//!
//! # Memory
//! Two pages a queue, two for [`RX_BUFFERS`], and one for each transmit buffer ever in use at once (at most
//! [`TX_BUFFERS`], the first at the first send): 28 KiB for a console that is used gently. No other allocation after
//! [`Console::new`], which makes one.

mod port;
mod ring;
mod rx;
mod tx;

use alloc::sync::Arc;
use lock_api::RawMutex;
use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, DeviceType, Transport};

pub use port::Interrupt;
use port::Port;
use ring::{Direction, Ring};
pub use rx::Rx;
pub use tx::Tx;

/// Buffers lent to the device for what the host sends.
pub const RX_BUFFERS: usize = 4;
/// Length in bytes of a receive buffer.
pub const RX_LEN: usize = 2048;
/// The most transmit buffers, each holding at most one frame.
pub const TX_BUFFERS: usize = 8;
/// Length in bytes of a transmit buffer: the longest frame.
pub const TX_LEN: usize = crate::MAX_FRAME;

/// Queue numbers of port 0 (VIRTIO 1.2, 5.3.2).
const RECEIVEQ: u16 = 0;
const TRANSMITQ: u16 = 1;
/// `VIRTIO_F_VERSION_1` (VIRTIO 1.2, 6).
const VERSION_1: u64 = 1 << 32;

/// Why the driver could not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device is not a console (VIRTIO 1.2, 5.3.1).
    NotConsole,
    /// The device is a legacy one, or refused `VIRTIO_F_VERSION_1`.
    Legacy,
    /// The device lacks queue 0 or 1, has it shorter than the driver's, or it is in use.
    Queue,
    /// There is no memory for queues or buffers.
    NoMemory,
    /// Every transmit buffer is on its way: nobody reads, or not fast enough.
    Full,
    /// The frame is longer than [`TX_LEN`].
    TooLong,
    /// The device broke the rules, needs a reset, or was given up by the other half.
    Broken,
    /// The two halves given to [`restart`] are not of one device.
    Mismatch,
}

/// A started console: three parts to be moved to where each belongs.
///
/// `R` is the lock around the transport. It is held for a register access or three, by tasks and by
/// the interrupt handler, so it must keep interrupts off while it is held.
///
/// When either half is dropped the device is reset, and the other half is [`Error::Broken`].
pub struct Console<H: Hal, T: Transport, R: RawMutex> {
    /// The receiving half.
    pub rx: Rx<H, T, R>,
    /// The sending half.
    pub tx: Tx<H, T, R>,
    /// For the interrupt handler.
    pub interrupt: Interrupt<T, R>,
}

impl<H: Hal, T: Transport, R: RawMutex> Console<H, T, R> {
    /// Starts the device, with every receive buffer lent to it.
    ///
    /// # Errors
    /// [`Error::NotConsole`], [`Error::Legacy`], [`Error::Queue`], [`Error::NoMemory`], or [`Error::Broken`] if the device
    /// does not obey a reset.
    pub fn new(mut transport: T) -> Result<Self, Error> {
        let (receive, transmit) = start::<H, T>(&mut transport)?;
        let port = Arc::new(Port::new(transport));
        Ok(Self {
            rx: Rx::new(receive, Arc::clone(&port)),
            tx: Tx::new(transmit, Arc::clone(&port)),
            interrupt: Interrupt::new(port),
        })
    }
}

/// Resets the device and starts it anew. What was on its way in either direction is lost.
///
/// # Errors
/// [`Error::Mismatch`] if these are not halves of one console, [`Error::Broken`] if the device does not obey a reset, and
/// those of [`Console::new`]. The console is then broken, and may be restarted again.
pub fn restart<H: Hal, T: Transport, R: RawMutex>(
    rx: &mut Rx<H, T, R>,
    tx: &mut Tx<H, T, R>,
) -> Result<(), Error> {
    if !Arc::ptr_eq(rx.port(), tx.port()) {
        return Err(Error::Mismatch);
    }
    let port = Arc::clone(rx.port());
    let device = port.reset().ok_or(Error::Broken)?;
    rx.retire(&device);
    tx.retire(&device);
    let (receive, transmit) = port.with(start::<H, T>)?;
    rx.replace(receive);
    tx.replace(transmit);
    port.mend();
    Ok(())
}

/// Initialises the device (VIRTIO 1.2, 3.1.1) and lends it the receive buffers.
fn start<H: Hal, T: Transport>(transport: &mut T) -> Result<(Ring<H>, Ring<H>), Error> {
    if transport.device_type() != DeviceType::Console {
        return Err(Error::NotConsole);
    }
    let rings = match negotiate(transport).and_then(|()| rings(transport)) {
        Ok(rings) => rings,
        Err(error) => {
            port::reset(transport);
            return Err(error);
        }
    };
    transport.finish_init();
    if rings.0.wants_notification() {
        transport.notify(RECEIVEQ);
    }
    Ok(rings)
}

fn negotiate<T: Transport>(transport: &mut T) -> Result<(), Error> {
    let driver = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    port::reset(transport).ok_or(Error::Broken)?;
    transport.set_status(driver);
    if transport.read_device_features() & VERSION_1 == 0 {
        return Err(Error::Legacy);
    }
    transport.write_driver_features(VERSION_1);
    transport.set_status(driver | DeviceStatus::FEATURES_OK);
    if transport.get_status().contains(DeviceStatus::FEATURES_OK) {
        Ok(())
    } else {
        Err(Error::Legacy)
    }
}

/// Both queues, with the receive buffers lent and no interrupts for what is sent.
fn rings<H: Hal, T: Transport>(transport: &mut T) -> Result<(Ring<H>, Ring<H>), Error> {
    let mut receive = Ring::new(transport, RECEIVEQ, Direction::FromDevice)?;
    let transmit = Ring::new(transport, TRANSMITQ, Direction::ToDevice);
    let ready = if receive.grow(RX_BUFFERS, RX_LEN) {
        receive.lend_all(RX_LEN)
    } else {
        Err(Error::NoMemory)
    };
    match (transmit, ready) {
        (Ok(mut transmit), Ok(_)) => {
            transmit.set_interrupts(false);
            Ok((receive, transmit))
        }
        (transmit, ready) => {
            let device = port::reset(transport).ok_or(Error::Broken)?;
            receive.retire(&device);
            let error = transmit
                .map(|mut transmit: Ring<H>| transmit.retire(&device))
                .err();
            Err(error.or(ready.err()).unwrap_or(Error::Broken))
        }
    }
}
