//! Loading and unloading of bundles: right ones, wrong ones, hostile ones.

#[path = "../support/mod.rs"]
mod support;

mod contract;
mod corpus;

use std::sync::Arc;

use support::asm::{add, copy, exit, helper, load, map, mov, variable};
use support::{Fake, HELPERS, address, encode, map_def, program_def, run, runtime, with_loading};
use uio_bpf::bundle::{Bundle, MapDef, MapKind, ProgramDef, VERSION, map_flags};
use uio_bpf::check::Why;
use uio_bpf::kind::Kind;
use uio_bpf::load::{LoadError, Loading, MEMORY, Runtime, UnloadError};
use uio_bpf::map::MapError;
use uio_bpf::run::End;

/// A program that returns a number.
fn returns(name: &str, number: i32) -> ProgramDef {
    program_def(name, Kind::Executable, &code![mov(0, number), exit()])
}

/// A program that looks a key up in map 0.
fn looks_up(name: &str) -> ProgramDef {
    let code = code![
        support::asm::store_imm(10, -4, 0),
        map(1, 0),
        copy(2, 10),
        add(2, -4),
        helper(1),
        exit()
    ];
    program_def(name, Kind::Fentry, &code)
}

fn array(name: &str) -> MapDef {
    map_def(name, MapKind::Array, 4, 8, 4)
}

fn load_into(runtime: &mut Runtime, bytes: &[u8]) -> Result<u32, (String, LoadError)> {
    with_loading(|loading| {
        runtime
            .load(bytes, loading)
            .map_err(|refused| (refused.name.to_owned(), refused.error))
    })
}

fn refused(
    maps: Vec<MapDef>,
    variables: &[&str],
    programs: Vec<ProgramDef>,
) -> (String, LoadError) {
    let mut runtime = Runtime::new(MEMORY);
    let error = load_into(&mut runtime, &encode(maps, variables, programs)).unwrap_err();
    assert_eq!(runtime.used(), 0);
    assert!(runtime.maps().is_empty() && runtime.programs().is_empty());
    error
}

#[test]
fn what_is_loaded_can_be_found() {
    let runtime = runtime(
        vec![array("calls"), array("other")],
        vec![looks_up("first"), returns("second", 5)],
    );
    let [first, second] = runtime.programs() else {
        panic!("two programs")
    };
    assert_eq!(
        (&*first.program.name, first.program.kind),
        ("first", Kind::Fentry)
    );
    assert_eq!(
        runtime.program(second.id).unwrap().program.name,
        second.program.name
    );
    assert_eq!(runtime.program_named("first").unwrap().id, first.id);
    assert_eq!(runtime.map_named("calls").unwrap().map.def().name, "calls");
    assert_eq!(first.program.maps.len(), 1, "those that it names");
    let id = runtime.map_named("other").unwrap().id;
    assert_eq!(runtime.map(id).unwrap().map.def().name, "other");
    assert!(runtime.program_named("third").is_none() && runtime.map(99).is_none());
    assert_eq!(
        run(&second.program, &Fake::default(), &mut []),
        End::Returned(5)
    );
}

#[test]
fn maps_are_shared_by_name() {
    let mut runtime = runtime(vec![array("calls")], vec![looks_up("first")]);
    let used = runtime.used();
    let second = encode(vec![array("calls")], &[], vec![looks_up("second")]);
    let id = load_into(&mut runtime, &second).unwrap();
    assert_eq!(runtime.maps().len(), 1);
    let [first, second] = runtime.programs() else {
        panic!("two programs")
    };
    assert!(Arc::ptr_eq(&first.program.maps[0], &second.program.maps[0]));
    assert!(runtime.used() < used * 2);
    let (first, maps) = (first.bundle, &[first.bundle, id]);
    assert_eq!(runtime.maps()[0].bundles, maps);
    runtime.unload(first, 0, &mut |_| {}).unwrap();
    assert_eq!(runtime.maps().len(), 1, "the other bundle has it");
    runtime.unload(id, 0, &mut |_| {}).unwrap();
    assert_eq!((runtime.maps().len(), runtime.used()), (0, 0));
}

#[test]
fn a_map_of_that_name_with_another_definition() {
    let different: [fn(&mut MapDef); 5] = [
        |def| def.kind = MapKind::Hash,
        |def| (def.kind, def.key_size) = (MapKind::Hash, 8),
        |def| def.value_size = 16,
        |def| def.max_entries = 5,
        |def| def.flags = map_flags::READ_ONLY,
    ];
    for differ in different {
        let mut runtime = runtime(vec![array("calls")], vec![looks_up("first")]);
        let mut def = array("calls");
        differ(&mut def);
        let bytes = encode(vec![def], &[], vec![returns("second", 1)]);
        assert_eq!(
            load_into(&mut runtime, &bytes),
            Err(("calls".into(), LoadError::Differs))
        );
        assert_eq!(runtime.programs().len(), 1);
    }
}

#[test]
fn private_maps_are_never_shared() {
    let private = || MapDef {
        flags: map_flags::PRIVATE,
        ..array(".data")
    };
    let mut runtime = runtime(vec![private()], vec![returns("first", 1)]);
    let bytes = encode(vec![private()], &[], vec![returns("second", 1)]);
    load_into(&mut runtime, &bytes).unwrap();
    assert_eq!(runtime.maps().len(), 2);
    // Nor is one that is not private taken for one that is.
    let bytes = encode(vec![array(".data")], &[], vec![returns("third", 1)]);
    load_into(&mut runtime, &bytes).unwrap();
    assert_eq!(runtime.maps().len(), 3);
}

#[test]
fn variables_have_addresses() {
    let second = code![variable(0, 1), exit()];
    let weak = code![variable(0, 2), exit()];
    let programs = vec![
        program_def("second", Kind::Executable, &second),
        program_def("weak", Kind::Executable, &weak),
    ];
    let bytes = encode(
        vec![],
        &["counter", "function", "?missing", "?counter"],
        programs,
    );
    let mut runtime = Runtime::new(MEMORY);
    load_into(&mut runtime, &bytes).unwrap();
    let program = |name: &str| Arc::clone(&runtime.program_named(name).unwrap().program);
    assert_eq!(
        run(&program("second"), &Fake::default(), &mut []),
        End::Returned(0x6000)
    );
    assert_eq!(
        run(&program("weak"), &Fake::default(), &mut []),
        End::Returned(0)
    );
    assert_eq!(program("weak").symbol(b"function"), Some(0x6000));
    assert_eq!(program("weak").symbol(b"counter"), Some(0x5000));
    assert_eq!(program("weak").symbol(b"missing"), None);
    assert_eq!(program("weak").symbol(b"funct"), None);
}

#[test]
fn programs_find_their_symbols_by_name() {
    let find = code![
        mov(2, 9),
        mov(3, 0),
        copy(4, 1),
        add(4, 16),
        copy(6, 1),
        helper(179),
        load(0, 6, 16),
        exit()
    ];
    let bytes = encode(
        vec![],
        &["function"],
        vec![program_def("find", Kind::Executable, &find)],
    );
    let mut runtime = Runtime::new(MEMORY);
    load_into(&mut runtime, &bytes).unwrap();
    let mut buffer = *b"function\0.......zzzzzzzz";
    let end = run(
        &runtime.programs()[0].program,
        &Fake::default(),
        &mut buffer,
    );
    assert_eq!(end, End::Returned(0x6000));
}

#[test]
fn bundles_that_are_wrong() {
    let program = || vec![returns("p", 1)];
    let name = |name: &str| name.to_owned();
    assert_eq!(refused(vec![], &[], vec![]), (name(""), LoadError::Empty));
    assert_eq!(
        refused(vec![], &[], vec![returns("", 1)]),
        (name(""), LoadError::Name)
    );
    assert_eq!(
        refused(vec![], &[], vec![returns("p", 1), returns("p", 2)]),
        (name("p"), LoadError::Name)
    );
    assert_eq!(
        refused(vec![array("")], &[], program()),
        (name(""), LoadError::Name)
    );
    assert_eq!(
        refused(vec![array("a"), array("a")], &[], program()),
        (name("a"), LoadError::Name)
    );
    assert_eq!(
        refused(vec![], &["nowhere"], program()),
        (name("nowhere"), LoadError::Variable)
    );
    let half = ProgramDef {
        code: vec![0; 12],
        ..returns("p", 1)
    };
    assert_eq!(
        refused(vec![], &[], vec![half]),
        (name("p"), LoadError::Code)
    );
    let keyless = map_def("m", MapKind::Array, 8, 8, 1);
    assert_eq!(
        refused(vec![keyless], &[], program()),
        (name("m"), LoadError::Map(MapError::KeySize))
    );
    let huge = map_def("m", MapKind::Array, 4, 1 << 20, 9);
    assert_eq!(
        refused(vec![huge], &[], program()),
        (name("m"), LoadError::Map(MapError::Limit))
    );
    let (who, error) = refused(vec![], &[], vec![returns("p", 1), looks_up("q")]);
    let LoadError::Rejected(reject) = error else {
        panic!("{error:?}")
    };
    assert_eq!((&*who, reject.at, reject.why), ("q", 1, Why::NoMap));
}

#[test]
fn other_versions_are_refused() {
    let bundle = Bundle {
        version: VERSION + 1,
        license: String::new(),
        maps: vec![],
        variables: vec![],
        programs: vec![returns("p", 1)],
    };
    let bytes = postcard::to_allocvec(&bundle).unwrap();
    let error = load_into(&mut Runtime::new(MEMORY), &bytes).unwrap_err();
    assert_eq!(error, (String::new(), LoadError::Version(VERSION + 1)));
}

#[test]
fn maps_and_programs_take_no_more_than_they_may() {
    let each = map_def("m", MapKind::Array, 4, 1000, 1);
    let mut runtime = Runtime::new(5000);
    let mut loaded = 0;
    let error = loop {
        let maps = vec![MapDef {
            name: format!("m{loaded}"),
            ..each.clone()
        }];
        let bytes = encode(maps, &[], vec![returns(&format!("p{loaded}"), 1)]);
        match load_into(&mut runtime, &bytes) {
            Ok(_) => loaded += 1,
            Err((_, error)) => break error,
        }
        assert!(runtime.used() <= runtime.limit());
    };
    assert!((2..5).contains(&loaded), "{loaded}");
    assert!(
        matches!(error, LoadError::Limit | LoadError::Map(MapError::Limit)),
        "{error:?}"
    );
    // Without a map it is the program that is too much.
    let code: Vec<_> = std::iter::repeat_n(mov(0, 0), 1000)
        .chain([exit()])
        .collect();
    let large = encode(
        vec![],
        &[],
        vec![program_def("large", Kind::Executable, &code)],
    );
    assert_eq!(
        load_into(&mut Runtime::new(5000), &large),
        Err(("large".into(), LoadError::Limit))
    );
}

#[test]
fn what_is_in_use_is_not_unloaded() {
    let mut runtime = runtime(
        vec![array("calls")],
        vec![looks_up("first"), returns("second", 1)],
    );
    let id = runtime.programs()[0].bundle;
    let attached = Arc::clone(&runtime.programs()[1].program);
    let in_use = UnloadError::InUse(runtime.programs()[1].id);
    assert_eq!(
        runtime.unload(id, 0, &mut |_| panic!("nothing is freed")),
        Err(in_use)
    );
    assert_eq!(runtime.programs().len(), 2);
    drop(attached);
    let mut names = Vec::new();
    let freed = runtime
        .unload(id, 0, &mut |program| names.push(program.name.to_string()))
        .unwrap();
    assert!(freed > 0);
    assert_eq!(names, ["first", "second"]);
    assert_eq!(runtime.used(), 0);
    assert_eq!(runtime.unload(id, 0, &mut |_| {}), Err(UnloadError::None));
}

/// A program array whose slots hold programs of the bundle at first.
fn steps(slots: &[u32]) -> MapDef {
    MapDef {
        initial: slots.iter().flat_map(|slot| slot.to_le_bytes()).collect(),
        ..map_def("steps", MapKind::ProgramArray, 4, 4, 3)
    }
}

fn goes_on(name: &str, index: i32) -> ProgramDef {
    let code = code![map(2, 0), mov(3, index), helper(12), exit()];
    program_def(name, Kind::Executable, &code)
}

#[test]
fn program_arrays_hold_programs_at_first() {
    let programs = vec![goes_on("start", 1), returns("second", 22)];
    let mut runtime = runtime(vec![steps(&[0, 2, 1])], programs);
    let start = Arc::clone(&runtime.program_named("start").unwrap().program);
    assert_eq!(run(&start, &Fake::default(), &mut []), End::Returned(22));
    drop(start);
    // Its programs hold the array, and the array its programs: they go together.
    let array = Arc::downgrade(&runtime.maps()[0].map);
    let second = Arc::downgrade(&runtime.program_named("second").unwrap().program);
    let id = runtime.programs()[0].bundle;
    runtime.unload(id, 0, &mut |_| {}).unwrap();
    assert_eq!(
        (array.strong_count(), second.strong_count(), runtime.used()),
        (0, 0, 0)
    );
}

#[test]
fn program_arrays_with_wrong_slots() {
    let programs = || vec![goes_on("start", 1), returns("second", 22)];
    let slot = ("steps".to_owned(), LoadError::Slot);
    assert_eq!(refused(vec![steps(&[3])], &[], programs()), slot);
    assert_eq!(refused(vec![steps(&[u32::MAX])], &[], programs()), slot);
    let odd = MapDef {
        initial: vec![1, 0, 0],
        ..steps(&[])
    };
    assert_eq!(refused(vec![odd], &[], programs()), slot);
    let error = refused(vec![steps(&[0, 0, 0, 1])], &[], programs());
    assert_eq!(
        error,
        ("steps".to_owned(), LoadError::Map(MapError::Initial))
    );
}

#[test]
fn programs_in_arrays_of_others_are_in_use() {
    let mut runtime = runtime(vec![steps(&[])], vec![goes_on("start", 0)]);
    let first = runtime.programs()[0].bundle;
    // The second bundle puts its program into the array that the first has too.
    let bytes = encode(vec![steps(&[1])], &[], vec![returns("step", 7)]);
    let second = load_into(&mut runtime, &bytes).unwrap();
    let start = Arc::clone(&runtime.program_named("start").unwrap().program);
    assert_eq!(run(&start, &Fake::default(), &mut []), End::Returned(7));
    drop(start);
    let step = runtime.program_named("step").unwrap().id;
    assert_eq!(
        runtime.unload(second, 0, &mut |_| {}),
        Err(UnloadError::InUse(step))
    );
    let array = Arc::clone(&runtime.map_named("steps").unwrap().map);
    array.delete(&[0; 4], 0).unwrap();
    runtime.unload(second, 0, &mut |_| {}).unwrap();
    runtime.unload(first, 0, &mut |_| {}).unwrap();
    assert_eq!(runtime.used(), 0);
}

#[test]
fn programs_that_cannot_be_compiled() {
    let bytes = encode(vec![], &[], vec![returns("first", 1), returns("second", 2)]);
    let mut discarded = Vec::new();
    let mut runtime = Runtime::new(MEMORY);
    let refused = runtime.load(
        &bytes,
        &mut Loading {
            helpers: &HELPERS,
            cores: 1,
            core: 0,
            address: &address,
            prepare: &mut |program| &*program.name == "first",
            discard: &mut |program| discarded.push(program.name.to_string()),
        },
    );
    let refused = refused.unwrap_err();
    assert_eq!((refused.name, refused.error), ("second", LoadError::Native));
    assert_eq!(discarded, ["first"], "what was compiled is freed");
}

#[test]
fn errors_can_be_sent() {
    let reject = uio_bpf::check::Reject {
        at: 70_000,
        why: Why::StackEnd,
    };
    for error in [
        LoadError::Rejected(reject),
        LoadError::Map(MapError::Limit),
        LoadError::Malformed(300),
    ] {
        let bytes = postcard::to_allocvec(&error).unwrap();
        assert_eq!(postcard::from_bytes::<LoadError>(&bytes), Ok(error));
    }
}

/// A bundle with something of everything.
fn full() -> Vec<u8> {
    let maps = vec![
        MapDef {
            types: vec![1; 200],
            initial: vec![9; 30],
            flags: map_flags::PRIVATE,
            ..array(".rodata")
        },
        steps(&[1, 2]),
        map_def("hash", MapKind::LruHash, 300, 70_000, 2),
        map_def("ring", MapKind::RingBuffer, 0, 0, 4096),
        map_def("stacks", MapKind::StackTrace, 4, 128, 8),
        map_def("cores", MapKind::PerCpuHash, 4, 8, 8),
        map_def("values", MapKind::PerCpuArray, 4, 8, 8),
        map_def("plain", MapKind::Hash, 4, 8, 8),
    ];
    let programs = vec![
        looks_up("first"),
        ProgramDef {
            target: "web::*".to_owned(),
            kind: Kind::Fexit,
            ..returns("second", 2)
        },
        ProgramDef {
            kind: Kind::Probe,
            ..returns("third", 3)
        },
        ProgramDef {
            kind: Kind::Timer,
            ..returns("fourth", 4)
        },
        ProgramDef {
            kind: Kind::Syscall,
            ..returns("fifth", 5)
        },
        returns("sixth", 6),
    ];
    encode(maps, &["counter", "?gone"], programs)
}

#[test]
fn a_bundle_with_something_of_everything() {
    let bytes = full();
    contract::check(&bytes);
    let mut runtime = Runtime::new(MEMORY);
    load_into(&mut runtime, &bytes).unwrap();
    let bundle: Bundle = postcard::from_bytes(&bytes).unwrap();
    for (def, there) in bundle.maps.iter().zip(runtime.maps()) {
        assert_eq!(
            there.map.def(),
            &MapDef {
                initial: Vec::new(),
                ..def.clone()
            }
        );
    }
    for (def, there) in bundle.programs.iter().zip(runtime.programs()) {
        assert_eq!(
            (&*def.name, def.kind, &*def.target),
            (&*there.program.name, there.program.kind, &*there.target)
        );
        assert_eq!(def.code.len(), there.program.insns.len() * 8);
    }
}

#[test]
fn bundles_cut_off_anywhere() {
    let bytes = full();
    for len in 0..bytes.len() {
        contract::check(&bytes[..len]);
        let (_, error) = load_into(&mut Runtime::new(MEMORY), &bytes[..len]).unwrap_err();
        assert!(
            matches!(error, LoadError::Malformed(at) if at as usize <= len),
            "{len}: {error:?}"
        );
    }
    let more = [&bytes[..], &[0]].concat();
    let error = load_into(&mut Runtime::new(MEMORY), &more).unwrap_err();
    assert_eq!(error.1, LoadError::Malformed(bytes.len() as u32));
}

#[test]
fn bundles_with_any_byte_changed() {
    let bytes = full();
    for at in 0..bytes.len() {
        for change in [0x01, 0x40, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            contract::check(&changed);
        }
    }
}

#[test]
fn lengths_that_lie() {
    let huge = [0xff; 9].iter().copied().chain([1]);
    for before in [
        vec![1],
        vec![1, 0],
        vec![1, 0, 0],
        vec![1, 0, 0, 0],
        vec![1, 0, 1],
        vec![1, 0, 0, 0, 1],
    ] {
        let bytes: Vec<u8> = before
            .into_iter()
            .chain(huge.clone())
            .chain([0; 8])
            .collect();
        contract::check(&bytes);
        let error = load_into(&mut Runtime::new(MEMORY), &bytes).unwrap_err().1;
        assert!(matches!(error, LoadError::Malformed(_)), "{error:?}");
    }
}

#[test]
fn numbers_that_are_longer_than_they_need() {
    // A key's length of 4, in as many bytes as 32 bits may take, and in one more.
    let bytes = full();
    let at = bytes
        .windows(7)
        .position(|window| window == b".rodata")
        .unwrap()
        + 7
        + 1;
    assert_eq!(bytes[at], 4);
    for (length, right) in [
        (&[0x84, 0x80, 0x80, 0x80, 0x00][..], true),
        (&[0x84, 0x80, 0x80, 0x80, 0x80, 0x00], false),
    ] {
        let long = [&bytes[..at], length, &bytes[at + 1..]].concat();
        contract::check(&long);
        assert_eq!(load_into(&mut Runtime::new(MEMORY), &long).is_ok(), right);
    }
}
