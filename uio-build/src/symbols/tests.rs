//! The index as a whole: what is written is read, and damage is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use uio_console::record::{Part, Stat};
use uio_core::files::{self, File};
use uio_core::program::Wanted;
use uio_core::program::symbols::format::{self, BLOCK, BODY, FUNCTION, GLOBAL, KERNEL, header};
use uio_core::program::symbols::{BuildId, Error, Index};

use super::image::{Image, Raw};
use super::pack::pack;
use super::{index, names};

mod together;

const BUILD_ID: [u8; 20] = *b"0123456789abcdefghij";

fn raw(name: &str, address: u32, size: u32, flags: u8) -> Raw {
    Raw {
        name: name.into(),
        address,
        size,
        flags,
    }
}

/// So many symbols of 16 bytes each, 32 bytes apart from 0x1000 on; every tenth is mangled Rust.
fn image(count: u32) -> Image {
    let symbol = |number: u32| {
        let name = match number % 10 {
            0 => {
                let module = format!("module{number}");
                format!("_ZN3web{}{module}8functionE", module.len())
            }
            _ => format!("symbol_{number}"),
        };
        raw(&name, 0x1000 + number * 32, 16, FUNCTION | GLOBAL)
    };
    Image {
        build_id: BUILD_ID.to_vec(),
        symbols: (0..count).map(symbol).collect(),
    }
}

/// A file in memory that counts reads, and gives at most so many bytes at once.
struct Counted {
    bytes: Arc<[u8]>,
    most: usize,
    reads: Arc<AtomicUsize>,
}

impl File for Counted {
    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, files::Error> {
        self.reads.fetch_add(1, Relaxed);
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.bytes.get(offset..))
            .unwrap_or(&[]);
        let count = rest.len().min(out.len()).min(self.most);
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&mut self, _offset: u64, _data: &[u8]) -> Result<usize, files::Error> {
        Err(files::Error::Os(9))
    }

    fn stat(&mut self) -> Result<Stat, files::Error> {
        Err(files::Error::Os(9))
    }

    fn sync(&mut self) -> Result<(), files::Error> {
        Err(files::Error::Os(9))
    }
}

/// The address of one name.
fn lookup(index: &mut Index, name: &[u8]) -> Result<Option<u32>, Error> {
    Ok(lookup_all(index, &[name])?[0])
}

/// The addresses of several names, which are asked for at once.
fn lookup_all(index: &mut Index, names: &[&[u8]]) -> Result<Vec<Option<u32>>, Error> {
    const BASE: u64 = 0x7fff_0000_0000;
    let mut wanted: Vec<Wanted<'_>> = names.iter().map(|name| Wanted::new(name, 0)).collect();
    index.look_up(&mut wanted, BASE, &mut || true)?;
    let offset = |address| u32::try_from(address - BASE).expect("an address in the image");
    let found = wanted.iter().map(|wanted| wanted.address.map(offset));
    Ok(found.collect())
}

fn open(bytes: &[u8]) -> Result<Box<Index>, Error> {
    open_as(bytes, &BUILD_ID, usize::MAX)
}

fn open_as(bytes: &[u8], build_id: &[u8], most: usize) -> Result<Box<Index>, Error> {
    let reads = Arc::default();
    Index::open(
        Box::new(Counted {
            bytes: bytes.into(),
            most,
            reads,
        }),
        build_id,
        &mut BuildId::new(),
    )
}

#[test]
fn every_name_and_address_is_found_in_few_reads() {
    for count in [0, 1, 2, 126, 127, 128, 5_000, 100_000] {
        let image = image(count);
        let (bytes, summary) = pack(&image);
        assert_eq!(summary.symbols, count as usize);
        assert_eq!(summary.bytes, bytes.len() as u64);
        let mut index = open(&bytes).unwrap();
        assert_eq!(index.reads(), 1);
        for (number, symbol) in image
            .symbols
            .iter()
            .enumerate()
            .step_by(1 + count as usize / 3000)
        {
            let before = index.reads();
            assert_eq!(
                lookup(&mut index, &symbol.name).unwrap(),
                Some(symbol.address)
            );
            assert!(index.reads() - before <= 1, "name to address");
            let before = index.reads();
            let found = index.symbol(&symbol.name).unwrap().unwrap();
            assert_eq!(
                (found.name, found.address, found.size),
                (&*symbol.name, symbol.address, 16)
            );
            assert!(index.reads() - before <= 2, "name to symbol");
            for offset in [0, 1, 15] {
                let before = index.reads();
                let found = index.at(symbol.address + offset).unwrap();
                assert_eq!(
                    found.map(|found| found.address),
                    Some(symbol.address),
                    "{number} + {offset}"
                );
                assert!(index.reads() - before <= 3, "address to symbol");
            }
            for offset in [16, 31] {
                assert_eq!(
                    index.at(symbol.address + offset).unwrap(),
                    None,
                    "{number} + {offset}"
                );
            }
        }
        for unknown in ["", "symbol_", "symbol_0", "Symbol_1", "symbol_100001", "\0"] {
            let before = index.reads();
            assert_eq!(
                lookup(&mut index, unknown.as_bytes()).unwrap(),
                None,
                "{unknown}"
            );
            assert!(index.reads() - before <= 1);
        }
        for address in [0, 0xfff, u32::MAX] {
            assert_eq!(index.at(address).unwrap(), None, "{address:#x}");
        }
    }
}

#[test]
fn short_reads_are_put_together() {
    let (bytes, _) = pack(&image(300));
    let mut index = open_as(&bytes, &BUILD_ID, 7).unwrap();
    assert_eq!(
        lookup(&mut index, b"symbol_299").unwrap(),
        Some(0x1000 + 299 * 32)
    );
}

#[test]
fn rust_paths_are_names_without_their_hash() {
    let symbols = vec![
        raw("_ZN3web7respond17h0123456789abcdefE", 0x10, 8, FUNCTION),
        raw("_RNvCs1234_7mycrate3foo", 0x20, 8, FUNCTION),
        raw("plain", 0x30, 8, GLOBAL),
    ];
    let (bytes, summary) = pack(&Image {
        build_id: BUILD_ID.to_vec(),
        symbols,
    });
    assert_eq!(summary.names, 5);
    let mut index = open(&bytes).unwrap();
    for (name, address) in [
        ("web::respond", 0x10),
        ("mycrate::foo", 0x20),
        ("plain", 0x30),
    ] {
        assert_eq!(
            lookup(&mut index, name.as_bytes()).unwrap(),
            Some(address),
            "{name}"
        );
    }
    assert_eq!(
        index.symbol(b"web::respond").unwrap().unwrap().name,
        b"_ZN3web7respond17h0123456789abcdefE"
    );
}

#[test]
fn the_application_comes_before_the_kernel_and_ambiguity_is_no_answer() {
    let symbols = vec![
        raw("both", 0x10, 8, FUNCTION),
        raw("both", 0x20, 8, FUNCTION | GLOBAL | KERNEL),
        raw("kernel_only", 0x30, 8, FUNCTION | GLOBAL | KERNEL),
        raw("twice", 0x40, 8, FUNCTION),
        raw("twice", 0x50, 8, FUNCTION),
        raw("global", 0x60, 8, FUNCTION | GLOBAL),
        raw("global", 0x70, 8, FUNCTION),
        raw("_ZN4core3fmt5write17h0000000000000001E", 0x80, 8, FUNCTION),
        raw(
            "_ZN4core3fmt5write17h0000000000000002E",
            0x90,
            8,
            FUNCTION | GLOBAL | KERNEL,
        ),
        raw("_ZN3vec4push17h0000000000000003E", 0xa0, 8, FUNCTION),
        raw("_ZN3vec4push17h0000000000000004E", 0xb0, 8, FUNCTION),
        raw("alias", 0xc0, 8, FUNCTION),
        raw("alias", 0xc0, 0, FUNCTION),
    ];
    let names = names::resolve(&symbols);
    let means = |name: &str| {
        names
            .get(name.as_bytes())
            .map(|&symbol| symbols[symbol].address)
    };
    for (name, address) in [
        ("both", Some(0x10)),
        ("hermit.both", Some(0x20)),
        ("kernel_only", Some(0x30)),
        ("hermit.kernel_only", Some(0x30)),
        ("twice", None),
        ("global", Some(0x60)),
        ("core::fmt::write", Some(0x80)),
        ("hermit.core::fmt::write", Some(0x90)),
        ("vec::push", None),
        ("_ZN3vec4push17h0000000000000004E", Some(0xb0)),
        ("alias", Some(0xc0)),
    ] {
        assert_eq!(means(name), address, "{name}");
    }
    assert_eq!(names::shown(&names, &symbols, 1), b"hermit.both");
    assert_eq!(names::shown(&names, &symbols, 2), b"kernel_only");
}

#[test]
fn symbols_without_a_size_reach_to_the_next_one() {
    let symbols = vec![
        raw("start", 0x100, 0, GLOBAL),
        raw("next", 0x200, 16, GLOBAL),
        raw("end", 0x300, 0, GLOBAL),
    ];
    let (bytes, _) = pack(&Image {
        build_id: BUILD_ID.to_vec(),
        symbols,
    });
    let mut index = open(&bytes).unwrap();
    let mut name = |address| {
        index
            .at(address)
            .unwrap()
            .map(|symbol| symbol.name.to_vec())
    };
    assert_eq!(name(0xff), None);
    assert_eq!(name(0x1ff), Some(b"start".to_vec()));
    assert_eq!(name(0x20f), Some(b"next".to_vec()));
    assert_eq!(name(0x210), None);
    assert_eq!(name(0x310), Some(b"end".to_vec()));
}

#[test]
fn long_names_are_found_and_shown_cut() {
    let name = "x".repeat(5000);
    let (bytes, _) = pack(&Image {
        build_id: BUILD_ID.to_vec(),
        symbols: vec![raw(&name, 0x10, 8, GLOBAL)],
    });
    let mut index = open(&bytes).unwrap();
    let found = index.symbol(name.as_bytes()).unwrap().unwrap();
    assert_eq!((found.address, found.name.len()), (0x10, format::MAX_NAME));
}

#[test]
fn an_index_of_another_build_is_refused() {
    let (bytes, _) = pack(&image(3));
    for other in [
        &b"0123456789abcdefghik"[..],
        b"",
        b"0123",
        b"0123456789abcdefghijk",
    ] {
        let mut found = BuildId::new();
        let file = Counted {
            bytes: bytes.as_slice().into(),
            most: usize::MAX,
            reads: Arc::default(),
        };
        let result = Index::open(Box::new(file), other, &mut found);
        assert_eq!(result.err(), Some(Error::OtherBuild));
        assert_eq!(found.as_bytes(), BUILD_ID);
    }
}

/// What an index says when asked everything.
fn ask(bytes: &[u8]) -> Result<Vec<Option<u32>>, Error> {
    let mut index = open(bytes)?;
    let mut answers = Vec::new();
    for name in ["symbol_1", "symbol_2", "web::module10::function", "nothing"] {
        answers.push(lookup(&mut index, name.as_bytes())?);
        answers.push(index.symbol(name.as_bytes())?.map(|symbol| symbol.size));
    }
    for address in [0, 0x1000, 0x1021, 0x1030, u32::MAX] {
        answers.push(index.at(address)?.map(|symbol| symbol.address));
    }
    Ok(answers)
}

#[test]
fn damage_at_any_byte_is_noticed_or_harmless() {
    let (bytes, _) = pack(&image(12));
    let right = ask(&bytes).unwrap();
    assert_eq!(right[0], Some(0x1020));
    let mut noticed = 0;
    for at in 0..bytes.len() {
        for change in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            match ask(&damaged) {
                Ok(answers) => assert_eq!(answers, right, "byte {at} ^ {change}"),
                Err(Error::Damaged(_)) => noticed += 1,
                Err(other) => panic!("byte {at} ^ {change}: {other:?}"),
            }
        }
    }
    assert!(noticed > bytes.len(), "{noticed} of {}", bytes.len() * 3);
}

#[test]
fn an_index_cut_at_any_length_is_noticed_or_harmless() {
    let (bytes, _) = pack(&image(12));
    let right = ask(&bytes).unwrap();
    for len in 0..bytes.len() {
        match ask(&bytes[..len]) {
            Ok(answers) => assert_eq!(answers, right, "{len}"),
            Err(error) => assert_eq!(error, Error::Damaged(Part::Length), "{len}"),
        }
    }
    let mut swapped = bytes.clone();
    swapped[BLOCK..].rotate_left(BLOCK);
    assert_eq!(ask(&swapped), Err(Error::Damaged(Part::Checksum)));
}

#[test]
fn an_index_may_lie_about_anything_without_harm() {
    let (bytes, _) = pack(&image(12));
    let mut state = 1u64;
    let mut random = |limit: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 33) as usize % limit
    };
    for _ in 0..30_000 {
        let mut hostile = bytes.clone();
        for _ in 0..1 + random(4) {
            let at = random(hostile.len());
            let len = (1 << random(4)).min(hostile.len() - at);
            let value = [0, 0xff, 0x7f, 0x80, 1][random(5)];
            hostile[at..at + len].fill(value);
        }
        // The liar knows how to make checksums.
        let mut id = 0;
        for (number, block) in hostile.chunks_exact_mut(BLOCK).enumerate() {
            let sum = format::checksum(id, number as u32, &block[..BODY]);
            block[BODY..].copy_from_slice(&sum.to_le_bytes());
            if number == 0 {
                id = sum;
            }
        }
        // Whatever it answers: it answers.
        let _ = ask(&hostile);
        if let Ok(mut index) = index::Index::from_bytes(hostile) {
            assert!(index.iter().len() <= bytes.len());
            let _ = index.lookup("symbol_1");
            let _ = index.near("symbol_", 3);
        }
    }
}

#[test]
fn header_says_what_is_wrong_with_it() {
    let (bytes, _) = pack(&image(3));
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        open(&bytes).err()
    };
    assert_eq!(
        with(header::MAGIC, b'x'),
        Some(Error::Damaged(Part::Header))
    );
    assert_eq!(with(header::VERSION, 9), Some(Error::Damaged(Part::Header)));
    assert_eq!(with(header::BLOCK, 9), Some(Error::Damaged(Part::Header)));
    assert_eq!(with(header::SEED, 9), Some(Error::Damaged(Part::Checksum)));
}

#[test]
fn near_names_are_offered() {
    let symbols = vec![
        raw("requests_total", 0x10, 8, GLOBAL),
        raw("_ZN3web7respond17h0123456789abcdefE", 0x20, 8, FUNCTION),
        raw("unrelated", 0x30, 8, GLOBAL),
    ];
    let (bytes, _) = pack(&Image {
        build_id: BUILD_ID.to_vec(),
        symbols,
    });
    let index = index::Index::from_bytes(bytes).unwrap();
    assert_eq!(index.near("request_total", 3), ["requests_total"]);
    assert_eq!(index.near("web::respnod", 3), ["web::respond"]);
    assert_eq!(index.near("repond", 3), ["web::respond"]);
    assert!(index.near("nothing_like_it", 3).is_empty());
    assert_eq!(index.near("requests_total", 0), Vec::<String>::new());
    assert_eq!(index.build_id(), BUILD_ID);
}

#[test]
fn this_very_test_has_an_index() {
    let program = std::env::current_exe().unwrap();
    let directory = std::env::temp_dir().join(format!("uio-symbols-{}", std::process::id()));
    let out = directory.join(".uio/symbols");
    let summary = match super::write(&program, &out) {
        Ok(summary) => summary,
        Err(error) if error.to_string().contains("no build id") => {
            println!("skipped: the linker of this machine writes no build id");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let mut index = super::Index::open(&out).unwrap();
    assert_eq!(index.build_id(), summary.build_id);
    assert_eq!(index.iter().len(), summary.symbols);
    let found = index
        .lookup("uio_build::symbols::pack::pack")
        .unwrap()
        .unwrap();
    assert!(
        found.function && !found.kernel && found.name.contains("4pack4pack"),
        "{found:?}"
    );
    assert_eq!(
        index
            .at(found.address + found.size - 1)
            .unwrap()
            .unwrap()
            .address,
        found.address
    );
    // As often as not the image is written again while a guest has the old index open.
    assert_eq!(super::write(&program, &out).unwrap(), summary);
    assert_eq!(
        std::fs::read_dir(out.parent().unwrap()).unwrap().count(),
        1,
        "nothing is left behind"
    );
    std::fs::write(&out, b"uIO-syms").unwrap();
    assert!(
        super::Index::open(&out)
            .err()
            .unwrap()
            .to_string()
            .contains("cut short")
    );
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn images_without_build_id_are_refused() {
    let directory = std::env::temp_dir().join(format!("uio-symbols-bad-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let image = directory.join("image");
    for bytes in [&b""[..], b"not an image", b"\x7fELF\x02\x01\x01"] {
        std::fs::write(&image, bytes).unwrap();
        assert!(super::write(&image, &directory.join("symbols")).is_err());
    }
    assert!(!directory.join("symbols").exists());
    std::fs::remove_dir_all(directory).unwrap();
}
