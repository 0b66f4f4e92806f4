//! What a guest says of itself, kept.

use serde::Serialize;
use uio_console::Hello;

/// What a guest says of itself. See [`Hello`] for the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuestInfo {
    /// Version of hermit-kernel.
    pub kernel: String,
    /// Version of the overlay.
    pub overlay: String,
    /// Machine architecture.
    pub arch: String,
    /// Build id of the image, in hexadecimal; empty when it has none.
    pub build_id: String,
    /// Features of the kernel that are on.
    pub features: Vec<String>,
    /// How loaded programs are isolated.
    pub isolation: String,
    /// What programs may do to the application at most.
    pub policy: String,
    /// The commands that the guest knows.
    pub commands: Vec<String>,
    /// Where the share is mounted; empty when none is attached.
    pub share: String,
    /// Requests that may be open at once.
    pub max_requests: u16,
}

impl From<&Hello<'_>> for GuestInfo {
    fn from(hello: &Hello<'_>) -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Self {
            kernel: hello.kernel.to_owned(),
            overlay: hello.overlay.to_owned(),
            arch: hello.arch.to_owned(),
            build_id: hex(hello.build_id),
            features: words(hello.features),
            isolation: hello.isolation.to_owned(),
            policy: hello.policy.name().to_owned(),
            commands: words(hello.commands),
            share: hello.share.to_owned(),
            max_requests: hello.max_requests,
        }
    }
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
