//! Memory for what is made of a program: where there is none, it is refused.

use alloc::vec::Vec;

use super::why::Why;

/// A list that so many fit into.
///
/// # Errors
/// [`Why::Memory`].
pub fn list<T>(len: usize) -> Result<Vec<T>, Why> {
    let mut list = Vec::new();
    list.try_reserve_exact(len).map_err(|_| Why::Memory)?;
    Ok(list)
}

/// So many of the same.
///
/// # Errors
/// [`Why::Memory`].
pub fn filled<T: Copy>(value: T, len: usize) -> Result<Vec<T>, Why> {
    let mut list = list(len)?;
    list.resize(len, value);
    Ok(list)
}

/// A copy.
///
/// # Errors
/// [`Why::Memory`].
pub fn copy<T: Copy>(from: &[T]) -> Result<Vec<T>, Why> {
    let mut list = list(from.len())?;
    list.extend_from_slice(from);
    Ok(list)
}
