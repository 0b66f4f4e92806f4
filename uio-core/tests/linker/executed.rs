//! Objects of real compilers, linked into memory of this process and run.

use super::compile::{Room, compilers, runs, rustcs};
use super::mapped::{Variable, high, low, run};
use super::surroundings::{Allocate, World};

const EVERYTHING: &str = include_str!("everything.c");
const RELOCATIONS: &str = include_str!("relocations.c");

extern "C" fn outside_add(a: i32, b: i32) -> i32 {
    a + b
}

/// What the core library refers to, and programs here do not come to.
const NEVER_CALLED: [&str; 4] = [
    "rust_eh_personality",
    "__truncsfhf2",
    "__extendhfsf2",
    "__udivti3",
];

extern "C" fn never() {
    std::process::abort();
}

/// Links and runs an object twice, the second time with its data as they were. `main` must return
/// 0 both times.
fn check(object: &[u8], allocate: Allocate<'_>, what: &str) {
    let mut value = Variable::new(4711);
    let mut world = World::new(allocate)
        .with("outside_value", value.address())
        .with("outside_add", outside_add as *const () as u64);
    for name in ["memcpy", "memset", "memcmp", "bcmp"] {
        world = world.with(name, intrinsic(name));
    }
    for name in NEVER_CALLED {
        world = world.with(name, never as *const () as u64);
    }
    let mut program = match world.link(object) {
        Ok(program) => program,
        Err(refusal) => panic!("{what}: {refusal:?}, undefined {:?}", world.undefined),
    };
    assert_eq!(
        run(&program, &["program", "one", ""]),
        0,
        "{what}: line of everything.c"
    );
    assert_eq!(value.get(), 112, "{what}: order of destructors");
    let fresh = program.region.bytes_mut();
    let (data, zeroes) = fresh.split_at_mut(program.pristine.len());
    data.copy_from_slice(&program.pristine);
    zeroes.fill(0);
    let mut value = {
        drop(value);
        Variable::new(4711)
    };
    if value.address() == world.symbols["outside_value"] {
        assert_eq!(
            run(&program, &["program", "one", ""]),
            0,
            "{what}: line, second run"
        );
        assert_eq!(value.get(), 112, "{what}: second run");
    }
}

fn intrinsic(name: &str) -> u64 {
    unsafe extern "C" {
        fn memcpy();
        fn memset();
        fn memcmp();
        fn bcmp();
    }
    match name {
        "memcpy" => memcpy as *const () as u64,
        "memcmp" => memcmp as *const () as u64,
        "bcmp" => bcmp as *const () as u64,
        _ => memset as *const () as u64,
    }
}

const LEVELS: [&str; 5] = ["-O0", "-O1", "-O2", "-O3", "-Os"];
const MODELS: [&[&str]; 7] = [
    &["-fPIE"],
    &["-fPIC"],
    &["-fno-pic", "-mcmodel=small"],
    &["-fno-pic", "-mcmodel=large"],
    &["-fPIC", "-mcmodel=large"],
    &["-fPIE", "-ffunction-sections", "-fdata-sections", "-g"],
    &["-fPIC", "-fcommon", "-fno-jump-tables", "-fno-plt"],
];

#[test]
fn objects_of_every_compiler_level_and_model_run() {
    let mut count = 0;
    for compiler in compilers() {
        let room = Room::new();
        for level in LEVELS {
            for model in MODELS {
                let flags = [&[level], model].concat();
                let object = room.object(compiler, EVERYTHING, &flags);
                check(&object, &low, &format!("{compiler} {flags:?}, low"));
                count += 1;
            }
        }
    }
    println!("{count} combinations of compiler and flags");
}

#[test]
fn large_code_reaches_outside_from_anywhere() {
    for compiler in compilers() {
        let room = Room::new();
        for level in LEVELS {
            let object = room.object(compiler, EVERYTHING, &[level, "-fPIC", "-mcmodel=large"]);
            check(&object, &high, &format!("{compiler} {level}, high"));
        }
        // Through the GOT and stubs, small code gets there as well.
        let object = room.object(compiler, EVERYTHING, &["-O2", "-fPIC"]);
        check(&object, &high, &format!("{compiler} -fPIC, high"));
    }
}

#[test]
fn small_code_that_cannot_reach_outside_is_refused_with_section_offset_and_symbol() {
    use uio_console::record::ObjectError;
    use uio_core::program::link::Refusal;
    let source = "extern int far_away; int main(void) { return far_away; }";
    for compiler in compilers() {
        let room = Room::new();
        let object = room.object(
            compiler,
            source,
            &["-O2", "-fno-pic", "-fno-function-sections"],
        );
        let mut world = World::new(&low).with("far_away", 0x7fff_0000_0000);
        let refusal = world.link(&object).err();
        let Some(Refusal::Object(ObjectError::Overflow {
            section,
            symbol,
            offset,
            ..
        })) = refusal
        else {
            panic!("{compiler}: {refusal:?}");
        };
        assert!(section.starts_with(b".text"), "{section:?}");
        assert_eq!(symbol, b"far_away");
        assert!(offset < 16);
    }
}

#[test]
fn several_objects_linked_to_one_run() {
    if !runs("ld") {
        println!("skipped: ld is not installed");
        return;
    }
    for compiler in compilers() {
        let room = Room::new();
        for model in [&["-fPIE"][..], &["-fPIC", "-ffunction-sections"]] {
            let flags = [&["-O2", "-Dmain=other_main", "-fPIE"], model].concat();
            let first = room.compile(compiler, EVERYTHING, &flags);
            let kept = room.0.join("first.o");
            std::fs::rename(first, &kept).unwrap();
            let caller = "int other_main(int, char **); int main(int c, char **v) { return other_main(c, v); }";
            let second = room.compile(compiler, caller, &flags[2..]);
            let both = room.together(&[second, kept], &[]);
            check(&both, &low, &format!("{compiler} {model:?}, ld -r"));
        }
    }
}

#[test]
fn every_relocation_of_the_psabi_is_right() {
    for compiler in compilers() {
        let room = Room::new();
        let object = room.object(compiler, RELOCATIONS, &["-O1", "-fPIC"]);
        let mut world = World::new(&low).with("tiny", 0x7b).with("small", 0x7ffb);
        let program = match world.link(&object) {
            Ok(program) => program,
            Err(refusal) => panic!("{compiler}: {refusal:?}, undefined {:?}", world.undefined),
        };
        assert_eq!(
            run(&program, &["program"]),
            0,
            "{compiler}: line of relocations.c"
        );
    }
}

#[test]
fn rust_objects_run() {
    let room = Room::new();
    for rustc in rustcs() {
        for level in ["1", "2", "3", "s"] {
            for model in ["pic", "pie", "static"] {
                let object = room.rust(&rustc, level, &[&format!("-Crelocation-model={model}")]);
                let object = std::fs::read(object).unwrap();
                check(&object, &low, &format!("{rustc} {level} {model}"));
            }
        }
    }
}

#[test]
fn rust_with_the_core_library_runs() {
    if !runs("ld") {
        println!("skipped: ld is not installed");
        return;
    }
    let room = Room::new();
    for rustc in rustcs() {
        let Some(core) = room.core_of(&rustc) else {
            println!("skipped: {rustc} has no core library");
            continue;
        };
        let object = room.rust(&rustc, "0", &["-Crelocation-model=pic"]);
        let options = ["--strip-debug", "--gc-sections", "-u", "main"];
        let object = room.together(&[object, core], &options);
        check(&object, &low, &format!("{rustc} with core, low"));
        check(&object, &high, &format!("{rustc} with core, high"));
    }
}

/// What the linker says of an object that it refuses.
fn refused(object: &[u8]) -> String {
    match World::new(&low).link(object) {
        Ok(_) => "linked".into(),
        Err(refusal) => format!("{refusal:?}"),
    }
}

#[test]
fn thread_local_and_indirect_symbols_of_compilers_are_refused() {
    let local = "static _Thread_local int own = 3; int main(void) { return own++; }";
    let outside = "extern _Thread_local int own; int main(void) { return own; }";
    let indirect = "static int real(void) { return 0; }\n\
        static int (*choose(void))(void) { return real; }\n\
        int chosen(void) __attribute__((ifunc(\"choose\"))); int main(void) { return chosen(); }";
    for compiler in compilers() {
        let room = Room::new();
        for flags in [&["-O0", "-fPIC"], &["-O2", "-fno-pic"]] {
            let refused = |source| refused(&room.object(compiler, source, flags));
            let said = refused(local);
            assert!(said.contains("ThreadLocal"), "{compiler}: {said}");
            for (source, kind) in [(outside, "kind: 6"), (indirect, "kind: 10")] {
                let said = refused(source);
                assert!(
                    said.contains("SymbolKind") && said.contains(kind),
                    "{compiler}: {said}"
                );
            }
        }
    }
}
