//! Which names a symbol is found by.

use std::collections::HashMap;

use uio_core::program::symbols::format::{GLOBAL, KERNEL};

use super::PREFIX;
use super::image::Raw;

/// Which symbol a name means: its place among the symbols.
pub type Names = HashMap<Vec<u8>, usize>;

/// A Rust path without the hash at its end; `None` for a name that is not mangled.
pub fn path(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let demangled = rustc_demangle::try_demangle(name).ok()?;
    Some(format!("{demangled:#}"))
}

/// What a name may mean so far.
struct Meaning {
    rank: u8,
    symbol: usize,
    ambiguous: bool,
}

/// Gives each name to the symbol with the best claim to it: names come before paths, the application's before the kernel's, global
/// ones before local ones. Equal claims to different places exclude each other.
pub fn resolve(symbols: &[Raw]) -> Names {
    let mut meanings: HashMap<Vec<u8>, Meaning> = HashMap::new();
    let mut claim = |name: Vec<u8>, rank: u8, symbol: usize| {
        let new = Meaning {
            rank,
            symbol,
            ambiguous: false,
        };
        match meanings.entry(name) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(new);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let old = entry.get_mut();
                if rank < old.rank {
                    *old = new;
                } else if rank == old.rank && symbols[old.symbol].address != symbols[symbol].address
                {
                    old.ambiguous = true;
                }
            }
        }
    };
    for (index, symbol) in symbols.iter().enumerate() {
        let rank = match (symbol.flags & KERNEL != 0, symbol.flags & GLOBAL != 0) {
            (false, true) => 0,
            (false, false) => 1,
            (true, _) => 2,
        };
        let names = [
            Some(symbol.name.clone()),
            path(&symbol.name).map(String::into_bytes),
        ];
        for (name, penalty) in names.into_iter().zip([0, 3]) {
            let Some(name) = name else { continue };
            if symbol.flags & KERNEL != 0 {
                claim([PREFIX.as_bytes(), &name].concat(), rank + penalty, index);
            }
            claim(name, rank + penalty, index);
        }
    }
    meanings
        .into_iter()
        .filter(|(_, meaning)| !meaning.ambiguous)
        .map(|(name, meaning)| (name, meaning.symbol))
        .collect()
}

/// The name that the index shows for a symbol: without the kernel's prefix, unless that would mean another symbol.
pub fn shown(names: &Names, symbols: &[Raw], index: usize) -> Vec<u8> {
    let symbol = &symbols[index];
    let means = names.get(&symbol.name).map(|&other| symbols[other].address);
    if symbol.flags & KERNEL != 0 && means.is_some_and(|address| address != symbol.address) {
        return [PREFIX.as_bytes(), &symbol.name].concat();
    }
    symbol.name.clone()
}
