//! Objects as the compiler makes them.

mod common;

use common::{compile, compile_with, whole};
use serde_json::json;
use uio_bpf::bundle::{Bundle, MapDef, MapKind, ProgramDef, map_flags};
use uio_bpf::isa::{Insn, call, wide};
use uio_bpf::kind::Kind;
use uio_bpf_object::disasm::{Entry, listing};
use uio_bpf_object::types::{Types, encode, render, text};
use uio_bpf_object::{Error, Object, Options, Why, read};

fn object(bytes: &[u8]) -> Object {
    read(bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn program<'b>(bundle: &'b Bundle, name: &str) -> &'b ProgramDef {
    let found = bundle.programs.iter().find(|program| program.name == name);
    found.unwrap_or_else(|| panic!("no program {name}"))
}

fn map<'b>(bundle: &'b Bundle, name: &str) -> (usize, &'b MapDef) {
    let mut maps = bundle.maps.iter().enumerate();
    let found = maps.find(|(_, map)| map.name == name);
    found.unwrap_or_else(|| panic!("no map {name}"))
}

fn entries(program: &ProgramDef) -> Vec<Entry> {
    let entries = listing(&program.code, &|_| None);
    assert!(entries.iter().all(|entry| entry.text.is_some()));
    entries
}

/// Maps that wide loads of a program load, or into whose values they point.
fn loads(program: &ProgramDef, source: u8) -> Vec<(i32, i32)> {
    let wides = entries(program).into_iter().filter_map(|entry| {
        let second = entry.second?;
        (entry.insn.src() == source).then_some((entry.insn.imm, second.imm))
    });
    wides.collect()
}

#[test]
fn programs_have_names_types_and_targets() {
    let object = object(&whole());
    let bundle = &object.bundle;
    assert_eq!(bundle.version, uio_bpf::bundle::VERSION);
    assert_eq!(bundle.license, "Dual MIT/GPL");
    let programs: Vec<_> = bundle
        .programs
        .iter()
        .map(|program| (program.name.as_str(), program.kind, program.target.as_str()))
        .collect();
    let expected = [
        ("sum", Kind::Executable, "sum"),
        ("count", Kind::Fentry, "web::handle"),
        ("look", Kind::Fentry, "web::handle"),
        ("tick", Kind::Timer, "250ms"),
    ];
    assert_eq!(programs, expected);
    assert!(object.notes.is_empty());
    assert_eq!(bundle.variables, ["?not_there", "web_requests"]);
}

#[test]
fn maps_are_as_they_are_described() {
    let object = object(&whole());
    let bundle = &object.bundle;
    let by_name = map(bundle, "by_name").1;
    assert_eq!(
        (by_name.kind, by_name.key_size, by_name.value_size),
        (MapKind::Hash, 12, 48)
    );
    assert_eq!((by_name.max_entries, by_name.flags), (16, 0));
    let counts = map(bundle, "counts").1;
    assert_eq!(
        (counts.kind, counts.key_size, counts.value_size),
        (MapKind::Array, 4, 8)
    );
    let events = map(bundle, "events").1;
    assert_eq!(
        (events.kind, events.max_entries),
        (MapKind::RingBuffer, 4096)
    );
    let types = Types::from_bytes(&events.types).unwrap();
    let record = types.value.map(|id| types.c_name(id));
    assert_eq!(
        (events.value_size, record.as_deref()),
        (0, Some("struct key"))
    );
    let next = map(bundle, "next").1;
    assert_eq!((next.kind, next.value_size), (MapKind::ProgramArray, 4));
    // Slot 2 has program 0, counted from 1.
    assert_eq!(next.initial, [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
}

#[test]
fn variables_are_maps_of_one_value() {
    let object = object(&whole());
    let bundle = &object.bundle;
    let rodata = map(bundle, ".rodata").1;
    let read_only = map_flags::PRIVATE | map_flags::READ_ONLY;
    assert_eq!((rodata.kind, rodata.flags), (MapKind::Array, read_only));
    let data = map(bundle, ".data").1;
    assert_eq!(
        (data.initial.as_slice(), data.flags),
        (&[7][..], map_flags::PRIVATE)
    );
    assert_eq!(
        (data.key_size, data.value_size, data.max_entries),
        (4, 8, 1)
    );
    let bss = map(bundle, ".bss").1;
    assert_eq!((bss.initial.len(), bss.value_size), (0, 8));
    let text = map(bundle, ".rodata.str1.1").1;
    assert_eq!(text.initial, b"hello");
    let types = Types::from_bytes(&bss.types).unwrap();
    let total = 5u64.to_le_bytes();
    assert_eq!(render(&types, types.value, &total), json!({"total": 5}));
    let types = Types::from_bytes(&rodata.types).unwrap();
    let mut whole = rodata.initial.clone();
    whole.resize(rodata.value_size as usize, 0);
    let shown = render(&types, types.value, &whole);
    assert_eq!(shown["scale"], 3);
    assert_eq!(shown["table"], json!([1, 2, 3]));
}

#[test]
fn wide_loads_name_maps_values_and_variables() {
    let object = object(&whole());
    let bundle = &object.bundle;
    let number = |name| map(bundle, name).0 as i32;
    let count = program(bundle, "count");
    assert_eq!(
        loads(count, wide::MAP_INDEX),
        [(number("counts"), 0), (number("next"), 0)]
    );
    assert_eq!(loads(count, wide::MAP_INDEX_VALUE), [(number(".bss"), 0)]);
    assert_eq!(loads(count, wide::VARIABLE), [(0, 0), (1, 0)]);
    let sum = program(bundle, "sum");
    // `table` lies behind `scale`, and is referred to by its section.
    let rodata = loads(sum, wide::MAP_INDEX_VALUE);
    assert!(rodata.contains(&(number(".rodata"), 0)), "{rodata:?}");
    assert!(rodata.contains(&(number(".rodata"), 4)), "{rodata:?}");
}

#[test]
fn each_program_has_what_it_calls_behind_it() {
    let object = object(&whole());
    let functions = |index: usize| -> Vec<String> {
        let debug = &object.debug.programs[index];
        let names = debug
            .functions
            .iter()
            .map(|function| function.name.to_string());
        names.collect()
    };
    assert_eq!(functions(0), ["sum", "add", "global", "odd", "even"]);
    assert_eq!(functions(1), ["count"]);
    assert_eq!(functions(2), ["look", "even", "odd"]);
    for (program, debug) in object.bundle.programs.iter().zip(&object.debug.programs) {
        let len = program.code.len() / Insn::LEN;
        assert_eq!(debug.functions.last().unwrap().end as usize, len);
        for entry in entries(program) {
            let insn = entry.insn;
            let local = insn.opcode == 0x85 && insn.src() == call::LOCAL;
            let function = entry.second.is_some() && insn.src() == wide::FUNCTION;
            if local || function {
                let target = entry.target.unwrap();
                let callee = debug.function(target).unwrap();
                assert_eq!(callee.start, target, "{}: {}", program.name, entry.at);
                assert_eq!(debug.name(entry.at), Some(&*callee.name));
            }
        }
    }
}

#[test]
fn instructions_know_their_source() {
    let object = object(&whole());
    let debug = &object.debug.programs[2];
    let line = debug.line(0).unwrap();
    assert!(line.file.ends_with("x.bpf.c"), "{}", line.file);
    assert!(line.text.contains("look(u64 *ctx)"), "{}", line.text);
    let even = &debug.functions[1];
    assert_eq!(even.prototype.as_deref(), Some("int even(int x)"));
    let line = debug.line(even.end - 1).unwrap();
    assert!(line.text.contains("return x & 8"), "{}", line.text);
    let names: Vec<_> = debug.names.iter().map(|name| &*name.name).collect();
    for name in [
        "by_name",
        "total",
        "table",
        "scale",
        "even",
        "odd",
        ".rodata.str1.1",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

#[test]
fn keys_and_values_are_shown_by_their_types() {
    let object = object(&whole());
    let types = Types::from_bytes(&map(&object.bundle, "by_name").1.types).unwrap();
    let key = [7, 0, 0, 0, b'w', b'e', b'b', 0, 0xff, 0, 0, 0];
    assert_eq!(
        render(&types, types.key, &key),
        json!({"id": 7, "name": "web"})
    );
    assert_eq!(text(&types, types.key, &key), r#"{.id = 7, .name = "web"}"#);
    let mut value = [0; 48];
    value[0] = 9;
    value[8] = 0b1010_1101;
    value[12] = 5;
    value[16..18].copy_from_slice(&[0x34, 0x12]);
    value[24..28].copy_from_slice(&1.5f32.to_le_bytes());
    value[28] = 1;
    value[30..42].copy_from_slice(&[1, 0, 2, 0, 3, 0, 0xff, 0xff, 5, 0, 6, 0]);
    let expected = json!({
        "count": 9, "low": -3, "high": 21, "color": "GREEN", "where": "0x1234",
        "word": 1.5f32.to_bits(), "real": 1.5, "yes": true, "table": [[1, 2, 3], [-1, 5, 6]],
    });
    assert_eq!(render(&types, types.value, &value), expected);
    assert_eq!(
        text(&types, types.value, &value),
        "{.count = 9, .low = -3, .high = 21, .color = GREEN, .where = 0x1234, .word = 1069547520, \
         .real = 1.5, .yes = true, .table = {{1, 2, 3}, {-1, 5, 6}}}"
    );
    assert_eq!(encode(&types, types.value, 48, &expected).unwrap(), value);
    assert_eq!(
        encode(&types, types.key, 12, &json!({"id": 7, "name": "web"})).unwrap()[..7],
        key[..7]
    );
    let short = render(&types, types.value, &value[..20]);
    assert_eq!(short, json!(null));
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let object = object(&whole());
    let types = Types::from_bytes(&map(&object.bundle, "by_name").1.types).unwrap();
    let words = |value| {
        encode(&types, types.value, 48, &value)
            .unwrap_err()
            .to_string()
    };
    for (value, word) in [
        (json!({"nothing": 1}), "`nothing`"),
        (json!({"low": 8}), "3 bits"),
        (json!({"color": "BLUE"}), "one of its names"),
        (json!({"table": [[1, 2, 3, 4]]}), "at most 3"),
        (json!({"table": [[70000]]}), "2 bytes"),
        (json!(3), "an object"),
    ] {
        let words = words(value);
        assert!(words.contains(word), "{words}");
    }
    let none = Types::default();
    assert_eq!(encode(&none, None, 4, &json!(258)).unwrap(), [2, 1, 0, 0]);
    assert_eq!(encode(&none, None, 2, &json!("0a0b")).unwrap(), [10, 11]);
    assert!(encode(&none, None, 1, &json!(256)).is_err());
}

#[test]
fn legacy_maps() {
    let source = "
        struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
        struct bpf_map_def SEC(\"maps\") first = { .type = 1, .key_size = 4, .value_size = 8, .max_entries = 2 };
        struct { u32 type, key_size, value_size, max_entries; } second SEC(\"maps\") = { 2, 4, 16, 3 };
        struct ____btf_map_first { u32 key; u64 value; };
        struct ____btf_map_first SEC(\".maps.first\") ____btf_map_first = {};
        SEC(\"executable\") long f(u32 *key) { return bpf_map_lookup_elem(&first, key) == bpf_map_lookup_elem(&second, key); }";
    let object = object(&compile(source));
    let first = map(&object.bundle, "first").1;
    assert_eq!(
        (first.kind, first.value_size, first.max_entries),
        (MapKind::Hash, 8, 2)
    );
    let types = Types::from_bytes(&first.types).unwrap();
    assert_eq!(
        types.value.map(|id| types.c_name(id)).as_deref(),
        Some("u64")
    );
    let second = map(&object.bundle, "second").1;
    assert_eq!(
        (second.kind, second.value_size, second.max_entries),
        (MapKind::Array, 16, 3)
    );
    let program = program(&object.bundle, "f");
    assert_eq!(loads(program, wide::MAP_INDEX), [(0, 0), (1, 0)]);
}

/// An object that another compiler made.
fn stored_file(name: &str) -> Vec<u8> {
    let path = common::programs().with_file_name("objects").join(name);
    std::fs::read(path).unwrap()
}

fn stored(name: &str) -> Object {
    object(&stored_file(name))
}

#[test]
fn gcc_is_understood() {
    let object = stored("gcc12.o");
    let bundle = &object.bundle;
    let seen = map(bundle, "seen").1;
    assert_eq!(
        (seen.kind, seen.key_size, seen.value_size),
        (MapKind::Hash, 4, 8)
    );
    let look = program(bundle, "look");
    assert_eq!(
        (look.kind, look.target.as_str()),
        (Kind::Fentry, "web::handle")
    );
    let debug = &object.debug.programs[1];
    let names: Vec<_> = debug
        .functions
        .iter()
        .map(|function| &*function.name)
        .collect();
    assert_eq!(names, ["look", "scaled", "half"]);
    let calls: Vec<_> = debug.names.iter().map(|name| &*name.name).collect();
    assert_eq!(calls, ["seen", "scaled", "total", "half", "scale"]);
    assert_eq!(loads(look, wide::MAP_INDEX_VALUE).len(), 2);
}

/// Programs of the same source by another compiler, for version 4 of the processor, are as many with the same maps.
#[test]
fn a_later_clang_is_understood() {
    let (old, new) = (object(&whole()), stored("clang19-v4.o"));
    let maps = |object: &Object| -> Vec<MapDef> {
        let mut maps = object.bundle.maps.clone();
        maps.iter_mut().for_each(|map| map.types.clear());
        maps.sort_by(|a, b| a.name.cmp(&b.name));
        maps
    };
    assert_eq!(maps(&old), maps(&new));
    let names = |object: &Object| -> Vec<String> {
        let programs = object.bundle.programs.iter();
        programs.map(|program| program.name.clone()).collect()
    };
    assert_eq!(names(&old), names(&new));
    new.bundle
        .programs
        .iter()
        .for_each(|program| drop(entries(program)));
}

#[test]
fn functions_of_text_are_programs_on_request() {
    let bytes =
        compile("static __noinline int g(int x) { return x + 1; } int f(int x) { return g(x); }");
    let error = read(&bytes, &Options::default()).unwrap_err();
    assert_eq!(error.why, Why::NoProgram);
    let text = Some(Kind::Executable);
    let object = read(&bytes, &Options { text }).unwrap();
    assert_eq!(object.bundle.programs.len(), 1);
    assert_eq!(object.debug.programs[0].functions.len(), 2);
}

#[test]
fn objects_need_no_types() {
    let source = "static u64 n; SEC(\"executable\") int f(void) { return n++; }";
    let bytes = compile_with(&format!("#include \"bpf.h\"\n{source}"), &["-g0"]);
    let object = object(&bytes);
    assert_eq!(object.bundle.maps.len(), 1);
    assert!(object.bundle.maps[0].types.is_empty());
    assert!(object.debug.programs[0].lines.is_empty());
}

#[test]
fn names_of_linux_say_what_they_become() {
    let object = object(&compile(
        "SEC(\"kprobe/do_it\") int f(void *c) { return 0; }",
    ));
    assert_eq!(object.bundle.programs[0].kind, Kind::Fentry);
    assert_eq!(object.bundle.programs[0].target, "do_it");
    assert!(
        object.notes[0].contains("fentry/do_it"),
        "{:?}",
        object.notes
    );
}

fn refused(source: &str) -> Error {
    read(&compile(source), &Options::default()).unwrap_err()
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    const F: &str = "SEC(\"executable\") long f(u32 *c)";
    let cases: &[(&str, &[&str])] = &[
        (
            "SEC(\"xdp\") int f(void *c) { return 0; }",
            &["`xdp`", "executable"],
        ),
        (
            "SEC(\"timer\") int f(void *c) { return 0; }",
            &["timer/INTERVAL"],
        ),
        (
            "SEC(\"timer/soon\") int f(void *c) { return 0; }",
            &["`soon`", "timer/100ms"],
        ),
        (
            "SEC(\"executable\") static int f(void *c) { return 0; }",
            &["`f`", "static"],
        ),
        ("int x;", &["no program"]),
        (
            "extern int far(int); F { return far(1); }",
            &["`far`", "defined nowhere", "`executable`", "offset 0x"],
        ),
        (
            "int there; int *where = &there; F { return *(volatile int *)*(int *volatile *)&where; }",
            &["`.data`", "`there`", "address"],
        ),
        (
            "const char *volatile words[] = { \"a\", \"b\" }; F { return *words[c[0] & 1]; }",
            &["address"],
        ),
        (
            "struct { __uint(type, 12); __uint(max_entries, 1); __type(key, u32); __array(values, struct { __uint(type, ARRAY); }); } outer SEC(\".maps\"); F { return bpf_map_lookup_elem(&outer, c) != 0; }",
            &["`outer`", "maps of maps"],
        ),
        (
            "struct { __uint(type, 4); __uint(max_entries, 1); __type(key, u32); __type(value, u32); } p SEC(\".maps\"); F { return 0; }",
            &["`p`", "perf_event_array", "ring buffer"],
        ),
        (
            "struct { __uint(type, 99); __uint(max_entries, 1); __type(key, u32); __type(value, u32); } p SEC(\".maps\"); F { return 0; }",
            &["99", "lru_hash"],
        ),
        (
            "struct { __uint(type, HASH); __uint(max_entries, 1); __uint(colour, 1); } p SEC(\".maps\"); F { return 0; }",
            &["`colour`", "max_entries"],
        ),
        (
            "struct { __uint(type, HASH); __uint(max_entries, 1); __uint(key_size, 8); __type(key, u32); __type(value, u32); } p SEC(\".maps\"); F { return 0; }",
            &["key_size", "8", "4 bytes"],
        ),
        (
            "struct { __uint(type, HASH); __uint(map_flags, 64); __uint(max_entries, 1); __type(key, u32); __type(value, u32); } p SEC(\".maps\"); F { return 0; }",
            &["0x40"],
        ),
        (
            "struct { __uint(type, RINGBUF); __uint(max_entries, 5000); } p SEC(\".maps\"); F { return 0; }",
            &["5000", "power of two"],
        ),
        (
            "struct { __type(type, struct key); } p SEC(\".maps\"); F { return 0; }",
            &["`type`", "__uint(type"],
        ),
        (
            "struct { __uint(max_entries, 1); } p SEC(\".maps\"); F { return 0; }",
            &["`type`", "__uint(type"],
        ),
        (
            "extern int HZ SEC(\".kconfig\"); F { return HZ; }",
            &["`HZ`", ".kconfig"],
        ),
        (
            "struct task { int a; u64 pid; } __attribute__((preserve_access_index)); F { return ((struct task *)c)->pid; }",
            &["CO-RE", "struct task", "offset of a member"],
        ),
        (
            "int other SEC(\"mine\"); F { return *(volatile int *)&other; }",
            &["`mine`", "`other`", "not loaded"],
        ),
    ];
    for (source, words) in cases {
        let error = refused(&source.replace("F {", &format!("{F} {{")));
        let text = error.to_string();
        for word in *words {
            assert!(text.contains(word), "{source}\n{text}\nlacks {word}");
        }
    }
}

#[test]
fn other_files_are_refused() {
    let why = |bytes: &[u8]| read(bytes, &Options::default()).unwrap_err().why;
    assert!(matches!(why(b""), Why::Elf(_)));
    assert!(matches!(why(b"\x95\0\0\0\0\0\0\0"), Why::Elf(_)));
    let mut other = compile("SEC(\"executable\") int f(void) { return 0; }");
    other[18] = 62;
    assert_eq!(why(&other), Why::Machine(62));
    other[18] = 247;
    other[16] = 2;
    assert_eq!(why(&other), Why::NotRelocatable);
    let common = compile_with(
        "#include \"bpf.h\"\nint x; SEC(\"executable\") int f(void) { return x; }",
        &["-fcommon"],
    );
    assert_eq!(why(&common), Why::Common);
    let big = compile_with(
        "__attribute__((section(\"executable\"))) int f(void) { return 0; }",
        &["-target", "bpfeb"],
    );
    assert_eq!(why(&big), Why::BigEndian);
}

/// No end of a file is taken for the whole of it, and none breaks anything.
#[test]
fn truncated_objects_are_refused() {
    let whole = stored_file("clang19-v4.o");
    for len in 0..whole.len() {
        assert!(read(&whole[..len], &Options::default()).is_err(), "{len}");
    }
}

/// Any single byte may be wrong.
#[test]
fn damaged_objects_end_in_an_answer() {
    let whole = stored_file("clang19-v4.o");
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= [0x01, 0x80, 0xff][at % 3];
        refused += usize::from(read(&damaged, &Options::default()).is_err());
    }
    assert!(refused > 1000, "{refused}");
}
