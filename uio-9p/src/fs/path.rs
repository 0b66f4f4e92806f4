//! Paths: names between slashes.

use alloc::vec::Vec;

use crate::error::{Errno, Error, local};

/// Longest name in bytes (`NAME_MAX`): sixteen of them fit into the smallest message.
const NAME_MAX: usize = 255;

/// The names of `path`, with `.` and empty names left out and `..` taking away the name before it.
///
/// # Errors
/// `ENAMETOOLONG`, and `EINVAL` for a NUL byte, at which servers in C would cut the name.
pub(super) fn names(path: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut names = Vec::with_capacity(8);
    for name in path.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            name if name.len() > NAME_MAX => return local(Errno::ENAMETOOLONG),
            name if name.contains(&0) => return local(Errno::EINVAL),
            name => names.push(name),
        }
    }
    Ok(names)
}

/// The path that a link at `names[at]` with this target stands for.
pub(super) fn resolve(names: &[&[u8]], at: usize, target: &[u8]) -> Vec<u8> {
    let mut path = Vec::new();
    let from = if target.starts_with(b"/") { at } else { 0 };
    for (index, name) in names.iter().enumerate().skip(from) {
        let name = if index == at { target } else { name };
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes() {
        let cases: [(&[u8], &[&[u8]]); 7] = [
            (b"", &[]),
            (b"/", &[]),
            (b"/a//b/", &[b"a", b"b"]),
            (b"./a/./b", &[b"a", b"b"]),
            (b"a/../b", &[b"b"]),
            (b"../../a", &[b"a"]),
            (b"a/..", &[]),
        ];
        for (path, expected) in cases {
            assert_eq!(names(path).unwrap(), expected);
        }
        assert_eq!(names(&[b'x'; 256]), local(Errno::ENAMETOOLONG));
        assert_eq!(names(&[b'x'; 255]).unwrap().len(), 1);
        assert_eq!(names(b"a\0b"), local(Errno::EINVAL));
    }

    #[test]
    fn links() {
        let names: [&[u8]; 3] = [b"a", b"l", b"z"];
        assert_eq!(resolve(&names, 1, b"t/u"), b"/a/t/u/z");
        assert_eq!(resolve(&names, 1, b"/t"), b"//t/z");
        assert_eq!(resolve(&names, 2, b"../t"), b"/a/l/../t");
    }
}
