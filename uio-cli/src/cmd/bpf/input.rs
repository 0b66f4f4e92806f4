//! Objects and bytecode from files.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use uio_bpf::helper::OWN;
use uio_bpf::kind::Kind;
use uio_bpf_object::{Object, Options, raw, read};

use crate::error::{Error, Result};

/// A file with programs.
#[derive(Clone, Debug, Args)]
pub struct Input {
    /// Object that `uio cc NAME.bpf.c` or `clang -target bpf -g -c` made; `-` for standard input.
    pub file: PathBuf,
    /// The file is bytecode: instructions of 8 bytes, or the same in hexadecimal.
    #[arg(long)]
    pub raw: bool,
}

impl Input {
    /// Reads it. Functions of `.text` are programs to run on request if no section says anything else, and so is
    /// bytecode.
    ///
    /// # Errors
    /// [`Error::Usage`] that says what is wrong with the file.
    pub fn read(&self) -> Result<Object> {
        let wrong = |e: String| Error::Usage(format!("{}: {e}", self.file.display()));
        let bytes = contents(&self.file).map_err(|e| wrong(e.to_string()))?;
        let object = if self.raw {
            raw(&bytes, Kind::Executable, &self.name())
        } else {
            let text = Some(Kind::Executable);
            read(&bytes, &Options { text })
        };
        object.map_err(|e| wrong(e.to_string()))
    }

    /// What bytecode is called: the file's name as far as the first dot.
    fn name(&self) -> String {
        let name = self.file.file_name().map(|name| name.to_string_lossy());
        let name = name.unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default();
        match stem {
            "" | "-" => "program".to_owned(),
            stem => stem.to_owned(),
        }
    }
}

fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    if path == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)?;
        return Ok(bytes);
    }
    fs::read(path)
}

/// The name of one of the runtime's helpers.
#[must_use]
pub fn helper_name(number: u32) -> Option<String> {
    let found = OWN.binary_search_by_key(&number, |helper| helper.id).ok()?;
    OWN.get(found).map(|helper| helper.name.to_owned())
}
