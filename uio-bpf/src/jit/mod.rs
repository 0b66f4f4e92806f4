//! The compiler to x86-64.

/// A compiled program.
pub struct Code {
    /// Where it is entered.
    pub entry: u64,
    /// Its length in bytes.
    pub len: usize,
}
