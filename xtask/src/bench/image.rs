//! What an unstripped image says of itself: sections, and symbols with their Rust paths.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader, Sym};
use uio_build::symbols::PREFIX;

type Header = FileHeader64<Endianness>;

/// Where the loader puts an image.
pub const BASE: u64 = 0x20_0000;

/// A function or variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Address in the file, which is linked to 0.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// Its name in the file, without the kernel's prefix.
    pub name: String,
    /// Its Rust path, or its name.
    pub path: String,
    /// Whether it is code.
    pub code: bool,
    /// Whether it is one of the kernel's global symbols.
    pub kernel: bool,
    /// Whether its bytes are in the file.
    pub in_file: bool,
}

/// A section that is part of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Bytes in memory.
    pub size: u64,
    /// Whether it has bytes in the file.
    pub in_file: bool,
}

/// An image with its symbols.
pub struct Image {
    /// The file that boots.
    pub bootable: PathBuf,
    /// The file with the symbols.
    pub unstripped: PathBuf,
    /// Bytes of the file without symbols and debug information.
    pub stripped_bytes: u64,
    /// Where it is entered, relative to [`BASE`].
    pub entry: u64,
    /// Its sections that are loaded.
    pub sections: Vec<Section>,
    /// Its symbols, by address.
    pub symbols: Vec<Symbol>,
}

impl Image {
    /// Reads an unstripped image, and strips it into `dir`, as `uio build` does.
    ///
    /// # Errors
    /// When it cannot be read or is no ELF file.
    pub fn open(unstripped: &Path, dir: &Path, name: &str) -> Result<Self> {
        let data = std::fs::read(unstripped).with_context(|| unstripped.display().to_string())?;
        let bootable = dir.join(name);
        uio_build::image::strip(unstripped, &bootable)?;
        let parsed = parse(&data).with_context(|| unstripped.display().to_string())?;
        Ok(Self {
            stripped_bytes: std::fs::metadata(&bootable)?.len(),
            bootable,
            unstripped: unstripped.to_owned(),
            entry: parsed.entry,
            sections: parsed.sections,
            symbols: parsed.symbols,
        })
    }

    /// The symbol that holds `address` of the running guest.
    pub fn at(&self, address: u64) -> Option<&Symbol> {
        let address = address.checked_sub(BASE)?;
        let after = self.symbols.partition_point(|s| s.address <= address);
        let symbol = self.symbols[..after].iter().rev().take(8);
        symbol
            .into_iter()
            .find(|s| address < s.address + s.size.max(1) || s.size == 0)
    }

    /// Where the symbol of that name is in the running guest.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        let symbol = self.symbols.iter().find(|s| s.name == name && s.code)?;
        Some(BASE + symbol.address)
    }
}

struct Parsed {
    entry: u64,
    sections: Vec<Section>,
    symbols: Vec<Symbol>,
}

fn parse(data: &[u8]) -> Result<Parsed> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let table = header.sections(endian, data)?;
    let mut sections = Vec::new();
    for section in table.iter() {
        if section.sh_flags(endian).0 & elf::SHF_ALLOC.0 != 0 {
            sections.push(Section {
                name: String::from_utf8_lossy(table.section_name(endian, section)?).into_owned(),
                size: section.sh_size(endian),
                in_file: section.sh_type(endian) != elf::SHT_NOBITS,
            });
        }
    }
    let names = table.symbols(endian, data, elf::SHT_SYMTAB)?;
    let mut symbols = Vec::new();
    for symbol in names.iter() {
        let kind = symbol.st_type();
        let code = kind == elf::STT_FUNC;
        let label = kind == elf::STT_NOTYPE && symbol.st_bind() != elf::STB_LOCAL;
        if symbol.is_undefined(endian) || !(code || label || kind == elf::STT_OBJECT) {
            continue;
        }
        let section = names
            .symbol_section(endian, symbol, object::SymbolIndex(0))
            .ok()
            .flatten()
            .and_then(|index| table.section(index).ok());
        let full = String::from_utf8_lossy(symbol.name(endian, names.strings())?).into_owned();
        let own = full.strip_prefix(PREFIX);
        let name = own.unwrap_or(&full).to_owned();
        symbols.push(Symbol {
            address: symbol.st_value(endian),
            size: symbol.st_size(endian),
            path: format!("{:#}", rustc_demangle::demangle(&name)),
            kernel: own.is_some(),
            name,
            code: code || label,
            in_file: section.is_some_and(|s| s.sh_type(endian) != elf::SHT_NOBITS),
        });
    }
    symbols.sort_by(|a, b| (a.address, a.size, &a.name).cmp(&(b.address, b.size, &b.name)));
    Ok(Parsed {
        entry: header.e_entry(endian),
        sections,
        symbols,
    })
}

/// Where the loader is entered: its symbol `pvh_start`.
///
/// # Errors
/// When the loader cannot be read or has no such symbol.
pub fn loader_entry(loader: &Path) -> Result<u64> {
    let data = std::fs::read(loader).with_context(|| loader.display().to_string())?;
    let parsed = parse(&data).with_context(|| loader.display().to_string())?;
    let entry = parsed.symbols.iter().find(|s| s.name == "pvh_start");
    Ok(entry
        .with_context(|| format!("{} has no symbol pvh_start", loader.display()))?
        .address)
}

/// Part of the image that a symbol is counted for.
pub fn owner(symbol: &Symbol) -> &'static str {
    const OVERLAY: [(&str, &str); 10] = [
        ("uio_core", "uio-core"),
        ("uio_console", "uio-console"),
        ("uio_9p", "uio-9p"),
        ("uio_app", "uio-app"),
        ("uio_mpk", "uio-mpk"),
        ("uio_gate", "uio-mpk"),
        ("virtio_drivers", "virtio-drivers"),
        ("postcard", "postcard, serde"),
        ("hermit::uio", "kernel glue"),
        ("sys_uio", "kernel glue"),
    ];
    let path = symbol.path.as_str();
    // What is generic belongs to who had it made: the name of a crate of the overlay, wherever it is.
    let first = OVERLAY
        .iter()
        .filter_map(|(name, owner)| Some((path.find(name)?, *owner)))
        .min();
    if let Some((_, owner)) = first {
        return owner;
    }
    let root = path
        .trim_start_matches(['<', '&', '*', '(', '['])
        .split("::")
        .next()
        .unwrap_or_default();
    match root {
        "core" | "alloc" | "std" | "hashbrown" | "compiler_builtins" => "core, alloc, std",
        "hermit" => "kernel, the rest",
        _ if symbol.kernel => "kernel, the rest",
        _ => "application and its crates",
    }
}

/// Whether [`owner`] is a part of the overlay.
pub fn is_overlay(owner: &str) -> bool {
    !matches!(
        owner,
        "core, alloc, std" | "kernel, the rest" | "application and its crates"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(path: &str) -> Symbol {
        Symbol {
            address: 0,
            size: 1,
            name: path.to_owned(),
            path: path.to_owned(),
            code: true,
            kernel: true,
            in_file: true,
        }
    }

    #[test]
    fn symbols_have_owners() {
        for (path, expected) in [
            ("uio_core::engine::run", "uio-core"),
            ("<uio_9p::fs::Fs as core::ops::Drop>::drop", "uio-9p"),
            ("core::ptr::drop_in_place::<uio_9p::fs::Fs>", "uio-9p"),
            ("<hermit::uio::event::Event>::wait", "kernel glue"),
            ("hermit::scheduler::schedule", "kernel, the rest"),
            ("uio_gate_vectors", "uio-mpk"),
            ("hermit::uio::program::gates::uio_gate", "kernel glue"),
            ("core::fmt::write", "core, alloc, std"),
        ] {
            assert_eq!(owner(&symbol(path)), expected, "{path}");
        }
    }
}
