//! Functions of an image by pattern.

use globset::{GlobBuilder, GlobMatcher};
use uio_build::symbols::Index;

use super::sites::{Code, Place};
use crate::error::{Error, Result};

/// A function to attach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its Rust path, or its name.
    pub name: String,
    /// Offset in the image.
    pub offset: u32,
    /// How it is attached to.
    pub place: Place,
}

/// Functions of an image, by address.
pub struct Functions {
    /// Rust path or name, offset, size.
    all: Vec<(String, u32, u32)>,
    names: Vec<String>,
}

impl Functions {
    /// Those of an index.
    #[must_use]
    pub fn of(index: &Index) -> Self {
        let functions = index.iter().filter(|symbol| symbol.function);
        let mut all: Vec<_> = functions
            .map(|symbol| {
                (
                    symbol.path(),
                    symbol.address,
                    symbol.size,
                    symbol.name.clone(),
                )
            })
            .collect();
        all.sort_by_key(|&(_, address, ..)| address);
        let (all, names) = all
            .into_iter()
            .map(|(path, address, size, name)| ((path, address, size), name))
            .unzip();
        Self { all, names }
    }

    /// Those with these names, offsets and sizes, by rising offset.
    #[cfg(test)]
    pub(super) fn of_names(all: &[(&str, u32, u32)]) -> Self {
        Self {
            all: all
                .iter()
                .map(|&(name, at, size)| (name.to_owned(), at, size))
                .collect(),
            names: all.iter().map(|&(name, ..)| name.to_owned()).collect(),
        }
    }

    /// The function around an offset in the image, and how far behind its start that is.
    #[must_use]
    pub fn around(&self, offset: u64) -> Option<(&str, u64)> {
        let index = self
            .all
            .partition_point(|&(_, start, _)| u64::from(start) <= offset);
        let (name, start, size) = self.all.get(index.checked_sub(1)?)?;
        let behind = offset - u64::from(*start);
        (behind < u64::from((*size).max(1))).then_some((name, behind))
    }

    /// The name of the function around an offset; the offset itself if there is none.
    #[must_use]
    pub fn name(&self, offset: u64) -> String {
        match self.around(offset) {
            Some((name, _)) => name.to_owned(),
            None => format!("{offset:#x}"),
        }
    }

    /// The functions that patterns mean: Rust paths or names, in which `*` stands for anything and `?` for one character.
    /// Those that cannot be attached to are left out, and counted; of those that a pattern with `*` or `?` means, also those
    /// without a site.
    ///
    /// # Errors
    /// [`Error::Usage`] for a pattern that is none, or means no function.
    pub fn matching(&self, patterns: &[String], code: &Code) -> Result<(Vec<Function>, usize)> {
        let mut found = Vec::new();
        for pattern in patterns {
            let matcher = matcher(pattern)?;
            let many = pattern.contains(['*', '?']);
            let before = found.len();
            for ((path, offset, _), name) in self.all.iter().zip(&self.names) {
                let is = |text: &str| matcher.is_match(text);
                if is(path) || is(name) || inherent(path).is_some_and(|path| is(&path)) {
                    found.push((path, *offset, many));
                }
            }
            if found.len() == before {
                return Err(Error::Usage(format!(
                    "{pattern}: no function of the image has that name; `*` stands for any part of it"
                )));
            }
        }
        // One that was named stands before the same found by a pattern.
        found.sort_by_key(|&(_, offset, many)| (offset, many));
        found.dedup_by_key(|&mut (_, offset, _)| offset);
        let all = found.len();
        let functions: Vec<Function> = found
            .into_iter()
            .map(|(name, offset, many)| {
                let function = Function {
                    name: name.clone(),
                    offset,
                    place: code.place(offset.into()),
                };
                (function, many)
            })
            .filter(|(function, many)| match function.place {
                Place::Site => true,
                Place::Breakpoint(_) => !many,
                Place::None => false,
            })
            .map(|(function, _)| function)
            .collect();
        let left_out = all - functions.len();
        if functions.is_empty() {
            return Err(Error::Usage(format!(
                "{}: nothing can be attached there; build the image with the feature `uio-trace`",
                patterns.join(" ")
            )));
        }
        Ok((functions, left_out))
    }
}

/// The path of a method of a type, `<a::Type>::method`, as it is written in sources: `a::Type::method`.
fn inherent(path: &str) -> Option<String> {
    let (of, method) = path.strip_prefix('<')?.rsplit_once(">::")?;
    (!of.contains(" as ")).then(|| format!("{of}::{method}"))
}

fn matcher(pattern: &str) -> Result<GlobMatcher> {
    // Brackets and braces are parts of Rust paths.
    let escaped: String = pattern
        .chars()
        .flat_map(|c| match c {
            '[' | ']' | '{' | '}' | '\\' => vec!['\\', c],
            _ => vec![c],
        })
        .collect();
    let glob = GlobBuilder::new(&escaped)
        .literal_separator(false)
        .backslash_escape(true)
        .build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|e| Error::Usage(format!("{pattern}: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Functions {
        Functions::of_names(&[
            ("web::answer", 0x1000, 0x40),
            ("web::conn::Conn::request", 0x1040, 0x100),
            (
                "<alloc::vec::Vec<T> as core::ops::Drop>::drop",
                0x2000,
                0x10,
            ),
        ])
    }

    #[test]
    fn an_address_belongs_to_the_function_around_it() {
        let functions = functions();
        assert_eq!(
            functions.around(0x1041),
            Some(("web::conn::Conn::request", 1))
        );
        assert_eq!(functions.around(0xfff), None);
        assert_eq!(functions.around(0x1140), None);
        assert_eq!(functions.name(0x1140), "0x1140");
    }

    #[test]
    fn patterns_match_paths_with_brackets_too() {
        let is = |pattern: &str, name: &str| matcher(pattern).unwrap().is_match(name);
        assert!(is("web::*", "web::conn::Conn::request"));
        assert!(is("*::request", "web::conn::Conn::request"));
        assert!(is(
            "<alloc::vec::Vec<T> as *>::drop",
            "<alloc::vec::Vec<T> as core::ops::Drop>::drop"
        ));
        assert!(is("core::array::[T]::len", "core::array::[T]::len"));
        assert!(!is("web::?", "web::answer"));
        assert_eq!(
            inherent("<a::Type>::method").as_deref(),
            Some("a::Type::method")
        );
        assert_eq!(inherent("<a::Type as b::Trait>::method"), None);
        assert_eq!(inherent("a::method"), None);
    }
}
