//! Programs in Rust: compiled by cargo, linked to one object, and run like any other.

use std::path::PathBuf;
use std::process::Command;

use uio_build::{cc, sdk};
use uio_core::isolation::Policy;

use super::guest::{Guest, Room};

/// What every program here begins with.
const HEAD: &str = "#![cfg_attr(not(test), no_std)]
#![allow(unused)]
extern crate alloc;
use alloc::{format, string::String, vec, vec::Vec};
use core::sync::atomic::{AtomicI64, AtomicI32, Ordering::Relaxed};
use uio_program::*;
unsafe extern \"C\" {
    safe static total: AtomicI64;
    safe static requests: AtomicI32;
    safe fn add_to_total(by: i32);
    fn weigh(a: i32, b: i64, c: u8, d: i16, e: *const core::ffi::c_char) -> i64;
}
uio_program::entry!(main);
";

/// Whether there is a Rust to compile them with.
fn able() -> bool {
    let found = Command::new("cargo").arg("--version").output().is_ok();
    if !found {
        println!("skipped: cargo is not installed");
    }
    found
}

/// A guest with the program, which is compiled from its text behind [`HEAD`].
fn guest_with(text: &str) -> Option<Guest> {
    if !able() {
        return None;
    }
    let guest = Guest::new()?;
    let room = Room::new();
    let source = room.write("program.rs", &format!("{HEAD}{text}"));
    let out = room.0.join("program.o");
    let summary = cc::compile(&[source], &out, &cc::Options::default()).unwrap();
    assert_eq!(summary.warnings, "");
    guest
        .host
        .files
        .add("/uio/program.o", &std::fs::read(out).unwrap());
    Some(guest)
}

#[test]
fn arguments_output_memory_and_status() {
    let Some(mut guest) = guest_with(
        "fn main(args: Args) -> i32 {
            println!(\"{:?} with {} arguments\", args.program(), args.len());
            let mut words: Vec<String> = args.map(|arg| format!(\"{:>5}\", arg.to_str().unwrap_or(\"?\"))).collect();
            words.sort();
            println!(\"{}\", words.join(\",\"));
            eprintln!(\"{:.3} {:#x} {}\", 1.0f64 / 3.0, 255, u128::MAX / 7);
            print!(\"{}\", \"long \".repeat(200));
            words.len() as i32
        }",
    ) else {
        return;
    };
    let answer = guest.run(&["run", "/uio/program.o", "one", "", "three", "a"]);
    assert_eq!((answer.status, answer.failures), (Some(4), vec![]));
    let text = String::from_utf8_lossy(&answer.stdout);
    let expected = format!(
        "\"/uio/program.o\" with 4 arguments\n     ,    a,  one,three\n{}",
        "long ".repeat(200)
    );
    assert_eq!(text, expected);
    assert_eq!(
        answer.stderr,
        b"0.333 0xff 48611766702991209066196372490252601636\n"
    );
}

#[test]
fn errors_and_panics_have_a_status_and_words() {
    let Some(mut guest) = guest_with(
        "fn main(args: Args) -> Result<()> {
            match args.len() {
                0 => fs::read(\"/uio/none\").map(|_| ()),
                1 => panic!(\"no {}\", 7),
                2 => { let list = vec![1, 2]; let at = args.len(); println!(\"{}\", list[at]); Ok(()) }
                _ => exit(9),
            }
        }",
    ) else {
        return;
    };
    let run = |guest: &mut Guest, args: &[&str]| {
        let answer = guest.run(&[&["run", "/uio/program.o"], args].concat());
        let words = String::from_utf8_lossy(&answer.stderr).into_owned();
        (answer.status.unwrap(), words)
    };
    assert_eq!(
        run(&mut guest, &[]),
        (1, "error: no such file\n".to_owned())
    );
    let (status, words) = run(&mut guest, &["a"]);
    assert_eq!(status, 101);
    assert!(
        words.contains("program.rs:") && words.contains("no 7"),
        "{words}"
    );
    let (status, words) = run(&mut guest, &["a", "b"]);
    assert_eq!(status, 101);
    assert!(words.contains("index out of bounds"), "{words}");
    assert_eq!(run(&mut guest, &["a", "b", "c"]), (9, String::new()));
}

#[test]
fn lines_of_standard_input() {
    let Some(mut guest) = guest_with(
        "fn main(_: Args) -> Result<()> {
            let mut lines = stdin().lines();
            while let Some(line) = lines.next_line()? {
                println!(\"{} {}\", line.len(), core::str::from_utf8(line).unwrap_or(\"?\"));
            }
            Ok(())
        }",
    ) else {
        return;
    };
    let id = guest.host.start(8192, &["run", "/uio/program.o"]);
    guest.host.until(|host| host.answer(id).credit > 0).unwrap();
    let id = uio_console::RequestId(id);
    for data in [&b"one\n\ntw"[..], b"o and more\nlast"] {
        guest.host.send(&uio_console::ToGuest::Stdin { id, data });
    }
    guest.host.send(&uio_console::ToGuest::StdinEnd { id });
    let answer = guest.host.exit(id.0).unwrap();
    assert_eq!(answer.status, Some(0));
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "3 one\n0 \n12 two and more\n4 last\n"
    );
}

#[test]
fn files_and_time() {
    let Some(mut guest) = guest_with(
        "fn main(_: Args) -> Result<()> {
            fs::write(\"/uio/made\", b\"some bytes\")?;
            let file = fs::OpenOptions::new().read().write().open(\"/uio/made\")?;
            file.write_at(b\"SOME\", 0)?;
            let mut four = [0; 4];
            println!(\"{} {} {:?}\", file.size()?, file.read_at(&mut four, 6)?, core::str::from_utf8(&four));
            file.sync()?;
            println!(\"{:?}\", String::from_utf8(fs::read(\"/uio/made\")?));
            println!(\"{:?}\", fs::OpenOptions::new().write().create_new(0o600).open(\"/uio/made\").err());
            fs::remove(\"/uio/made\")?;
            println!(\"{:?} {:?}\", fs::File::open(\"/uio/made\").err(), fs::read(\"a\\0b\").err());
            let before = clock::since_boot();
            sleep(core::time::Duration::from_micros(1500))?;
            yield_now();
            println!(\"{} {}\", clock::since_boot() > before, clock::now().as_secs() > 1_700_000_000);
            Ok(())
        }",
    ) else {
        return;
    };
    let answer = guest.run(&["run", "/uio/program.o"]);
    let text = String::from_utf8_lossy(&answer.stdout);
    assert_eq!(
        text,
        "10 4 Ok(\"ytes\")\nOk(\"SOME bytes\")\nSome(Exists)\nSome(NotFound) Some(Invalid)\ntrue true\n"
    );
    assert_eq!(answer.status, Some(0));
}

#[test]
fn gates_pass_words_and_refusals() {
    let Some(mut guest) = guest_with(
        "#[repr(align(256))] struct Wide([u8; 300]);
        fn main(_: Args) -> Result<()> {
            let wide = alloc::boxed::Box::new(Wide([7; 300]));
            assert!(core::ptr::from_ref(&*wide).addr() % 256 == 0 && wide.0[299] == 7);
            let before = requests.load(Relaxed);
            println!(\"{:?}\", uio_write!(requests, before));
            println!(\"{:?}\", uio_call!(add_to_total(0)));
            // SAFETY: the text ends, and the function only computes.
            println!(\"{:?}\", unsafe { uio_call!(weigh(-1, 1 << 40, 255, -2, c\"A\".as_ptr())) });
            // SAFETY: the function only computes.
            println!(\"{:?}\", unsafe { uio_call!(web::twice(21) -> i32) });
            println!(\"{:?} {:?}\", gate::raise(1), gate::raise(2));
            let mut bytes = [0; 4];
            println!(\"{:?} {:?}\", gate::read((&raw const requests).addr() as u64, &mut bytes), gate::read(16, &mut bytes));
            Ok(())
        }",
    ) else {
        return;
    };
    let run = |guest: &mut Guest| {
        let answer = guest.run(&["run", "/uio/program.o"]);
        assert_eq!((answer.status, answer.failures), (Some(0), vec![]));
        String::from_utf8_lossy(&answer.stdout).into_owned()
    };
    let weight = -1 + (1_i64 << 40) + 255 - 2 + i64::from(b'A');
    assert_eq!(
        run(&mut guest),
        format!(
            "Ok(())\nOk(())\nOk({weight})\nOk(42)\nOk(()) Err(NoHandler)\nOk(4) Err(BadAddress)\n"
        )
    );
    *guest.native.policy.lock().unwrap() = Policy::Observe;
    let shut = "Err(NotPermitted)";
    assert_eq!(
        run(&mut guest),
        format!("{shut}\n{shut}\n{shut}\n{shut}\n{shut} {shut}\nOk(4) Err(BadAddress)\n")
    );
}

/// A package with the SDK inside.
fn package(room: &Room, name: &str, text: &str) -> PathBuf {
    let dir = room.0.join(name);
    sdk::write(&dir.join("uio-program")).unwrap();
    room.write(
        &format!("{name}/Cargo.toml"),
        &sdk::manifest(name, "uio-program"),
    );
    std::fs::create_dir_all(dir.join("src")).unwrap();
    room.write(&format!("{name}/src/lib.rs"), text);
    dir
}

#[test]
fn a_package_beside_c_is_one_small_object() {
    if !able() {
        return;
    }
    let Some(mut guest) = Guest::new() else {
        return;
    };
    let room = Room::new();
    let dir = package(
        &room,
        "mixed",
        "#![cfg_attr(not(test), no_std)]
        use uio_program::{Args, println};
        uio_program::entry!(main);
        unsafe extern \"C\" { safe fn of_c(x: i32) -> i32; }
        fn main(_: Args) -> i32 { println!(\"from Rust\"); of_c(2) }",
    );
    let c = room.write(
        "part.c",
        "int of_c(int x) { return 21 * x; } int unused(void) { return 1; }",
    );
    let out = room.0.join("mixed.o");
    let options = cc::Options::default();
    let summary = cc::compile(&[dir.clone(), c.clone()], &out, &options).unwrap();
    assert_eq!(summary.warnings, "");
    assert!(summary.bytes < 32 * 1024, "{} bytes", summary.bytes);
    let read = |path| std::fs::read(path).unwrap();
    guest.host.files.add("/uio/mixed.o", &read(&out));
    let answer = guest.run(&["run", "/uio/mixed.o"]);
    assert_eq!(
        (answer.status, answer.stdout, answer.failures),
        (Some(42), b"from Rust\n".to_vec(), vec![])
    );
    let debug = cc::Options {
        debug: true,
        ..options
    };
    let with_debug = cc::compile(&[dir.join("Cargo.toml"), c], &out, &debug).unwrap();
    assert!(with_debug.bytes > 2 * summary.bytes, "{}", with_debug.bytes);
    guest.host.files.add("/uio/mixed.o", &read(&out));
    assert_eq!(guest.run(&["run", "/uio/mixed.o"]).status, Some(42));
}

#[test]
fn what_is_wrong_with_a_package_is_told() {
    if !able() {
        return;
    }
    let room = Room::new();
    let compile = |sources: &[PathBuf]| {
        let error = cc::compile(sources, &room.0.join("x.o"), &cc::Options::default());
        error.unwrap_err().to_string()
    };
    let no_main = room.write(
        "empty.rs",
        "#![no_std]\n#[panic_handler] fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }",
    );
    let words = compile(std::slice::from_ref(&no_main));
    assert!(words.contains("no `main`"), "{words}");
    let broken = room.write("broken.rs", "#![no_std]\nfn main( {");
    let words = compile(std::slice::from_ref(&broken));
    assert!(words.contains("broken.rs:2"), "{words}");
    let words = compile(&[no_main, broken]);
    assert!(words.contains("one package or file in Rust"), "{words}");
    std::fs::create_dir(room.0.join("nothing")).unwrap();
    let words = compile(&[room.0.join("nothing")]);
    assert!(words.contains("Cargo.toml"), "{words}");
    let loose = "#![cfg_attr(not(test), no_std)]
        unsafe extern \"C\" { fn f(x: i32) -> i32; }
        uio_program::entry!(main);
        fn main(_: uio_program::Args) -> i32 { uio_program::uio_call!(f(1)).unwrap_or(1) }";
    let loose = room.write("loose.rs", loose);
    let words = compile(&[loose]);
    assert!(words.contains("unsafe"), "{words}");
}

#[test]
fn the_linker_of_llvm_serves_as_well() {
    let Some(mut guest) = guest_with("fn main(_: Args) {}") else {
        return;
    };
    let Ok(lld) = uio_build::linker::find_any() else {
        println!("skipped: neither rust-lld nor ld.lld is installed");
        return;
    };
    let room = Room::new();
    let source = room.write(
        "program.rs",
        &format!(
            "{HEAD}fn main(_: Args) -> i32 {{ println!(\"{{:?}}\", total.load(Relaxed) >= i64::MIN); 12 }}"
        ),
    );
    let out = room.0.join("program.o");
    let options = cc::Options {
        linker: Some(lld.into()),
        ..cc::Options::default()
    };
    cc::compile(&[source], &out, &options).unwrap();
    guest
        .host
        .files
        .add("/uio/program.o", &std::fs::read(out).unwrap());
    let answer = guest.run(&["run", "/uio/program.o"]);
    assert_eq!((answer.status, answer.failures), (Some(12), vec![]));
    assert_eq!(answer.stdout, b"true\n");
}
