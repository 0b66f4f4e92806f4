//! Why types cannot be read.

/// Why types cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The section ends too early.
    #[error("the BTF section ends within {0}; the object is damaged")]
    Short(&'static str),
    /// It does not begin as BTF does.
    #[error(
        "the section does not begin with the magic number of BTF; the object is damaged, or for big-endian machines"
    )]
    Magic,
    /// A later version.
    #[error("version {0} of BTF is not known (1 is)")]
    Version(u8),
    /// A kind of type.
    #[error(
        "type {id} is of kind {kind}, which is not known (0 to 19 are); compile with an earlier compiler, or without `-g`"
    )]
    Kind {
        /// The type's number.
        id: u32,
        /// Its kind.
        kind: u8,
    },
    /// A number of a type.
    #[error("there is no type {0}; the object is damaged")]
    Type(u32),
    /// A name outside the strings.
    #[error("there is no string at {0:#x}, or it is no text; the object is damaged")]
    String(u32),
    /// Types that contain themselves, or too deep.
    #[error("type {0} contains itself, or types lie too deep in each other; the object is damaged")]
    Deep(u32),
    /// A type without a size.
    #[error("type {0} has no size: it is a function, void, or only declared; define it")]
    Sizeless(u32),
}
