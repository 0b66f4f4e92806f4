//! Damaging objects: changing fields of an ELF file at their places (System V ABI, ELF-64).

use anyhow::{Context, Result, ensure};

/// Offset of `e_machine` in the header.
const E_MACHINE: usize = 0x12;
/// Offset of `e_shoff`.
const E_SHOFF: usize = 0x28;
/// Offset of `e_shnum`.
const E_SHNUM: usize = 0x3c;
/// Bytes of a section header.
const SECTION_HEADER: usize = 64;
/// `sh_type` of relocations with addends.
const SHT_RELA: u32 = 4;

/// An object file to be damaged.
#[derive(Clone, Debug)]
pub struct Object(pub Vec<u8>);

impl Object {
    /// The object with another machine in its header.
    pub fn with_machine(mut self, machine: u16) -> Result<Self> {
        self.put(E_MACHINE, &machine.to_le_bytes())?;
        Ok(self)
    }

    /// The object whose first relocation applies to another offset.
    pub fn with_relocation_offset(mut self, offset: u64) -> Result<Self> {
        let at = self.first_relocation()?;
        self.put(at, &offset.to_le_bytes())?;
        Ok(self)
    }

    /// The object whose first relocation has another addend.
    pub fn with_relocation_addend(mut self, addend: i64) -> Result<Self> {
        let at = self.first_relocation()? + 16;
        self.put(at, &addend.to_le_bytes())?;
        Ok(self)
    }

    /// The object whose first relocation is of another kind.
    pub fn with_relocation_kind(mut self, kind: u32) -> Result<Self> {
        let at = self.first_relocation()? + 8;
        self.put(at, &kind.to_le_bytes())?;
        Ok(self)
    }

    /// Where the first entry of the first relocation section is in the file.
    fn first_relocation(&self) -> Result<usize> {
        let table = self.number(E_SHOFF, 8)?;
        let count = self.number(E_SHNUM, 2)?;
        for index in 0..count {
            let header = table + index * SECTION_HEADER;
            if self.number(header + 4, 4)? == SHT_RELA as usize {
                ensure!(self.number(header + 0x20, 8)? >= 24, "no relocation in it");
                return self.number(header + 0x18, 8);
            }
        }
        anyhow::bail!("the object has no relocations")
    }

    fn number(&self, at: usize, len: usize) -> Result<usize> {
        let bytes = self
            .0
            .get(at..at + len)
            .context("the object is too short")?;
        let mut all = [0; 8];
        all[..len].copy_from_slice(bytes);
        Ok(usize::try_from(u64::from_le_bytes(all))?)
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let place = self.0.get_mut(at..at + bytes.len());
        place
            .context("the object is too short")?
            .copy_from_slice(bytes);
        Ok(())
    }
}
