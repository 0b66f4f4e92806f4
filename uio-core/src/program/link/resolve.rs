//! The symbols of an object: the ones it needs, and its `main`.

use alloc::vec::Vec;

use object::LittleEndian as LE;
use object::elf::{
    SHN_ABS, SHN_COMMON, SHN_LORESERVE, SHN_UNDEF, STB_LOCAL, STB_WEAK, STT_GNU_IFUNC, STT_TLS,
};
use uio_console::record::{ObjectError, SectionRule};

use super::elf::{Group, MAX_NAME, Object, Site, Symbol, Visit, group};
use super::kind::Base;
use super::report::Refused;
use super::{Surroundings, Wanted, arch};

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

/// Where a symbol is defined. [`Symbols::new`] refuses what is none of these.
pub fn home(symbol: &Symbol) -> Home {
    match symbol.st_shndx.get(LE) {
        SHN_UNDEF => Home::Outside,
        SHN_ABS => Home::Absolute,
        SHN_COMMON => Home::Common,
        section => Home::Section(section.0.into()),
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

impl Extra {
    /// Nothing.
    pub const NONE: Self = Self {
        value: 0,
        slot: NO_SLOT,
    };
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
    pub fn new(object: &Object<'_, '_>, around: &mut dyn Surroundings) -> Result<Self, Refused> {
        let mut symbols = Self {
            extra: Vec::new(),
            slots: 0,
            main: main(object)?,
            got: 0,
        };
        let count = object.symbols.len();
        object.report.reserve(&mut symbols.extra, count)?;
        symbols.extra.resize(count, Extra::NONE);
        if symbols.resolve(object, around)? {
            Ok(symbols)
        } else {
            Err(Refused)
        }
    }

    /// Asks for the symbols that are defined elsewhere; says whether all are that must be.
    fn resolve(
        &mut self,
        object: &Object<'_, '_>,
        around: &mut dyn Surroundings,
    ) -> Result<bool, Refused> {
        let outside = object.symbols.iter().enumerate().skip(1);
        let outside = outside.filter(|(_, symbol)| home(symbol) == Home::Outside);
        let mut wanted = Vec::new();
        object
            .report
            .reserve(&mut wanted, outside.clone().count())?;
        let mut complete = true;
        for (index, symbol) in outside {
            let name = object.symbol_name(index);
            if name == GOT {
                self.got = index;
            } else if name.len() < MAX_NAME {
                wanted.push(Wanted::new(name, index as u32));
            } else if !is_weak(symbol) {
                around.undefined(name);
                complete = false;
            }
        }
        if !wanted.is_empty() {
            let asked = around.resolve(&mut wanted);
            asked.map_err(|super::Stop| Refused)?;
        }
        for wanted in wanted {
            let index = wanted.symbol as usize;
            if let Some(address) = wanted.address {
                if let Some(extra) = self.extra.get_mut(index) {
                    extra.value = address;
                }
            } else if !object.symbols.get(index).is_some_and(is_weak) {
                around.undefined(wanted.name);
                complete = false;
            }
        }
        Ok(complete)
    }
}

/// Whether a symbol may stay undefined; it is null then.
fn is_weak(symbol: &Symbol) -> bool {
    symbol.st_info.0 >> 4 == STB_WEAK.0
}

/// Index of `main`, after a look at what kinds of symbols there are.
fn main(object: &Object<'_, '_>) -> Result<usize, Refused> {
    let mut main = 0;
    for (index, symbol) in object.symbols.iter().enumerate() {
        let kind = symbol.st_info.0 & 0xf;
        if kind == STT_TLS.0 || kind == STT_GNU_IFUNC.0 {
            let symbol = object.symbol_name(index);
            return Err(object
                .report
                .object(ObjectError::SymbolKind { symbol, kind }));
        }
        let Home::Section(section) = home(symbol) else {
            continue;
        };
        if section >= SHN_LORESERVE.into() {
            return Err(object.report.section(0, SectionRule::Numbering));
        }
        let Some(text) = object.sections.get(section) else {
            continue;
        };
        if symbol.st_info.0 >> 4 == STB_LOCAL.0
            || !object.is_main(symbol)
            || group(text) != Some(Group::Text)
        {
            continue;
        }
        // Other symbols may stand for the end of their section.
        if symbol.st_value.get(LE) >= text.sh_size.get(LE) {
            return Err(object.report.section(section, SectionRule::SymbolInside));
        }
        if main != 0 {
            return Err(object
                .report
                .object(ObjectError::Duplicate { symbol: b"main" }));
        }
        main = index;
    }
    if main == 0 {
        Err(object.report.object(ObjectError::NoMain))
    } else {
        Ok(main)
    }
}

/// Gives a slot in the GOT to each symbol that needs or may need one: a call to a symbol from
/// outside may turn out to be out of reach.
pub struct GiveSlots<'s, 'o, 'r, 'a> {
    /// The object.
    pub object: &'o Object<'r, 'a>,
    /// Its symbols.
    pub symbols: &'s mut Symbols,
}

impl<'a> Visit<'a> for GiveSlots<'_, '_, '_, 'a> {
    fn visit(&mut self, site: Site<'a>) -> Result<(), Refused> {
        let Some(kind) = arch::kind(site.kind()) else {
            return Err(self.object.report.object(ObjectError::Relocation {
                kind: site.kind(),
                section: self.object.section_name(site.section),
                offset: site.offset(),
                symbol: self.object.symbol_name(site.symbol),
            }));
        };
        let (Some(symbol), Some(extra)) = (
            self.object.symbols.get(site.symbol),
            self.symbols.extra.get_mut(site.symbol),
        ) else {
            return Ok(());
        };
        let needed = match kind.base {
            Base::Slot | Base::SlotRelative => true,
            Base::Call | Base::Relative => matches!(home(symbol), Home::Outside | Home::Absolute),
            _ => false,
        };
        if needed && extra.slot == NO_SLOT {
            extra.slot = self.symbols.slots;
            self.symbols.slots += 1;
        }
        Ok(())
    }
}
