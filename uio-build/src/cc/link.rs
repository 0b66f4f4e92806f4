//! Libraries and objects to one object, of what `main` needs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::elf;
use object::read::elf::{FileHeader, Sym};

use super::Options;
use super::room::Room;
use crate::{Error, Result, command, linker};

/// Sections are joined by their kind, so that the guest has few of them to place; what nobody reads is dropped.
const SCRIPT: &str = "SECTIONS
{
  .text : { *(.text .text.*) }
  .rodata : { *(.rodata .rodata.*) }
  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) }
  .init_array : { KEEP(*(SORT_BY_INIT_PRIORITY(.init_array.*))) KEEP(*(.init_array)) }
  .fini_array : { KEEP(*(SORT_BY_INIT_PRIORITY(.fini_array.*))) KEEP(*(.fini_array)) }
  .data : { *(.data .data.*) }
  .bss : { *(.bss .bss.* COMMON) }
  /DISCARD/ : {
    *(.eh_frame .eh_frame_hdr .gcc_except_table .gcc_except_table.*)
    *(.comment .note .note.* .debug_gdb_scripts .llvmbc .llvmcmd)
    @debug@
  }
}
";

/// Sections for debuggers.
const DEBUG: &str = "*(.debug_* .zdebug_*)";

/// Links `parts` to the object `out`.
///
/// # Errors
/// [`Error::NoLinker`]; [`Error::Failed`] with the linker's words; [`Error::App`] if there is no `main`.
pub(super) fn whole(parts: &[PathBuf], out: &Path, room: &Room, options: &Options) -> Result<()> {
    let debug = options.debug;
    let script = SCRIPT.replace("@debug@", if debug { "" } else { DEBUG });
    let script = room.write("program.ld", &script)?;
    let mut link = find(options.linker.as_deref())?;
    link.args([
        "-r",
        "--gc-sections",
        "--undefined=main",
        "--discard-locals",
    ]);
    if !debug {
        link.arg("--strip-debug");
    }
    link.arg("-T").arg(script).arg("-o").arg(out).args(parts);
    let no_main =
        || Error::App("the program has no `main`; `uio_program::entry!(main);` makes it".into());
    match command::capture(&mut link) {
        // GNU's linker says so itself.
        Err(Error::Failed { output, .. }) if output.contains("defined symbol root") => {
            return Err(no_main());
        }
        result => result?,
    };
    let bytes = std::fs::read(out).map_err(|error| Error::io(out, error))?;
    match has_main(&bytes) {
        Some(true) => Ok(()),
        Some(false) => Err(no_main()),
        None => Err(Error::Output {
            program: command::display(&link),
            reason: "it made no object".into(),
        }),
    }
}

/// The linker that was asked for, else GNU's, else LLVM's.
fn find(asked: Option<&OsStr>) -> Result<Command> {
    let program = match asked {
        Some(asked) => asked.to_owned(),
        None if command::capture(Command::new("ld").arg("--version")).is_ok() => "ld".into(),
        None => linker::find_any()?.into(),
    };
    let mut linker = Command::new(&program);
    let name = Path::new(&program).file_name().unwrap_or_default();
    if name == "rust-lld" {
        // It is all of LLVM's linkers.
        linker.args(["-flavor", "gnu"]);
    }
    Ok(linker)
}

/// Whether the object defines `main`; `None` if it is none.
fn has_main(bytes: &[u8]) -> Option<bool> {
    let header = elf::FileHeader64::<object::Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, bytes).ok()?;
    let symbols = sections.symbols(endian, bytes, elf::SHT_SYMTAB).ok()?;
    let is_main = |symbol: &elf::Sym64<object::Endianness>| {
        symbol.st_shndx(endian) != elf::SHN_UNDEF
            && symbol.name(endian, symbols.strings()).ok() == Some(b"main")
    };
    Some(symbols.iter().any(is_main))
}
