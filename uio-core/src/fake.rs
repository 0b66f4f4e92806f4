//! A kernel, a console, files and a place to run programs, all made of std, for tests on the host.
//!
//! They misbehave on purpose: waits end early, the channel refuses frames it has room for, reads
//! and writes come short, memory and disks are full, tasks cannot be made.

mod channel;
mod files;
mod host;
mod isolation;
mod platform;
#[cfg(feature = "bpf")]
mod tracing;

pub use channel::FakeChannel;
pub use files::FakeFiles;
pub use host::{Answer, Host, Timeout, owned};
pub use isolation::FakeIsolation;
pub use platform::FakePlatform;
#[cfg(feature = "bpf")]
pub use tracing::{FakeTracing, PROBES};

/// A small generator with a fixed seed (xorshift64), so that a failure repeats.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it has no end")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`; 0 for 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }
}
