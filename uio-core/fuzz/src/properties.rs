//! The contract of the linker: whatever the bytes are, they are linked or refused. What is linked
//! has the object's bytes in their places and nothing anywhere else, and runs code of its own alone.
//! It takes no more memory than the object and its image are large.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use uio_console::record::ObjectError;
use uio_core::isolation::{Forbidden, Region};
use uio_core::program::Wanted;
use uio_core::program::link::{Code, Linked, Refusal, Stop, Surroundings, link};

use super::mirror::Mirror;

/// The largest program.
pub const MAX: usize = 1 << 20;

/// Zeroes behind the image, which must stay so.
const SLACK: usize = 4096;

/// The most bytes of a name that is asked for or told.
const MAX_NAME: usize = 1024;

/// Regions were sealed so many times.
static SEALED: AtomicUsize = AtomicUsize::new(0);

struct Heap {
    base: u64,
    bytes: Vec<u8>,
}

impl Region for Heap {
    fn base(&self) -> u64 {
        self.base
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn seal(&mut self, text: Range<usize>, constants: Range<usize>) {
        SEALED.fetch_add(1, Relaxed);
        let edges = [text.end, constants.end];
        assert!(edges.iter().all(|edge| edge % 4096 == 0));
        assert_eq!((text.start, text.end), (0, constants.start));
        assert!(constants.start <= constants.end && constants.end <= self.bytes.len() - SLACK);
    }
}

/// Resolves a name by its first letter, and notes what is asked of it.
struct World {
    base: u64,
    asked: usize,
    undefined: usize,
    allocated: Option<usize>,
}

impl Surroundings for World {
    fn resolve(&mut self, wanted: &mut [Wanted<'_>]) -> Result<(), Stop> {
        for Wanted { name, address, .. } in wanted {
            assert!(name.len() < MAX_NAME && address.is_none());
            self.asked += 1;
            *address = match name.first() {
                Some(b'!') => return Err(Stop),
                Some(b'f' | b'o') => Some(0x7fff_1234_5678),
                Some(b'z') => Some(0),
                Some(b'm' | b'n' | b'u' | b'_') => Some(self.base ^ 0x10_0000),
                _ => None,
            };
        }
        Ok(())
    }

    fn undefined(&mut self, name: &[u8]) {
        assert!(name.len() <= MAX_NAME);
        self.undefined += 1;
    }

    fn forbidden(&mut self, code: &[u8]) -> Option<Forbidden> {
        let offset = code.windows(2).position(|bytes| bytes == [0x0f, 0x05])?;
        Some(Forbidden {
            offset,
            len: 2,
            class: "system-call",
            within: (offset % 16) as u8,
        })
    }

    fn refused(&mut self, code: &Code<'_>) {
        assert!(code.start <= code.found.offset as u64);
        assert!(code.bytes.len() <= 30);
        self.undefined += 1;
    }

    fn allocate(&mut self, bytes: usize) -> Option<Box<dyn Region>> {
        assert!(bytes <= MAX && bytes.is_multiple_of(4096) && bytes != 0);
        assert_eq!(self.allocated.replace(bytes), None, "one image, one region");
        Some(Box::new(Heap {
            base: self.base,
            bytes: vec![0; bytes + SLACK],
        }))
    }
}

/// Addresses that images are given: low, where upstream's kernel lies, high, and odd.
const BASES: [u64; 4] = [
    0x4000_0000,
    0x60_0000,
    0x7fff_f000_0000,
    0xffff_ffff_8000_0000,
];

/// Links an object, if it can be, and checks the contract; says whether it was linked. A byte of the
/// file that means nothing chooses the address.
///
/// # Panics
/// When the linker breaks the contract.
pub fn check(object: &[u8]) -> bool {
    let choice = object.get(15).copied().unwrap_or_default();
    let mut world = World {
        base: BASES[usize::from(choice) % BASES.len()],
        asked: 0,
        undefined: 0,
        allocated: None,
    };
    let result = link(object, MAX, &mut world);
    // A symbol has 24 bytes.
    assert!(world.asked <= object.len() / 24);
    match result {
        Ok(linked) => {
            assert_eq!(world.allocated, Some(linked.size));
            assert_eq!(world.undefined, 0);
            image(object, linked, world.base);
            true
        }
        Err(refusal) => {
            told(&refusal);
            // Otherwise it was told to stop.
            assert!(
                refusal != Refusal::Reported || world.undefined + world.asked > 0 || long(object)
            );
            false
        }
    }
}

/// Whether the object may have names that are too long to be asked for.
fn long(object: &[u8]) -> bool {
    object.len() > MAX_NAME
}

/// What a refusal tells fits a frame.
fn told(refusal: &Refusal<'_>) {
    let names: [&[u8]; 2] = match refusal {
        Refusal::Object(
            ObjectError::Relocation {
                section, symbol, ..
            }
            | ObjectError::Overflow {
                section, symbol, ..
            },
        ) => [section, symbol],
        Refusal::Object(ObjectError::OutsideSection { section, .. }) => [section, b""],
        Refusal::Object(
            ObjectError::SymbolKind { symbol, .. }
            | ObjectError::Duplicate { symbol }
            | ObjectError::Undefined { symbol },
        ) => [symbol, b""],
        _ => [b"", b""],
    };
    assert!(names.iter().all(|name| name.len() <= MAX_NAME));
}

fn image(object: &[u8], mut linked: Linked, base: u64) {
    assert_eq!(SEALED.swap(0, Relaxed), 1);
    let text = base..base + linked.text.end as u64;
    assert!(linked.text.end <= linked.data && linked.data <= linked.size);
    assert!(linked.init.len() <= 1024 && linked.fini.len() <= 1024);
    let functions = linked.init.iter().chain(&linked.fini);
    assert!(
        functions
            .chain([&linked.main])
            .all(|function| text.contains(function))
    );

    let mirror = Mirror::new(object, linked.text.end, linked.data);
    let expected = mirror.bytes(linked.size, linked.text.end, linked.data);
    let bytes = linked.region.bytes_mut();
    for (at, (is, should)) in bytes.iter().zip(&expected).enumerate() {
        assert!(
            should.is_none_or(|should| should == *is),
            "byte {at:#x} of the image"
        );
    }
    assert!(bytes[linked.size..].iter().all(|&byte| byte == 0));
    let stubs = mirror.text.next_multiple_of(8).min(linked.text.end)..linked.text.end;
    for stub in bytes[stubs].as_chunks::<8>().0 {
        assert!(matches!(
            stub,
            [0, 0, 0, 0, 0, 0, 0, 0] | [0xff, 0x25, .., 0xcc, 0xcc]
        ));
    }
    assert_eq!(
        linked.pristine,
        bytes[linked.data..][..linked.pristine.len()]
    );
    let zeroes = linked.data + linked.pristine.len()..linked.size;
    assert!(bytes[zeroes].iter().all(|&byte| byte == 0));
}
