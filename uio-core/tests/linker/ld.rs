//! `ld`, told to place an object as our linker does, and what it makes of it.
//!
//! Both are given the same object, but for what `ld` would do on its own account: it merges equal
//! constants, edits tables for debuggers, changes instructions, and places common symbols in an order
//! of its own. Where its global offset table is, and in which order, is its own affair too: fields that have to do with it
//! are compared by what they lead to.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use object::LittleEndian as LE;
use object::elf::{SHF_MERGE, SHF_STRINGS, SHN_ABS, SHN_UNDEF, SHT_RELA};
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection, ObjectSymbol};

use super::compile::Room;
use super::mirror::{Field, Mirror, Placed, contents, sections};
use super::surroundings::{World, heap};

/// Where both place the image.
const BASE: u64 = 0x4000_0000;
/// Where `ld` places its global offset table.
const THEIR_GOT: u64 = 0x4800_0000;
/// The name of the table's start.
const GOT: &str = "_GLOBAL_OFFSET_TABLE_";

/// What `ld` made: sections by address, and its table.
struct Theirs {
    sections: Vec<(u64, Vec<u8>)>,
    got: Option<u64>,
}

impl Theirs {
    fn bytes(&self, at: u64, len: usize) -> &[u8] {
        let found = self.sections.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(at.checked_sub(*start)?).ok()?;
            bytes.get(from..from + len)
        });
        found.unwrap_or_else(|| panic!("ld placed nothing at {at:#x}"))
    }

    fn read(executable: &[u8]) -> Self {
        let file = ElfFile64::<LE>::parse(executable).unwrap();
        let sections = file
            .sections()
            .filter(|section| section.address() >= BASE)
            .map(|section| {
                let mut bytes = section.data().unwrap().to_vec();
                bytes.resize(section.size() as usize, 0);
                (section.address(), bytes)
            })
            .collect();
        let got = file.symbol_by_name(GOT).map(|symbol| symbol.address());
        Self { sections, got }
    }
}

/// An object and its symbols from outside, each with an address: weak ones too, as `ld` changes
/// instructions that ask the table for an address that is nought.
struct Subject<'a> {
    object: &'a [u8],
    file: ElfFile64<'a, LE>,
    outside: Vec<(String, u64)>,
}

impl<'a> Subject<'a> {
    fn new(object: &'a [u8]) -> Self {
        let file = ElfFile64::<LE>::parse(object).unwrap();
        let mut outside = Vec::new();
        for symbol in file.symbols() {
            let name = symbol.name().unwrap();
            let raw = symbol.elf_symbol();
            if raw.st_shndx.get(LE) == SHN_UNDEF && !name.is_empty() && name != GOT {
                let address = match name {
                    "tiny" => 0x7b,
                    "small" => 0x7ffb,
                    _ => BASE + 0x10_0000 + 0x110 * outside.len() as u64,
                };
                outside.push((name.to_owned(), address));
            }
        }
        Self {
            object,
            file,
            outside,
        }
    }

    /// The object as `ld` is to see it.
    fn for_ld(&self, mirror: &Mirror<'_>) -> Vec<u8> {
        let mut bytes = self.object.to_vec();
        let at = |part: &[u8]| part.as_ptr() as usize - self.object.as_ptr() as usize;
        let headers = sections(self.object);
        for (index, header) in headers.iter().enumerate() {
            let flags = header.sh_flags.get(LE).0 & !(SHF_MERGE.0 | SHF_STRINGS.0);
            let field = at(object::pod::bytes_of_slice(headers)) + 64 * index + 8;
            bytes[field..field + 8].copy_from_slice(&flags.to_le_bytes());
        }
        for (symbol, place) in &mirror.commons {
            let entry = at(object::pod::bytes_of_slice(mirror.symbols)) + 24 * symbol;
            bytes[entry + 6..entry + 8].copy_from_slice(&SHN_ABS.0.to_le_bytes());
            bytes[entry + 8..entry + 16].copy_from_slice(&(BASE + *place as u64).to_le_bytes());
        }
        // Where `ld` need not ask the table, it changes the instruction.
        let tables = headers
            .iter()
            .filter(|header| header.sh_type.get(LE) == SHT_RELA);
        for table in tables.map(|table| contents(self.object, table)) {
            for entry in (0..table.len()).step_by(24) {
                if matches!(table[entry + 8..entry + 12], [41 | 42, 0, 0, 0]) {
                    bytes[at(table) + entry + 8] = 9;
                }
            }
        }
        // By its name, `ld` would know what a section is for; and two may have the same.
        let names = usize::from(self.file.elf_header().e_shstrndx.get(LE).0);
        let old = contents(self.object, &headers[names]);
        let from = bytes.len();
        bytes.extend(old);
        for index in 0..headers.len() {
            let name = (bytes.len() - from) as u32;
            let field = at(object::pod::bytes_of_slice(headers)) + 64 * index;
            bytes[field..field + 4].copy_from_slice(&name.to_le_bytes());
            bytes.extend(format!("{}\0", name_of(index)).bytes());
        }
        let field = at(object::pod::bytes_of_slice(headers)) + 64 * names + 24;
        let len = bytes.len() - from;
        bytes[field..field + 8].copy_from_slice(&(from as u64).to_le_bytes());
        bytes[field + 8..field + 16].copy_from_slice(&(len as u64).to_le_bytes());
        bytes
    }

    fn run_ld(&self, room: &Room, bytes: &[u8], script: &str, what: &str) -> Theirs {
        let path = |name: &str| -> PathBuf { room.0.join(name) };
        std::fs::write(path("subject.o"), bytes).unwrap();
        std::fs::write(path("script"), script).unwrap();
        let symbols = self.outside.iter();
        let output = Command::new("ld")
            .args(["--no-relax", "-z", "norelro", "-e", "main", "-o"])
            .arg(path("executable"))
            .args(symbols.map(|(name, address)| format!("--defsym={name}={address:#x}")))
            .arg("-T")
            .arg(path("script"))
            .arg(path("subject.o"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}: {words}\n{script}");
        Theirs::read(&std::fs::read(path("executable")).unwrap())
    }
}

/// What `ld` knows a section as.
fn name_of(index: usize) -> String {
    format!("section_{index}")
}

/// A script that places each section where it is in our image.
fn script(mirror: &Mirror<'_>, text_end: usize, data: usize) -> String {
    let mut script = String::from("SECTIONS {\n");
    let mut part = |name: &str, from: usize, sections: &mut dyn Iterator<Item = &Placed<'_>>| {
        write!(script, "{name} {:#x} : {{", BASE + from as u64).unwrap();
        for placed in sections {
            write!(script, " *({})", name_of(placed.index)).unwrap();
        }
        writeln!(script, " }}").unwrap();
    };
    let mut placed = mirror.placed.iter().peekable();
    part(
        ".text",
        0,
        &mut std::iter::from_fn(|| placed.next_if(|placed| placed.part == 0)),
    );
    part(
        ".rodata",
        text_end,
        &mut std::iter::from_fn(|| placed.next_if(|placed| placed.part == 1)),
    );
    part(".data", data, &mut placed);
    // Sections of their own for what `ld` adds: inside one, it gets the offset between them wrong.
    for (name, at) in [(".got.plt", THEIR_GOT), (".got", THEIR_GOT + 0x10_0000)] {
        writeln!(script, "{name} {at:#x} : {{ *({name}) }}").unwrap();
    }
    script + "}"
}

/// Links an object with both, and compares every byte that is loaded. Returns how many relocations
/// there were of each type.
pub fn compare(room: &Room, object: &[u8], what: &str) -> Vec<u32> {
    let subject = Subject::new(object);
    let mut world = World::new(&heap);
    for (name, address) in &subject.outside {
        world = world.with(name, *address);
    }
    let mut ours = match world.link(object) {
        Ok(linked) => linked,
        Err(refusal) => panic!("{what}: {refusal:?}, undefined {:?}", world.undefined),
    };
    let (text_end, data, size) = (ours.text.end, ours.data, ours.size);
    let mirror = Mirror::new(object, text_end, data);
    let bytes = subject.for_ld(&mirror);
    let script = script(&mirror, text_end, data);
    let theirs = subject.run_ld(room, &bytes, &script, what);

    let image = &*ours.region.bytes_mut();
    let got = subject
        .file
        .symbols()
        .find(|symbol| symbol.name() == Ok(GOT));
    let got = got.map(|symbol| symbol.index().0);
    let mut compared = vec![true; size];
    let tables = Tables {
        image,
        theirs: &theirs,
        ours: BASE + mirror.got as u64,
        symbol: got,
    };
    for field in &mirror.fields {
        if tables.compare(field, what) {
            compared[field.at..field.at + field.len].fill(false);
        }
    }
    for placed in &mirror.placed {
        let ours = &image[placed.at.clone()];
        let bytes = theirs.bytes(BASE + placed.at.start as u64, ours.len());
        let differ = placed.at.clone().zip(ours.iter().zip(bytes));
        let differ = differ.filter(|(at, (our, their))| compared[*at] && our != their);
        if let Some((at, _)) = differ.into_iter().next() {
            let name = subject
                .file
                .section_by_index(object::SectionIndex(placed.index));
            let name = name.unwrap().name().unwrap().to_owned();
            let offset = at - placed.at.start;
            let field = mirror
                .fields
                .iter()
                .find(|field| (field.at..field.at + field.len).contains(&at));
            panic!(
                "{what}: {name}+{offset:#x} differs, relocation {:?}",
                field.map(|field| field.kind)
            );
        }
    }
    mirror.fields.iter().map(|field| field.kind).collect()
}

/// The global offset tables of both.
struct Tables<'a> {
    image: &'a [u8],
    theirs: &'a Theirs,
    ours: u64,
    /// Index of the symbol that stands for the table.
    symbol: Option<usize>,
}

fn signed(field: &[u8]) -> u64 {
    let mut bytes = [if field[field.len() - 1] & 0x80 == 0 {
        0
    } else {
        0xff
    }; 8];
    bytes[..field.len()].copy_from_slice(field);
    u64::from_le_bytes(bytes)
}

impl Tables<'_> {
    /// Compares a field that has to do with the table by what it leads to; false if it has not.
    fn compare(&self, field: &Field, what: &str) -> bool {
        let place = BASE + field.at as u64;
        let ours = signed(&self.image[field.at..][..field.len.max(1)]);
        let theirs = signed(self.theirs.bytes(place, field.len.max(1)));
        let [ours, theirs] = [ours, theirs].map(|value| value.wrapping_sub(field.addend as u64));
        let their_got = || self.theirs.got.expect("ld made a table");
        let what = format!("{what}: relocation {} at {:#x}", field.kind, field.at);
        match field.kind {
            3 | 27 | 30 => self.slots(
                self.ours.wrapping_add(ours),
                their_got().wrapping_add(theirs),
                &what,
            ),
            9 | 28 | 41 | 42 => {
                self.slots(place.wrapping_add(ours), place.wrapping_add(theirs), &what);
            }
            25 | 31 => assert_eq!(
                ours.wrapping_add(self.ours),
                theirs.wrapping_add(their_got()),
                "{what}"
            ),
            26 | 29 => {
                assert_eq!(place.wrapping_add(ours), self.ours, "{what}: ours");
                assert_eq!(place.wrapping_add(theirs), their_got(), "{what}: theirs");
            }
            2 | 24 if self.symbol == Some(field.symbol) => {
                assert_eq!(place.wrapping_add(ours), self.ours, "{what}: ours");
                assert_eq!(place.wrapping_add(theirs), their_got(), "{what}: theirs");
            }
            _ if self.symbol == Some(field.symbol) && field.len != 0 => {
                assert_eq!(ours, self.ours, "{what}: ours");
                assert_eq!(theirs, their_got(), "{what}: theirs");
            }
            _ => return false,
        }
        true
    }

    /// Two slots hold the same address.
    fn slots(&self, ours: u64, theirs: u64, what: &str) {
        let at = (ours - BASE) as usize;
        assert!(ours >= self.ours, "{what}: ours is in the table");
        assert_eq!(
            self.image[at..at + 8],
            *self.theirs.bytes(theirs, 8),
            "{what}"
        );
    }
}
