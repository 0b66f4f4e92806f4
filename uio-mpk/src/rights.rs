//! The two registers that hold rights by protection key, PKRU and IA32_PKRS, and the bits of a page
//! table entry that name a key (Intel SDM volume 3, 4.6.2 and 4.5.4).

/// A protection key. Pages of key 0 belong to the application and the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Key(u8);

impl Key {
    /// What every page has that nobody gave another key.
    pub const KERNEL: Self = Self(0);

    /// The key that stacks of exceptions have which arrive while a program has its own rights, so
    /// that the processor can write them: the last one.
    pub const EXCEPTIONS: Self = Self(15);

    /// Where a page table entry has the key.
    const SHIFT: u32 = 59;

    /// The key with this number; `None` for numbers above 15.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 16 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The bits of a page table entry that name it.
    #[must_use]
    pub const fn entry_bits(self) -> u64 {
        (self.0 as u64) << Self::SHIFT
    }

    /// The key that a page table entry names.
    #[must_use]
    pub const fn of_entry(entry: u64) -> Self {
        Self((entry >> Self::SHIFT) as u8 & 15)
    }
}

/// A value of PKRU or IA32_PKRS, which have the same form: for each key a bit that denies access and
/// a bit that denies writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Rights(u32);

impl Rights {
    /// Everything is allowed: what the kernel and the application run with.
    pub const ALL: Self = Self(0);

    /// What a program runs with: it reads everything, and writes the pages of its own key.
    #[must_use]
    pub const fn of_program(own: Key) -> Self {
        let every_write = 0xaaaa_aaaa_u32;
        Self(every_write & !Self::write_bit(own) & !Self::write_bit(Key::EXCEPTIONS))
    }

    /// The bits as the register has them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether pages of that key may be written.
    #[must_use]
    pub const fn may_write(self, key: Key) -> bool {
        self.0 & (Self::write_bit(key) | Self::write_bit(key) >> 1) == 0
    }

    /// Whether pages of that key may be read.
    #[must_use]
    pub const fn may_read(self, key: Key) -> bool {
        self.0 & (Self::write_bit(key) >> 1) == 0
    }

    const fn write_bit(key: Key) -> u32 {
        2 << (2 * key.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Rights};

    #[test]
    fn a_program_writes_its_own_pages_and_reads_all() {
        for own in 1..15 {
            let own = Key::new(own).unwrap();
            let rights = Rights::of_program(own);
            for key in 0..16 {
                let key = Key::new(key).unwrap();
                assert!(rights.may_read(key));
                assert_eq!(
                    rights.may_write(key),
                    key == own || key == Key::EXCEPTIONS,
                    "{own:?} {key:?}"
                );
            }
        }
    }

    #[test]
    fn the_bits_are_those_of_the_manual() {
        // AD of key i is bit 2i, WD is bit 2i + 1.
        let key = Key::new(3).unwrap();
        assert_eq!(Rights::of_program(key).bits(), 0x2aaa_aa2a);
        assert_eq!(key.entry_bits(), 3 << 59);
        assert_eq!(Key::of_entry(0x8000_0000_0000_0003 | 9 << 59).number(), 9);
        assert!(Key::new(16).is_none());
    }

    #[test]
    fn the_kernel_may_do_everything() {
        assert!((0..16).all(|key| Rights::ALL.may_write(Key::new(key).unwrap())));
    }
}
