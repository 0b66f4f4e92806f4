//! Loading a bundle: all of it or nothing.
//!
//! Its parts are kept out of line: loading is rare, and in one piece it takes more code.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::error::{LoadError, Refused};
use super::reader::{MapPart, ProgramPart, Reader};
use super::{LoadedMap, LoadedProgram, Loading, Runtime, own, own_bytes};
use crate::bundle::{MapDef, VERSION, WEAK, map_flags};
use crate::check::{Environment, check};
use crate::isa::Insn;
use crate::map::{Map, MapError, Programs};
use crate::program::{Program, Symbols};

type Result<T> = core::result::Result<T, LoadError>;

/// A bundle while it is loaded.
struct Incoming<'a> {
    /// What is looked at, to be named when it is at fault.
    name: &'a str,
    maps: Vec<MapPart<'a>>,
    /// The same maps, as programs count them.
    shared: Vec<Arc<Map>>,
    variables: Vec<u64>,
    symbols: Vec<(Box<str>, u64)>,
    programs: Vec<LoadedProgram>,
    /// Bytes that it takes.
    bytes: u64,
}

impl Runtime {
    /// Loads a bundle. Its number.
    ///
    /// # Errors
    /// When it is malformed or breaks a rule, with the name of what is at fault; nothing of it is loaded then.
    pub fn load<'a>(
        &mut self,
        bytes: &'a [u8],
        loading: &mut Loading<'_>,
    ) -> core::result::Result<u32, Refused<'a>> {
        let mut incoming = Incoming {
            name: "",
            maps: Vec::new(),
            shared: Vec::new(),
            variables: Vec::new(),
            symbols: Vec::new(),
            programs: Vec::new(),
            bytes: 0,
        };
        let mut done = self.read(bytes, &mut incoming, loading);
        if done.is_ok() {
            done = self.room(&incoming);
        }
        if let Err(error) = done {
            for loaded in &incoming.programs {
                (loading.discard)(&loaded.program);
            }
            let name = incoming.name;
            return Err(Refused { name, error });
        }
        fill(&incoming, loading.core);
        Ok(self.take(incoming))
    }

    #[inline(never)]
    fn read<'a>(
        &self,
        bytes: &'a [u8],
        incoming: &mut Incoming<'a>,
        loading: &mut Loading<'_>,
    ) -> Result<()> {
        let mut reader = Reader::new(bytes);
        let version = reader.version()?;
        if version != VERSION {
            return Err(LoadError::Version(version));
        }
        let _license = reader.text()?;
        for _ in 0..reader.count()? {
            let part = reader.map()?;
            incoming.name = part.name;
            self.map_in(&part, incoming, loading)?;
            incoming.maps.push(part);
            incoming.name = "";
        }
        for _ in 0..reader.count()? {
            incoming.name = reader.text()?;
            variable_in(incoming, loading)?;
            incoming.name = "";
        }
        let symbols: Symbols = core::mem::take(&mut incoming.symbols).into();
        for _ in 0..reader.count()? {
            let part = reader.program()?;
            incoming.name = part.name;
            self.program_in(&part, &symbols, incoming, loading)?;
            incoming.name = "";
        }
        reader.end()?;
        if incoming.programs.is_empty() {
            return Err(LoadError::Empty);
        }
        slots(incoming)
    }

    /// A map of a bundle: the one that is there by its name, or a new one.
    #[inline(never)]
    fn map_in(
        &self,
        part: &MapPart<'_>,
        incoming: &mut Incoming<'_>,
        loading: &Loading<'_>,
    ) -> Result<()> {
        let taken = incoming.maps.iter().any(|other| other.name == part.name);
        if part.name.is_empty() || taken {
            return Err(LoadError::Name);
        }
        reserve(&mut incoming.maps)?;
        reserve(&mut incoming.shared)?;
        let map = match self.there(part) {
            Some(there) if same(there.def(), part) => Arc::clone(there),
            Some(_) => return Err(LoadError::Differs),
            None => {
                let taken = self.used.saturating_add(incoming.bytes);
                let left = self.limit.saturating_sub(taken);
                let def = definition(part)?;
                let map = Map::with(def, part.initial, loading.cores, left);
                let map = map.map_err(|error| match error {
                    MapError::Memory => LoadError::Memory,
                    error => LoadError::Map(error),
                })?;
                incoming.bytes += map.bytes();
                Arc::new(map)
            }
        };
        incoming.shared.push(map);
        Ok(())
    }

    /// The map that a bundle shares with others.
    fn there(&self, part: &MapPart<'_>) -> Option<&Arc<Map>> {
        if part.flags & map_flags::PRIVATE != 0 {
            return None;
        }
        let mut maps = self.maps.iter().map(|there| &there.map);
        maps.find(|map| {
            let def = map.def();
            def.name == part.name && def.flags & map_flags::PRIVATE == 0
        })
    }

    #[inline(never)]
    fn program_in(
        &self,
        part: &ProgramPart<'_>,
        symbols: &Symbols,
        incoming: &mut Incoming<'_>,
        loading: &mut Loading<'_>,
    ) -> Result<()> {
        let mut others = incoming.programs.iter();
        if part.name.is_empty() || others.any(|other| *other.program.name == *part.name) {
            return Err(LoadError::Name);
        }
        reserve(&mut incoming.programs)?;
        let environment = Environment {
            maps: &incoming.shared,
            variables: &incoming.variables,
            helpers: loading.helpers,
        };
        let code = instructions(part.code)?;
        let program = check(part.name, part.kind, &code, &environment);
        let mut program = program.map_err(LoadError::Rejected)?;
        program.symbols = Symbols::clone(symbols);
        let target = own(part.target)?;
        let bytes = (program.bytes() + target.len() + size_of::<LoadedProgram>()) as u64;
        let taken = self.used.saturating_add(incoming.bytes);
        if bytes > self.limit.saturating_sub(taken) {
            return Err(LoadError::Limit);
        }
        if !(loading.prepare)(&mut program) {
            return Err(LoadError::Native);
        }
        incoming.bytes += bytes;
        let number = incoming.programs.len() as u32;
        incoming.programs.push(LoadedProgram {
            id: self.next_program.wrapping_add(number),
            bundle: self.next_bundle,
            program: Arc::new(program),
            target: target.into(),
            bytes,
        });
        Ok(())
    }

    /// Makes room for what came in, so that taking it cannot fail.
    #[inline(never)]
    fn room(&mut self, incoming: &Incoming<'_>) -> Result<()> {
        let memory = |_| LoadError::Memory;
        let programs = self.programs.try_reserve(incoming.programs.len());
        programs.map_err(memory)?;
        self.maps
            .try_reserve(incoming.shared.len())
            .map_err(memory)?;
        for there in &mut self.maps {
            reserve(&mut there.bundles)?;
        }
        Ok(())
    }

    /// Has what came in be loaded.
    #[inline(never)]
    fn take(&mut self, incoming: Incoming<'_>) -> u32 {
        let bundle = self.next_bundle;
        self.next_bundle = bundle.wrapping_add(1);
        let count = incoming.programs.len() as u32;
        self.next_program = self.next_program.wrapping_add(count);
        self.used += incoming.bytes;
        self.programs.extend(incoming.programs);
        for map in incoming.shared {
            let mut maps = self.maps.iter_mut();
            if let Some(there) = maps.find(|there| Arc::ptr_eq(&there.map, &map)) {
                there.bundles.push(bundle);
                continue;
            }
            let id = self.next_map;
            self.next_map = id.wrapping_add(1);
            let bundles = alloc::vec![bundle];
            self.maps.push(LoadedMap { id, map, bundles });
        }
        bundle
    }
}

fn reserve<T>(list: &mut Vec<T>) -> Result<()> {
    list.try_reserve(1).map_err(|_| LoadError::Memory)
}

/// Whether a map is what a bundle wants under its name.
fn same(def: &MapDef, part: &MapPart<'_>) -> bool {
    def.kind == part.kind
        && def.key_size == part.key_size
        && def.value_size == part.value_size
        && def.max_entries == part.max_entries
        && def.flags == part.flags
}

/// A map's definition, without what it holds at first.
#[inline(never)]
fn definition(part: &MapPart<'_>) -> Result<MapDef> {
    Ok(MapDef {
        name: own(part.name)?,
        kind: part.kind,
        key_size: part.key_size,
        value_size: part.value_size,
        max_entries: part.max_entries,
        flags: part.flags,
        initial: Vec::new(),
        types: own_bytes(part.types)?,
    })
}

/// A variable of a bundle: its address, and its name for who asks at run time.
#[inline(never)]
fn variable_in(incoming: &mut Incoming<'_>, loading: &Loading<'_>) -> Result<()> {
    let weak = incoming.name.strip_prefix(WEAK);
    let name = weak.unwrap_or(incoming.name);
    let address = match (loading.address)(name) {
        Some(address) => address,
        None if weak.is_some() => 0,
        None => return Err(LoadError::Variable),
    };
    reserve(&mut incoming.variables)?;
    reserve(&mut incoming.symbols)?;
    incoming.variables.push(address);
    if address != 0 {
        incoming.symbols.push((own(name)?.into(), address));
    }
    Ok(())
}

fn instructions(code: &[u8]) -> Result<Vec<Insn>> {
    let (code, rest) = code.as_chunks::<{ Insn::LEN }>();
    if !rest.is_empty() {
        return Err(LoadError::Code);
    }
    let mut insns = Vec::new();
    let room = insns.try_reserve_exact(code.len());
    room.map_err(|_| LoadError::Memory)?;
    insns.extend(code.iter().map(Insn::from_bytes));
    Ok(insns)
}

/// The program arrays among the maps, and what these hold at first.
fn arrays<'i, 'a>(
    incoming: &'i Incoming<'a>,
) -> impl Iterator<Item = (&'i MapPart<'a>, &'i Programs)> {
    let maps = incoming.maps.iter().zip(&incoming.shared);
    maps.filter_map(|(part, map)| Some((part, map.programs()?)))
}

/// The numbers of programs that a program array holds at first: 0 for none, else one more.
fn numbers(part: &MapPart<'_>) -> impl Iterator<Item = usize> {
    let (slots, _) = part.initial.as_chunks::<4>();
    slots.iter().map(|slot| u32::from_le_bytes(*slot) as usize)
}

/// Checks what program arrays hold at first.
fn slots(incoming: &mut Incoming<'_>) -> Result<()> {
    let count = incoming.programs.len();
    let wrong = arrays(incoming).find(|(part, _)| {
        let bytes = part.initial.len();
        let fits = bytes.is_multiple_of(4) && bytes / 4 <= part.max_entries as usize;
        !fits || numbers(part).any(|number| number > count)
    });
    if let Some((part, _)) = wrong {
        incoming.name = part.name;
        return Err(LoadError::Slot);
    }
    Ok(())
}

/// Puts programs into program arrays that hold some at first.
#[inline(never)]
fn fill(incoming: &Incoming<'_>, core: u32) {
    for (part, array) in arrays(incoming) {
        for (index, number) in (0..).zip(numbers(part)) {
            let loaded = number
                .checked_sub(1)
                .and_then(|at| incoming.programs.get(at));
            if let Some(loaded) = loaded {
                let program: Arc<Program> = Arc::clone(&loaded.program);
                // There is such an index, so there is nothing to go wrong.
                let _ = array.set(index, Some(program), core);
            }
        }
    }
}
