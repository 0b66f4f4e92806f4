//! Every broken image is refused, and the text names the cause.

use crate::sample::{
    GOOD, LOAD_DATA, LOAD_HEADERS, LOAD_TEXT, NOTES, PROGRAM_HEADERS, TLS, image, program_header,
    put, refusal,
};
use uio_loader::Error;
use uio_loader::text::Text;

/// A good image with `bytes` at `at`.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = image(&GOOD);
    put(&mut file, at, bytes);
    file
}

/// A good image whose program header `index` is another one.
fn with_header(index: usize, kind: u32, fields: [u64; 5]) -> Vec<u8> {
    let mut file = image(&GOOD);
    program_header(&mut file, index, kind, 5, fields);
    file
}

#[test]
fn absent_and_empty() {
    assert_eq!(refusal(&[]), Error::NoImage);
}

#[test]
fn cut_off_anywhere() {
    let good = image(&GOOD);
    for len in 1..good.len() {
        match refusal(&good[..len]) {
            Error::Truncated { need, have } => {
                assert_eq!(have, len as u64);
                assert!(need > have && need <= good.len() as u64, "{len}: {need}");
            }
            other => panic!("{len} bytes: {other:?}"),
        }
    }
}

#[test]
fn a_stripped_image_that_is_cut_off() {
    // Without section headers the segments tell.
    let mut file = with(40, &[0; 8]);
    put(&mut file, 60, &[0, 0]);
    file.truncate(0x520);
    assert!(crate::sample::load_at(&file, 0x20_0000).is_ok());
    file.truncate(0x51f);
    assert_eq!(
        refusal(&file),
        Error::Truncated {
            need: 0x520,
            have: 0x51f
        }
    );
}

#[test]
fn not_an_elf_file() {
    assert_eq!(refusal(&[b'a'; 100]), Error::NotElf { magic: 0x6161_6161 });
    assert_eq!(
        refusal(&with(0, &[0x7e])),
        Error::NotElf { magic: 0x464c_457e }
    );
}

#[test]
fn another_class_machine_or_type() {
    assert_eq!(
        refusal(&with(4, &[1])),
        Error::WrongClass { class: 1, data: 1 }
    );
    assert_eq!(
        refusal(&with(5, &[2])),
        Error::WrongClass { class: 2, data: 2 }
    );
    assert_eq!(
        refusal(&with(18, &[183, 0])),
        Error::WrongMachine { machine: 183 }
    );
    assert_eq!(refusal(&with(16, &[2, 0])), Error::WrongType { kind: 2 });
    assert_eq!(refusal(&with(16, &[1, 0])), Error::WrongType { kind: 1 });
}

#[test]
fn unusable_program_headers() {
    assert_eq!(
        refusal(&with(54, &[55, 0])),
        Error::ProgramHeaders { size: 55, count: 6 }
    );
    assert_eq!(
        refusal(&with(56, &[33, 0])),
        Error::ProgramHeaders {
            size: 56,
            count: 33
        }
    );
    assert_eq!(refusal(&with(56, &[0, 0])), Error::NoSegments);
    assert_eq!(
        refusal(&with(32, &[0xff; 8])),
        Error::Truncated {
            need: u64::MAX,
            have: 0x600
        }
    );
}

#[test]
fn segments_that_contradict_themselves() {
    let bad = |fields| refusal(&with_header(LOAD_TEXT, 1, fields));
    let index = LOAD_TEXT as u16;
    assert_eq!(
        bad([0x400, 0x1400, 0x21, 0x20, 0x1000]),
        Error::BadSegment { index }
    );
    assert_eq!(
        bad([0x400, 0x1400, 0x20, 0x20, 0x1001]),
        Error::BadSegment { index }
    );
    assert_eq!(
        bad([0x400, 0x1400, 0x20, 0x20, 0x40_0000]),
        Error::BadSegment { index }
    );
    assert_eq!(
        bad([0x400, u64::MAX, 0x20, 0x20, 0x1000]),
        Error::NoRoom { need: 0x20 }
    );
    assert_eq!(
        bad([0x400, 0x1400, 0x20, 1 << 40, 0x1000]),
        Error::NoRoom { need: 1 << 40 }
    );
    assert_eq!(
        bad([u64::MAX, 0x1400, 0x20, 0x20, 0x1000]),
        Error::Truncated {
            need: u64::MAX,
            have: 0x600
        }
    );
    let header = with_header(LOAD_HEADERS, 1, [0, 0x1000, 0x3f8, 0x3f8, 0x1000]);
    assert_eq!(refusal(&header), Error::BadSegment { index: 0 });
}

#[test]
fn segments_that_overlap() {
    let data = |address| with_header(LOAD_DATA, 1, [0x420, address, 0x100, 0x300, 0x1000]);
    let overlap = Error::Overlap {
        index: 2,
        before: 1,
    };
    for address in [0x0, 0x1000, 0x1400, 0x141f] {
        assert_eq!(refusal(&data(address)), overlap);
    }
    let text = with_header(LOAD_TEXT, 1, [0x400, 0x3f7, 0x20, 0x20, 0x1000]);
    assert_eq!(
        refusal(&text),
        Error::Overlap {
            index: 1,
            before: 0
        }
    );
}

#[test]
fn an_entry_point_outside_the_text() {
    for entry in [0u64, 0x13ff, 0x1420, 0x2420, u64::MAX] {
        assert_eq!(
            refusal(&with(24, &entry.to_le_bytes())),
            Error::BadEntry { entry }
        );
    }
}

#[test]
fn a_thread_template_outside_the_image() {
    let tls = |fields| refusal(&with_header(TLS, 7, fields));
    let bad = Error::BadSegment { index: TLS as u16 };
    assert_eq!(tls([0x500, 0x2720, 1, 1, 8]), bad);
    assert_eq!(tls([0x500, u64::MAX, 1, 1, 8]), bad);
    assert_eq!(tls([0x500, 0x2500, 2, 1, 8]), bad);
    assert_eq!(tls([0x500, 0x2500, 1, 1 << 40, 8]), bad);
    assert_eq!(tls([0x500, 0x2500, 1, 1, 3]), bad);
}

#[test]
fn a_dynamic_section_outside_the_image() {
    let file = with_header(4, 2, [0x460, 0x2700, 0x60, 0x60, 8]);
    assert_eq!(refusal(&file), Error::BadSegment { index: 4 });
}

#[test]
fn not_a_hermit_image() {
    assert_eq!(refusal(&with(NOTES + 44, b"hermit")), Error::NoEntryVersion);
    assert_eq!(
        refusal(&with(PROGRAM_HEADERS + 5 * 56, &[0x66])),
        Error::NoEntryVersion
    );
    assert_eq!(
        refusal(&with(NOTES + 52, &[5])),
        Error::EntryVersion { found: 5 }
    );
    assert_eq!(refusal(&with(NOTES + 32, &[0xff; 4])), Error::BadNotes);
    assert_eq!(
        refusal(&with_header(5, 4, [0x200, 0x200, 0x401, 0x401, 4])),
        Error::BadNotes
    );
}

struct Line(String);

impl Text for Line {
    fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }
}

fn told(error: Error) -> String {
    let mut line = Line(String::new());
    error.describe(&mut line);
    line.0
}

#[test]
fn the_text_names_the_cause() {
    assert_eq!(
        told(Error::Truncated {
            need: 200,
            have: 100
        }),
        "the image is truncated: it has 100 bytes, its headers promise 200"
    );
    assert_eq!(
        told(Error::WrongMachine { machine: 183 }),
        "the image is for another machine: AArch64 (183), not x86-64"
    );
    assert_eq!(
        told(Error::NotElf { magic: 0x0808_8b1f }),
        "the image is not an ELF file: it begins with 0x8088b1f (gzip; unpack it)"
    );
    assert_eq!(
        told(Error::EntryVersion { found: 3 }),
        "the image has Hermit entry version 3, this loader serves 4"
    );
}

#[test]
fn every_refusal_has_a_text_of_its_own() {
    let all = [
        Error::NotPvh { magic: 1 },
        Error::MemoryMap { entries: 1 },
        Error::NoFwCfg,
        Error::NoFwCfgDma,
        Error::FwCfg { key: 1 },
        Error::NoImage,
        Error::CommandLineTooLong { have: 1, max: 1 },
        Error::CommandLineNotUtf8 { at: 1 },
        Error::Truncated { need: 1, have: 1 },
        Error::NotElf { magic: 1 },
        Error::WrongClass { class: 1, data: 1 },
        Error::WrongMachine { machine: 1 },
        Error::WrongType { kind: 1 },
        Error::ProgramHeaders { size: 1, count: 1 },
        Error::NoSegments,
        Error::BadSegment { index: 1 },
        Error::Overlap {
            index: 1,
            before: 1,
        },
        Error::BadEntry { entry: 1 },
        Error::BadNotes,
        Error::NoEntryVersion,
        Error::EntryVersion { found: 1 },
        Error::BadDynamic { tag: 1 },
        Error::NeedsLibraries,
        Error::UnsupportedDynamic { tag: 1 },
        Error::RelocationKind { index: 1, kind: 1 },
        Error::RelocationRange {
            index: 1,
            offset: 1,
        },
        Error::UndefinedSymbol {
            index: 1,
            symbol: 1,
        },
        Error::NoRoom { need: 1 },
        Error::LoaderPlace { end: 1 },
        Error::TreeFull,
    ];
    let mut texts: Vec<_> = all.into_iter().map(told).collect();
    assert!(texts.iter().all(|text| text.len() > 20), "{texts:?}");
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), all.len());
}
