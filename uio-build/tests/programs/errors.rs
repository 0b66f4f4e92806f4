//! Programs that are refused, and why.

use std::sync::atomic::Ordering::SeqCst;

use uio_build::cc;

use super::guest::{Guest, Room, make_image, object};

const HARMLESS: &str = "int main(void) { return 0; }";

/// Runs a file with these contents, which must be refused with a failure that says so.
fn refused(guest: &mut Guest, contents: &[u8], reason: &str) {
    guest.host.files.add("/uio/bad.o", contents);
    let answer = guest.run(&["run", "/uio/bad.o"]);
    assert_eq!(answer.status, Some(126), "{reason}: {:?}", answer.failures);
    assert_eq!(answer.failures.len(), 1, "{reason}: {:?}", answer.failures);
    assert!(
        answer.failures[0].contains(reason),
        "{reason}: {:?}",
        answer.failures
    );
    assert!(answer.records.is_empty(), "nothing is started");
}

#[test]
fn files_that_cannot_be_run() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    let good = object(HARMLESS);
    refused(&mut guest, b"", "Empty");
    refused(&mut guest, b"#!/bin/sh\necho hello\n", "NotElf");
    refused(&mut guest, &good[..good.len() / 2], "Truncated");
    let mut other = good.clone();
    other[18] = 0xb7;
    refused(&mut guest, &other, "WrongMachine");
    refused(&mut guest, &vec![0x7f; (16 << 20) + 1], "TooLarge");
    let large =
        object("char large[17 << 20]; int main(int c, char **v) { (void)v; return large[c]; }");
    refused(&mut guest, &large, "TooLarge");
    let local = object("__thread int x; int main(void) { return x; }");
    refused(&mut guest, &local, "ThreadLocal");
    refused(
        &mut guest,
        &object("int start(void) { return 0; }"),
        "NoMain",
    );
    for (path, errno) in [("/uio/missing.o", 2), ("/uio", 21), ("", 2)] {
        let answer = guest.run(&["run", path]);
        assert_eq!(answer.status, Some(126), "{path}");
        assert!(
            answer.failures[0].contains(&format!("errno: {errno}")),
            "{path}: {:?}",
            answer.failures
        );
    }
    guest.host.isolation.no_memory.store(true, SeqCst);
    refused(&mut guest, &good, "NoMemory");
    guest.host.isolation.no_memory.store(false, SeqCst);
    guest.host.files.add("/uio/bad.o", &good);
    assert_eq!(
        guest.run(&["run", "/uio/bad.o"]).status,
        Some(0),
        "the next program runs"
    );
    assert_eq!(guest.run(&["run"]).status, Some(2));
    assert_eq!(guest.run(&["run", "--fast", "/uio/bad.o"]).status, Some(2));
    guest.host.files.detach();
    let answer = guest.run(&["run", "/uio/bad.o"]);
    assert_eq!(answer.status, Some(126));
    assert!(
        answer.failures[0].contains("NoShare"),
        "{:?}",
        answer.failures
    );
}

#[test]
fn undefined_symbols_are_all_named() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/undefined.o",
        "#include <uio.h>\n\
         extern int reqeusts, requests; int bmup(int); int optional(void) __attribute__((weak));\n\
         int main(void) { return optional ? 1 : bmup(reqeusts + requests); }",
    );
    let answer = guest.run(&["run", "/uio/undefined.o"]);
    assert_eq!(answer.status, Some(126));
    let mut names: Vec<bool> = Vec::new();
    for name in ["reqeusts", "bmup"] {
        let bytes = format!("{:?}", name.as_bytes());
        names.push(answer.failures.iter().any(|failure| {
            failure.contains("Undefined") && (failure.contains(name) || failure.contains(&bytes))
        }));
    }
    assert_eq!(
        (names, answer.failures.len()),
        (vec![true, true], 2),
        "{:?}",
        answer.failures
    );
    assert_eq!(guest.native.regions.load(SeqCst), 0);
}

#[test]
fn an_index_that_is_missing_foreign_or_damaged_is_named() {
    let source = "extern int requests; int main(void) { return requests; }";
    let (_, other) = make_image("0x0123456789");
    let good = &super::guest::image().1;
    let mut damaged = good.clone();
    for byte in damaged.iter_mut().skip(2048).step_by(64) {
        *byte ^= 0x55;
    }
    let cases: [(Option<&[u8]>, &[&str]); 5] = [
        (None, &["Undefined", "NoSymbols"]),
        (Some(&other), &["SymbolsOfAnotherBuild"]),
        (Some(&damaged), &["SymbolsDamaged"]),
        (Some(&good[..2000]), &["SymbolsDamaged"]),
        (Some(b"not an index at all"), &["SymbolsDamaged"]),
    ];
    for (index, reasons) in cases {
        let Some(mut guest) = Guest::new() else {
            return;
        };
        guest.compile("/uio/needs.o", source);
        guest.compile("/uio/needs_nothing.o", HARMLESS);
        match index {
            Some(index) => guest.host.files.add("/uio/.uio/symbols", index),
            None => assert_eq!(guest.run(&["rm", "/uio/.uio/symbols"]).status, Some(0)),
        }
        for _ in 0..2 {
            let answer = guest.run(&["run", "/uio/needs.o"]);
            assert_eq!(answer.status, Some(126));
            assert_eq!(
                answer.failures.len(),
                reasons.len(),
                "{:?}",
                answer.failures
            );
            for (failure, reason) in answer.failures.iter().zip(reasons) {
                assert!(failure.contains(reason), "{reason}: {failure}");
            }
            assert_eq!(guest.run(&["run", "/uio/needs_nothing.o"]).status, Some(0));
        }
        assert_eq!(guest.host.files.open_files(), 0);
        guest.host.files.add("/uio/.uio/symbols", good);
        assert_eq!(
            guest.run(&["run", "/uio/needs.o"]).status,
            Some(41),
            "a good index mends it"
        );
    }
}

#[test]
fn reads_that_fail_or_come_short() {
    let Some(mut guest) = Guest::new() else {
        return;
    };
    guest.compile(
        "/uio/needs.o",
        "extern int requests; int main(void) { return requests; }",
    );
    guest.host.files.set_bad_from(300);
    let answer = guest.run(&["run", "/uio/needs.o"]);
    assert_eq!(answer.status, Some(126));
    assert!(
        answer.failures[0].contains("errno: 5"),
        "{:?}",
        answer.failures
    );
    guest.host.files.set_bad_from(0);
    guest.host.files.set_short(17);
    assert_eq!(guest.run(&["run", "/uio/needs.o"]).status, Some(41));
}

#[test]
fn the_compiler_s_words_reach_the_user() {
    let room = Room::new();
    let out = room.0.join("out.o");
    let options = cc::Options::default();
    let bad = room.write("bad.c", "int main(void) { return undeclared; }");
    let error = cc::compile(&[bad], &out, &options).unwrap_err().to_string();
    assert!(error.contains("undeclared"), "{error}");
    assert!(
        cc::compile(&[room.0.join("none.c")], &out, &options)
            .unwrap_err()
            .to_string()
            .contains("no such file")
    );
    assert!(
        cc::compile(&[], &out, &options)
            .unwrap_err()
            .to_string()
            .contains("no source file")
    );
    let good = room.write(
        "good.c",
        "#include <uio.h>\nint main(void) { return WITH; }",
    );
    let unknown = cc::Options {
        compiler: Some("no-such-compiler".into()),
        ..cc::Options::default()
    };
    assert!(
        cc::compile(std::slice::from_ref(&good), &out, &unknown)
            .unwrap_err()
            .to_string()
            .contains("no-such-compiler")
    );
    assert!(!out.exists());
    let flags = cc::Options {
        flags: vec!["-DWITH=1".into(), "-O0".into()],
        ..cc::Options::default()
    };
    assert!(cc::compile(&[good], &out, &flags).unwrap().bytes > 0);
}
