//! Objects that no compiler makes: damaged, hostile, or just odd.

#[path = "common/elf.rs"]
mod elf;

use elf::*;
use uio_bpf_object::{Error, Object, Options, Why, read};

const EXIT: &str = "9500000000000000";
/// `r1 = 0 ll`, `exit`.
const LOAD: &str = "18010000000000000000000000000000 9500000000000000";
/// `call -1`, `exit`.
const CALL: &str = "85100000ffffffff 9500000000000000";

fn made(sections: Vec<Section>, symbols: Vec<Symbol>) -> Result<Object, Error> {
    read(&Maker { sections, symbols }.file(), &Options::default())
}

fn object(sections: Vec<Section>, symbols: Vec<Symbol>) -> Object {
    made(sections, symbols).unwrap_or_else(|error| panic!("{error}"))
}

fn why(sections: Vec<Section>, symbols: Vec<Symbol>) -> Why {
    match made(sections, symbols) {
        Ok(_) => panic!("it was read"),
        Err(error) => error.why,
    }
}

fn main_of(size: u64) -> Symbol {
    symbol("main", GLOBAL_FUNCTION, 1, 0, size)
}

/// What a program becomes whose load refers to symbol 2.
fn load(extra: Section, to: Symbol) -> Result<Object, Error> {
    let program = code("executable", LOAD).relocated(0, 2, 1);
    made(vec![program, extra], vec![main_of(24), to])
}

#[test]
fn the_smallest_object() {
    let object = object(vec![code("executable", EXIT)], vec![main_of(8)]);
    assert_eq!(object.bundle.programs[0].name, "main");
    assert_eq!(object.bundle.programs[0].code, [0x95, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn functions_without_type_or_size_go_up_to_the_next() {
    let two = format!("{EXIT}{EXIT}");
    let symbols = vec![
        symbol("a", GLOBAL, 1, 0, 0),
        symbol("b", GLOBAL, 1, 8, 0),
        symbol("label", 0, 1, 8, 0),
    ];
    let object = object(vec![code("executable", &two)], symbols);
    let names: Vec<_> = object
        .bundle
        .programs
        .iter()
        .map(|p| (p.name.as_str(), p.code.len()))
        .collect();
    assert_eq!(names, [("a", 8), ("b", 8)]);
    let whole = self::object(vec![code("timer/1s", &two)], vec![]);
    assert_eq!(whole.bundle.programs[0].name, "timer");
    assert_eq!(whole.bundle.programs[0].code.len(), 16);
}

#[test]
fn static_functions_beside_programs_are_called() {
    // main: call +1, exit; helper: exit
    let text = format!("8510000001000000 {EXIT} {EXIT}");
    let symbols = vec![symbol("helper", LOCAL_FUNCTION, 1, 16, 8), main_of(16)];
    let object = object(vec![code("executable", &text)], symbols);
    assert_eq!(object.bundle.programs.len(), 1);
    assert_eq!(object.bundle.programs[0].code.len(), 24);
    assert_eq!(object.debug.programs[0].name(0), Some("helper"));
}

#[test]
fn two_names_of_a_function_are_two_programs() {
    let symbols = vec![main_of(8), symbol("alias", GLOBAL_FUNCTION, 1, 0, 8)];
    let object = object(vec![code("executable", EXIT)], symbols);
    assert_eq!(object.bundle.programs.len(), 2);
}

#[test]
fn addends_may_stand_in_relocations() {
    let mut program = code("executable", LOAD).relocated(0, 2, 1);
    program.addends = Some(vec![4]);
    let symbols = vec![main_of(24), symbol("", LOCAL_SECTION, 2, 0, 0)];
    let object = object(vec![program, data(".data", &[1; 8])], symbols);
    assert_eq!(object.bundle.programs[0].code[12..16], [4, 0, 0, 0]);
    assert_eq!(object.bundle.maps[0].initial, [1; 8]);

    let mut program = code("executable", CALL).relocated(0, 2, 10);
    program.addends = Some(vec![8]);
    let symbols = vec![
        main_of(16),
        symbol("", LOCAL_SECTION, 2, 0, 0),
        symbol("first", LOCAL_FUNCTION, 2, 0, 8),
        symbol("second", LOCAL_FUNCTION, 2, 8, 8),
    ];
    let text = code(".text", &format!("{EXIT}{EXIT}"));
    let object = self::object(vec![program, text], symbols);
    assert_eq!(object.debug.programs[0].name(0), Some("second"));
}

#[test]
fn functions_lie_in_their_sections() {
    let short = || code("executable", EXIT);
    let two = || code("executable", &format!("{EXIT}{EXIT}"));
    assert_eq!(why(vec![short()], vec![main_of(16)]), Why::Function);
    assert_eq!(why(vec![short()], vec![main_of(4)]), Why::Function);
    assert_eq!(why(vec![short()], vec![main_of(u64::MAX)]), Why::Function);
    let late = symbol("main", GLOBAL_FUNCTION, 1, 8, 8);
    assert_eq!(why(vec![short()], vec![late]), Why::Function);
    let over = vec![main_of(16), symbol("other", GLOBAL_FUNCTION, 1, 8, 8)];
    assert_eq!(why(vec![two()], over), Why::Function);
    let odd = vec![symbol("main", GLOBAL_FUNCTION, 1, 4, 8)];
    assert_eq!(why(vec![two()], odd), Why::Function);
    let mut cut = code("executable", EXIT);
    cut.data.truncate(7);
    assert_eq!(why(vec![cut], vec![]), Why::Length { len: 7 });
}

#[test]
fn relocations_fit_their_instructions() {
    let program = |kind| code("executable", LOAD).relocated(0, 1, kind);
    let symbols = || vec![main_of(24)];
    assert_eq!(why(vec![program(2)], symbols()), Why::RelocationType(2));
    assert_eq!(why(vec![program(10)], symbols()), Why::RelocationType(10));
    let call = code("executable", CALL).relocated(0, 1, 1);
    assert_eq!(why(vec![call], vec![main_of(16)]), Why::RelocationType(1));
    for offset in [4, 8, 16] {
        let program = code("executable", LOAD).relocated(offset, 1, 1);
        assert_eq!(
            why(vec![program], symbols()),
            Why::RelocationPlace,
            "{offset}"
        );
    }
    let twice = program(1).relocated(0, 1, 1);
    assert_eq!(why(vec![twice], symbols()), Why::RelocationTwice);
    let none = code("executable", LOAD).relocated(0, 7, 1);
    assert_eq!(why(vec![none], symbols()), Why::RelocationSymbol(7));
    // Behind the function, where nothing is linked.
    let behind = code("executable", EXIT).relocated(800, 7, 1);
    assert!(made(vec![behind], vec![main_of(8)]).is_ok());
}

#[test]
fn references_lead_somewhere() {
    let bytes = || data(".data", &[0; 8]);
    let of = |offset| symbol("x", GLOBAL_OBJECT, 2, offset, 4);
    assert!(load(bytes(), of(8)).is_ok());
    let outside = load(bytes(), of(9)).unwrap_err();
    assert!(matches!(
        outside.why,
        Why::Outside {
            offset: 9,
            size: 8,
            ..
        }
    ));
    assert!(matches!(
        load(bytes(), of(u64::MAX)).unwrap_err().why,
        Why::Outside { .. }
    ));
    let elsewhere = symbol("x", GLOBAL_OBJECT, 200, 0, 0);
    assert!(load(bytes(), elsewhere).is_err());
    let absolute = symbol("x", GLOBAL_OBJECT, ABSOLUTE, 0, 0);
    assert_eq!(load(bytes(), absolute).unwrap_err().why, Why::Absolute);
    let nameless = symbol("", GLOBAL, 0, 0, 0);
    assert_eq!(load(bytes(), nameless).unwrap_err().why, Why::Absolute);
    let comment = load(data("comment", &[0; 8]), of(0)).unwrap_err();
    assert!(matches!(comment.why, Why::NotLoaded { .. }));
    let inside = load(code(".text", LOAD), symbol("x", GLOBAL_FUNCTION, 2, 8, 16));
    assert!(inside.is_ok());
    let inside = load(code(".text", LOAD), symbol("x", 0, 2, 8, 0)).unwrap_err();
    assert!(matches!(inside.why, Why::NoFunction { offset: 8, .. }));
    assert_eq!(inside.place.symbol.as_deref(), Some("x"));
    assert_eq!(inside.place.offset, Some(0));
}

#[test]
fn sections_are_no_longer_than_the_file() {
    let mut long = data(".data", &[0; 8]);
    long.size = Some(1 << 40);
    assert!(matches!(
        load(long, symbol("x", GLOBAL_OBJECT, 2, 0, 8))
            .unwrap_err()
            .why,
        Why::Elf(_)
    ));
    // All zero, and longer than a value can be.
    let mut zeros = data(".bss", &[]);
    (zeros.kind, zeros.size) = (8, Some(1 << 40));
    let error = load(zeros, symbol("x", GLOBAL_OBJECT, 2, 0, 8)).unwrap_err();
    assert_eq!(error.why, Why::DataLength(1 << 40));
    // Many sections with the same bytes.
    let mut file = Maker {
        sections: vec![code("executable", EXIT), data(".data", &[0; 400])],
        symbols: vec![main_of(8)],
    }
    .file();
    let headers = u64::from_le_bytes(file[40..48].try_into().unwrap()) as usize;
    let data_header = file[headers + 128..headers + 192].to_vec();
    for more in 0..8 {
        file.extend(&data_header);
        file[60] += 1;
        let result = read(&file, &Options::default());
        assert_eq!(result.is_ok(), more < 1, "{more}");
    }
}

#[test]
fn maps_of_the_older_form_have_their_length() {
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let map = |bytes: &[u8], offset, size| {
        let main = main_of(8);
        made(
            vec![code("executable", EXIT), data("maps", bytes)],
            vec![main, symbol("m", GLOBAL_OBJECT, 2, offset, size)],
        )
    };
    let good = words(&[1, 4, 8, 2, 0]);
    assert_eq!(map(&good, 0, 20).unwrap().bundle.maps[0].value_size, 8);
    assert!(map(&good, 0, 0).is_ok());
    assert!(map(&words(&[1, 4, 8, 2]), 0, 16).is_ok());
    assert!(map(&words(&[1, 4, 8, 2, 0, 0, 0]), 0, 28).is_ok());
    let wrong = |bytes: &[u8], offset, size| map(bytes, offset, size).unwrap_err().why;
    assert_eq!(
        wrong(&words(&[1, 4, 8, 2, 0, 1]), 0, 24),
        Why::MapLength(24)
    );
    assert_eq!(wrong(&words(&[1, 4, 8]), 0, 12), Why::MapLength(12));
    assert_eq!(wrong(&good, 0, 21), Why::Function);
    assert_eq!(wrong(&good, u64::MAX, 20), Why::Function);
    assert_eq!(
        wrong(&words(&[1, 4, 8, 0]), 0, 16),
        Why::MapValue("max_entries", 0, "at least 1")
    );
    assert!(matches!(
        wrong(&words(&[4, 4, 8, 1]), 0, 16),
        Why::MapKind { number: 4, .. }
    ));
    assert_eq!(wrong(&words(&[12, 4, 4, 1]), 0, 16), Why::MapInMap);
    assert_eq!(
        wrong(&words(&[1, 4, 8, 2, 1 << 31]), 0, 20),
        Why::MapFlags(1 << 31)
    );
}

#[test]
fn described_maps_need_types() {
    let sections = vec![code("executable", EXIT), data(".maps", &[0; 32])];
    assert_eq!(why(sections, vec![main_of(8)]), Why::NoBtf);
}

/// Copies of functions are bounded for each program and for all of them.
#[test]
fn programs_do_not_grow_without_end() {
    let long = EXIT.repeat(40_000);
    let callee = || code(".text", &long);
    let text = |name, offset, len| symbol(name, LOCAL_FUNCTION, 2, offset, len);
    // Twice 40,000 instructions are too many for one program.
    let both = code(
        "executable",
        &format!("{}{EXIT}", "85100000ffffffff".repeat(2)),
    );
    let both = both.relocated(0, 2, 10).relocated(8, 3, 10);
    let mut twice = callee();
    twice.data.extend(callee().data);
    let symbols = vec![
        main_of(24),
        text("a", 0, 320_000),
        text("b", 320_000, 320_000),
    ];
    assert_eq!(
        why(vec![both, twice], symbols),
        Why::TooLong { insns: 80_003 }
    );
    // One is not, but forty programs with it are too many together.
    let many = (CALL.to_owned() + " ").repeat(40);
    let mut many = code("executable", &many);
    let names = ["p"; 40];
    let mut symbols = vec![text("a", 0, 320_000)];
    for (index, name) in names.into_iter().enumerate() {
        many = many.relocated(index as u64 * 16, 1, 10);
        symbols.push(symbol(name, GLOBAL_FUNCTION, 1, index as u64 * 16, 16));
    }
    assert_eq!(why(vec![many, callee()], symbols), Why::TooMuch(1 << 20));
}
