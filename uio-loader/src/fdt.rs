//! Writes a flattened device tree into a buffer.
//!
//! Layout: Devicetree Specification 0.4, chapter 5, version 17 of the format.

use crate::Error;

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const LAST_COMPATIBLE_VERSION: u32 = 16;
const HEADER_LEN: usize = 40;
/// One empty entry ends the list of memory reservations.
const RESERVATIONS_LEN: usize = 16;
const STRUCTURE_START: usize = HEADER_LEN + RESERVATIONS_LEN;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;

/// Bytes for the names of all different properties.
const MAX_NAMES: usize = 128;

/// Writes nodes and properties in order; [`Writer::finish`] completes the tree.
///
/// A call that does not fit makes every later one, and `finish`, fail: so only
/// `finish` reports it.
pub struct Writer<'a> {
    tree: &'a mut [u8],
    at: usize,
    names: [u8; MAX_NAMES],
    names_len: usize,
    full: bool,
}

impl<'a> Writer<'a> {
    /// Begins a tree in `tree`.
    pub fn new(tree: &'a mut [u8]) -> Self {
        let full = tree.len() < STRUCTURE_START;
        Self {
            tree,
            at: STRUCTURE_START,
            names: [0; MAX_NAMES],
            names_len: 0,
            full,
        }
    }

    /// Begins a node inside the current one; the root's `name` is empty.
    pub fn begin_node(&mut self, name: &str) {
        self.begin_unit(name, None);
    }

    /// Begins a node called `name@unit`, with `unit` in hexadecimal.
    pub fn begin_node_at(&mut self, name: &str, unit: u64) {
        self.begin_unit(name, Some(unit));
    }

    fn begin_unit(&mut self, name: &str, unit: Option<u64>) {
        self.word(BEGIN_NODE);
        self.raw(name.as_bytes());
        if let Some(unit) = unit {
            self.raw(b"@");
            let digits = (64 - unit.leading_zeros()).div_ceil(4).max(1);
            for shift in (0..digits).rev() {
                let nibble = (unit >> (shift * 4) & 0xf) as u8;
                self.raw(&[if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                }]);
            }
        }
        self.raw(b"\0");
        self.pad();
    }

    /// Ends the current node.
    pub fn end_node(&mut self) {
        self.word(END_NODE);
    }

    /// Gives the current node a property whose value is the parts of `value`.
    pub fn property(&mut self, name: &str, value: &[&[u8]]) {
        let len = value.iter().map(|part| part.len()).sum::<usize>();
        self.word(PROPERTY);
        self.word(u32::try_from(len).unwrap_or(u32::MAX));
        let name = self.name(name);
        self.word(name);
        for part in value {
            self.raw(part);
        }
        self.pad();
    }

    /// Completes the tree and returns its length in bytes.
    ///
    /// # Errors
    /// [`Error::TreeFull`] when the buffer was too small.
    pub fn finish(mut self) -> Result<usize, Error> {
        self.word(END);
        let names_at = self.at;
        let (names, names_len) = (self.names, self.names_len);
        self.raw(names.get(..names_len).unwrap_or_default());
        let len = self.at;
        let fields = [
            MAGIC,
            field(len),
            field(STRUCTURE_START),
            field(names_at),
            field(HEADER_LEN),
            VERSION,
            LAST_COMPATIBLE_VERSION,
            0,
            field(names_len),
            field(names_at - STRUCTURE_START),
        ];
        self.at = 0;
        for word in fields {
            self.word(word);
        }
        self.raw(&[0; RESERVATIONS_LEN]);
        if self.full {
            Err(Error::TreeFull)
        } else {
            Ok(len)
        }
    }

    /// The offset of `name` among the names, which it joins if it is new.
    fn name(&mut self, name: &str) -> u32 {
        let name = name.as_bytes();
        let with_nul = name.len() + 1;
        let known = self.names.get(..self.names_len).and_then(|names| {
            names.windows(with_nul).position(|window| {
                window
                    .strip_suffix(&[0])
                    .is_some_and(|window| window == name)
            })
        });
        field(known.unwrap_or_else(|| {
            let at = self.names_len;
            match self.names.get_mut(at..at + with_nul) {
                Some(slot) => {
                    if let Some((nul, letters)) = slot.split_last_mut() {
                        letters.copy_from_slice(name);
                        *nul = 0;
                    }
                    self.names_len += with_nul;
                }
                None => self.full = true,
            }
            at
        }))
    }

    fn word(&mut self, word: u32) {
        self.raw(&word.to_be_bytes());
    }

    fn raw(&mut self, bytes: &[u8]) {
        match self
            .tree
            .get_mut(self.at..)
            .and_then(|rest| rest.get_mut(..bytes.len()))
        {
            Some(slot) => {
                slot.copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => self.full = true,
        }
    }

    fn pad(&mut self) {
        while !self.at.is_multiple_of(4) && !self.full {
            self.raw(&[0]);
        }
    }
}

/// An offset or length of the tree; trees are smaller than their buffer.
fn field(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(tree: &mut [u8]) -> Result<usize, Error> {
        let mut writer = Writer::new(tree);
        writer.begin_node("");
        writer.property("compatible", &[b"one\0", b"two\0"]);
        for unit in [0, 0x10, 0x1_0000_0000] {
            writer.begin_node_at("node", unit);
            writer.property("reg", &[&unit.to_be_bytes()]);
            writer.property("compatible", &[b"three\0"]);
            writer.end_node();
        }
        writer.end_node();
        writer.finish()
    }

    #[test]
    fn another_parser_reads_it_back() {
        let mut tree = [0xaa; 1024];
        let len = small(&mut tree).unwrap();
        let fdt = fdt::Fdt::new(&tree[..len]).unwrap();
        assert_eq!(fdt.total_size(), len);
        let names: Vec<_> = fdt.all_nodes().map(|node| node.name).collect();
        assert_eq!(names, ["/", "node@0", "node@10", "node@100000000"]);
        let node = fdt.find_node("/node@10").unwrap();
        assert_eq!(node.property("reg").unwrap().as_usize(), Some(0x10));
        assert_eq!(node.property("compatible").unwrap().value, b"three\0");
        assert_eq!(
            fdt.root().compatible().all().collect::<Vec<_>>(),
            ["one", "two"]
        );
        assert_eq!(fdt.memory_reservations().count(), 0);
    }

    #[test]
    fn a_name_is_stored_once_and_a_suffix_is_not_a_name() {
        let mut tree = [0; 512];
        let mut writer = Writer::new(&mut tree);
        writer.begin_node("");
        writer.property("cells", &[b"a"]);
        writer.property("size-cells", &[b"b"]);
        writer.property("cells", &[b"c"]);
        writer.end_node();
        let len = writer.finish().unwrap();
        let fdt = fdt::Fdt::new(&tree[..len]).unwrap();
        assert_eq!(fdt.strings().collect::<Vec<_>>(), ["cells", "size-cells"]);
    }

    #[test]
    fn every_buffer_that_is_too_small_is_noticed() {
        let mut tree = [0; 1024];
        let len = small(&mut tree).unwrap();
        for short in 0..len {
            assert_eq!(
                small(&mut tree[..short]),
                Err(Error::TreeFull),
                "{short} bytes"
            );
        }
        assert_eq!(small(&mut tree[..len]), Ok(len));
    }

    #[test]
    fn too_many_names_are_noticed() {
        let mut tree = [0; 4096];
        let mut writer = Writer::new(&mut tree);
        writer.begin_node("");
        for index in 0..30 {
            writer.property(&format!("name-{index}"), &[b"x"]);
        }
        writer.end_node();
        assert_eq!(writer.finish(), Err(Error::TreeFull));
    }
}
