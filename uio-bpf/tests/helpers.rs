//! Every helper, as programs call it, under each engine.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use support::asm::{
    add, copy, exit, function, helper, jump_if, load, load_byte, map as map_address, mov, store,
    store_imm, store_wide_imm, value,
};
use support::{Engine, Fake, build, map_def, run, run_by, shared};
use uio_bpf::bundle::{MapDef, MapKind, map_flags};
use uio_bpf::helper::OWN;
use uio_bpf::isa::Insn;
use uio_bpf::kind::{FunctionEntry, FunctionExit, Kind};
use uio_bpf::map::{Map, Record, update_flags};
use uio_bpf::run::{End, Stop};

under_each_engine!(
    values_of_maps,
    entries_come_and_go,
    maps_that_are_read_only,
    values_of_other_cores,
    each_entry_of_a_map,
    clock_core_task,
    name_of_the_task,
    memory_anywhere,
    texts_anywhere,
    addresses_of_symbols,
    lines,
    lines_that_are_wrong,
    texts_of_numbers,
    loops,
    comparing_texts,
    records,
    ring_buffers_that_are_full,
    queries_of_ring_buffers,
    stacks,
    stacks_by_number,
    what_a_function_was_called_with,
);

fn returned(
    engine: Engine,
    kind: Kind,
    maps: &[Arc<Map>],
    host: &Fake,
    context: &mut [u8],
    code: &[Insn],
) -> i64 {
    match run_by(engine, build(kind, maps, code), host, context) {
        End::Returned(value) => value as i64,
        other => panic!("{other:?}"),
    }
}

fn executed(engine: Engine, maps: &[Arc<Map>], host: &Fake, code: &[Insn]) -> i64 {
    returned(engine, Kind::Executable, maps, host, &mut [], code)
}

fn read(map: &Map, key: &[u8]) -> Vec<u8> {
    let mut out = vec![0; map.value_len()];
    map.read(key, &mut out, 0).expect("there is such an entry");
    out
}

fn text(host: &Fake) -> Vec<String> {
    host.lines.lock().unwrap().clone()
}

/// r1 = map 0, r2 = a key on the stack at -4, which is `key`.
fn key_on_stack(key: i32) -> Vec<Insn> {
    code![
        store_imm(10, -4, key),
        map_address(1, 0),
        copy(2, 10),
        add(2, -4)
    ]
}

fn values_of_maps(engine: Engine) {
    for kind in [
        MapKind::Array,
        MapKind::Hash,
        MapKind::LruHash,
        MapKind::PerCpuArray,
        MapKind::PerCpuHash,
    ] {
        let map = shared(&map_def("m", kind, 4, 8, 5));
        map.store(
            &4_u32.to_le_bytes(),
            &41_u64.to_le_bytes(),
            update_flags::ANY,
            0,
        )
        .unwrap();
        let counter = |key| {
            code![
                key_on_stack(key),
                helper(1),
                jump_if(0, 0, 4),
                load(1, 0, 0),
                add(1, 1),
                store(0, 0, 1),
                load(0, 0, 0),
                exit(),
                mov(0, -1),
                exit()
            ]
        };
        let counter = |key| {
            let mut code = counter(key);
            // Where there is none: to the second end.
            let branch = code.iter().position(|insn| insn.opcode == 0x15).unwrap();
            code[branch].off = 5;
            code
        };
        let maps = [Arc::clone(&map)];
        assert_eq!(
            executed(engine, &maps, &Fake::default(), &counter(4)),
            42,
            "{kind:?}"
        );
        assert_eq!(
            executed(engine, &maps, &Fake::default(), &counter(4)),
            43,
            "{kind:?}"
        );
        assert_eq!(
            executed(engine, &maps, &Fake::default(), &counter(5)),
            -1,
            "{kind:?}"
        );
        assert_eq!(read(&map, &4_u32.to_le_bytes())[..8], 43_u64.to_le_bytes());
    }
}

fn update(key: i32, flags: i32) -> Vec<Insn> {
    code![
        key_on_stack(key),
        store_wide_imm(10, -16, 99),
        copy(3, 10),
        add(3, -16),
        mov(4, flags),
        helper(2),
        exit()
    ]
}

fn entries_come_and_go(engine: Engine) {
    let map = shared(&map_def("m", MapKind::Hash, 4, 8, 2));
    let maps = [Arc::clone(&map)];
    let host = Fake::default();
    assert_eq!(executed(engine, &maps, &host, &update(1, 2)), -2);
    assert_eq!(executed(engine, &maps, &host, &update(1, 1)), 0);
    assert_eq!(executed(engine, &maps, &host, &update(1, 1)), -17);
    assert_eq!(executed(engine, &maps, &host, &update(1, 7)), -22);
    assert_eq!(executed(engine, &maps, &host, &update(2, 0)), 0);
    assert_eq!(executed(engine, &maps, &host, &update(3, 0)), -7);
    assert_eq!(read(&map, &1_u32.to_le_bytes()), 99_u64.to_le_bytes());
    let delete = code![key_on_stack(1), helper(3), exit()];
    assert_eq!(executed(engine, &maps, &host, &delete), 0);
    assert_eq!(executed(engine, &maps, &host, &delete), -2);
    assert_eq!(map.count(0), 1);
}

fn maps_that_are_read_only(engine: Engine) {
    let def = MapDef {
        flags: map_flags::READ_ONLY,
        ..map_def("m", MapKind::Array, 4, 8, 2)
    };
    let maps = [shared(&def)];
    let host = Fake::default();
    assert_eq!(executed(engine, &maps, &host, &update(1, 0)), -1);
    assert_eq!(
        executed(
            engine,
            &maps,
            &host,
            &code![key_on_stack(1), helper(3), exit()]
        ),
        -1
    );
}

fn values_of_other_cores(engine: Engine) {
    let map = shared(&map_def("m", MapKind::PerCpuHash, 4, 8, 2));
    for core in 0..4_u64 {
        map.update(
            &7_u32.to_le_bytes(),
            &(core * 10).to_le_bytes(),
            update_flags::ANY,
            core as u32,
        )
        .unwrap();
    }
    let of = |core| {
        code![
            key_on_stack(7),
            mov(3, core),
            helper(195),
            jump_if(0, 0, 1),
            load(0, 0, 0),
            exit()
        ]
    };
    let host = Fake::default();
    host.core.store(3, Ordering::Relaxed);
    for core in 0..4 {
        assert_eq!(
            executed(engine, &[Arc::clone(&map)], &host, &of(core)),
            i64::from(core) * 10
        );
    }
    assert_eq!(executed(engine, &[Arc::clone(&map)], &host, &of(4)), 0);
    assert_eq!(executed(engine, &[Arc::clone(&map)], &host, &of(-1)), 0);
}

fn each_entry_of_a_map(engine: Engine) {
    for kind in [
        MapKind::Array,
        MapKind::Hash,
        MapKind::LruHash,
        MapKind::PerCpuArray,
        MapKind::PerCpuHash,
    ] {
        let map = shared(&map_def("m", kind, 4, 8, 4));
        for number in 0..4_u32 {
            map.store(
                &number.to_le_bytes(),
                &(u64::from(number) * 100).to_le_bytes(),
                update_flags::ANY,
                0,
            )
            .unwrap();
        }
        // The callback adds key and value to what its context points to, and stops after `stop` rounds.
        let sum = |stop: i32| {
            code![
                store_wide_imm(10, -8, 0),
                store_wide_imm(10, -16, 0),
                map_address(1, 0),
                function(2, 7),
                copy(3, 10),
                add(3, -16),
                mov(4, 0),
                helper(164),
                load(1, 10, -8),
                // In one number: rounds and the sum.
                mov(2, 10_000),
                Insn {
                    opcode: 0x2f,
                    regs: 0x20,
                    off: 0,
                    imm: 0
                },
                support::asm::add_register(0, 1),
                exit(),
                // The callback: map, key, value, context.
                load_byte(5, 2, 0),
                load(1, 3, 0),
                support::asm::add_register(5, 1),
                load(1, 4, 8),
                support::asm::add_register(1, 5),
                store(4, 8, 1),
                load(1, 4, 0),
                add(1, 1),
                store(4, 0, 1),
                mov(0, 0),
                Insn {
                    opcode: 0x55,
                    regs: 1,
                    off: 1,
                    imm: stop
                },
                mov(0, 1),
                exit(),
            ]
        };
        let fixed = |stop: i32| {
            let mut code = sum(stop);
            let at = code
                .iter()
                .position(|insn| insn.opcode == 0x18 && insn.src() == 4)
                .unwrap();
            let first = code.iter().position(|insn| insn.opcode == 0x95).unwrap() + 1;
            code[at].imm = (first - at - 1) as i32;
            code
        };
        let maps = [map];
        assert_eq!(
            executed(engine, &maps, &Fake::default(), &fixed(100)),
            40_000 + 606,
            "{kind:?}"
        );
        let some = executed(engine, &maps, &Fake::default(), &fixed(2));
        assert_eq!(some / 10_000, 2, "{kind:?}");
    }
}

fn clock_core_task(engine: Engine) {
    let host = Fake::default();
    host.now.store(123_456_789_012, Ordering::Relaxed);
    host.core.store(2, Ordering::Relaxed);
    for (id, wanted) in [
        (5, 123_456_789_012),
        (125, 123_456_789_012),
        (7, 0x1234_5678),
        (8, 2),
        (14, 77),
    ] {
        assert_eq!(
            executed(engine, &[], &host, &code![helper(id), exit()]),
            wanted
        );
    }
}

fn name_of_the_task(engine: Engine) {
    for (room, wanted) in [
        (16, "worker\0\0\0\0\0\0\0\0\0\0zzzz"),
        (7, "worker\0zzzz"),
        (4, "wor\0zzzz"),
        (1, "\0zzzz"),
    ] {
        let mut buffer = [b'z'; 20];
        let code = code![mov(2, room), helper(16), exit()];
        assert_eq!(
            returned(
                engine,
                Kind::Executable,
                &[],
                &Fake::default(),
                &mut buffer,
                &code
            ),
            0
        );
        assert_eq!(buffer[..wanted.len()], *wanted.as_bytes());
    }
}

/// r1 = the buffer, r2 = size, r3 = address.
fn read_by(id: i32, size: i32, address: u64) -> Vec<Insn> {
    code![mov(2, size), value(3, address), helper(id), exit()]
}

fn memory_anywhere(engine: Engine) {
    let host = Fake::default();
    host.put(0xffff_8000_0000_0100, b"abcdefgh");
    for id in [4, 113] {
        let mut buffer = [b'z'; 10];
        let code = read_by(id, 6, 0xffff_8000_0000_0101);
        assert_eq!(
            returned(engine, Kind::Executable, &[], &host, &mut buffer, &code),
            0
        );
        assert_eq!(&buffer, b"bcdefgzzzz");
        let code = read_by(id, 6, 0xffff_8000_0000_0104);
        assert_eq!(
            returned(engine, Kind::Executable, &[], &host, &mut buffer, &code),
            -14
        );
        assert_eq!(&buffer, b"\0\0\0\0\0\0zzzz");
        let code = read_by(id, 0, 0);
        assert_eq!(
            returned(engine, Kind::Executable, &[], &host, &mut buffer, &code),
            0
        );
    }
}

fn texts_anywhere(engine: Engine) {
    let host = Fake::default();
    let long: Vec<u8> = (0..100)
        .map(|at| b'a' + at % 26)
        .chain([0])
        .chain([b'!'; 40])
        .collect();
    host.put(0x1_0003, &long);
    for id in [45, 115] {
        let mut buffer = [b'z'; 128];
        let code = read_by(id, 128, 0x1_0003);
        assert_eq!(
            returned(engine, Kind::Executable, &[], &host, &mut buffer, &code),
            101
        );
        assert_eq!(buffer[..101], long[..101]);
        assert_eq!(buffer[101..], [b'z'; 27], "what is behind the text stays");
        let mut buffer = [b'z'; 128];
        let code = read_by(id, 10, 0x1_0003);
        assert_eq!(
            returned(engine, Kind::Executable, &[], &host, &mut buffer, &code),
            10
        );
        assert_eq!(&buffer[..12], b"abcdefghi\0zz");
        let code = read_by(id, 10, 0x99_0000);
        assert_eq!(
            returned(engine, Kind::Executable, &[], &host, &mut buffer, &code),
            -14
        );
        assert_eq!(&buffer[..12], b"\0\0\0\0\0\0\0\0\0\0zz");
        let code = read_by(id, 0, 0x1_0003);
        assert_eq!(
            returned(engine, Kind::Executable, &[], &host, &mut buffer, &code),
            0
        );
    }
}

fn addresses_of_symbols(engine: Engine) {
    let find = |size: i32, flags: i32| {
        code![
            copy(6, 1),
            mov(2, size),
            mov(3, flags),
            copy(4, 1),
            add(4, 24),
            helper(179),
            exit()
        ]
    };
    let host = Fake::default();
    let mut buffer = *b"kernel_symbol\0..........zzzzzzzz";
    assert_eq!(
        returned(
            engine,
            Kind::Executable,
            &[],
            &host,
            &mut buffer,
            &find(14, 0)
        ),
        0
    );
    assert_eq!(buffer[24..], 0x4242_u64.to_le_bytes());
    assert_eq!(
        returned(
            engine,
            Kind::Executable,
            &[],
            &host,
            &mut buffer,
            &find(13, 0)
        ),
        -22
    );
    assert_eq!(
        returned(
            engine,
            Kind::Executable,
            &[],
            &host,
            &mut buffer,
            &find(14, 1)
        ),
        -22
    );
    let mut buffer = *b"something_else\0.........zzzzzzzz";
    assert_eq!(
        returned(
            engine,
            Kind::Executable,
            &[],
            &host,
            &mut buffer,
            &find(15, 0)
        ),
        -2
    );
    assert_eq!(buffer[24..], [0; 8]);
}

/// Prints a line with three values.
fn print(engine: Engine, host: &Fake, format: &str, values: [u64; 3]) -> i64 {
    let mut buffer = format.as_bytes().to_vec();
    let code = code![
        mov(2, buffer.len() as i32),
        value(3, values[0]),
        value(4, values[1]),
        value(5, values[2]),
        helper(6),
        exit()
    ];
    returned(engine, Kind::Executable, &[], host, &mut buffer, &code)
}

fn lines(engine: Engine) {
    let host = Fake::default();
    host.put(0x7000, b"memory\0");
    let minus = -5_i64 as u64;
    for (format, values, wanted) in [
        ("plain\n\0", [0; 3], "plain"),
        ("%d %i %u\0", [minus, minus, minus], "-5 -5 4294967291"),
        (
            "%ld %lld %lu\0",
            [minus, minus, minus],
            "-5 -5 18446744073709551611",
        ),
        (
            "%x %lx %llx\0",
            [minus, minus, 0xabc],
            "fffffffb fffffffffffffffb abc",
        ),
        (
            "%X %o %llu\0",
            [0xbeef, 8, u64::MAX],
            "BEEF 10 18446744073709551615",
        ),
        (
            "%s|%p|%c\0",
            [0x7000, 0xdead_beef, 65],
            "memory|0xdeadbeef|A",
        ),
        ("%%%d%%\0", [1, 0, 0], "%1%"),
        ("%5d|%-5d|%05d\0", [42, 42, minus], "   42|42   |-0005"),
        (
            "%08llx|%10s|%-10s|\0",
            [0xabc, 0x7000, 0x7000],
            "00000abc|    memory|memory    |",
        ),
        ("%lld\0", [1 << 63, 0, 0], "-9223372036854775808"),
        ("%d\0", [0x1_0000_0001, 0, 0], "1"),
        ("%s\0", [0x9999, 0, 0], ""),
        ("\0", [0; 3], ""),
    ] {
        let len = print(engine, &host, format, values);
        let line = text(&host).pop().unwrap();
        assert_eq!(line, wanted, "{format:?}");
        assert_eq!(
            len as usize,
            wanted.len() + usize::from(format.contains('\n'))
        );
    }
    // Longer than a line: cut, and told how long it would be.
    let long = format!("{}\0", "x".repeat(300));
    assert_eq!(print(engine, &host, &long, [0; 3]), 300);
    assert_eq!(text(&host).pop().unwrap(), "x".repeat(256));
}

fn lines_that_are_wrong(engine: Engine) {
    let host = Fake::default();
    for format in [
        "no end",
        "%\0",
        "%y\0",
        "%d %d %d %d\0",
        "%100d\0",
        "%99999999999999999999d\0",
        "%5\0",
        "%n\0",
    ] {
        assert_eq!(print(engine, &host, format, [0; 3]), -22, "{format:?}");
    }
    assert!(text(&host).is_empty());
}

fn texts_of_numbers(engine: Engine) {
    let host = Fake::default();
    // The buffer: 16 bytes of room, the values, the format.
    let make = |room: i32, values: &[u64], bytes: i32, format: &str| {
        let mut buffer = vec![b'z'; 16];
        buffer.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let at = buffer.len() as i32;
        buffer.extend(format.as_bytes());
        let code = code![
            copy(3, 1),
            add(3, at),
            copy(4, 1),
            add(4, 16),
            mov(2, room),
            mov(5, bytes),
            helper(165),
            exit()
        ];
        let returned = returned(engine, Kind::Executable, &[], &host, &mut buffer, &code);
        (
            returned,
            String::from_utf8_lossy(&buffer[..16]).into_owned(),
        )
    };
    assert_eq!(
        make(16, &[7, 0xff], 16, "%d-%x\0"),
        (5, "7-ff\0\0\0\0\0\0\0\0\0\0\0\0".into())
    );
    assert_eq!(
        make(4, &[7, 0xff], 16, "%d-%x\0"),
        (5, "7-f\0zzzzzzzzzzzz".into())
    );
    assert_eq!(
        make(1, &[7, 0xff], 16, "%d-%x\0"),
        (5, "\0zzzzzzzzzzzzzzz".into())
    );
    assert_eq!(
        make(0, &[7, 0xff], 16, "%d-%x\0"),
        (5, "zzzzzzzzzzzzzzzz".into())
    );
    let (twelve, _) = make(16, &[1; 12], 96, "%d%d%d%d%d%d%d%d%d%d%d%d\0");
    assert_eq!(twelve, 13);
    assert_eq!(make(16, &[1; 13], 104, "%d\0").0, -22);
    assert_eq!(make(16, &[1], 7, "%d\0").0, -22);
    assert_eq!(make(16, &[1], 8, "%d %d\0").0, -22);
}

/// Calls `loop` with so many rounds; the callback adds its index to r10-8 of the caller and stops at `stop`.
fn rounds(rounds: i32, stop: i32, flags: i32) -> Vec<Insn> {
    code![
        store_wide_imm(10, -8, 0),
        mov(1, rounds),
        function(2, 7),
        copy(3, 10),
        add(3, -8),
        mov(4, flags),
        helper(181),
        load(1, 10, -8),
        Insn {
            opcode: 0x67,
            regs: 0,
            off: 0,
            imm: 16
        },
        // 32-bit errors stay what they are.
        support::asm::add_register(0, 1),
        exit(),
    ]
    .into_iter()
    .chain(code![
        load(5, 2, 0),
        support::asm::add_register(5, 1),
        store(2, 0, 5),
        mov(0, 0),
        Insn {
            opcode: 0x55,
            regs: 1,
            off: 1,
            imm: stop
        },
        mov(0, 1),
        exit(),
    ])
    .collect()
}

fn loops(engine: Engine) {
    let go = |code: Vec<Insn>| {
        let mut code = code;
        let at = code.iter().position(|insn| insn.opcode == 0x18).unwrap();
        let first = code.iter().position(|insn| insn.opcode == 0x95).unwrap() + 1;
        code[at].imm = (first - at - 1) as i32;
        executed(engine, &[], &Fake::default(), &code)
    };
    assert_eq!(go(rounds(10, -1, 0)), 10 << 16 | 45);
    assert_eq!(go(rounds(10, 3, 0)), 4 << 16 | 6);
    assert_eq!(go(rounds(0, -1, 0)), 0);
    assert_eq!(go(rounds(10, -1, 1)), -22 << 16);
    assert_eq!(go(rounds((1 << 23) + 1, -1, 0)), -7 << 16);
}

fn comparing_texts(engine: Engine) {
    for (first, size, second, sign) in [
        ("abc\0", 4, "abc\0", 0),
        ("abcx", 3, "abc\0", 0),
        ("abcx", 4, "abc\0", 1),
        ("abc\0", 4, "abd\0", -1),
        ("ab\0z", 4, "ab\0y", 0),
        ("b\0\0\0", 1, "a\0\0\0", 1),
        ("\0abc", 4, "\0abd", 0),
    ] {
        let mut buffer = [first.as_bytes(), second.as_bytes()].concat();
        let code = code![mov(2, size), copy(3, 1), add(3, 4), helper(182), exit()];
        let order = returned(
            engine,
            Kind::Executable,
            &[],
            &Fake::default(),
            &mut buffer,
            &code,
        );
        assert_eq!(order.signum(), sign, "{first:?} {second:?}");
    }
}

fn ring() -> Arc<Map> {
    shared(&map_def("r", MapKind::RingBuffer, 0, 0, 64))
}

fn next(map: &Map) -> Option<Vec<u8>> {
    let mut out = [0; 64];
    match map.ring().unwrap().read(&mut out) {
        Record::Read(len) => Some(out[..len].to_vec()),
        Record::None => None,
        Record::TooLong(len) => panic!("{len}"),
    }
}

/// Makes room for a record, writes to it, and gives it to helper `then`.
fn record(len: i32, then: i32) -> Vec<Insn> {
    code![
        map_address(1, 0),
        mov(2, len),
        mov(3, 0),
        helper(131),
        jump_if(0, 0, 5),
        store_wide_imm(0, 0, 0x77),
        copy(1, 0),
        mov(2, 0),
        helper(then),
        mov(0, 1),
        exit(),
    ]
}

fn records(engine: Engine) {
    let map = ring();
    let host = Fake::default();
    let maps = [Arc::clone(&map)];
    assert_eq!(executed(engine, &maps, &host, &record(8, 132)), 1);
    assert_eq!(next(&map), Some(0x77_u64.to_le_bytes().to_vec()));
    assert_eq!(executed(engine, &maps, &host, &record(8, 133)), 1);
    assert_eq!(next(&map), None);
    assert_eq!(executed(engine, &maps, &host, &record(0, 132)), 0);
    assert_eq!(executed(engine, &maps, &host, &record(57, 132)), 0);
    assert_eq!(host.rings.load(Ordering::Relaxed), 2);
    let output = |flags| {
        code![
            store_imm(10, -4, 0x0403_0201),
            map_address(1, 0),
            copy(2, 10),
            add(2, -4),
            mov(3, 4),
            mov(4, flags),
            helper(130),
            exit()
        ]
    };
    assert_eq!(executed(engine, &maps, &host, &output(0)), 0);
    assert_eq!(next(&map), Some(vec![1, 2, 3, 4]));
    assert_eq!(executed(engine, &maps, &host, &output(1)), 0);
    assert_eq!(
        host.rings.load(Ordering::Relaxed),
        3,
        "without waking who reads"
    );
    assert_eq!(next(&map), Some(vec![1, 2, 3, 4]));
    assert_eq!(executed(engine, &maps, &host, &output(4)), -22);
    // A record that a program keeps is given back at its end, and holds nobody up.
    let keep = code![
        map_address(1, 0),
        mov(2, 8),
        mov(3, 0),
        helper(131),
        mov(0, 5),
        exit()
    ];
    assert_eq!(executed(engine, &maps, &host, &keep), 5);
    assert_eq!(executed(engine, &maps, &host, &output(0)), 0);
    assert_eq!(next(&map), Some(vec![1, 2, 3, 4]));
}

fn ring_buffers_that_are_full(engine: Engine) {
    let map = ring();
    let host = Fake::default();
    let maps = [Arc::clone(&map)];
    assert_eq!(executed(engine, &maps, &host, &record(24, 132)), 1);
    assert_eq!(executed(engine, &maps, &host, &record(24, 132)), 1);
    assert_eq!(executed(engine, &maps, &host, &record(8, 132)), 0);
    let output = code![
        store_imm(10, -4, 1),
        map_address(1, 0),
        copy(2, 10),
        add(2, -4),
        mov(3, 4),
        mov(4, 0),
        helper(130),
        exit()
    ];
    assert_eq!(executed(engine, &maps, &host, &output), -28);
    assert_eq!(map.ring().unwrap().lost(), 2);
}

fn queries_of_ring_buffers(engine: Engine) {
    let map = ring();
    let host = Fake::default();
    let maps = [Arc::clone(&map)];
    let query = |what| code![map_address(1, 0), mov(2, what), helper(134), exit()];
    executed(engine, &maps, &host, &record(8, 132));
    executed(engine, &maps, &host, &record(8, 132));
    next(&map).unwrap();
    for (what, wanted) in [(0, 16), (1, 64), (2, 16), (3, 32), (4, 0)] {
        assert_eq!(
            executed(engine, &maps, &host, &query(what)),
            wanted,
            "{what}"
        );
    }
}

fn stacks(engine: Engine) {
    let host = Fake::default();
    *host.frames.lock().unwrap() = vec![0x10, 0x20, 0x30];
    let stack = |size: i32, flags: i32| {
        code![
            copy(2, 10),
            add(2, -32),
            mov(3, size),
            mov(4, flags),
            helper(67),
            load(1, 10, -32),
            load(2, 10, -16),
            Insn {
                opcode: 0x67,
                regs: 1,
                off: 0,
                imm: 8
            },
            Insn {
                opcode: 0x67,
                regs: 2,
                off: 0,
                imm: 24
            },
            support::asm::add_register(0, 1),
            support::asm::add_register(0, 2),
            exit()
        ]
    };
    let mut context = [0; 64];
    let mut go = |size, flags| {
        let code: Vec<Insn> = code![
            store_wide_imm(10, -32, 0),
            store_wide_imm(10, -16, 0),
            stack(size, flags)
        ];
        returned(engine, Kind::Fentry, &[], &host, &mut context, &code)
    };
    assert_eq!(go(32, 0), 24 + (0x10 << 8) + (0x30 << 24));
    assert_eq!(go(32, 1), 16 + (0x20 << 8));
    assert_eq!(go(8, 0), 8 + (0x10 << 8));
    assert_eq!(go(32, 3), -14);
    assert_eq!(go(12, 0), -22);
    assert_eq!(go(32, 0x100), -22);
}

fn stacks_by_number(engine: Engine) {
    let map = shared(&map_def("s", MapKind::StackTrace, 4, 16, 1));
    let host = Fake::default();
    *host.frames.lock().unwrap() = vec![0x10, 0x20, 0x30];
    let maps = [Arc::clone(&map)];
    let mut context = [0; 64];
    let mut go = |flags: i32| {
        let code = code![map_address(2, 0), mov(3, flags), helper(27), exit()];
        returned(engine, Kind::Fentry, &maps, &host, &mut context, &code)
    };
    assert_eq!(go(0), 0);
    assert_eq!(go(0), 0);
    assert_eq!(go(1), -17);
    assert_eq!(go(1 | 1 << 10), 0);
    assert_eq!(go(3), -14);
    assert_eq!(go(1 << 8), -22);
    assert_eq!(go(1 << 11), -22);
    assert_eq!(
        read(&map, &[0; 4]),
        [0x20, 0, 0, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 0]
    );
}

/// The bytes of a context.
fn exit_context() -> Vec<u8> {
    let context = FunctionExit {
        entry: FunctionEntry {
            function: 0x1000,
            arguments: [11, 12, 13, 14, 15, 16],
            stack: 0x2000,
        },
        returned: 99,
        duration: 5,
    };
    let FunctionEntry {
        function,
        arguments,
        stack,
    } = context.entry;
    let words =
        [function]
            .into_iter()
            .chain(arguments)
            .chain([stack, context.returned, context.duration]);
    words.flat_map(u64::to_le_bytes).collect()
}

fn what_a_function_was_called_with(engine: Engine) {
    let host = Fake::default();
    let mut context = exit_context();
    let mut go = |code: &[Insn]| returned(engine, Kind::Fexit, &[], &host, &mut context, code);
    let argument = |number: i32| {
        code![
            mov(2, number),
            copy(3, 10),
            add(3, -8),
            helper(183),
            jump_if(0, 0, 1),
            exit(),
            load(0, 10, -8),
            exit()
        ]
    };
    for number in 0..6 {
        assert_eq!(go(&argument(number)), i64::from(number) + 11);
    }
    assert_eq!(go(&argument(6)), -22);
    assert_eq!(go(&argument(-1)), -22);
    assert_eq!(go(&code![helper(173), exit()]), 0x1000);
    assert_eq!(go(&code![helper(185), exit()]), 6);
    assert_eq!(
        go(&code![
            copy(2, 10),
            add(2, -8),
            helper(184),
            load(0, 10, -8),
            exit()
        ]),
        99
    );
}

/// A program array with programs that return 10 and 11, then one that goes on in itself.
fn steps() -> (Arc<Map>, Vec<Arc<uio_bpf::program::Program>>) {
    let map = shared(&map_def("p", MapKind::ProgramArray, 4, 4, 4));
    let go_on = code![map_address(2, 0), mov(3, 2), helper(12), mov(0, 12), exit()];
    let programs: Vec<_> = [
        code![mov(0, 10), exit()],
        code![load_byte(0, 1, 0), exit()],
        go_on,
    ]
    .iter()
    .map(|code| Arc::new(build(Kind::Executable, &[Arc::clone(&map)], code)))
    .collect();
    for (index, program) in programs.iter().enumerate() {
        map.programs()
            .unwrap()
            .set(index as u32, Some(Arc::clone(program)), 0)
            .unwrap();
    }
    (map, programs)
}

fn tail_call(index: i32) -> Vec<Insn> {
    code![map_address(2, 0), mov(3, index), helper(12), exit()]
}

#[test]
fn runs_go_on_in_other_programs() {
    let (map, programs) = steps();
    let maps = [Arc::clone(&map)];
    for engine in [Engine::Interpreter, Engine::Jit] {
        let mut context = [42];
        let mut go = |code: &[Insn]| {
            returned(
                engine,
                Kind::Executable,
                &maps,
                &Fake::default(),
                &mut context,
                code,
            )
        };
        assert_eq!(go(&tail_call(0)), 10);
        assert_eq!(go(&tail_call(1)), 42, "with the context of the first");
        assert_eq!(go(&tail_call(2)), 12, "until there were too many");
        assert_eq!(go(&tail_call(3)), -2, "there is none");
        assert_eq!(go(&tail_call(4)), -2);
        assert_eq!(go(&tail_call(-1)), -2);
    }
    for program in &programs {
        assert_eq!(Arc::strong_count(program), 2, "no run holds it any more");
    }
    map.programs().unwrap().clear(0);
}

#[test]
fn runs_do_not_go_on_in_programs_of_another_type() {
    let (map, _) = steps();
    let timer = Arc::new(build(Kind::Timer, &[], &code![mov(0, 1), exit()]));
    map.programs().unwrap().set(3, Some(timer), 0).unwrap();
    for engine in [Engine::Interpreter, Engine::Jit] {
        assert_eq!(
            executed(engine, &[Arc::clone(&map)], &Fake::default(), &tail_call(3)),
            -22
        );
    }
    map.programs().unwrap().clear(0);
}

#[test]
fn a_record_is_given_back_before_a_tail_call() {
    let (map, _) = steps();
    let ring = ring();
    let code = code![
        copy(6, 1),
        map_address(1, 1),
        mov(2, 8),
        mov(3, 0),
        helper(131),
        copy(7, 0),
        copy(1, 6),
        map_address(2, 0),
        mov(3, 0),
        helper(12),
        exit()
    ];
    for engine in [Engine::Interpreter, Engine::Jit] {
        assert_eq!(
            executed(
                engine,
                &[Arc::clone(&map), Arc::clone(&ring)],
                &Fake::default(),
                &code
            ),
            -22
        );
    }
    map.programs().unwrap().clear(0);
}

#[test]
fn programs_are_swapped_while_they_run() {
    let (map, programs) = steps();
    let first = build(Kind::Executable, &[Arc::clone(&map)], &tail_call(0));
    let other = Arc::new(build(Kind::Executable, &[], &code![mov(0, 20), exit()]));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = [0_u32; 2];
                while !done.load(Ordering::Relaxed) {
                    match run(&first, &Fake::default(), &mut []) {
                        End::Returned(10) => seen[0] += 1,
                        End::Returned(20) => seen[1] += 1,
                        end => panic!("{end:?}"),
                    }
                }
            });
        }
        for round in 0..20_000 {
            let program = if round % 2 == 0 { &other } else { &programs[0] };
            let old = map
                .programs()
                .unwrap()
                .set(0, Some(Arc::clone(program)), 0)
                .unwrap();
            assert!(old.is_some());
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        Arc::strong_count(&other) + Arc::strong_count(&programs[0]),
        3
    );
    map.programs().unwrap().clear(0);
}

#[test]
fn helpers_are_in_order_and_documented() {
    for pair in OWN.windows(2) {
        assert!(
            pair[0].id < pair[1].id,
            "{} before {}",
            pair[0].name,
            pair[1].name
        );
    }
    for helper in OWN {
        assert!(
            !helper.name.is_empty() && helper.doc.ends_with('.') && helper.doc.len() <= 120,
            "{}",
            helper.name
        );
        assert!(helper.kinds & 0x3f != 0, "{}", helper.name);
    }
}

#[test]
fn helpers_are_for_some_types_of_programs() {
    use uio_bpf::check::{Environment, Why, check};
    let kinds = [
        Kind::Executable,
        Kind::Fentry,
        Kind::Fexit,
        Kind::Probe,
        Kind::Timer,
        Kind::Syscall,
    ];
    for helper in OWN {
        for kind in kinds {
            let environment = Environment {
                maps: &[],
                variables: &[],
                helpers: &support::HELPERS,
            };
            let code = code![support::asm::helper(helper.id as i32), exit()];
            let wanted = (!helper.is_for(kind)).then_some(Why::HelperKind);
            assert_eq!(
                check("p", kind, &code, &environment)
                    .err()
                    .map(|reject| reject.why),
                wanted,
                "{}",
                helper.name
            );
        }
    }
    // By a register, at run time.
    let code = code![
        copy(2, 10),
        add(2, -8),
        mov(6, 184),
        Insn {
            opcode: 0x8d,
            regs: 6,
            off: 0,
            imm: 0
        },
        exit()
    ];
    let mut context = [0; 64];
    let program = build(Kind::Fentry, &[], &code);
    let end = run(&program, &Fake::default(), &mut context);
    assert!(
        matches!(
            end,
            End::Stopped {
                why: Stop::Callee { value: 184 },
                ..
            }
        ),
        "{end:?}"
    );
}

/// Arguments that are not what they must be, by helper: what each is, and which one is to blame.
#[test]
fn arguments_that_are_wrong() {
    let array = shared(&map_def("a", MapKind::Array, 4, 8, 1));
    let ring = ring();
    let maps = [array, ring];
    let wrong: Vec<(&str, u32, u8, Vec<Insn>)> = vec![
        (
            "no map",
            1,
            1,
            code![mov(1, 0), copy(2, 10), add(2, -8), helper(1), exit()],
        ),
        (
            "another type of map",
            1,
            1,
            code![
                map_address(1, 1),
                copy(2, 10),
                add(2, -8),
                helper(1),
                exit()
            ],
        ),
        (
            "null as a key",
            1,
            2,
            code![map_address(1, 0), mov(2, 0), helper(1), exit()],
        ),
        (
            "a key over the end of the stack",
            1,
            2,
            code![
                map_address(1, 0),
                copy(2, 10),
                add(2, -3),
                helper(1),
                exit()
            ],
        ),
        (
            "a value over the end of the stack",
            2,
            3,
            code![
                map_address(1, 0),
                copy(2, 10),
                add(2, -8),
                copy(3, 10),
                add(3, -7),
                mov(4, 0),
                helper(2),
                exit()
            ],
        ),
        (
            "a key that is the map itself",
            3,
            2,
            code![map_address(1, 0), map_address(2, 0), helper(3), exit()],
        ),
        (
            "memory that is not the program's",
            4,
            1,
            code![value(1, 0x1000), mov(2, 8), mov(3, 0), helper(4), exit()],
        ),
        (
            "more memory than there is",
            4,
            1,
            code![
                copy(1, 10),
                add(1, -8),
                mov(2, 9),
                mov(3, 0),
                helper(4),
                exit()
            ],
        ),
        (
            "a length below zero",
            4,
            1,
            code![
                copy(1, 10),
                add(1, -8),
                mov(2, -1),
                mov(3, 0),
                helper(4),
                exit()
            ],
        ),
        (
            "no room",
            16,
            2,
            code![copy(1, 10), add(1, -8), mov(2, 0), helper(16), exit()],
        ),
        (
            "a format elsewhere",
            6,
            1,
            code![value(1, 0x1000), mov(2, 8), helper(6), exit()],
        ),
        (
            "no ring buffer",
            131,
            1,
            code![map_address(1, 0), mov(2, 8), mov(3, 0), helper(131), exit()],
        ),
        (
            "no record",
            132,
            1,
            code![copy(1, 10), mov(2, 0), helper(132), exit()],
        ),
        (
            "null as a record",
            133,
            1,
            code![mov(1, 0), mov(2, 0), helper(133), exit()],
        ),
        (
            "no function",
            181,
            2,
            code![
                mov(1, 1),
                mov(2, 0),
                mov(3, 0),
                mov(4, 0),
                helper(181),
                exit()
            ],
        ),
        (
            "no context",
            12,
            1,
            code![mov(1, 0), map_address(2, 0), mov(3, 0), helper(12), exit()],
        ),
        (
            "a text without an end",
            182,
            3,
            code![
                store_wide_imm(10, -8, -1),
                copy(1, 10),
                add(1, -8),
                mov(2, 8),
                copy(3, 1),
                helper(182),
                exit()
            ],
        ),
    ];
    for (what, id, which, code) in wrong {
        let mut context = [0; 16];
        let program = build(Kind::Executable, &maps, &code);
        let end = run(&program, &Fake::default(), &mut context);
        match end {
            End::Stopped {
                why: Stop::Argument {
                    helper, argument, ..
                },
                ..
            } => {
                assert_eq!((helper, argument), (id, which), "{what}");
            }
            _ => panic!("{what}: {end:?}"),
        }
    }
}

#[test]
fn a_record_is_given_back_once() {
    let code = code![
        map_address(1, 0),
        mov(2, 8),
        mov(3, 0),
        helper(131),
        copy(6, 0),
        copy(1, 6),
        mov(2, 0),
        helper(132),
        copy(1, 6),
        mov(2, 0),
        helper(132),
        exit()
    ];
    let program = build(Kind::Executable, &[ring()], &code);
    let end = run(&program, &Fake::default(), &mut []);
    assert!(
        matches!(
            end,
            End::Stopped {
                why: Stop::Argument {
                    helper: 132,
                    argument: 1,
                    ..
                },
                ..
            }
        ),
        "{end:?}"
    );
}

#[test]
fn a_record_is_not_used_once_it_was_given_back() {
    let code = code![
        map_address(1, 0),
        mov(2, 8),
        mov(3, 0),
        helper(131),
        copy(6, 0),
        store_wide_imm(6, 0, 1),
        copy(1, 6),
        mov(2, 0),
        helper(132),
        store_wide_imm(6, 0, 2),
        exit()
    ];
    let map = ring();
    let program = build(Kind::Executable, &[Arc::clone(&map)], &code);
    let end = run(&program, &Fake::default(), &mut []);
    assert!(
        matches!(
            end,
            End::Stopped {
                why: Stop::Access { write: true, .. },
                ..
            }
        ),
        "{end:?}"
    );
    assert_eq!(next(&map), Some(1_u64.to_le_bytes().to_vec()));
}

#[test]
fn read_only_values_are_not_written() {
    let def = MapDef {
        flags: map_flags::READ_ONLY,
        initial: vec![5; 8],
        ..map_def("m", MapKind::Array, 4, 8, 1)
    };
    let maps = [shared(&def)];
    let read = code![support::asm::map_value(1, 0, 0), load(0, 1, 0), exit()];
    assert_eq!(
        executed(Engine::Interpreter, &maps, &Fake::default(), &read),
        0x0505_0505_0505_0505
    );
    let write = code![
        support::asm::map_value(1, 0, 0),
        store_wide_imm(1, 0, 1),
        exit()
    ];
    let end = run(
        &build(Kind::Executable, &maps, &write),
        &Fake::default(),
        &mut [],
    );
    assert!(
        matches!(
            end,
            End::Stopped {
                why: Stop::Access { write: true, .. },
                ..
            }
        ),
        "{end:?}"
    );
    let end = run(
        &build(
            Kind::Executable,
            &maps,
            &code![
                support::asm::map_value(1, 0, 0),
                mov(2, 8),
                mov(3, 0),
                helper(4),
                exit()
            ],
        ),
        &Fake::default(),
        &mut [],
    );
    assert!(
        matches!(
            end,
            End::Stopped {
                why: Stop::Argument {
                    helper: 4,
                    argument: 1,
                    ..
                },
                ..
            }
        ),
        "{end:?}"
    );
}

#[test]
fn loops_are_within_the_budget() {
    let mut code = rounds(1 << 23, -1, 0);
    let at = code.iter().position(|insn| insn.opcode == 0x18).unwrap();
    let first = code.iter().position(|insn| insn.opcode == 0x95).unwrap() + 1;
    code[at].imm = (first - at - 1) as i32;
    for engine in [Engine::Interpreter, Engine::Jit] {
        let end = run_by(
            engine,
            build(Kind::Executable, &[], &code),
            &Fake::default(),
            &mut [],
        );
        assert!(
            matches!(
                end,
                End::Stopped {
                    why: Stop::Budget,
                    ..
                }
            ),
            "{end:?}"
        );
    }
}
