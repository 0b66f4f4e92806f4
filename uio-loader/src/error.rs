//! Every reason to refuse, and its sentence on the serial port.

use crate::text::Text;

/// Why the loader does not start an image.
///
/// All sizes and offsets are bytes; segments and relocations count from 0 in
/// the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not started through PVH: the start info has another magic number.
    NotPvh {
        /// What stands in its place.
        magic: u32,
    },
    /// The firmware's memory map is missing, cut off or has too many ranges.
    MemoryMap {
        /// How many entries it has.
        entries: u32,
    },
    /// No QEMU firmware configuration device at port 0x510.
    NoFwCfg,
    /// The firmware configuration device has no DMA.
    NoFwCfgDma,
    /// QEMU reports an error for a transfer of item `key`.
    FwCfg {
        /// The item.
        key: u16,
    },
    /// No image, or an empty one.
    NoImage,
    /// The command line is longer than the loader can pass on.
    CommandLineTooLong {
        /// Its bytes.
        have: u32,
        /// The most bytes there may be.
        max: u32,
    },
    /// The command line is not UTF-8, which the kernel needs.
    CommandLineNotUtf8 {
        /// The first offending byte.
        at: u32,
    },
    /// The file ends before what its headers promise.
    Truncated {
        /// Where the file would have to reach to.
        need: u64,
        /// Its bytes.
        have: u64,
    },
    /// The file does not begin as ELF files do.
    NotElf {
        /// Its first four bytes, little-endian.
        magic: u32,
    },
    /// ELF, but not 64-bit little-endian of version 1.
    WrongClass {
        /// `EI_CLASS`.
        class: u8,
        /// `EI_DATA`.
        data: u8,
    },
    /// ELF for another machine.
    WrongMachine {
        /// `e_machine`.
        machine: u16,
    },
    /// Not a position-independent executable.
    WrongType {
        /// `e_type`.
        kind: u16,
    },
    /// The program headers have the wrong size or number.
    ProgramHeaders {
        /// Bytes of each.
        size: u16,
        /// How many.
        count: u16,
    },
    /// Nothing to load.
    NoSegments,
    /// A segment's sizes, address or alignment contradict each other.
    BadSegment {
        /// Its program header.
        index: u16,
    },
    /// Two segments claim the same memory, or are not in ascending order.
    Overlap {
        /// The later program header.
        index: u16,
        /// The earlier program header.
        before: u16,
    },
    /// The entry point is outside every executable segment.
    BadEntry {
        /// `e_entry`.
        entry: u64,
    },
    /// The notes do not parse.
    BadNotes,
    /// No note says that this is a Hermit image.
    NoEntryVersion,
    /// A Hermit image for another generation of loaders.
    EntryVersion {
        /// The image's version.
        found: u8,
    },
    /// The dynamic section does not parse or points outside the image.
    BadDynamic {
        /// The tag at fault.
        tag: u64,
    },
    /// The image wants shared libraries.
    NeedsLibraries,
    /// The dynamic section asks for something that only a dynamic linker does.
    UnsupportedDynamic {
        /// The tag.
        tag: u64,
    },
    /// A relocation of a kind that Hermit images do not have.
    RelocationKind {
        /// Its place in the table.
        index: u64,
        /// The kind, as the psABI numbers them.
        kind: u32,
    },
    /// A relocation that writes or reads outside the image.
    RelocationRange {
        /// Its place in the table.
        index: u64,
        /// Where it reaches to.
        offset: u64,
    },
    /// A relocation against a symbol that nothing defines.
    UndefinedSymbol {
        /// The relocation's place in the table.
        index: u64,
        /// The symbol's place in the symbol table.
        symbol: u32,
    },
    /// No RAM range has room for the image.
    NoRoom {
        /// The bytes it needs.
        need: u64,
    },
    /// The loader's own memory does not lie where its page tables reach.
    LoaderPlace {
        /// Where it ends.
        end: u64,
    },
    /// The device tree outgrows its buffer.
    TreeFull,
}

impl Error {
    /// Writes one sentence that names the cause and, where there is one, the mend.
    pub fn describe(&self, out: &mut dyn Text) {
        match *self {
            Self::NotPvh { .. }
            | Self::MemoryMap { .. }
            | Self::NoFwCfg
            | Self::NoFwCfgDma
            | Self::FwCfg { .. }
            | Self::LoaderPlace { .. } => self.describe_machine(out),
            Self::NoImage
            | Self::CommandLineTooLong { .. }
            | Self::CommandLineNotUtf8 { .. }
            | Self::NoRoom { .. }
            | Self::TreeFull => self.describe_request(out),
            Self::BadDynamic { .. }
            | Self::NeedsLibraries
            | Self::UnsupportedDynamic { .. }
            | Self::RelocationKind { .. }
            | Self::RelocationRange { .. }
            | Self::UndefinedSymbol { .. } => self.describe_linking(out),
            _ => self.describe_file(out),
        }
    }

    fn describe_machine(&self, out: &mut dyn Text) {
        match *self {
            Self::NotPvh { magic } => {
                out.text("not started through PVH: start info magic is ");
                out.hex(magic.into());
                out.text(", not 0x336ec578; start it with QEMU's -kernel");
            }
            Self::MemoryMap { entries } => {
                out.text("the firmware's memory map is unusable (");
                out.dec(entries.into());
                out.text(" entries)");
            }
            Self::NoFwCfg => {
                out.text("no fw_cfg device: this loader reads the image from QEMU's -initrd");
            }
            Self::NoFwCfgDma => {
                out.text("fw_cfg has no DMA: use a machine type of QEMU 2.9 or newer");
            }
            Self::FwCfg { key } => {
                out.text("QEMU failed a transfer of fw_cfg item ");
                out.hex(key.into());
            }
            Self::LoaderPlace { end } => {
                out.text("the loader ends at ");
                out.hex(end);
                out.text(", above 2 MiB");
            }
            _ => {}
        }
    }

    fn describe_request(&self, out: &mut dyn Text) {
        match *self {
            Self::NoImage => {
                out.text("no image, or an empty one: give a Hermit image with -initrd");
            }
            Self::CommandLineTooLong { have, max } => {
                out.text("the command line has ");
                out.dec(have.into());
                out.text(" bytes, the limit is ");
                out.dec(max.into());
            }
            Self::CommandLineNotUtf8 { at } => {
                out.text("the command line is not UTF-8 at byte ");
                out.dec(at.into());
            }
            Self::NoRoom { need } => {
                out.text("not enough memory: the image needs ");
                out.dec(need);
                out.text(
                    " bytes in one piece from 2 MiB on, below 1 GiB; give the VM more with -m",
                );
            }
            Self::TreeFull => out.text("too many memory ranges for the device tree"),
            _ => {}
        }
    }

    fn describe_file(&self, out: &mut dyn Text) {
        match *self {
            Self::Truncated { need, have } => {
                out.text("the image is truncated: it has ");
                out.dec(have);
                out.text(" bytes, its headers promise ");
                out.dec(need);
            }
            Self::NotElf { magic } => {
                out.text("the image is not an ELF file: it begins with ");
                out.hex(magic.into());
                if magic & 0xffff == 0x8b1f {
                    out.text(" (gzip; unpack it)");
                }
            }
            Self::WrongClass { class, data } => {
                out.text("the image is not a 64-bit little-endian ELF file: class ");
                out.dec(class.into());
                out.text(", data ");
                out.dec(data.into());
            }
            Self::WrongMachine { machine } => {
                out.text("the image is for another machine: ");
                out.text(machine_name(machine));
                out.text(" (");
                out.dec(machine.into());
                out.text("), not x86-64");
            }
            Self::WrongType { kind } => {
                out.text("the image is not a static position-independent executable: ELF type ");
                out.dec(kind.into());
                out.text(", not 3; build it for x86_64-unknown-hermit");
            }
            Self::ProgramHeaders { size, count } => {
                out.text("the image has unusable program headers: ");
                out.dec(count.into());
                out.text(" of ");
                out.dec(size.into());
                out.text(" bytes");
            }
            Self::NoSegments => out.text("the image has no segment to load"),
            Self::BadSegment { index } => {
                out.text("program header ");
                out.dec(index.into());
                out.text(" of the image contradicts itself");
            }
            Self::Overlap { index, before } => {
                out.text("the segments of program headers ");
                out.dec(before.into());
                out.text(" and ");
                out.dec(index.into());
                out.text(" of the image overlap or are out of order");
            }
            Self::BadEntry { entry } => {
                out.text("the image's entry point ");
                out.hex(entry);
                out.text(" is in no executable segment");
            }
            Self::BadNotes => out.text("the image's notes are malformed"),
            Self::NoEntryVersion => {
                out.text("the image is not a Hermit image: it has no Hermit entry version");
            }
            Self::EntryVersion { found } => {
                out.text("the image has Hermit entry version ");
                out.dec(found.into());
                out.text(", this loader serves 4");
            }
            _ => {}
        }
    }

    fn describe_linking(&self, out: &mut dyn Text) {
        match *self {
            Self::BadDynamic { tag } => {
                out.text("the image's dynamic section is malformed at tag ");
                out.hex(tag);
            }
            Self::NeedsLibraries => out.text("the image is linked against shared libraries"),
            Self::UnsupportedDynamic { tag } => {
                out.text("the image needs a dynamic linker for tag ");
                out.hex(tag);
            }
            Self::RelocationKind { index, kind } => {
                out.text("relocation ");
                out.dec(index);
                out.text(" of the image is of kind ");
                out.dec(kind.into());
                out.text("; only RELATIVE (8), 64 (1) and GLOB_DAT (6) are served");
            }
            Self::RelocationRange { index, offset } => {
                out.text("relocation ");
                out.dec(index);
                out.text(" of the image is out of range: ");
                out.hex(offset);
            }
            Self::UndefinedSymbol { index, symbol } => {
                out.text("relocation ");
                out.dec(index);
                out.text(" of the image needs symbol ");
                out.dec(symbol.into());
                out.text(", which is undefined");
            }
            _ => {}
        }
    }
}

/// Names the ELF machines that a cross-built Hermit or a host program may have.
fn machine_name(machine: u16) -> &'static str {
    match machine {
        3 => "x86",
        40 => "ARM",
        183 => "AArch64",
        243 => "RISC-V",
        _ => "unknown",
    }
}
