//! Loading a bundle: all of it or nothing.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::error::{LoadError, Refused};
use super::reader::{MapPart, ProgramPart, Reader};
use super::{LoadedMap, LoadedProgram, Loading, Runtime, own};
use crate::bundle::{MapDef, VERSION, WEAK, map_flags};
use crate::check::{Environment, check};
use crate::isa::Insn;
use crate::map::{Map, MapError, Programs};
use crate::program::{Program, Symbols};

/// A bundle while it is loaded.
struct Incoming<'a> {
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
    ) -> Result<u32, Refused<'a>> {
        let mut incoming = Incoming {
            maps: Vec::new(),
            shared: Vec::new(),
            variables: Vec::new(),
            symbols: Vec::new(),
            programs: Vec::new(),
            bytes: 0,
        };
        let done = self.read(bytes, &mut incoming, loading).and_then(|()| {
            slots(&incoming)?;
            self.room(&incoming).map_err(Refused::from)
        });
        if let Err(refused) = done {
            for loaded in &incoming.programs {
                (loading.discard)(&loaded.program);
            }
            return Err(refused);
        }
        fill(&incoming, loading.core);
        Ok(self.take(incoming))
    }

    fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        incoming: &mut Incoming<'a>,
        loading: &mut Loading<'_>,
    ) -> Result<(), Refused<'a>> {
        let mut reader = Reader::new(bytes);
        let version = read(&mut reader, Reader::version)?;
        if version != VERSION {
            return Err(LoadError::Version(version).into());
        }
        let _license = read(&mut reader, Reader::text)?;
        for _ in 0..read(&mut reader, Reader::count)? {
            let part = read(&mut reader, Reader::map)?;
            self.map_in(part, incoming, loading)
                .map_err(Refused::by(part.name))?;
        }
        for _ in 0..read(&mut reader, Reader::count)? {
            let name = read(&mut reader, Reader::text)?;
            variable_in(name, incoming, loading).map_err(Refused::by(name))?;
        }
        let symbols: Symbols = core::mem::take(&mut incoming.symbols).into();
        for _ in 0..read(&mut reader, Reader::count)? {
            let part = read(&mut reader, Reader::program)?;
            let id = self
                .next_program
                .wrapping_add(incoming.programs.len() as u32);
            program_in(part, id, self.next_bundle, &symbols, incoming, loading)
                .map_err(Refused::by(part.name))?;
            self.afford(incoming).map_err(Refused::by(part.name))?;
        }
        if !reader.is_empty() {
            return Err(LoadError::Malformed(reader.at() as u32).into());
        }
        if incoming.programs.is_empty() {
            return Err(LoadError::Empty.into());
        }
        Ok(())
    }

    /// Checks that what came in so far is not too much.
    fn afford(&self, incoming: &Incoming<'_>) -> Result<(), LoadError> {
        let all = self.used.saturating_add(incoming.bytes);
        if all > self.limit {
            Err(LoadError::Limit)
        } else {
            Ok(())
        }
    }

    /// A map of a bundle: the one that is there by its name, or a new one.
    fn map_in<'a>(
        &self,
        part: MapPart<'a>,
        incoming: &mut Incoming<'a>,
        loading: &Loading<'_>,
    ) -> Result<(), LoadError> {
        let taken = incoming.maps.iter().any(|other| other.name == part.name);
        if part.name.is_empty() || taken {
            return Err(LoadError::Name);
        }
        reserve(&mut incoming.maps)?;
        reserve(&mut incoming.shared)?;
        let shared = part.flags & map_flags::PRIVATE == 0;
        let there = self.maps.iter().filter(|_| shared).find(|there| {
            let def = there.map.def();
            def.name == part.name && def.flags & map_flags::PRIVATE == 0
        });
        if let Some(there) = there {
            if !same(there.map.def(), &part) {
                return Err(LoadError::Differs);
            }
            incoming.shared.push(Arc::clone(&there.map));
            incoming.maps.push(part);
            return Ok(());
        }
        let left = self
            .limit
            .saturating_sub(self.used)
            .saturating_sub(incoming.bytes);
        let map =
            Map::new(&definition(&part)?, loading.cores, left).map_err(|error| match error {
                MapError::Memory => LoadError::Memory,
                error => LoadError::Map(error),
            })?;
        incoming.bytes += map.bytes();
        incoming.shared.push(Arc::new(map));
        incoming.maps.push(part);
        Ok(())
    }

    /// Makes room for what came in, so that taking it cannot fail.
    fn room(&mut self, incoming: &Incoming<'_>) -> Result<(), LoadError> {
        let memory = |_| LoadError::Memory;
        self.programs
            .try_reserve(incoming.programs.len())
            .map_err(memory)?;
        self.maps.try_reserve(incoming.maps.len()).map_err(memory)?;
        for map in &incoming.shared {
            if let Some(there) = self
                .maps
                .iter_mut()
                .find(|there| Arc::ptr_eq(&there.map, map))
            {
                there.bundles.try_reserve(1).map_err(memory)?;
            }
        }
        Ok(())
    }

    /// Has what came in be loaded.
    fn take(&mut self, incoming: Incoming<'_>) -> u32 {
        let bundle = self.next_bundle;
        self.next_bundle = bundle.wrapping_add(1);
        self.next_program = self
            .next_program
            .wrapping_add(incoming.programs.len() as u32);
        self.used += incoming.bytes;
        self.programs.extend(incoming.programs);
        for map in incoming.shared {
            if let Some(there) = self
                .maps
                .iter_mut()
                .find(|there| Arc::ptr_eq(&there.map, &map))
            {
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

/// Reads a piece of a bundle, or says where it is none.
fn read<'a, T>(
    reader: &mut Reader<'a>,
    piece: impl FnOnce(&mut Reader<'a>) -> Result<T, super::reader::Malformed>,
) -> Result<T, Refused<'a>> {
    let result = piece(reader);
    result.map_err(|_| LoadError::Malformed(reader.at() as u32).into())
}

fn reserve<T>(list: &mut Vec<T>) -> Result<(), LoadError> {
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

fn definition(part: &MapPart<'_>) -> Result<MapDef, LoadError> {
    let bytes = |from: &[u8]| -> Result<Vec<u8>, LoadError> {
        let mut own = Vec::new();
        own.try_reserve_exact(from.len())
            .map_err(|_| LoadError::Memory)?;
        own.extend_from_slice(from);
        Ok(own)
    };
    Ok(MapDef {
        name: own(part.name)?,
        kind: part.kind,
        key_size: part.key_size,
        value_size: part.value_size,
        max_entries: part.max_entries,
        flags: part.flags,
        initial: bytes(part.initial)?,
        types: bytes(part.types)?,
    })
}

/// A variable of a bundle: its address, and its name for who asks at run time.
fn variable_in(
    name: &str,
    incoming: &mut Incoming<'_>,
    loading: &Loading<'_>,
) -> Result<(), LoadError> {
    let (name, weak) = match name.strip_prefix(WEAK) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let address = match (loading.address)(name) {
        Some(address) => address,
        None if weak => 0,
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

fn program_in(
    part: ProgramPart<'_>,
    id: u32,
    bundle: u32,
    symbols: &Symbols,
    incoming: &mut Incoming<'_>,
    loading: &mut Loading<'_>,
) -> Result<(), LoadError> {
    let taken = incoming
        .programs
        .iter()
        .any(|other| *other.program.name == *part.name);
    if part.name.is_empty() || taken {
        return Err(LoadError::Name);
    }
    reserve(&mut incoming.programs)?;
    let target: String = own(part.target)?;
    let environment = Environment {
        maps: &incoming.shared,
        variables: &incoming.variables,
        helpers: loading.helpers,
    };
    let code = instructions(part.code)?;
    let program = check(part.name, part.kind, &code, &environment);
    let mut program = program.map_err(LoadError::Rejected)?;
    program.symbols = Symbols::clone(symbols);
    if !(loading.prepare)(&mut program) {
        return Err(LoadError::Native);
    }
    let bytes = (program.bytes() + target.len() + size_of::<LoadedProgram>()) as u64;
    incoming.bytes += bytes;
    incoming.programs.push(LoadedProgram {
        id,
        bundle,
        program: Arc::new(program),
        target: target.into(),
        bytes,
    });
    Ok(())
}

fn instructions(code: &[u8]) -> Result<Vec<Insn>, LoadError> {
    let (code, rest) = code.as_chunks::<{ Insn::LEN }>();
    if !rest.is_empty() {
        return Err(LoadError::Code);
    }
    let mut insns = Vec::new();
    insns
        .try_reserve_exact(code.len())
        .map_err(|_| LoadError::Memory)?;
    insns.extend(code.iter().map(Insn::from_bytes));
    Ok(insns)
}

/// The program arrays among the maps, and what these hold at first.
fn arrays<'i, 'a>(
    incoming: &'i Incoming<'a>,
) -> impl Iterator<Item = (&'i MapPart<'a>, &'i Programs, &'a [[u8; 4]])> {
    let maps = incoming.maps.iter().zip(&incoming.shared);
    maps.filter_map(|(part, map)| {
        let (slots, _) = part.initial.as_chunks::<4>();
        Some((part, map.programs()?, slots))
    })
}

/// Checks what program arrays hold at first.
fn slots<'a>(incoming: &Incoming<'a>) -> Result<(), Refused<'a>> {
    for (part, _, slots) in arrays(incoming) {
        let fits = part.initial.len().is_multiple_of(4) && slots.len() <= part.max_entries as usize;
        if !fits || !slots.iter().all(|slot| program(*slot, incoming).is_some()) {
            return Err(Refused::by(part.name)(LoadError::Slot));
        }
    }
    Ok(())
}

/// Puts programs into program arrays that hold some at first.
fn fill(incoming: &Incoming<'_>, core: u32) {
    for (_, array, slots) in arrays(incoming) {
        for (index, slot) in slots.iter().enumerate() {
            if let Some(Some(program)) = program(*slot, incoming) {
                // There is such an index, so there is nothing to go wrong.
                let _ = array.set(index as u32, Some(program), core);
            }
        }
    }
}

/// What a slot says: no program, or one; `None` if there is no such one.
fn program(slot: [u8; 4], incoming: &Incoming<'_>) -> Option<Option<Arc<Program>>> {
    let Some(index) = u32::from_le_bytes(slot).checked_sub(1) else {
        return Some(None);
    };
    let loaded = incoming.programs.get(index as usize)?;
    Some(Some(Arc::clone(&loaded.program)))
}
