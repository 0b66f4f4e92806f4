//! Code that a program must not have: where it is, is told, and nothing is loaded.

use uio_core::program::link::Refusal;

use super::builder::*;
use super::surroundings::{Refused, World, heap};

const WRPKRU: &[u8] = &[0x0f, 0x01, 0xef];
const PC32: u32 = 2;

fn text(name: &'static str, align: u64, contents: Vec<u8>) -> Section {
    Section {
        name,
        kind: PROGBITS,
        flags: ALLOC | EXECUTE,
        align,
        contents,
        ..Section::default()
    }
}

fn refused(object: &Object) -> Refused {
    let object = object.build();
    let mut world = World::new(&heap).with("outside", 0x4000_2000 + 0x0001_0f00);
    world.forbidden = Some(WRPKRU);
    assert_eq!(world.link(&object).err(), Some(Refusal::Reported));
    assert_eq!(world.refused.len(), 1);
    world.refused.remove(0)
}

#[test]
fn its_section_and_function_are_named() {
    let code = [&[0x90; 20][..], WRPKRU, &[0xc3; 9]].concat();
    let object = Object::new()
        .section(text(".text.other", 16, code))
        .symbol("before", GLOBAL_FUNCTION, 2, 8)
        .symbol("label", LOCAL_SECTION, 2, 20)
        .symbol("has_it", GLOBAL_NOTYPE, 2, 16)
        .symbol("behind", GLOBAL_FUNCTION, 2, 21);
    let told = refused(&object);
    assert_eq!((told.section.as_str(), told.offset), (".text.other", 20));
    assert_eq!((told.function.as_str(), told.start), ("has_it", 16));
    assert_eq!(&told.bytes[..4], [0x0f, 0x01, 0xef, 0xc3]);
    assert_eq!(told.bytes.len(), 30);
}

#[test]
fn sections_that_meet_are_looked_at_together() {
    let object = Object::new()
        .section(text(".text.a", 1, vec![0xc3, 0x0f]))
        .section(text(".text.b", 1, vec![0x01, 0xef]))
        .symbol("a", GLOBAL_FUNCTION, 2, 0);
    let told = refused(&object);
    assert_eq!((told.section.as_str(), told.offset), (".text.a", 1));
    assert_eq!(told.function, "a");
}

/// What is looked at is the code as it will be executed.
#[test]
fn relocations_are_applied_before() {
    // The field becomes xx 0f 01 xx, and 0xef comes behind it.
    let mut contents = MAIN.to_vec();
    contents.extend([0, 0, 0, 0]);
    let mut base = Object::new().section(text(".text.call", 1, [contents, vec![0xef]].concat()));
    base = base.symbol("outside", GLOBAL_NOTYPE, UNDEF, 0);
    // At 16 + 16 of the image at 0x40000000: S + A - P is to be 0x010f0000.
    let addend = 0x010f_0000 - (0x4000_2000 + 0x0001_0f00 - 0x4000_0020);
    let object = base.relocations(2, &[(16, PC32, 2, addend)]);
    let told = refused(&object);
    assert_eq!((told.section.as_str(), told.offset), (".text.call", 18));
    assert_eq!((told.function.as_str(), &told.bytes[..3]), ("", WRPKRU));
}

#[test]
fn gaps_between_sections_end_the_program() {
    let object = Object::new().section(text(".text.far", 64, vec![0xc3]));
    let mut linked = World::new(&heap).link(&object.build()).ok().unwrap();
    let bytes = linked.region.bytes_mut();
    assert!(bytes[16..64].iter().all(|&byte| byte == 0xcc));
    assert_eq!(bytes[64], 0xc3);
    // Up to where stubs would be.
    assert!(bytes[65..72].iter().all(|&byte| byte == 0xcc));
    assert!(bytes[72..4096].iter().all(|&byte| byte == 0));
}
