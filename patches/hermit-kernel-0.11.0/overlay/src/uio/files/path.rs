//! Absolute paths.

use alloc::string::String;

use uio_core::files::Error;

use crate::errno::{EINVAL, ENAMETOOLONG};

/// The longest path, in bytes.
const MAX_PATH: usize = 4096;

/// An absolute path without `.`, `..`, doubled or trailing slashes.
#[derive(PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
	/// Makes `path` absolute (relative ones start at `/`) and resolves what it can by itself.
	pub(super) fn new(path: &[u8]) -> Result<Self, Error> {
		if path.len() > MAX_PATH {
			return Err(Error::Os(ENAMETOOLONG));
		}
		// The kernel's VFS takes strings.
		let path = core::str::from_utf8(path).map_err(|_| Error::Os(EINVAL))?;
		if path.is_empty() || path.contains('\0') {
			return Err(Error::Os(EINVAL));
		}
		let mut out = String::with_capacity(path.len() + 1);
		for component in path.split('/') {
			match component {
				"" | "." => {}
				".." => out.truncate(out.rfind('/').unwrap_or(0)),
				name => {
					out.push('/');
					out.push_str(name);
				}
			}
		}
		if out.is_empty() {
			out.push('/');
		}
		Ok(Self(out))
	}

	pub(super) fn as_str(&self) -> &str {
		&self.0
	}

	pub(super) fn is_root(&self) -> bool {
		self.0 == "/"
	}

	/// This path relative to `mount`, if it is `mount` or below it.
	pub(super) fn below(&self, mount: &Self) -> Option<&str> {
		let inside = self.0.strip_prefix(mount.as_str())?;
		if inside.is_empty() {
			Some("")
		} else {
			inside.strip_prefix('/')
		}
	}
}
