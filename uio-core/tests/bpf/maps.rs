//! `bpf map`.

use uio_bpf::bundle::{MapKind, map_flags};
use uio_bpf::kind::Kind;
use uio_bpf::wire::{Trouble, What};
use uio_console::record::{Failure, UsageProblem};
use uio_core::fake::Host;

use crate::support::*;

fn loaded() -> Host {
    let mut host = Host::connected();
    let mut typed = map_def("typed", MapKind::Hash, 12, 3000, 4);
    typed.types = (0..5000_u32).map(|n| n as u8).collect();
    let mut fixed = map_def("fixed", MapKind::Array, 4, 4, 1);
    fixed.initial = vec![1, 2, 3, 4];
    fixed.flags = map_flags::READ_ONLY;
    let maps = vec![
        map_def("counts", MapKind::Hash, 2, 8, 600),
        map_def("cores", MapKind::PerCpuArray, 4, 4, 2),
        map_def("jumps", MapKind::ProgramArray, 4, 4, 3),
        typed,
        fixed,
    ];
    let programs = vec![
        program("one", Kind::Fentry, "", &countdown(1)),
        program("two", Kind::Fentry, "", &countdown(2)),
    ];
    load(&mut host, &bundle(maps, programs));
    host
}

#[test]
fn entries_are_set_read_and_deleted() {
    let mut host = loaded();
    fine(&mut host, &["bpf", "map", "set", "counts", "7", "0x1234"]);
    fine(
        &mut host,
        &[
            "bpf",
            "map",
            "set",
            "counts",
            "x:0800",
            "x:0102030405060708",
        ],
    );
    let got = fine(&mut host, &["bpf", "map", "get", "counts", "7"]);
    assert_eq!(data(&got), [7, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0]);
    let got = fine(&mut host, &["bpf", "map", "get", "1", "0x8"]);
    assert_eq!(data(&got), [8, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    fine(&mut host, &["bpf", "map", "delete", "counts", "7"]);
    let what = What::Entry;
    for command in ["get", "delete"] {
        fails(
            &mut host,
            &["bpf", "map", command, "counts", "7"],
            4,
            &Trouble::None { what },
        );
    }
    assert_eq!(
        data(&fine(&mut host, &["bpf", "map", "dump", "counts"])).len(),
        10
    );
}

#[test]
fn large_maps_are_told_in_pieces() {
    let mut host = loaded();
    for key in 0..600 {
        let key = key.to_string();
        fine(&mut host, &["bpf", "map", "set", "counts", &key, &key]);
    }
    let dump = data(&fine(&mut host, &["bpf", "map", "dump", "counts"]));
    let mut keys: Vec<u16> = dump
        .as_chunks::<10>()
        .0
        .iter()
        .map(|entry| {
            assert_eq!(entry[..2], entry[2..4]);
            u16::from_le_bytes([entry[0], entry[1]])
        })
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..600).collect::<Vec<u16>>());
    let errno = uio_bpf::errno::Errno::TooBig as i32;
    fails(
        &mut host,
        &["bpf", "map", "set", "counts", "601", "1"],
        4,
        &Trouble::Map(errno),
    );
    // Types and values that exceed a record.
    let shown = fine(&mut host, &["bpf", "map", "show", "typed"]);
    let mut types = Vec::new();
    answers(&shown, |answer| match answer {
        uio_bpf::wire::Answer::Map(map) => types.extend_from_slice(map.types),
        uio_bpf::wire::Answer::More(bytes) => types.extend_from_slice(bytes),
        other => panic!("{other:?}"),
    });
    assert!(types.iter().enumerate().all(|(n, byte)| n as u8 == *byte) && types.len() == 5000);
    let value: Vec<u8> = (0..3000_u32).map(|n| (n >> 3) as u8).collect();
    let key = "x:000102030405060708090a0b";
    let answer = with_input(&mut host, &["bpf", "map", "set", "typed", key, "-"], &value);
    assert_eq!(answer.status, Some(0), "{:?}", answer.failures);
    let got = fine(&mut host, &["bpf", "map", "get", "typed", key]);
    let mut entry = Vec::new();
    answers(&got, |answer| match answer {
        uio_bpf::wire::Answer::Entries(bytes) => entry = bytes.to_vec(),
        uio_bpf::wire::Answer::More(bytes) => entry.extend_from_slice(bytes),
        _ => {}
    });
    assert_eq!(entry.split_off(12), value);
}

#[test]
fn cores_have_values_of_their_own() {
    let mut host = loaded();
    fine(&mut host, &["bpf", "map", "set", "cores", "1", "5"]);
    let got = fine(&mut host, &["bpf", "map", "get", "cores", "1"]);
    let five = [5, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(data(&got), [&[1, 0, 0, 0][..], &five, &five].concat());
    let both = "x:01000000000000000200000000000000";
    fine(&mut host, &["bpf", "map", "set", "cores", "0", both]);
    let got = fine(&mut host, &["bpf", "map", "get", "cores", "0"]);
    assert_eq!(
        data(&got)[4..],
        [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
    );
    fails(
        &mut host,
        &["bpf", "map", "set", "cores", "0", "x:0102"],
        5,
        &Trouble::Length { wanted: 4 },
    );
}

#[test]
fn program_arrays_hold_programs() {
    let mut host = loaded();
    fine(&mut host, &["bpf", "map", "set", "jumps", "0", "two"]);
    fine(&mut host, &["bpf", "map", "set", "jumps", "2", "1"]);
    let dump = data(&fine(&mut host, &["bpf", "map", "dump", "jumps"]));
    assert_eq!(dump, [0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]);
    fine(&mut host, &["bpf", "map", "delete", "jumps", "0"]);
    let what = What::Entry;
    fails(
        &mut host,
        &["bpf", "map", "get", "jumps", "0"],
        4,
        &Trouble::None { what },
    );
    let what = What::Program;
    fails(
        &mut host,
        &["bpf", "map", "set", "jumps", "0", "three"],
        5,
        &Trouble::None { what },
    );
}

#[test]
fn wrong_words_are_said() {
    let mut host = loaded();
    let what = What::Map;
    fails(
        &mut host,
        &["bpf", "map", "dump", "none"],
        3,
        &Trouble::None { what },
    );
    for (args, arg, problem) in [
        (
            &["bpf", "map", "get", "counts", "70000"][..],
            4,
            UsageProblem::OutOfRange,
        ),
        (
            &["bpf", "map", "get", "counts", "x:0"],
            4,
            UsageProblem::NotANumber,
        ),
        (
            &["bpf", "map", "get", "counts", "seven"],
            4,
            UsageProblem::NotANumber,
        ),
        (&["bpf", "map", "get", "counts"], 3, UsageProblem::Missing),
    ] {
        let answer = host.run(args);
        assert_eq!(
            answer.failures,
            [Host::text(&Failure::Usage { arg, problem })],
            "{args:?}"
        );
    }
    fails(
        &mut host,
        &["bpf", "map", "get", "counts", "x:010203"],
        4,
        &Trouble::Length { wanted: 2 },
    );
    // What programs only read, the operator may still set.
    let got = fine(&mut host, &["bpf", "map", "get", "fixed", "0"]);
    assert_eq!(data(&got), [0, 0, 0, 0, 1, 2, 3, 4]);
}
