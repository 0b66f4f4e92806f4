//! Why an object file was refused. Each reason names what is at fault, so that its author can mend
//! it. Section references are to the System V ABI (gABI 4.1) and its x86-64 supplement (psABI).

use serde::{Deserialize, Serialize};

/// Why an object file was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectError<'a> {
    /// The file is empty.
    Empty,
    /// The file does not start with the ELF magic number.
    NotElf,
    /// Not a 64-bit object, or not little-endian.
    WrongClass,
    /// For another machine (`e_machine`).
    WrongMachine {
        /// What the file says.
        machine: u16,
    },
    /// Not a relocatable object (`e_type`).
    NotRelocatable {
        /// What the file says.
        file_type: u16,
    },
    /// The file is larger than a program may be.
    TooLarge {
        /// Bytes of the file, or that the program would need in memory.
        size: u64,
        /// Bytes it may have.
        max: u64,
    },
    /// The file ends before something that it refers to.
    Truncated {
        /// Bytes the file would need.
        need: u64,
        /// Bytes it has.
        have: u64,
    },
    /// A section breaks a rule.
    Section {
        /// Index of the section.
        index: u32,
        /// The rule.
        rule: SectionRule,
    },
    /// A relocation of a type that is not applied.
    Relocation {
        /// `R_X86_64_*` (psABI 4.4) or the architecture's own.
        kind: u32,
        /// Section that it patches.
        section: &'a [u8],
        /// Where in the section.
        offset: u64,
        /// The symbol it refers to.
        symbol: &'a [u8],
    },
    /// The value of a relocation does not fit its field.
    Overflow {
        /// `R_X86_64_*`.
        kind: u32,
        /// Section that it patches.
        section: &'a [u8],
        /// Where in the section.
        offset: u64,
        /// The symbol it refers to.
        symbol: &'a [u8],
    },
    /// A relocation patches bytes outside its section.
    OutsideSection {
        /// `R_X86_64_*`.
        kind: u32,
        /// Section that it would patch.
        section: &'a [u8],
        /// Where.
        offset: u64,
    },
    /// A symbol that neither the program nor the image defines. One failure each, all of them.
    Undefined {
        /// Its name.
        symbol: &'a [u8],
    },
    /// A symbol of a kind that cannot be loaded (thread-local, indirect function).
    SymbolKind {
        /// Its name.
        symbol: &'a [u8],
        /// `STT_*` (gABI, figure 4-19).
        kind: u8,
    },
    /// A symbol is defined twice.
    Duplicate {
        /// Its name.
        symbol: &'a [u8],
    },
    /// There is no function `main`.
    NoMain,
}

/// A rule that a section of an object breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SectionRule {
    /// Its header or contents lie inside the file, and no two tables of relocations share them.
    InsideFile,
    /// Its alignment is a power of two, at most a page.
    Alignment,
    /// It is not both writable and executable.
    WriteOrExecute,
    /// Its entries have the size that the format gives them.
    EntrySize,
    /// Its link refers to a section of the right type.
    Link,
    /// It is not thread-local.
    ThreadLocal,
    /// Its name lies inside the string table.
    Name,
    /// A symbol refers to a place inside it.
    SymbolInside,
    /// Its type (`sh_type`) is one that can be loaded or, for relocations, one that can be applied.
    Type,
    /// Section numbers fit 16 bits: extended numbering is not read.
    Numbering,
    /// Its relocations refer to symbols that exist.
    SymbolIndex,
    /// Loaded bytes refer to it, so it is loaded itself (`SHF_ALLOC`).
    Loaded,
    /// Its constructors and destructors are code of the program.
    Constructor,
}
