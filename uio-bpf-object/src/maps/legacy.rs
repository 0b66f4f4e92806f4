//! Maps in `maps`: variables of `struct bpf_map_def`, five words: type, key_size, value_size, max_entries, map_flags.

use uio_bpf::bundle::MapDef;

use super::{Maps, rules, symbols};
use crate::btf::{self, Btf, Kind};
use crate::elf::Elf;
use crate::error::{Place, Result, Why};
use crate::types::Builder;

/// Words that a definition has at least.
const LEAST: usize = 4;

/// What comes before a map's name in the name of the structure that says its types (`BPF_ANNOTATE_KV_PAIR`).
const ANNOTATION: &str = "____btf_map_";

impl Maps {
    /// Reads `maps`.
    pub(super) fn read_legacy(
        &mut self,
        elf: &Elf<'_>,
        section: usize,
        btf: Option<&Btf<'_>>,
    ) -> Result<()> {
        let Some(own) = elf.sections.get(section) else {
            return Ok(());
        };
        let found = symbols(elf, section);
        for (index, &(name, offset, size)) in found.iter().enumerate() {
            let place = || Place::section(own.name).at(offset).of(name);
            let end = match size {
                0 => found.get(index + 1).map_or(own.size, |next| next.1),
                size => offset.saturating_add(size),
            };
            let bytes = usize::try_from(offset)
                .ok()
                .zip(usize::try_from(end).ok())
                .and_then(|(from, to)| own.data.get(from..to));
            let bytes = bytes.ok_or_else(|| Why::Function.at(place()))?;
            let mut def = read(name, bytes).map_err(|why| why.at(place()))?;
            if let Some(btf) = btf {
                def.types = annotation(name, btf, &mut self.types_left);
            }
            self.add(section, offset, def)
                .map_err(|why| why.at(place()))?;
        }
        Ok(())
    }
}

fn read(name: &str, bytes: &[u8]) -> Result<MapDef, Why> {
    let (words, rest) = bytes.as_chunks::<4>();
    let words: Vec<u32> = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
    let length = || Why::MapLength(bytes.len() as u64);
    let more = words.get(LEAST + 1..).unwrap_or_default();
    let [number, key_size, value_size, max_entries] = *words.first_chunk().ok_or_else(length)?;
    if more.iter().any(|&word| word != 0) || rest.iter().any(|&byte| byte != 0) {
        return Err(length());
    }
    let kind = rules::kind(number)?;
    rules::sizes(kind, key_size, value_size, max_entries)?;
    Ok(MapDef {
        name: name.to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        flags: rules::flags(words.get(LEAST).copied().unwrap_or(0))?,
        initial: Vec::new(),
        types: Vec::new(),
    })
}

/// The types of a map that a structure with the members `key` and `value` says.
fn annotation(map: &str, btf: &Btf<'_>, left: &mut usize) -> Vec<u8> {
    let members = btf.iter().find_map(|(_, found)| match &found.kind {
        Kind::Composite { members, .. } if found.name.strip_prefix(ANNOTATION) == Some(map) => {
            Some(members)
        }
        _ => None,
    });
    let mut types = Builder::new(btf, left);
    for btf::Member { name, of, .. } in members.into_iter().flatten() {
        match *name {
            "key" => types.key(*of),
            "value" => types.value(*of),
            _ => {}
        }
    }
    types.finish().to_bytes()
}
