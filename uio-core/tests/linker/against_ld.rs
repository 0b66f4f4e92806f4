//! The same bytes as `ld` gives, over a corpus: C in 24 combinations of compiler, level and model and
//! more, several objects in one, Rust with and without the core library.

use std::collections::BTreeSet;

use super::compile::{Room, compilers, runs, rustcs};
use super::ld::compare;

const SOURCES: [(&str, &str); 4] = [
    ("everything.c", include_str!("everything.c")),
    ("relocations.c", include_str!("relocations.c")),
    ("symbols.c", include_str!("symbols.c")),
    ("tables.c", include_str!("tables.c")),
];

const LEVELS: [&str; 4] = ["-O0", "-O1", "-O2", "-O3"];

/// With the levels and two compilers, 24 combinations.
const MODELS: [&[&str]; 3] = [&["-fPIC"], &["-fno-pic"], &["-fno-pic", "-mcmodel=large"]];

/// Further ones, each at one level.
const FURTHER: [&[&str]; 8] = [
    &[
        "-O2",
        "-fPIE",
        "-ffunction-sections",
        "-fdata-sections",
        "-g",
    ],
    &["-O0", "-fno-pic", "-fcommon", "-g"],
    &["-Os", "-fPIC", "-fcommon", "-fno-jump-tables", "-fno-plt"],
    &["-O2", "-fPIC", "-mcmodel=large"],
    &["-O0", "-fPIC", "-mcmodel=large", "-fcommon"],
    &[
        "-O2",
        "-fno-pic",
        "-mcmodel=medium",
        "-mlarge-data-threshold=64",
    ],
    &[
        "-O3",
        "-fPIE",
        "-fasynchronous-unwind-tables",
        "-fcf-protection=full",
    ],
    &["-O1", "-fno-pic", "-mcmodel=kernel", "-ffunction-sections"],
];

fn ready() -> bool {
    let ready = runs("ld");
    if !ready {
        println!("skipped: ld is not installed");
    }
    ready
}

/// The relocations of x86-64 that are applied: each is in one of the sources.
const APPLIED: [u32; 24] = [
    0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 41, 42,
];

fn all(compiler: &str, flags: &[&str], seen: &mut BTreeSet<u32>) {
    let room = Room::new();
    for (name, source) in SOURCES {
        let flags = [&["-w", "-DSYMBOLS_MAIN=\"main\""], flags].concat();
        let object = room.object(compiler, source, &flags);
        seen.extend(compare(
            &room,
            &object,
            &format!("{compiler} {name} {flags:?}"),
        ));
    }
}

#[test]
fn bytes_of_24_combinations_are_those_of_ld() {
    if !ready() {
        return;
    }
    for compiler in compilers() {
        let mut seen = BTreeSet::new();
        for level in LEVELS {
            for model in MODELS {
                all(compiler, &[&[level], model].concat(), &mut seen);
            }
        }
        let missing: Vec<_> = APPLIED.iter().filter(|kind| !seen.contains(kind)).collect();
        assert!(missing.is_empty(), "{compiler}: none of types {missing:?}");
    }
}

#[test]
fn bytes_of_further_combinations_are_those_of_ld() {
    if !ready() {
        return;
    }
    let mut seen = BTreeSet::new();
    for compiler in compilers() {
        for flags in FURTHER {
            // Not every compiler knows every flag.
            let known = |flag: &&&str| compiler == "gcc" || !flag.starts_with("-mlarge");
            let flags: Vec<&str> = flags.iter().filter(known).copied().collect();
            all(compiler, &flags, &mut seen);
        }
    }
    assert!(
        seen.contains(&41) && seen.contains(&42),
        "compilers use GOTPCRELX"
    );
}

#[test]
fn bytes_of_several_objects_in_one_are_those_of_ld() {
    if !ready() {
        return;
    }
    let room = Room::new();
    let mut objects = Vec::new();
    for (number, (name, source)) in SOURCES.iter().enumerate() {
        for compiler in compilers() {
            // One `main`, and everything else once.
            if (number % 2 == 0) != (compiler == "gcc") {
                continue;
            }
            let main = format!("-Dmain=main_of_{number}");
            let model = MODELS[number % 2];
            let mut flags = vec![
                "-O2",
                "-w",
                "-ffunction-sections",
                "-DSYMBOLS_MAIN=\"main\"",
            ];
            flags.extend(model);
            flags.push(&main);
            let object = room.compile(compiler, source, &flags);
            let kept = room.0.join(format!("{name}.o"));
            std::fs::rename(object, &kept).unwrap();
            objects.push(kept);
        }
    }
    if objects.len() < SOURCES.len() {
        println!("skipped: both compilers are needed");
        return;
    }
    for options in [
        &[][..],
        &["--unique"],
        &["-d"],
        &["--gc-sections", "-u", "main"],
    ] {
        let object = room.together(&objects, options);
        compare(&room, &object, &format!("ld -r {options:?}"));
    }
}

#[test]
fn bytes_of_rust_are_those_of_ld() {
    if !ready() {
        return;
    }
    let room = Room::new();
    for rustc in rustcs() {
        for level in ["0", "1", "2", "3"] {
            for model in ["pic", "static"] {
                let object = room.rust(&rustc, level, &[&format!("-Crelocation-model={model}")]);
                let object = std::fs::read(object).unwrap();
                compare(&room, &object, &format!("{rustc} {level} {model}"));
            }
        }
    }
}

#[test]
fn bytes_of_rust_with_the_core_library_are_those_of_ld() {
    if !ready() {
        return;
    }
    let room = Room::new();
    for rustc in rustcs() {
        let Some(core) = room.core_of(&rustc) else {
            println!("skipped: {rustc} has no core library");
            continue;
        };
        let objects = [room.rust(&rustc, "0", &["-Crelocation-model=pic"]), core];
        let options = ["--strip-debug", "--gc-sections", "-u", "main"];
        let object = room.together(&objects, &options);
        let relocations = compare(&room, &object, &format!("{rustc} with core"));
        assert!(relocations.len() > 100, "the core library is in it");
    }
}
