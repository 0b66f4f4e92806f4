//! The symbol index of a running image, on the host: names near to a misspelt one, and names that
//! begin like the one that is being typed.

use std::cell::OnceCell;
use std::path::PathBuf;

use uio_build::symbols::Index;

use crate::client::hello::hex;
use crate::trace::functions::Functions;

/// How many names are proposed for a misspelt one.
const NEAR: usize = 3;

/// The index of a VM's image; read when it is first needed.
pub struct HostSymbols {
    path: Option<PathBuf>,
    build_id: String,
    index: OnceCell<Option<Index>>,
    functions: OnceCell<Option<Functions>>,
}

impl HostSymbols {
    /// The index at `path`, if it turns out to be of the image with this build id.
    #[must_use]
    pub fn new(path: Option<PathBuf>, build_id: &str) -> Self {
        Self {
            path,
            build_id: build_id.to_owned(),
            index: OnceCell::new(),
            functions: OnceCell::new(),
        }
    }

    fn index(&self) -> Option<&Index> {
        self.index
            .get_or_init(|| {
                let index = Index::open(self.path.as_deref()?).ok()?;
                (hex(index.build_id()) == self.build_id).then_some(index)
            })
            .as_ref()
    }

    /// The functions of the image.
    pub(crate) fn functions(&self) -> Option<&Functions> {
        self.functions
            .get_or_init(|| self.index().map(Functions::of))
            .as_ref()
    }

    /// The name of the function at an offset in the image, or around it.
    #[must_use]
    pub fn name(&self, offset: u64) -> Option<String> {
        let (name, behind) = self.functions()?.around(offset)?;
        Some(match behind {
            0 => name.to_owned(),
            behind => format!("{name}+{behind:#x}"),
        })
    }

    /// Names that `name` may be a misspelling of.
    #[must_use]
    pub fn near(&self, name: &[u8]) -> Vec<String> {
        match (self.index(), std::str::from_utf8(name)) {
            (Some(index), Ok(name)) => index.near(name, NEAR),
            _ => Vec::new(),
        }
    }

    /// At most `limit` paths of symbols that begin with `prefix`, in order.
    #[must_use]
    pub fn beginning_with(&self, prefix: &str, limit: usize) -> Vec<String> {
        let Some(index) = self.index() else {
            return Vec::new();
        };
        let mut names: Vec<String> = index
            .iter()
            .map(uio_build::symbols::Symbol::path)
            .filter(|path| path.starts_with(prefix))
            .collect();
        names.sort();
        names.dedup();
        names.truncate(limit);
        names
    }
}
