//! The loaded image is what `hermit-entry`, the reference, makes of the same file.

use std::mem::MaybeUninit;

use crate::sample::{GOOD, Rela, UNDEFINED, image, load_at, put, refusal, set_dynamic};
use hermit_entry::elf::KernelObject;
use uio_loader::Error;

const BASE: u64 = 0x20_0000;

/// What `hermit-entry` makes of `file`: the memory, entry point and TLS start.
fn reference(file: &[u8]) -> (Vec<u8>, u64, Option<u64>) {
    let mut aligned = vec![0u64; file.len().div_ceil(8)];
    let aligned = bytes_of(&mut aligned, file);
    let object = KernelObject::parse(aligned).unwrap();
    let mut memory = vec![MaybeUninit::new(0xaa); object.mem_size()];
    let loaded = object.load_kernel(&mut memory, BASE);
    assert_eq!(loaded.load_info.kernel_image_addr_range.start, BASE);
    let tls = loaded.load_info.tls_info.map(|tls| tls.start);
    // SAFETY: all of `memory` was initialised above.
    let memory = memory
        .into_iter()
        .map(|byte| unsafe { byte.assume_init() })
        .collect();
    (memory, loaded.entry_point, tls)
}

/// Copies `file` to memory that is aligned as the reference needs it.
fn bytes_of<'a>(words: &'a mut [u64], file: &[u8]) -> &'a [u8] {
    for (word, bytes) in words.iter_mut().zip(file.chunks(8)) {
        let mut full = [0; 8];
        full[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(full);
    }
    // SAFETY: the words are initialised, and as bytes as long as the file at least.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), file.len()) }
}

fn assert_same(file: &[u8]) {
    let (image, memory) = load_at(file, BASE).unwrap();
    let (expected, entry, tls) = reference(file);
    assert!(memory == expected, "the loaded bytes differ");
    assert_eq!(BASE + image.entry, entry);
    assert_eq!(image.tls.map(|tls| BASE + tls.address), tls);
}

#[test]
fn a_small_image_loads_as_the_reference_does() {
    assert_same(&image(&GOOD));
}

#[test]
fn an_image_without_relocations_loads() {
    assert_same(&image(&[]));
}

#[test]
fn relocations_in_any_order_load() {
    let mut relas = GOOD;
    for _ in 0..relas.len() {
        relas.rotate_left(1);
        assert_same(&image(&relas));
    }
    relas.reverse();
    assert_same(&image(&relas));
}

#[test]
fn the_loaded_words_are_the_expected_ones() {
    let (image, memory) = load_at(&image(&GOOD), BASE).unwrap();
    let words: Vec<_> = memory[0x2420..0x2448]
        .chunks(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect();
    assert_eq!(
        words,
        [
            BASE + 0x1400,
            BASE + 0x2410,
            BASE + 0x1418,
            BASE + 0x1408,
            0
        ]
    );
    assert_eq!(image.mem_len, 0x2720);
    assert!(
        memory[0x2520..].iter().all(|&byte| byte == 0),
        "zeros behind the file's bytes"
    );
    assert!(
        memory[0x3f8..0x1400].iter().all(|&byte| byte == 0xaa),
        "gaps stay as they are"
    );
}

#[test]
fn a_relocation_before_its_table_loads() {
    // The reference cannot tell: it reads its table from the file.
    let (_, memory) = load_at(&image(&[(0x8, 8, 0, 0x77)]), BASE).unwrap();
    assert_eq!(memory[8..16], (BASE + 0x77).to_le_bytes());
}

fn relocated(rela: Rela) -> Error {
    refusal(&image(&[GOOD[0], rela]))
}

#[test]
fn relocations_out_of_range_are_refused() {
    for offset in [
        0x2719,
        0x2720,
        u64::MAX,
        u64::MAX - 7,
        1 << 63,
        0x300,
        0x32f,
        0x2f9,
    ] {
        assert_eq!(
            relocated((offset, 8, 0, 0)),
            Error::RelocationRange { index: 1, offset }
        );
        assert_eq!(
            relocated((offset, 1, 1, 0)),
            Error::RelocationRange { index: 1, offset }
        );
    }
    assert!(load_at(&image(&[(0x2718, 8, 0, 0)]), BASE).is_ok());
}

#[test]
fn other_kinds_of_relocations_are_refused() {
    for kind in [2, 7, 16, 37, u32::MAX] {
        assert_eq!(
            relocated((0x2420, kind, 0, 0)),
            Error::RelocationKind { index: 1, kind }
        );
    }
}

#[test]
fn symbols_must_exist_and_be_defined() {
    assert_eq!(
        relocated((0x2420, 1, UNDEFINED, 0)),
        Error::UndefinedSymbol {
            index: 1,
            symbol: UNDEFINED
        }
    );
    let far = 0x280 + 24 * 0x1000_0000;
    assert_eq!(
        relocated((0x2420, 6, 0x1000_0000, 0)),
        Error::RelocationRange {
            index: 1,
            offset: far
        }
    );
    let mut file = image(&[(0x2420, 1, 1, 0)]);
    set_dynamic(&mut file, 3, 0x1000, 0);
    assert_eq!(refusal(&file), Error::BadDynamic { tag: 6 });
}

#[test]
fn the_dynamic_section_is_checked() {
    let with = |tag, value| {
        let mut file = image(&GOOD);
        set_dynamic(&mut file, 4, tag, value);
        refusal(&file)
    };
    assert_eq!(with(1, 0), Error::NeedsLibraries);
    assert_eq!(with(2, 24), Error::UnsupportedDynamic { tag: 2 });
    assert_eq!(with(17, 0), Error::UnsupportedDynamic { tag: 17 });
    assert_eq!(with(36, 0), Error::UnsupportedDynamic { tag: 36 });
    assert_eq!(with(9, 16), Error::BadDynamic { tag: 9 });
    assert_eq!(with(8, 25), Error::BadDynamic { tag: 8 });
    assert_eq!(with(8, 24 << 40), Error::BadDynamic { tag: 7 });
    assert_eq!(with(7, u64::MAX), Error::BadDynamic { tag: 7 });
    let mut file = image(&GOOD);
    set_dynamic(&mut file, 0, 0x1000, 0);
    assert_eq!(refusal(&file), Error::BadDynamic { tag: 8 });
}

#[test]
fn no_byte_makes_it_panic() {
    let good = image(&GOOD);
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut file = good.clone();
            put(&mut file, at, &[value]);
            let _ = load_at(&file, BASE);
        }
    }
}

#[test]
#[ignore = "needs an image: set UIO_IMAGE to the path of a Hermit image"]
fn a_real_image_loads_as_the_reference_does() {
    let path = std::env::var_os("UIO_IMAGE").expect("UIO_IMAGE names a Hermit image");
    assert_same(&std::fs::read(path).unwrap());
}
