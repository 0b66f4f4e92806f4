//! The symbols of an object: the ones it needs, and its `main`.

use alloc::vec::Vec;

use object::LittleEndian as LE;
use object::elf::{
    SHN_ABS, SHN_COMMON, SHN_LORESERVE, SHN_UNDEF, STB_LOCAL, STB_WEAK, STT_GNU_IFUNC, STT_TLS,
};
use uio_console::record::{ObjectError, SectionRule};

use super::elf::{Group, Object, Symbol, broken, group};
use super::kind::Base;
use super::{Refusal, Surroundings, arch, filled};

/// In place of the number of a slot: there is none.
pub const NO_SLOT: u32 = u32::MAX;

/// The name by which code refers to the start of the GOT (psABI 3.5).
const GOT: &[u8] = b"_GLOBAL_OFFSET_TABLE_";

/// Where a symbol is defined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Not in this object.
    Outside,
    /// At a fixed address.
    Absolute,
    /// In the memory that the linker sets aside for it.
    Common,
    /// In the section with this index.
    Section(usize),
}

/// Where a symbol is defined.
pub fn home(symbol: &Symbol) -> Result<Home, ObjectError<'static>> {
    let section = symbol.st_shndx.get(LE);
    match section {
        SHN_UNDEF => Ok(Home::Outside),
        SHN_ABS => Ok(Home::Absolute),
        SHN_COMMON => Ok(Home::Common),
        _ if section.0 >= SHN_LORESERVE => Err(broken(0, SectionRule::Numbering)),
        _ => Ok(Home::Section(usize::from(section.0))),
    }
}

/// What the linker adds to a symbol.
#[derive(Clone, Copy)]
pub struct Extra {
    /// Address of a symbol from outside; offset in the image of a common symbol.
    pub value: u64,
    /// Its slot in the GOT.
    pub slot: u32,
}

/// What the linker adds to the symbols of an object.
pub struct Symbols {
    /// For every symbol.
    pub extra: Vec<Extra>,
    /// How many slots the GOT has.
    pub slots: u32,
    /// Index of `main`.
    pub main: usize,
    /// Index of the symbol that stands for the GOT; 0 without one.
    pub got: usize,
}

impl Symbols {
    /// Finds `main` and the symbols that are defined elsewhere.
    pub fn new<'a>(
        object: &Object<'a>,
        around: &mut dyn Surroundings,
    ) -> Result<Self, Refusal<'a>> {
        let none = Extra {
            value: 0,
            slot: NO_SLOT,
        };
        let mut symbols = Self {
            extra: filled(object.symbols.len(), none)?,
            slots: 0,
            main: symbols_main(object)?,
            got: 0,
        };
        let mut complete = true;
        for (index, symbol) in object.symbols.iter().enumerate().skip(1) {
            if home(symbol)? != Home::Outside {
                continue;
            }
            let name = object.symbol_name(index);
            if name == GOT {
                symbols.got = index;
                continue;
            }
            let value = match around.resolve(name) {
                Err(super::Stop) => return Err(Refusal::Reported),
                Ok(Some(address)) => address,
                Ok(None) if symbol.st_info.0 >> 4 == STB_WEAK.0 => 0,
                Ok(None) => {
                    around.undefined(name);
                    complete = false;
                    0
                }
            };
            if let Some(extra) = symbols.extra.get_mut(index) {
                extra.value = value;
            }
        }
        if complete {
            Ok(symbols)
        } else {
            Err(Refusal::Reported)
        }
    }

    /// Gives a slot in the GOT to each symbol that needs or may need one: a call to a symbol from
    /// outside may turn out to be out of reach.
    pub fn give_slots<'a>(&mut self, object: &Object<'a>) -> Result<(), Refusal<'a>> {
        object.relocations(&mut |site| {
            let Some(kind) = arch::kind(site.kind()) else {
                return Err(ObjectError::Relocation {
                    kind: site.kind(),
                    section: object.section_name(site.section),
                    offset: site.offset(),
                    symbol: object.symbol_name(site.symbol),
                });
            };
            let (Some(symbol), Some(extra)) = (
                object.symbols.get(site.symbol),
                self.extra.get_mut(site.symbol),
            ) else {
                return Ok(());
            };
            let far = matches!(kind.base, Base::Call | Base::Relative)
                && matches!(home(symbol)?, Home::Outside | Home::Absolute);
            if extra.slot == NO_SLOT && (kind.needs_slot() || far) {
                extra.slot = self.slots;
                self.slots += 1;
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// Index of `main`, after a look at what kinds of symbols there are.
fn symbols_main<'a>(object: &Object<'a>) -> Result<usize, ObjectError<'a>> {
    let mut main = 0;
    for (index, symbol) in object.symbols.iter().enumerate().skip(1) {
        let kind = symbol.st_info.0 & 0xf;
        if kind == STT_TLS.0 || kind == STT_GNU_IFUNC.0 {
            return Err(ObjectError::SymbolKind {
                symbol: object.symbol_name(index),
                kind,
            });
        }
        if symbol.st_info.0 >> 4 == STB_LOCAL.0 || !object.is_main(symbol) {
            continue;
        }
        let Home::Section(section) = home(symbol)? else {
            continue;
        };
        if object.sections.get(section).and_then(group) != Some(Group::Text) {
            continue;
        }
        if main != 0 {
            return Err(ObjectError::Duplicate { symbol: b"main" });
        }
        main = index;
    }
    if main == 0 {
        Err(ObjectError::NoMain)
    } else {
        Ok(main)
    }
}
