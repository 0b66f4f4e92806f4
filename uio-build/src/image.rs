//! Looking into a linked image, and stripping it.

use std::path::Path;
use std::process::Command;

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::{Error, Result, command};

type Header = FileHeader64<Endianness>;

/// The build id of an ELF image, in lower-case hexadecimal.
///
/// # Errors
/// [`Error::Object`] when the image is malformed or has no GNU build id.
pub fn build_id(image: &Path) -> Result<String> {
    let data = std::fs::read(image).map_err(|error| Error::io(image, error))?;
    let wrong = |reason: String| Error::Object {
        file: image.display().to_string(),
        reason,
    };
    let id = find_build_id(&data).map_err(|error| wrong(error.to_string()))?;
    let id = id.ok_or_else(|| wrong("it has no build id; link it with --build-id".into()))?;
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn find_build_id(data: &[u8]) -> object::Result<Option<Vec<u8>>> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, data)? {
        let Some(mut notes) = segment.notes(endian, data)? else {
            continue;
        };
        while let Some(note) = notes.next()? {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
                return Ok(Some(note.desc().to_vec()));
            }
        }
    }
    Ok(None)
}

/// Writes a copy of `image` without symbols and debug information.
///
/// # Errors
/// [`Error::App`] when no objcopy or strip is installed; [`Error::Failed`] with its words.
pub fn strip(image: &Path, stripped: &Path) -> Result<()> {
    let mut missing = Vec::new();
    for (program, args) in [
        ("objcopy", &["--strip-all"][..]),
        ("llvm-objcopy", &["--strip-all"]),
        ("strip", &["-o"]),
    ] {
        let mut tool = Command::new(program);
        tool.args(args);
        match program {
            "strip" => tool.arg(stripped).arg(image),
            _ => tool.arg(image).arg(stripped),
        };
        match command::capture(&mut tool) {
            Ok(_) => return Ok(()),
            Err(Error::Spawn { .. }) => missing.push(program),
            Err(other) => return Err(other),
        }
    }
    Err(Error::App(format!(
        "none of {} is installed; `apt install binutils`",
        missing.join(", ")
    )))
}
