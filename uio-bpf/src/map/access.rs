//! Changing and reading maps, for programs and for the host.

use super::hash::Place;
use super::stacks::Stacks;
use super::{Body, Map, update_flags};
use crate::bundle::MapKind;
use crate::errno::Errno;

/// The key of arrays.
#[inline]
pub fn index(key: &[u8]) -> Option<u32> {
    key.get(..4)?.try_into().ok().map(u32::from_le_bytes)
}

/// What an update may do: make an entry, change one.
fn may(flags: u64) -> Result<(bool, bool), Errno> {
    match flags {
        update_flags::ANY => Ok((true, true)),
        update_flags::NO_EXIST => Ok((true, false)),
        update_flags::EXIST => Ok((false, true)),
        _ => Err(Errno::Invalid),
    }
}

impl Map {
    /// Gives a key a value, as a program does: on that core only, where cores have their own. A new entry is
    /// zero on the others. Whether programs may is for the caller to look up.
    ///
    /// # Errors
    /// By `flags`, one of [`update_flags`]; [`Errno::TooBig`] when there is no room or no such index,
    /// [`Errno::Invalid`] for wrong lengths or flags, [`Errno::NotSupported`].
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64, core: u32) -> Result<(), Errno> {
        if value.len() != self.def.value_size as usize {
            return Err(Errno::Invalid);
        }
        let own = if self.cores() > 1 { core } else { 0 };
        self.put(key, flags, core, &|map, index, of| {
            if of == own {
                map.values.write(index, of, value);
                true
            } else {
                false
            }
        })
    }

    /// Gives a key a value, as the host does. Where cores have values of their own, `values` is one for all, or
    /// one for each, each filled up to 8 bytes.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub fn store(&self, key: &[u8], values: &[u8], flags: u64, core: u32) -> Result<(), Errno> {
        let size = self.def.value_size as usize;
        let each = size.next_multiple_of(8);
        let one = values.len() == size;
        if !one && (self.cores() == 1 || values.len() != each * self.cores() as usize) {
            return Err(Errno::Invalid);
        }
        self.put(key, flags, core, &|map, index, of| {
            let from = if one { 0 } else { of as usize * each };
            map.values
                .write(index, of, values.get(from..from + size).unwrap_or_default());
            true
        })
    }

    /// Has a key be there, and `write` its values: all of them, zero where it says false of a new entry.
    fn put(
        &self,
        key: &[u8],
        flags: u64,
        core: u32,
        write: &dyn Fn(&Self, u32, u32) -> bool,
    ) -> Result<(), Errno> {
        let (new, old) = may(flags)?;
        if key.len() != self.def.key_size as usize {
            return Err(Errno::Invalid);
        }
        match &self.body {
            Body::Array => {
                let index = index(key).filter(|&index| index < self.values.count());
                let index = index.ok_or(Errno::TooBig)?;
                if !old {
                    return Err(Errno::Exists);
                }
                for of in 0..self.cores() {
                    write(self, index, of);
                }
                Ok(())
            }
            Body::Hash(keys) => {
                let done = keys.with(core, |keys| {
                    let (index, fresh) = match keys.place(key, new, old)? {
                        Place::Old(index) => (index, false),
                        Place::New(index) => (index, true),
                    };
                    for of in 0..self.cores() {
                        if !write(self, index, of) && fresh {
                            self.values.clear(index, of);
                        }
                    }
                    Ok(())
                });
                done.ok_or(Errno::Busy)?
            }
            _ => Err(Errno::NotSupported),
        }
    }

    /// Takes an entry away.
    ///
    /// # Errors
    /// [`Errno::NoEntry`], [`Errno::Invalid`] for arrays, [`Errno::NotSupported`].
    pub fn delete(&self, key: &[u8], core: u32) -> Result<(), Errno> {
        if key.len() != self.def.key_size as usize {
            return Err(Errno::Invalid);
        }
        let there = match &self.body {
            Body::Array => return Err(Errno::Invalid),
            Body::Hash(keys) => keys.with(core, |keys| keys.delete(key).is_some()),
            Body::Stacks(stacks) => {
                let number = index(key).ok_or(Errno::Invalid)?;
                stacks.with(core, |stacks| stacks.delete(number))
            }
            Body::Programs(programs) => {
                let old = programs.set(index(key).ok_or(Errno::Invalid)?, None, core)?;
                return old.map(|_| ()).ok_or(Errno::NoEntry);
            }
            Body::Ring(_) => return Err(Errno::NotSupported),
        };
        if there.ok_or(Errno::Busy)? {
            Ok(())
        } else {
            Err(Errno::NoEntry)
        }
    }

    /// Bytes that the host gets for a key: a value, or one for each core, each filled up to 8 bytes.
    pub fn value_len(&self) -> usize {
        let size = self.def.value_size as usize;
        if self.cores() == 1 {
            size
        } else {
            size.next_multiple_of(8) * self.cores() as usize
        }
    }

    /// Copies the value of a key, or those of all cores, for the host: [`Self::value_len`] bytes. The entry does not
    /// count as used by that.
    ///
    /// # Errors
    /// [`Errno::NoEntry`], [`Errno::Invalid`] when `out` is too short, [`Errno::NotSupported`].
    pub fn read(&self, key: &[u8], out: &mut [u8], core: u32) -> Result<(), Errno> {
        if key.len() != self.def.key_size as usize {
            return Err(Errno::Invalid);
        }
        let out = out.get_mut(..self.value_len()).ok_or(Errno::Invalid)?;
        match &self.body {
            Body::Array => {
                let index = index(key).filter(|&index| index < self.values.count());
                self.copy(index.ok_or(Errno::NoEntry)?, out);
                Ok(())
            }
            Body::Hash(keys) => {
                let found = keys.with(core, |keys| {
                    let index = keys.find(key, false)?;
                    self.copy(index, out);
                    Some(())
                });
                found.ok_or(Errno::Busy)?.ok_or(Errno::NoEntry)
            }
            Body::Stacks(stacks) => {
                let number = index(key).ok_or(Errno::Invalid)?;
                let found = stacks.with(core, |stacks| stacks.read(number, out));
                if found.ok_or(Errno::Busy)? {
                    Ok(())
                } else {
                    Err(Errno::NoEntry)
                }
            }
            _ => Err(Errno::NotSupported),
        }
    }

    fn copy(&self, index: u32, out: &mut [u8]) {
        let each = (self.def.value_size as usize).next_multiple_of(8);
        for (of, out) in out.chunks_mut(each).enumerate() {
            self.values.read(index, of as u32, out);
        }
    }

    /// The key behind `key`, or the first one: fills `out` and gives true, or false at the end. Without a `key`
    /// that is there it begins anew. Keys have no order that means anything, but it stays the same while none is
    /// made or deleted.
    ///
    /// # Errors
    /// [`Errno::Invalid`] for wrong lengths, [`Errno::NotSupported`] for ring buffers.
    pub fn next_key(&self, key: Option<&[u8]>, out: &mut [u8], core: u32) -> Result<bool, Errno> {
        let size = self.def.key_size as usize;
        if out.len() != size || key.is_some_and(|key| key.len() != size) {
            return Err(Errno::Invalid);
        }
        let position = match (&self.body, key) {
            (_, None) => None,
            (Body::Hash(keys), Some(key)) => keys
                .with(core, |keys| keys.find(key, false))
                .ok_or(Errno::Busy)?,
            (_, Some(key)) => index(key).filter(|&index| index < self.positions()),
        };
        let mut position = position.map_or(0, |position| position.saturating_add(1));
        while position < self.positions() {
            if self.key_at(position, out, core)? {
                return Ok(true);
            }
            position += 1;
        }
        Ok(false)
    }

    /// How many numbers [`Self::key_at`] has.
    pub fn positions(&self) -> u32 {
        match &self.body {
            Body::Array | Body::Hash(_) => self.values.count(),
            Body::Stacks(_) => Stacks::numbers(self.def.max_entries).unwrap_or(0),
            Body::Programs(_) => self.def.max_entries,
            Body::Ring(_) => 0,
        }
    }

    /// The key of the entry of that number: fills `out`, or gives false if that does not exist now. For going through a
    /// map while it changes: an entry has the same number as long as it exists.
    ///
    /// # Errors
    /// [`Errno::Busy`].
    pub fn key_at(&self, position: u32, out: &mut [u8], core: u32) -> Result<bool, Errno> {
        let there = match &self.body {
            Body::Hash(keys) => {
                let found = keys.with(core, |keys| {
                    let key = keys.key(position)?;
                    out.iter_mut().zip(key).for_each(|(out, byte)| *out = *byte);
                    Some(())
                });
                return Ok(found.ok_or(Errno::Busy)?.is_some());
            }
            Body::Array => position < self.values.count(),
            Body::Stacks(stacks) => stacks
                .with(core, |stacks| stacks.has(position))
                .ok_or(Errno::Busy)?,
            Body::Programs(programs) => programs.get(position, core).is_some(),
            Body::Ring(_) => false,
        };
        if there {
            let bytes = position.to_le_bytes();
            out.iter_mut()
                .zip(bytes)
                .for_each(|(out, byte)| *out = byte);
        }
        Ok(there)
    }

    /// How many entries there are now.
    pub fn count(&self, core: u32) -> u32 {
        match &self.body {
            Body::Array => self.values.count(),
            Body::Hash(keys) => keys.with(core, |keys| keys.count()).unwrap_or(0),
            Body::Ring(_) => 0,
            Body::Stacks(_) | Body::Programs(_) => {
                let there = |&at: &u32| self.key_at(at, &mut [0; 4], core) == Ok(true);
                (0..self.positions()).filter(there).count() as u32
            }
        }
    }

    /// Whether programs may change it.
    pub fn is_writable(&self) -> bool {
        self.def.flags & crate::bundle::map_flags::READ_ONLY == 0
    }

    /// Whether it has keys and values that programs look up.
    pub fn has_values(&self) -> bool {
        !matches!(
            self.def.kind,
            MapKind::RingBuffer | MapKind::StackTrace | MapKind::ProgramArray
        )
    }
}
