//! Objects that break one rule each, and the refusal that names it.

use uio_console::record::{ObjectError, SectionRule};
use uio_core::program::link::{Refusal, link};

use super::builder::*;
use super::surroundings::{MAX, World, heap};

fn refusal(bytes: &[u8]) -> Refusal<'_> {
    match World::new(&heap).link(bytes) {
        Ok(_) => panic!("it was linked"),
        Err(refusal) => refusal,
    }
}

fn error(bytes: &[u8]) -> ObjectError<'_> {
    match refusal(bytes) {
        Refusal::Object(error) => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn breaks(object: &Object, index: u32, rule: SectionRule) {
    assert_eq!(error(&object.build()), ObjectError::Section { index, rule });
}

/// A data section of 16 bytes.
fn data() -> Section {
    Section {
        name: ".data",
        kind: PROGBITS,
        flags: ALLOC | WRITE,
        align: 8,
        contents: vec![0xee; 16],
        ..Section::default()
    }
}

#[test]
fn the_smallest_object_is_linked() {
    let linked = World::new(&heap).link(&Object::new().build()).ok().unwrap();
    assert_eq!((linked.main, linked.size), (0x4000_0000, 4096));
    assert_eq!((linked.text, linked.data), (0..4096, 4096));
    assert!(linked.pristine.is_empty() && linked.init.is_empty() && linked.fini.is_empty());
}

#[test]
fn files_that_are_no_such_object() {
    assert_eq!(error(b""), ObjectError::Empty);
    assert_eq!(error(b"#!/bin/sh\n"), ObjectError::NotElf);
    assert_eq!(error(b"\x7fEL"), ObjectError::NotElf);
    assert_eq!(
        error(b"\x7fELF"),
        ObjectError::Truncated { need: 64, have: 4 }
    );
    assert_eq!(error(b"\x7fELF\x01\x01"), ObjectError::WrongClass);
    assert_eq!(error(b"\x7fELF\x02\x02"), ObjectError::WrongClass);
    let object = Object::new().build();
    let with = |at: usize, byte: u8| {
        let mut object = object.clone();
        object[at] = byte;
        object
    };
    assert_eq!(
        error(&with(18, 40)),
        ObjectError::WrongMachine { machine: 40 }
    );
    for file_type in [0, 2, 3, 4] {
        assert_eq!(
            error(&with(16, file_type)),
            ObjectError::NotRelocatable {
                file_type: file_type.into()
            }
        );
    }
    let rule = |rule| ObjectError::Section { index: 0, rule };
    assert_eq!(error(&with(58, 40)), rule(SectionRule::EntrySize));
    assert_eq!(error(&with(60, 0)), rule(SectionRule::Numbering));
    assert!(matches!(
        error(&with(62, 1)),
        ObjectError::Section {
            index: 1,
            rule: SectionRule::Link
        }
    ));
    assert!(matches!(
        error(&with(62, 99)),
        ObjectError::Section {
            index: 99,
            rule: SectionRule::Link
        }
    ));
}

#[test]
fn an_object_cut_at_any_length_is_refused() {
    let object = Object::new()
        .section(data())
        .symbol("value", GLOBAL_NOTYPE, 2, 8)
        .relocations(1, &[(4, 1, 2, 0)])
        .build();
    assert!(World::new(&heap).link(&object).is_ok());
    for len in 0..object.len() {
        let error = error(&object[..len]);
        let expected = match len {
            0 => matches!(error, ObjectError::Empty),
            1..4 => matches!(error, ObjectError::NotElf),
            _ => {
                matches!(error, ObjectError::Truncated { need, have } if need > have && have == len as u64)
            }
        };
        assert!(expected, "{len}: {error:?}");
    }
}

#[test]
fn sizes_are_bounded() {
    let object = Object::new().build();
    let refusal = link(&object, object.len() - 1, &mut World::new(&heap)).err();
    let (size, max) = (object.len() as u64, object.len() as u64 - 1);
    assert_eq!(
        refusal,
        Some(Refusal::Object(ObjectError::TooLarge { size, max }))
    );
    for size in [MAX as u64 - 4095, u64::MAX / 2, u64::MAX - 4096, u64::MAX] {
        let mut bss = data();
        bss.kind = NOBITS;
        bss.size = Some(size);
        let object = Object::new().section(bss).build();
        assert!(
            matches!(error(&object), ObjectError::TooLarge { max, .. } if max == MAX as u64),
            "{size}"
        );
        let object = Object::new().symbol("common", GLOBAL_NOTYPE, COMMON, 8);
        let mut object = object;
        object.symbols[1].size = size;
        assert!(
            matches!(error(&object.build()), ObjectError::TooLarge { .. }),
            "{size}"
        );
    }
    let nowhere = |_: usize| None;
    let object = Object::new().build();
    let refusal = World::new(&nowhere).link(&object).err();
    assert_eq!(refusal, Some(Refusal::NoMemory(4096)));
}

#[test]
fn sections_keep_to_the_rules() {
    let with = |change: fn(&mut Section)| {
        let mut section = data();
        change(&mut section);
        Object::new().section(section)
    };
    breaks(
        &with(|s| s.flags |= EXECUTE),
        2,
        SectionRule::WriteOrExecute,
    );
    breaks(&with(|s| s.flags |= TLS), 2, SectionRule::ThreadLocal);
    breaks(&with(|s| s.flags |= COMPRESSED), 2, SectionRule::Type);
    breaks(&with(|s| s.align = 3), 2, SectionRule::Alignment);
    breaks(&with(|s| s.align = 8192), 2, SectionRule::Alignment);
    breaks(&with(|s| s.align = 1 << 63), 2, SectionRule::Alignment);
    breaks(&with(|s| s.kind = 6), 2, SectionRule::Type);
    breaks(
        &with(|s| s.size = Some(1 << 20)),
        2,
        SectionRule::InsideFile,
    );
    breaks(
        &with(|s| s.size = Some(u64::MAX)),
        2,
        SectionRule::InsideFile,
    );
    breaks(
        &with(|s| s.offset = Some(u64::MAX)),
        2,
        SectionRule::InsideFile,
    );
    breaks(
        &with(|s| s.offset = Some(1 << 40)),
        2,
        SectionRule::InsideFile,
    );
    // What is not loaded may be anything.
    assert!(
        World::new(&heap)
            .link(&with(|s| s.flags = TLS | WRITE | EXECUTE).build())
            .is_ok()
    );
    // Two sections may share their bytes in the file: each gets a copy.
    assert!(
        World::new(&heap)
            .link(&with(|s| s.offset = Some(0)).build())
            .is_ok()
    );
    assert!(
        World::new(&heap)
            .link(&with(|s| s.align = 4096).build())
            .is_ok()
    );
    assert!(
        World::new(&heap)
            .link(&with(|s| s.align = 0).build())
            .is_ok()
    );
}

#[test]
fn a_section_whose_name_is_outside_the_string_table() {
    let object = Object::new().section(data());
    let mut bytes = object.build();
    let headers = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    bytes[headers + 2 * 64..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(
        error(&bytes),
        ObjectError::Section {
            index: 2,
            rule: SectionRule::Name
        }
    );
}

#[test]
fn symbols_keep_to_the_rules() {
    assert_eq!(error(&Object::default().build()), ObjectError::NoMain);
    let local = Object {
        symbols: Vec::new(),
        ..Object::new()
    }
    .symbol("main", 0x02, 1, 0);
    assert_eq!(error(&local.build()), ObjectError::NoMain);
    let in_data = Object {
        symbols: Vec::new(),
        ..Object::new().section(data())
    };
    assert_eq!(
        error(&in_data.symbol("main", GLOBAL_FUNCTION, 2, 0).build()),
        ObjectError::NoMain
    );
    let twice = Object::new().symbol("main", GLOBAL_FUNCTION, 1, 4);
    assert_eq!(
        error(&twice.build()),
        ObjectError::Duplicate { symbol: b"main" }
    );
    for (info, kind) in [(GLOBAL_TLS, 6), (GLOBAL_IFUNC, 10)] {
        for section in [UNDEF, 1] {
            let object = Object::new().symbol("special", info, section, 0).build();
            assert_eq!(
                error(&object),
                ObjectError::SymbolKind {
                    symbol: b"special",
                    kind
                }
            );
        }
    }
    for value in [16, 17, u64::MAX] {
        let outside = Object {
            symbols: Vec::new(),
            ..Object::new()
        };
        let outside = outside.symbol("main", GLOBAL_FUNCTION, 1, value);
        breaks(&outside, 1, SectionRule::SymbolInside);
    }
    let end = Object::new().symbol("end", GLOBAL_NOTYPE, 1, 16);
    assert!(World::new(&heap).link(&end.build()).is_ok());
    breaks(
        &Object::new()
            .symbol("behind", GLOBAL_NOTYPE, 1, 17)
            .relocations(1, &[(4, 1, 2, 0)]),
        1,
        SectionRule::SymbolInside,
    );
    let mut empty = Object::new();
    empty.sections[0].contents.clear();
    breaks(&empty, 1, SectionRule::SymbolInside);
    let extended = Object::new().symbol("far", GLOBAL_NOTYPE, 0xffff, 0);
    breaks(&extended, 0, SectionRule::Numbering);
    let common = Object::new().symbol("common", GLOBAL_NOTYPE, COMMON, 3);
    breaks(&common, COMMON.into(), SectionRule::Alignment);
    let mut two_tables = Object::new();
    two_tables = two_tables.section(Section {
        kind: SYMTAB,
        entry: 24,
        link: 4,
        ..Section::default()
    });
    breaks(&two_tables, 3, SectionRule::Type);
}

#[test]
fn undefined_symbols_are_all_named_and_weak_ones_are_null() {
    let object = Object::new()
        .symbol("first", GLOBAL_NOTYPE, UNDEF, 0)
        .symbol("known", GLOBAL_NOTYPE, UNDEF, 0)
        .symbol("weak", WEAK_NOTYPE, UNDEF, 0)
        .symbol("second", GLOBAL_FUNCTION, UNDEF, 0)
        .build();
    let mut world = World::new(&heap).with("known", 1);
    assert_eq!(world.link(&object).err(), Some(Refusal::Reported));
    assert_eq!(world.undefined, ["first", "second"]);
    assert_eq!(world.asked, ["first", "known", "weak", "second"]);
    let mut world = World::new(&heap);
    world.stop_at = Some("known");
    assert_eq!(world.link(&object).err(), Some(Refusal::Reported));
    assert_eq!(world.asked, ["first"]);
}

#[test]
fn relocations_keep_to_the_rules() {
    let object = || {
        Object::new()
            .section(data())
            .symbol("value", GLOBAL_NOTYPE, 2, 8)
    };
    // Of dynamic linking: COPY, GLOB_DAT, JUMP_SLOT, RELATIVE; of TLS; IRELATIVE, RELATIVE64; what
    // later processors add; what there is not.
    let refused = (5..=8).chain(16..=23).chain(34..=40).chain(43..=60);
    for kind in refused.chain([255, 256, u32::MAX]) {
        let bytes = object().relocations(1, &[(4, kind, 2, 0)]).build();
        let expected = ObjectError::Relocation {
            kind,
            section: b".text",
            offset: 4,
            symbol: b"value",
        };
        assert_eq!(error(&bytes), expected);
    }
    for offset in [9, 16, u64::MAX, u64::MAX - 7] {
        let bytes = object().relocations(1, &[(offset, 1, 2, 0)]).build();
        assert_eq!(
            error(&bytes),
            ObjectError::OutsideSection {
                kind: 1,
                section: b".text",
                offset
            }
        );
    }
    let bytes = object().relocations(1, &[(0, 11, 2, 1 << 40)]).build();
    let expected = ObjectError::Overflow {
        kind: 11,
        section: b".text",
        offset: 0,
        symbol: b"value",
    };
    assert_eq!(error(&bytes), expected);
    breaks(
        &object().relocations(1, &[(0, 1, 3, 0)]),
        3,
        SectionRule::SymbolIndex,
    );
    breaks(
        &object().relocations(1, &[(0, 1, u32::MAX, 0)]),
        3,
        SectionRule::SymbolIndex,
    );
    breaks(&object().relocations(99, &[]), 3, SectionRule::Link);
    let mut wrong = object().relocations(1, &[(0, 1, 2, 0)]);
    wrong.sections[2].entry = 16;
    breaks(&wrong, 3, SectionRule::EntrySize);
    wrong.sections[2].entry = 24;
    wrong.sections[2].size = Some(23);
    breaks(&wrong, 3, SectionRule::EntrySize);
    wrong.sections[2].size = None;
    wrong.sections[2].link = 1;
    breaks(&wrong, 3, SectionRule::Link);
    wrong.sections[2].link = u32::MAX;
    for kind in [REL, 0x4000_0014] {
        wrong.sections[2].kind = kind;
        breaks(&wrong, 3, SectionRule::Type);
    }
    // Relocations of what is not loaded are passed over.
    wrong.sections[2].kind = RELA;
    wrong.sections[1].flags = 0;
    wrong.sections[2].info = 2;
    assert!(World::new(&heap).link(&wrong.build()).is_ok());
    // But what is loaded may not refer to it.
    wrong.sections[2].info = 1;
    breaks(&wrong, 2, SectionRule::Loaded);
    let mut zeroes = data();
    zeroes.kind = NOBITS;
    zeroes.contents.clear();
    zeroes.size = Some(16);
    let bytes = Object::new()
        .section(zeroes)
        .relocations(2, &[(0, 1, 1, 0)])
        .build();
    assert_eq!(
        error(&bytes),
        ObjectError::OutsideSection {
            kind: 1,
            section: b".data",
            offset: 0
        }
    );
}

#[test]
fn each_field_holds_what_fits_and_no_more() {
    // Type, bytes, smallest and largest value (of an absolute symbol with addend).
    let cases: [(u32, i128, i128); 4] = [
        (10, 0, 0xffff_ffff),
        (11, -0x8000_0000, 0x7fff_ffff),
        (12, -0x8000, 0xffff),
        (14, -0x80, 0xff),
    ];
    for (kind, least, most) in cases {
        for (value, fits) in [
            (least, true),
            (most, true),
            (least - 1, false),
            (most + 1, false),
        ] {
            let bytes = Object::new()
                .section(data())
                .symbol("value", GLOBAL_NOTYPE, ABS, 0)
                .relocations(2, &[(0, kind, 2, value as i64)])
                .build();
            let result = World::new(&heap).link(&bytes);
            assert_eq!(result.is_ok(), fits, "type {kind}, value {value:#x}");
            if let Ok(mut linked) = result {
                let at = linked.data;
                let memory = &linked.region.bytes_mut()[at..at + 16];
                let field = i64::from_le_bytes(memory[..8].try_into().unwrap());
                let len = if kind < 12 {
                    4
                } else if kind == 12 {
                    2
                } else {
                    1
                };
                let mask = (1i64 << (8 * len)) - 1;
                assert_eq!(field & mask, value as i64 & mask, "type {kind}");
                assert!(
                    memory[len..].iter().all(|&byte| byte == 0xee),
                    "type {kind} wrote too much"
                );
                assert_eq!(linked.pristine, memory);
            }
        }
    }
}

#[test]
fn only_branches_go_through_stubs() {
    let far = 0x7000_0000_0000;
    for (kind, opcode, reaches) in [
        (2, 0xe8, true),
        (2, 0xe9, true),
        (2, 0x05, false),
        (4, 0x05, true),
    ] {
        let mut object = Object::new();
        object.sections[0].contents[7] = opcode;
        let object = object
            .symbol("far", GLOBAL_FUNCTION, UNDEF, 0)
            .relocations(1, &[(8, kind, 2, -4)])
            .build();
        let result = World::new(&heap).with("far", far).link(&object);
        assert_eq!(result.is_ok(), reaches, "type {kind} behind {opcode:#x}");
        let Ok(mut linked) = result else { continue };
        let memory = linked.region.bytes_mut();
        let field = i32::from_le_bytes(memory[8..12].try_into().unwrap());
        let stub = (12 + field) as usize;
        assert_eq!(memory[stub..stub + 2], [0xff, 0x25]);
        let distance = i32::from_le_bytes(memory[stub + 2..stub + 6].try_into().unwrap());
        let slot = stub + 6 + distance as usize;
        assert_eq!(
            u64::from_le_bytes(memory[slot..slot + 8].try_into().unwrap()),
            far
        );
        assert!(linked.text.contains(&stub) && !linked.text.contains(&slot) && slot < linked.data);
    }
}

#[test]
fn constructors_are_code_of_the_program() {
    let array = |contents: &[u64]| {
        Object::new().section(Section {
            name: ".init_array",
            kind: INIT_ARRAY,
            flags: ALLOC | WRITE,
            align: 8,
            contents: contents
                .iter()
                .flat_map(|entry| entry.to_le_bytes())
                .collect(),
            ..Section::default()
        })
    };
    let good = array(&[0, u64::MAX, 0])
        .relocations(2, &[(16, 1, 1, 2)])
        .build();
    let linked = World::new(&heap).link(&good).ok().unwrap();
    assert_eq!(linked.init, [0x4000_0002]);
    breaks(&array(&[0x1000]), 2, SectionRule::Constructor);
    breaks(&array(&[0x4000_0000 + 4096]), 2, SectionRule::Constructor);
    breaks(&array(&[0x4000_0000; 1025]), 2, SectionRule::Constructor);
    breaks(&array(&[0; 1025]), 2, SectionRule::Constructor);
    let mut odd = array(&[0]);
    odd.sections[1].contents.pop();
    breaks(&odd, 2, SectionRule::EntrySize);
}
