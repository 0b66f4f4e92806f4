//! Why an object cannot be read: where in it, which rule, and what mends it.

use std::fmt;

use crate::btf;

/// Why an object cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where in the object.
    pub place: Box<Place>,
    /// The rule that is broken there.
    pub why: Why,
}

/// A place in an object, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The section's name.
    pub section: Option<String>,
    /// Bytes from the section's beginning.
    pub offset: Option<u64>,
    /// The symbol, function or map.
    pub symbol: Option<String>,
}

impl Place {
    /// A section.
    #[must_use]
    pub fn section(name: &str) -> Self {
        Self {
            section: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// A symbol, function or map.
    #[must_use]
    pub fn symbol(name: &str) -> Self {
        Self {
            symbol: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// The same place, so many bytes in its section.
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        Self {
            offset: Some(offset),
            ..self
        }
    }

    /// The same place, where it is about that symbol.
    #[must_use]
    pub fn of(self, symbol: &str) -> Self {
        let symbol = Some(symbol.to_owned()).filter(|name| !name.is_empty());
        Self { symbol, ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        if let Some(section) = &self.section {
            write!(f, "section `{section}`")?;
            between = ", ";
        }
        if let Some(offset) = self.offset {
            write!(f, "{between}offset {offset:#x}")?;
            between = ", ";
        }
        if let Some(symbol) = &self.symbol {
            write!(f, "{between}`{symbol}`")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self.place != Place::default() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", self.why)
    }
}

impl std::error::Error for Error {}

impl From<Why> for Error {
    fn from(why: Why) -> Self {
        Self {
            place: Box::default(),
            why,
        }
    }
}

/// A rule that an object breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// It is no ELF file, or a damaged one.
    #[error(
        "this is no sound ELF object ({0}); make one with `uio cc NAME.bpf.c`, or read bytecode with `--raw`"
    )]
    Elf(String),
    /// It is for another machine.
    #[error(
        "the object is for machine {0} of the ELF numbers, not for eBPF (247); compile it with `uio cc NAME.bpf.c`"
    )]
    Machine(u16),
    /// It is for big-endian machines.
    #[error("the object is big-endian; compile it with `-target bpfel`")]
    BigEndian,
    /// It is linked or shared.
    #[error("the file is no relocatable object; leave it as `clang -c` makes it, unlinked")]
    NotRelocatable,
    /// Its sections lie over each other, or tables are longer than the file.
    #[error("sections and tables take more bytes than the file has; the object is damaged")]
    Overlapping,
    /// A name is no text.
    #[error("a name is not UTF-8, or has more than 4096 bytes; the object is damaged")]
    Name,
    /// It holds no program.
    #[error(
        "the object holds no program; put a function into a section, as in `SEC(\"executable\")`"
    )]
    NoProgram,
    /// More programs or maps than an object has.
    #[error("there are more than {0} {1}; split the object")]
    Count(usize, &'static str),
    /// Programs that no other file could name.
    #[error("the function is static, so it is no program; leave `static` out")]
    Static,
    /// A section's name has no meaning here.
    #[error(
        "programs of type `{kind}` are not known here; there are {}",
        crate::section::KNOWN
    )]
    Kind {
        /// The first part of the section's name.
        kind: String,
    },
    /// A section's name lacks what the program is attached to.
    #[error("the section's name must say more: write `{0}`")]
    Target(&'static str),
    /// A section's name says more than it can.
    #[error("the section's name says too much: write `{0}`")]
    Excess(&'static str),
    /// The interval of a timer is none.
    #[error(
        "`{0}` is no interval; write a number with a unit, as in `timer/100ms` (ns, us, ms, s, hz)"
    )]
    Interval(String),
    /// Code that is no whole number of instructions.
    #[error(
        "{len} bytes are no whole number of instructions, which have 8 bytes each; the object is damaged"
    )]
    Length {
        /// Its bytes.
        len: u64,
    },
    /// No code at all.
    #[error("there is no instruction")]
    Empty,
    /// Text that is no bytecode.
    #[error(
        "line {line}: `{word}` is neither bytes in hexadecimal nor an instruction as 0x and 16 digits"
    )]
    Hex {
        /// The line, from 1.
        line: usize,
        /// What is there.
        word: String,
    },
    /// A function outside its section, or over another.
    #[error("the function lies outside its section or over another; the object is damaged")]
    Function,
    /// Too many instructions.
    #[error(
        "with the functions that it calls the program has {insns} instructions, and {} are the most; call less, or use `bpf_loop` in place of unrolled loops",
        uio_bpf::isa::MAX_INSNS
    )]
    TooLong {
        /// How many.
        insns: usize,
    },
    /// All programs together are too long.
    #[error(
        "the programs of the object have more than {0} instructions together; split the object"
    )]
    TooMuch(usize),
    /// A type of relocation.
    #[error("relocations of type {0} are not known; compile with `clang -target bpf`")]
    RelocationType(u32),
    /// A relocation where there is nothing to relocate.
    #[error("a relocation where no wide load and no call is; the object is damaged")]
    RelocationPlace,
    /// Two relocations of one instruction.
    #[error("two relocations of one instruction; the object is damaged")]
    RelocationTwice,
    /// A relocation of a symbol that does not exist.
    #[error("a relocation names symbol {0}, which does not exist; the object is damaged")]
    RelocationSymbol(usize),
    /// What is referred to lies outside its section.
    #[error("this refers to offset {offset:#x} of `{section}`, which has {size:#x} bytes")]
    Outside {
        /// The section that is referred to.
        section: String,
        /// Where in it.
        offset: i128,
        /// Its bytes.
        size: u64,
    },
    /// A section that is no data of programs is referred to.
    #[error(
        "this refers to `{section}`, which is not loaded; put variables into .data, .bss or .rodata"
    )]
    NotLoaded {
        /// The section that is referred to.
        section: String,
    },
    /// A call of what is no function.
    #[error(
        "no function begins at offset {offset:#x} of `{section}`, which is called or referred to here"
    )]
    NoFunction {
        /// The section that is referred to.
        section: String,
        /// Where in it.
        offset: i128,
    },
    /// A wide load refers to the place of a map's definition, but not to a map.
    #[error("no map begins at offset {offset:#x} of `{section}`, which is referred to here")]
    NoMap {
        /// The section of the maps.
        section: String,
        /// Where in it.
        offset: i128,
    },
    /// A function that is defined nowhere is called.
    #[error(
        "the function is called and defined nowhere; programs call their own functions and helpers, which `uio_bpf.h` declares (kernel functions by BTF exist on Linux only)"
    )]
    UndefinedFunction,
    /// A distance from a variable of the platform.
    #[error("an offset of {0} from a variable of the image; load its address and add to it")]
    UndefinedOffset(i64),
    /// A configuration variable of Linux.
    #[error("variables of `.kconfig` exist on Linux only; use a `const volatile` variable")]
    Kconfig,
    /// A common symbol.
    #[error(
        "a common symbol has no section; compile with `-fno-common`, or give the variable a value"
    )]
    Common,
    /// A symbol without a section.
    #[error("the symbol has no section of the object and no name; the object is damaged")]
    Absolute,
    /// The first value of data is an address.
    #[error(
        "data holds the address of `{0}`; programs have no addresses before they run, so set it in the program"
    )]
    Address(String),
    /// A relocation that needs the types of a running kernel.
    #[error(
        "this wants {what} of `{name}` in the running kernel (CO-RE), and this kernel has no BTF; leave out `preserve_access_index` and `__builtin_preserve_*`"
    )]
    Core {
        /// What is wanted.
        what: &'static str,
        /// The type.
        name: String,
    },
    /// Maps without their description.
    #[error("maps in `.maps` are described by BTF; compile with `-g`")]
    NoBtf,
    /// A map's variable without a symbol, or a symbol without a variable.
    #[error(
        "the map has no description in BTF; write it as a structure of `__uint` and `__type` members"
    )]
    MapVariable,
    /// A member of a map's definition that means nothing.
    #[error(
        "`{0}` is no member of a map's definition; there are type, max_entries, map_flags, key, key_size, value, value_size, values, pinning"
    )]
    MapMember(String),
    /// A member of a map's definition of a wrong form.
    #[error("the member `{0}` of the map's definition has the wrong form; write `{1}`")]
    MapForm(&'static str, &'static str),
    /// Two sizes that differ.
    #[error("`{member}_size` is {given}, and the type `{member}` has {size} bytes")]
    MapSize {
        /// `key` or `value`.
        member: &'static str,
        /// What `*_size` says.
        given: u32,
        /// What the type says.
        size: u64,
    },
    /// A type of map that does not exist here.
    #[error("maps of type {number} ({name}) are not known here; {hint}")]
    MapKind {
        /// Its number.
        number: u32,
        /// Linux's name for it.
        name: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A map of maps.
    #[error("maps of maps are not known here; use one map whose key says which")]
    MapInMap,
    /// Flags of a map.
    #[error(
        "flags {0:#x} of the map are not known; there are BPF_F_NO_PREALLOC, which changes nothing, and BPF_F_RDONLY_PROG"
    )]
    MapFlags(u32),
    /// A member of a map's definition with a value that cannot be done.
    #[error("`{0}` is {1} and must be {2}")]
    MapValue(&'static str, u64, &'static str),
    /// A map's definition that is too short or too long.
    #[error(
        "a map's definition in `maps` has 16 to 20 bytes, or more if those are zero; this one has {0}"
    )]
    MapLength(u64),
    /// A section of data that is too long.
    #[error("{0} bytes of data are more than a value of a map can have")]
    DataLength(u64),
    /// A first value of a program array.
    #[error("`values` holds something else than programs of this object")]
    MapValues,
    /// The section of types is damaged.
    #[error(transparent)]
    Btf(#[from] btf::Error),
}

impl Why {
    /// This, at that place.
    #[must_use]
    pub fn at(self, place: Place) -> Error {
        Error {
            place: Box::new(place),
            why: self,
        }
    }
}

/// A result of reading an object.
pub type Result<T, E = Error> = std::result::Result<T, E>;
