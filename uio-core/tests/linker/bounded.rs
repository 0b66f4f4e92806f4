//! Objects whose parts share their bytes in the file, so that a small file could make work without
//! end, and parts that there are many of.

use uio_console::record::{ObjectError, SectionRule};
use uio_core::program::link::Refusal;

use super::builder::*;
use super::surroundings::{World, heap};

/// The most bytes of a name that are looked at.
const MAX_NAME: usize = 1024;

fn name(len: usize) -> &'static str {
    "n".repeat(len).leak()
}

#[test]
fn names_that_share_their_bytes_are_looked_at_in_part() {
    let mut object = Object::new().symbol(name(900_000), WEAK_NOTYPE, UNDEF, 0);
    let bytes = object.build();
    // One more for each symbol that has the long name, too.
    let count = 4000;
    for _ in 0..count {
        object = object.symbol("", WEAK_NOTYPE, UNDEF, 0);
    }
    let mut bytes_of_many = object.build();
    let entry = |bytes: &[u8], index: usize| {
        let headers = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
        let table = headers + 64 * object.symbol_table() as usize + 24;
        u64::from_le_bytes(bytes[table..table + 8].try_into().unwrap()) as usize + 24 * index
    };
    let long = entry(&bytes_of_many, 2);
    for index in 3..3 + count {
        let at = entry(&bytes_of_many, index);
        bytes_of_many.copy_within(long..long + 4, at);
    }
    for bytes in [bytes, bytes_of_many] {
        let mut world = World::new(&heap);
        assert!(world.link(&bytes).is_ok());
        assert!(world.asked.is_empty(), "a part of a name is no name");
    }
}

#[test]
fn long_names_are_told_in_part_and_short_ones_are_asked_for() {
    let object = |len| {
        Object::new()
            .symbol(name(len), GLOBAL_NOTYPE, UNDEF, 0)
            .build()
    };
    let mut world = World::new(&heap).with(name(MAX_NAME - 1), 1);
    assert!(world.link(&object(MAX_NAME - 1)).is_ok());
    for len in [MAX_NAME, 3 * MAX_NAME] {
        let mut world = World::new(&heap).with(name(MAX_NAME), 1).with(name(len), 1);
        assert_eq!(world.link(&object(len)).err(), Some(Refusal::Reported));
        assert_eq!(world.undefined, [name(MAX_NAME)], "it must fit a frame");
    }
    let overflow = Object::new()
        .section(Section {
            name: name(2 * MAX_NAME),
            kind: PROGBITS,
            flags: ALLOC,
            contents: vec![0; 8],
            ..Section::default()
        })
        .symbol(name(5 * MAX_NAME), GLOBAL_NOTYPE, ABS, 1 << 40)
        .relocations(2, &[(1, 10, 2, 0)])
        .build();
    let expected = ObjectError::Overflow {
        kind: 10,
        section: name(MAX_NAME).as_bytes(),
        offset: 1,
        symbol: name(MAX_NAME).as_bytes(),
    };
    assert_eq!(
        World::new(&heap).link(&overflow).err(),
        Some(Refusal::Object(expected))
    );
}

#[test]
fn relocation_tables_that_share_their_bytes_are_refused() {
    let count = 20_000;
    let mut object = Object::new().relocations(1, &vec![(4, 1, 1, 0); count]);
    let bytes = object.build();
    assert!(World::new(&heap).link(&bytes).is_ok());
    let headers = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    let at = u64::from_le_bytes(bytes[headers + 2 * 64 + 24..][..8].try_into().unwrap());
    for _ in 0..5000 {
        object.sections.push(Section {
            contents: Vec::new(),
            offset: Some(at),
            size: Some(24 * count as u64),
            ..object.sections[1].clone()
        });
    }
    // The section headers have room for some tables more than once.
    let bytes = object.build();
    let Some(Refusal::Object(ObjectError::Section { index, rule })) =
        World::new(&heap).link(&bytes).err()
    else {
        panic!("it is refused for its tables");
    };
    assert_eq!(rule, SectionRule::InsideFile);
    assert_eq!(index as usize, 2 + bytes.len() / (24 * count));
}

#[test]
fn many_arrays_of_constructors_run_in_order() {
    let array = |name, kind| Section {
        name,
        kind,
        flags: ALLOC | WRITE,
        align: 8,
        contents: vec![0; 8],
        ..Section::default()
    };
    let mut object = Object::new();
    object.sections[0].contents.resize(4096, 0xc3);
    // The last one comes first, but for the one that comes before all.
    let names: Vec<&'static str> = (0..1022)
        .map(|number| &*format!(".init_array.{:05}", 65_000 - number).leak())
        .collect();
    let plain = object.sections.len() as u32 + 1;
    object = object.section(array(".init_array", INIT_ARRAY));
    for name in &names {
        object = object.section(array(name, INIT_ARRAY));
    }
    let first = object.sections.len() as u32 + 1;
    object = object.section(array(".preinit_array", 16));
    for index in plain..=first {
        object = object.relocations(index, &[(0, 1, 1, (index - plain).into())]);
    }
    // Sections that are none.
    object
        .sections
        .extend(std::iter::repeat_n(Section::default(), 8000));
    let linked = World::new(&heap).link(&object.build()).ok().unwrap();
    let offsets: Vec<u64> = linked.init.iter().map(|at| at - linked.main).collect();
    let expected = [1023].into_iter().chain((1..=1022).rev()).chain([0]);
    assert!(offsets.into_iter().eq(expected));
    let more = object.section(array(".init_array.1", INIT_ARRAY)).build();
    assert!(matches!(
        World::new(&heap).link(&more).err(),
        Some(Refusal::Object(ObjectError::Section {
            rule: SectionRule::Constructor,
            ..
        }))
    ));
}
