//! 9P2000.L for unikernels: a share of the host's files over virtio.
//!
//! | module | is |
//! |---|---|
//! | [`msg`] | the codec, one message pair a file |
//! | [`client`] | tags, fids, judgement of replies: a state machine that does no I/O |
//! | [`transport`] | the seam below the file system |
//! | [`fs`] | files by path, blocking, for several tasks at once |
//! | `driver` | virtio-9p on `virtio-drivers` (feature `driver`) |
//! | `fake` | an in-memory server and transports that misbehave on request (feature `test-utils`) |
//!
//! # How a platform uses it
//! ```text
//! // R: a lock_api::RawMutex that disables interrupts; Sleep: a semaphore for each of `driver::PLACES`.
//! let driver = Arc::new(Driver::<PlatformHal, PciTransport, R>::new(
//!     transport,
//!     Box::new(Sleep::new()),               // impl driver::Wait
//!     &driver::Options::default(),          // msize 64 KiB, 8 slots, 30 s, reads ISR
//!     &mut |_transport| Ok(()),             // assign MSI-X vectors here
//! )?);
//! // In the interrupt handler: driver.on_interrupt();
//! let mount = Mount::new(driver.clone(), fs::Options::default());  // nothing is sent yet
//!
//! let file = mount.open(b"/web.toml", O_RDONLY, 0)?;               // O_CREAT, O_EXCL, O_TRUNC, O_APPEND, ...
//! let read = file.read_at(&mut buffer, offset)?;                   // any length
//! let stat = file.stat()?;                                         // or mount.stat(path, Follow::Yes)
//! mount.readdir(b"/", &mut |entry| { ...; Ok(()) })?;                // entry.name, entry.kind, entry.qid
//! mount.mkdir(path, 0o755)?; mount.rename(a, b)?; mount.unlink(p)?; mount.rmdir(p)?;
//! mount.truncate(path, 0)?; file.set_len(n)?; file.fsync()?; mount.statfs()?;
//! // Dropping the file closes it. Errors: error.errno().0 is a Linux number.
//! ```
//!
//! # Invariants
//! - A reply is believed only after its size, type and tag were checked, and every field lies inside it.
//! - A tag, fid or slot is used again only when nothing that is still under way could be taken for its new use.
//! - No call spins; every call ends, at the latest with [`error::Error::Timeout`].

#![cfg_attr(not(any(test, feature = "test-utils")), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod client;
#[cfg(feature = "driver")]
pub mod driver;
pub mod error;
#[cfg(any(test, feature = "test-utils"))]
pub mod fake;
pub mod fs;
pub mod msg;
pub mod transport;
pub mod types;
