//! Surroundings for tests: symbols from a map, memory from the heap.

use std::collections::HashMap;
use std::ops::Range;

use uio_core::isolation::{Forbidden, Region};
use uio_core::program::Wanted;
use uio_core::program::link::{Code, Linked, Refusal, Stop, Surroundings, link};

/// The largest program in these tests.
pub const MAX: usize = 4 << 20;

/// Makes a region of so many bytes.
pub type Allocate<'a> = &'a dyn Fn(usize) -> Option<Box<dyn Region>>;

/// What the linker told of forbidden code.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub section: String,
    pub offset: usize,
    pub function: String,
    pub start: u64,
    pub bytes: Vec<u8>,
}

/// What a test gives to the linker, and what it heard from it.
pub struct World<'a> {
    pub symbols: HashMap<String, u64>,
    pub undefined: Vec<String>,
    pub asked: Vec<String>,
    pub stop_at: Option<&'static str>,
    pub forbidden: Option<&'static [u8]>,
    pub refused: Vec<Refused>,
    allocate: Allocate<'a>,
}

impl<'a> World<'a> {
    pub fn new(allocate: Allocate<'a>) -> Self {
        Self {
            symbols: HashMap::new(),
            undefined: Vec::new(),
            asked: Vec::new(),
            stop_at: None,
            forbidden: None,
            refused: Vec::new(),
            allocate,
        }
    }

    pub fn with(mut self, name: &str, address: u64) -> Self {
        self.symbols.insert(name.into(), address);
        self
    }

    pub fn link<'b>(&mut self, bytes: &'b [u8]) -> Result<Linked, Refusal<'b>> {
        link(bytes, MAX, self)
    }
}

impl Surroundings for World<'_> {
    fn resolve(&mut self, wanted: &mut [Wanted<'_>]) -> Result<(), Stop> {
        for wanted in wanted {
            let name = String::from_utf8_lossy(wanted.name).into_owned();
            if self.stop_at.is_some_and(|stop| stop == name) {
                return Err(Stop);
            }
            wanted.address = self.symbols.get(&name).copied();
            self.asked.push(name);
        }
        Ok(())
    }

    fn undefined(&mut self, name: &[u8]) {
        self.undefined
            .push(String::from_utf8_lossy(name).into_owned());
    }

    fn forbidden(&mut self, code: &[u8]) -> Option<Forbidden> {
        let bytes = self.forbidden?;
        let offset = code.windows(bytes.len()).position(|at| at == bytes)?;
        Some(Forbidden {
            offset,
            len: bytes.len() as u8,
            class: "wrpkru",
            within: 0,
        })
    }

    fn refused(&mut self, code: &Code<'_>) {
        let name = |name| String::from_utf8_lossy(name).into_owned();
        self.refused.push(Refused {
            section: name(code.section),
            offset: code.found.offset,
            function: name(code.function),
            start: code.start,
            bytes: code.bytes.to_vec(),
        });
    }

    fn allocate(&mut self, bytes: usize) -> Option<Box<dyn Region>> {
        (self.allocate)(bytes)
    }
}

/// A region on the heap that claims to lie at `base`.
pub struct Heap {
    base: u64,
    bytes: Vec<u8>,
    data: usize,
}

impl Region for Heap {
    fn base(&self) -> u64 {
        self.base
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.data..]
    }

    fn seal(&mut self, text: Range<usize>, constants: Range<usize>) {
        let len = self.bytes.len();
        for edge in [text.start, text.end, constants.start, constants.end] {
            assert!(
                edge % 4096 == 0 && edge <= len,
                "{text:?} {constants:?} of {len}"
            );
        }
        assert!(text.start == 0 && text.end == constants.start && constants.end >= constants.start);
        // So that tests can look at all of it.
        self.data = 0;
    }
}

/// Makes regions on the heap that claim to lie at an address in the middle of nowhere.
pub fn heap(bytes: usize) -> Option<Box<dyn Region>> {
    assert!(
        bytes <= MAX && bytes.is_multiple_of(4096) && bytes != 0,
        "{bytes}"
    );
    Some(Box::new(Heap {
        base: 0x4000_0000,
        bytes: vec![0; bytes],
        data: 0,
    }))
}
