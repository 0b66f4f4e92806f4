//! Maps in `.maps`: each variable is a structure whose members' types say what the map is (`__uint`, `__type`,
//! `__array` of `uio_bpf.h` and of libbpf).

use std::collections::HashMap;

use uio_bpf::bundle::{MapDef, MapKind};

use super::{Maps, Values, rules, symbols};
use crate::btf::{self, Btf, Id, Kind, Member};
use crate::elf::Elf;
use crate::error::{Place, Result, Why};
use crate::types::Builder;

/// What the members of a definition say.
#[derive(Default)]
struct Definition {
    kind: Option<u32>,
    key: Option<Id>,
    value: Option<Id>,
    key_size: Option<u32>,
    value_size: Option<u32>,
    max_entries: u32,
    flags: u32,
    /// Where the first values are, in bytes from the structure's beginning.
    values: Option<u64>,
}

impl Maps {
    /// Reads `.maps`.
    pub(super) fn read_described(
        &mut self,
        elf: &Elf<'_>,
        section: usize,
        btf: &Btf<'_>,
    ) -> Result<()> {
        let variables = btf.section(".maps").unwrap_or_default();
        let mut described = HashMap::new();
        for &(id, _, _) in variables {
            let (name, of) = btf.variable(id).map_err(Why::from)?;
            described.insert(name, of);
        }
        let stored = elf
            .sections
            .get(section)
            .map_or(0, |own| own.data.len() as u64);
        for (name, offset, size) in symbols(elf, section) {
            let place = || Place::section(".maps").at(offset).of(name);
            let of = described.get(name);
            let &of = of.ok_or_else(|| Why::MapVariable.at(place()))?;
            let (def, values) = self
                .read_definition(name, of, btf)
                .map_err(|why| why.at(place()))?;
            let map = self.add(section, offset, def);
            let map = map.map_err(|why| why.at(place()))? as usize;
            if let Some(values) = values {
                self.values.push(Values {
                    map,
                    section,
                    from: offset.saturating_add(values).min(stored),
                    to: offset.saturating_add(size).min(stored),
                });
            }
        }
        Ok(())
    }

    fn read_definition(
        &mut self,
        name: &str,
        of: Id,
        btf: &Btf<'_>,
    ) -> Result<(MapDef, Option<u64>), Why> {
        let Some((
            _,
            btf::Type {
                kind: Kind::Composite { members, .. },
                ..
            },
        )) = btf.plain(of)?
        else {
            return Err(Why::MapVariable);
        };
        let mut definition = Definition::default();
        for member in members {
            read_member(&mut definition, member, btf)?;
        }
        let number = definition.kind;
        let number = number.ok_or(Why::MapForm("type", "__uint(type, BPF_MAP_TYPE_HASH)"))?;
        let kind = rules::kind(number)?;
        // A program array with first values says neither.
        let default = match kind {
            MapKind::ProgramArray => 4,
            _ => 0,
        };
        let key_size = size(btf, "key", definition.key, definition.key_size, default)?;
        let value_size = match (kind, definition.value) {
            // There it says what records are, which may be of any length.
            (MapKind::RingBuffer, Some(_)) => definition.value_size.unwrap_or(0),
            (_, value) => size(btf, "value", value, definition.value_size, default)?,
        };
        rules::sizes(kind, key_size, value_size, definition.max_entries)?;
        if definition.values.is_some() && kind != MapKind::ProgramArray {
            return Err(Why::MapInMap);
        }
        let mut types = Builder::new(btf, &mut self.types_left);
        if let Some(key) = definition.key {
            types.key(key);
        }
        if let Some(value) = definition.value {
            types.value(value);
        }
        let def = MapDef {
            name: name.to_owned(),
            kind,
            key_size,
            value_size,
            max_entries: definition.max_entries,
            flags: rules::flags(definition.flags)?,
            initial: Vec::new(),
            types: types.finish().to_bytes(),
        };
        Ok((def, definition.values))
    }
}

fn read_member(definition: &mut Definition, member: &Member<'_>, btf: &Btf<'_>) -> Result<(), Why> {
    let number = |name, form| number(btf, member.of)?.ok_or(Why::MapForm(name, form));
    match member.name {
        "type" => definition.kind = Some(number("type", "__uint(type, BPF_MAP_TYPE_HASH)")?),
        "max_entries" => definition.max_entries = number("max_entries", "__uint(max_entries, 16)")?,
        "map_flags" => definition.flags = number("map_flags", "__uint(map_flags, 0)")?,
        "key_size" => definition.key_size = Some(number("key_size", "__uint(key_size, 4)")?),
        "value_size" => {
            definition.value_size = Some(number("value_size", "__uint(value_size, 8)")?);
        }
        "key" => {
            let key = target(btf, member.of)?;
            definition.key = Some(key.ok_or(Why::MapForm("key", "__type(key, unsigned)"))?);
        }
        "value" => {
            let value = target(btf, member.of)?;
            let form = "__type(value, unsigned long)";
            definition.value = Some(value.ok_or(Why::MapForm("value", form))?);
        }
        // Maps are shared by their names in any case.
        "pinning" => {
            let pinning = number("pinning", "__uint(pinning, LIBBPF_PIN_BY_NAME)")?;
            if pinning > 1 {
                let allowed = "0 or 1 (LIBBPF_PIN_BY_NAME); maps are shared by name in any case";
                return Err(Why::MapValue("pinning", pinning.into(), allowed));
            }
        }
        "numa_node" | "map_extra" => {
            let (name, form) = match member.name {
                "numa_node" => ("numa_node", "__uint(numa_node, 0)"),
                _ => ("map_extra", "__uint(map_extra, 0)"),
            };
            let given = number(name, form)?;
            if given != 0 {
                return Err(Why::MapValue(name, given.into(), "0; leave it out"));
            }
        }
        "values" => {
            if !holds_functions(btf, member.of)? {
                return Err(Why::MapInMap);
            }
            definition.values = Some(u64::from(member.offset / 8));
        }
        other => return Err(Why::MapMember(other.to_owned())),
    }
    Ok(())
}

/// The number that a member says: `int (*name)[number]`, or an enumeration with that one value.
fn number(btf: &Btf<'_>, of: Id) -> Result<Option<u32>, Why> {
    if let Some((_, found)) = btf.plain(of)?
        && let Kind::Enum { values, .. } = &found.kind
    {
        return Ok(match values.as_slice() {
            &[(_, value)] => u32::try_from(value).ok(),
            _ => None,
        });
    }
    let Some(array) = target(btf, of)? else {
        return Ok(None);
    };
    Ok(match btf.plain(array)? {
        Some((_, found)) => match found.kind {
            Kind::Array { count, .. } => Some(count),
            _ => None,
        },
        None => None,
    })
}

/// Where a pointer points.
fn target(btf: &Btf<'_>, of: Id) -> Result<Option<Id>, Why> {
    Ok(match btf.plain(of)? {
        Some((_, found)) => match found.kind {
            Kind::Pointer(to) => Some(to),
            _ => None,
        },
        None => None,
    })
}

/// Whether it is an array of pointers to functions.
fn holds_functions(btf: &Btf<'_>, of: Id) -> Result<bool, Why> {
    let Some((_, found)) = btf.plain(of)? else {
        return Ok(false);
    };
    let Kind::Array { element, .. } = found.kind else {
        return Ok(false);
    };
    let Some(function) = target(btf, element)? else {
        return Ok(false);
    };
    let function = btf.plain(function)?;
    Ok(function.is_some_and(|(_, found)| matches!(found.kind, Kind::Prototype { .. })))
}

/// The size of keys or values: of their type, or as it is said, which must be the same.
fn size(
    btf: &Btf<'_>,
    member: &'static str,
    of: Option<Id>,
    given: Option<u32>,
    default: u32,
) -> Result<u32, Why> {
    let Some(of) = of else {
        return Ok(given.unwrap_or(default));
    };
    let size = btf.size(of)?;
    let given = match given {
        Some(given) => given,
        None => u32::try_from(size).map_err(|_| Why::DataLength(size))?,
    };
    match u64::from(given) == size {
        true => Ok(given),
        false => Err(Why::MapSize {
            member,
            given,
            size,
        }),
    }
}
